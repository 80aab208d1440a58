//! Who speaks about a Service, and what a node publishes on it.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;

use egressd_core::model::{
    ActiveEndpoints, AddressTrust, AnnotationPrefix, ClusterFacts, Endpoint, GatewayTexts, KubeVipEndpoint, Labels,
    Published, Service, SubjectKey, SubjectView, Writer, published, view,
};
use egressd_core::net::Family;
use egressd_core::owner::{AddressState, LocalAddresses, Owner};
use egressd_core::placement::AddressOwnership;
use egressd_core::plan::{EvaluationEnd, SubjectResult};
use egressd_core::reporting::{Author, CrossNode, Reporter, ReporterInput, Reporting, reporting};
use egressd_core::testkit::{SnapshotBuilder, a, service};

fn seen(service: Service, endpoints: &[(&str, &str)]) -> SubjectView {
    let snapshot = SnapshotBuilder::default().service(service, &[]).build();
    let key = SubjectKey::service("default", "web");
    let mut view =
        view(&snapshot, &ClusterFacts::detected(&snapshot), &key, AddressTrust::Status, &AnnotationPrefix::default())
            .expect("it is there");
    view.subject.endpoints = endpoints.iter().map(|(address, node)| endpoint(address, node)).collect();
    view
}

fn endpoint(address: &str, node: &str) -> Endpoint {
    let (ready, serving, terminating) = (None, None, None);
    Endpoint { address: a(address), node: Some(node.into()), pod: None, ready, serving, terminating }
}

fn on_node_b(view: &SubjectView, found: &[(Family, &str)], held: &[&str]) -> Reporting {
    written_by(Writer::Anybody, view, found, held)
}

/// What node-b makes of a Service that is asked for and translated nowhere; node-a to node-c are ready.
fn written_by(writer: Writer, view: &SubjectView, found: &[(Family, &str)], held: &[&str]) -> Reporting {
    let active: ActiveEndpoints = found.iter().map(|(family, value)| (*family, (*value).to_owned())).collect();
    let found = Published { active, writer, ..Published::default() };
    with_gateways(CrossNode::Off, view, &found, held)
}

/// What node-b makes of a Service with this published on it.
fn with_gateways(cross_node: CrossNode, view: &SubjectView, found: &Published, held: &[&str]) -> Reporting {
    let ready: BTreeSet<String> = ["node-a", "node-b", "node-c"].map(str::to_owned).into();
    let mut ownership = AddressOwnership::new(Owner::Auto, "node-b", &AnnotationPrefix::default());
    ownership.set_local_addresses(held.iter().map(|text| (a(text), AddressState::Usable)).collect::<LocalAddresses>());
    let planned = SubjectResult { service: None, end: EvaluationEnd::Ruled, findings: vec![] };
    let stage = ReporterInput { node: "node-b", ready: &ready, ownership: &ownership, cross_node };
    reporting(stage, view, found, &planned).expect("it is asked for")
}

/// The same with this annotation.
fn naming(name: &str, view: &SubjectView) -> SubjectView {
    let annotations = Labels::from([("egressd.io/gateway", name)]);
    SubjectView { gateways: GatewayTexts::on(&annotations), ..view.clone() }
}

#[test]
fn the_node_that_holds_the_address_is_the_gateway_where_nodes_translate_for_others() {
    let view = seen(service("web", &["11.0.0.2"]), &[("10.0.0.1", "node-c")]);
    let value = |cross_node, view: &SubjectView, held: &[&str]| {
        with_gateways(cross_node, view, &Published::default(), held).gateways.get(&Family::Ipv4).cloned()
    };
    let wanted = |cross_node, held: &[&str]| value(cross_node, &view, held).and_then(|value| value.wanted);
    assert_eq!(wanted(CrossNode::On, &["11.0.0.2"]).as_deref(), Some("node-b"));
    assert_eq!(wanted(CrossNode::On, &[]), None);
    assert_eq!(wanted(CrossNode::Off, &["11.0.0.2"]), None);
    let published = |name: &str| value(CrossNode::On, &naming(name, &view), &[]);
    let author = |name: &str| published(name).expect("it is published").author;
    let expected = [Author::ThisNode, Author::ThisNode, Author::OtherNode, Author::Unclear];
    assert_eq!(["node-b", " node-b ", "node-a", "gone"].map(author), expected);
    assert_eq!(published(" "), None, "an empty one says nothing");
}

/// Everyone who may write the Service may write the annotation.
#[test]
fn where_nodes_translate_for_their_own_pods_alone_a_gateway_that_is_named_changes_nothing() {
    let view = seen(service("web", &["11.0.0.2"]), &[("10.0.0.1", "node-b"), ("10.0.0.2", "node-c")]);
    for endpoint in ["10.0.0.1", "10.0.0.2", "10.0.0.9", ""] {
        let active = [(Family::Ipv4, endpoint.to_owned())].into();
        let published = Published { active, ..Published::default() };
        for held in [&[][..], &["11.0.0.2"]] {
            let made = |view: &SubjectView| with_gateways(CrossNode::Off, view, &published, held);
            assert_eq!(made(&naming("node-a", &view)), made(&view), "{endpoint:?} {held:?}");
        }
    }
    let own = with_gateways(CrossNode::Off, &naming("node-b", &view), &Published::default(), &["11.0.0.2"]);
    let own = own.gateways.get(&Family::Ipv4).map(|value| (value.author, value.wanted.clone()));
    assert_eq!(own, Some((Author::ThisNode, None)), "what it wrote while it translated for others goes");
}

/// A gateway translates endpoints of every node, and each of those would take the active endpoint for its own.
#[test]
fn the_gateway_is_the_writer_of_the_active_endpoint_and_reports() {
    let view = seen(service("web", &["11.0.0.2"]), &[("10.0.0.1", "node-b"), ("10.0.0.2", "node-c")]);
    let active = |name: &str, endpoint: &str| {
        let active = [(Family::Ipv4, endpoint.to_owned())].into();
        let published = Published { active, ..Published::default() };
        let reporting = with_gateways(CrossNode::On, &naming(name, &view), &published, &[]);
        (reporting.reporter, reporting.active.get(Family::Ipv4).expect("one").author)
    };
    assert_eq!(
        active("node-a", "10.0.0.1"),
        (Reporter::None, Author::OtherNode),
        "node-a translates node-b's endpoint"
    );
    assert_eq!(active("node-b", "10.0.0.2"), (Reporter::Fallback, Author::ThisNode));
    assert_eq!(
        active("gone", "10.0.0.1"),
        (Reporter::Fallback, Author::ThisNode),
        "a gateway that is gone wrote nothing"
    );
}

#[test]
fn where_no_node_translates_one_ready_node_reports() {
    let web = || service("web", &["11.0.0.2"]);
    let reporter = |view: &SubjectView| on_node_b(view, &[], &[]).reporter;
    assert_eq!(reporter(&seen(web(), &[])), Reporter::None, "node-a is the first");
    assert_eq!(reporter(&seen(web(), &[("10.0.0.1", "node-b"), ("10.0.0.2", "node-c")])), Reporter::Fallback);
    assert_eq!(reporter(&seen(web(), &[("10.0.0.1", "away"), ("10.0.0.2", "node-c")])), Reporter::None);
    for name in ["node-b", "Node-B"] {
        let mut named = web();
        named.annotations.insert("kube-vip.io/vipHost".to_owned(), name.to_owned());
        assert_eq!(reporter(&seen(named, &[])), Reporter::Fallback, "{name}");
    }
}

/// Others see the endpoint in the slice, and leave it to its node to speak.
#[test]
fn the_node_that_withholds_the_only_endpoint_speaks() {
    let mut view = seen(service("web", &["11.0.0.2"]), &[]);
    view.withheld = [a("10.0.0.1")].into();
    assert_eq!(on_node_b(&view, &[], &[]).reporter, Reporter::Fallback);
}

#[test]
fn the_node_that_holds_the_address_without_an_endpoint_speaks() {
    let view = seen(service("web", &["11.0.0.2"]), &[("10.0.0.1", "node-a")]);
    assert_eq!(on_node_b(&view, &[], &["11.0.0.2"]).reporter, Reporter::Fallback);
    assert_eq!(on_node_b(&view, &[], &[]).reporter, Reporter::None, "node-a has the endpoint");
}

#[test]
fn while_another_node_translates_no_other_node_reports() {
    let view = seen(service("web", &["11.0.0.2"]), &[("10.0.0.1", "node-b"), ("10.0.0.2", "node-c")]);
    assert_eq!(on_node_b(&view, &[(Family::Ipv4, "10.0.0.2")], &[]).reporter, Reporter::None);
}

#[test]
fn the_node_with_the_address_empties_what_no_endpoint_stands_behind() {
    let view = seen(service("web", &["11.0.0.2"]), &[]);
    let wanted = |found: &str, held: &[&str]| {
        on_node_b(&view, &[(Family::Ipv4, found)], held).active.get(Family::Ipv4).expect("one").wanted.clone()
    };
    assert_eq!(wanted("10.0.0.9", &["11.0.0.2"]).as_deref(), Some(""));
    assert_eq!(wanted("10.0.0.9", &[]), None);
}

#[test]
fn what_is_published_is_no_part_of_what_policies_see() {
    let bare = seen(service("web", &["11.0.0.2"]), &[]);
    let mut web = service("web", &["11.0.0.2"]);
    web.annotations.insert("kube-vip.io/active-endpoint".to_owned(), "10.0.0.1".to_owned());
    web.kube_vip_wrote = Some(KubeVipEndpoint { families: vec![Family::Ipv4], at: None });
    let found = published(&web, &AnnotationPrefix::default());
    assert_eq!(found.active, ActiveEndpoints::from([(Family::Ipv4, "10.0.0.1".to_owned())]));
    assert_eq!(seen(web, &[]), bare);
}

#[test]
fn kube_vip_is_the_writer_only_where_it_does_egress_and_egressd_has_its_prefix() {
    let mut web = service("web", &["11.0.0.2"]);
    let writer =
        |web: &Service, prefix: &str| published(web, &AnnotationPrefix::new(prefix).expect("it is a prefix")).writer;
    web.annotations.insert("kube-vip.io/egress".to_owned(), "true".to_owned());
    assert_eq!(writer(&web, "kube-vip.io"), Writer::Anybody);
    web.kube_vip_wrote = Some(KubeVipEndpoint { families: vec![Family::Ipv4], at: None });
    assert_eq!(writer(&web, "kube-vip.io"), Writer::KubeVip);
    assert_eq!(writer(&web, "egress.example.com"), Writer::Anybody);
    web.annotations.remove("kube-vip.io/egress");
    assert_eq!(writer(&web, "kube-vip.io"), Writer::Anybody);
}

#[test]
fn what_kube_vip_wrote_says_of_no_egressd_that_it_translates() {
    let view = seen(service("web", &["11.0.0.2"]), &[("10.0.0.1", "node-b"), ("10.0.0.2", "node-c")]);
    for found in ["10.0.0.1", "10.0.0.2"] {
        let reporting = written_by(Writer::KubeVip, &view, &[(Family::Ipv4, found)], &["11.0.0.2"]);
        assert_eq!(
            (reporting.reporter, reporting.active.get(Family::Ipv4).expect("one").author),
            (Reporter::Fallback, Author::KubeVip)
        );
        assert_eq!(reporting.active.get(Family::Ipv4).expect("one").wanted, None, "it is not emptied");
    }
    let gone = written_by(Writer::KubeVip, &view, &[(Family::Ipv4, "10.0.0.9")], &[]);
    assert_eq!(gone.active.get(Family::Ipv4).expect("one").author, Author::KubeVipUnclear, "it is no endpoint");
}
