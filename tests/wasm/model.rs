//! How the host prepares a Service for policies, and their answers: addresses that are not IP addresses, not the
//! Service's own, or of a family without endpoints; endpoints that are nodes.

use egressd_core::decision::{Decision, Outcome};
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, Service, SubjectView, view};
use egressd_core::testkit::{self, SnapshotBuilder};

use crate::agreement::common_outcome;

/// The host's findings, and the outcome of both policies.
struct Evaluation {
    view: SubjectView,
    outcome: Outcome,
}

impl Evaluation {
    /// Address of each rule.
    fn translations(&self) -> Vec<String> {
        let Decision::Plan(draft) = &self.outcome.decision else { panic!("{:?}", self.outcome) };
        draft.rules().iter().map(|rule| format!("{:?} -> {}", rule.sources(), rule.address())).collect()
    }

    /// Codes of what the host found, then those of the policies.
    fn codes(&self) -> Vec<&str> {
        let found = self.view.findings.iter().map(|finding| finding.code.as_str());
        found.chain(self.outcome.diagnostics.iter().map(|diagnostic| diagnostic.code.as_str())).collect()
    }
}

fn service(addresses: &[&str], annotations: &[(&str, &str)]) -> Service {
    let mut service = testkit::service("web", addresses);
    service.annotations.insert("kube-vip.io/egress".to_owned(), "true".to_owned());
    service.annotations.extend(annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    service
}

fn ask_trusting(trust: AddressTrust, service: Service, endpoints: &[&str]) -> Evaluation {
    let key = service.key.clone();
    let snapshot = SnapshotBuilder::default().service(service, endpoints).node("node-a", &["192.168.0.200"]).build();
    let view = view(&snapshot, &ClusterFacts::detected(&snapshot), &key, trust, &AnnotationPrefix::default()).unwrap();
    let outcome = common_outcome(&view);
    Evaluation { view, outcome }
}

fn ask(service: Service, endpoints: &[&str]) -> Evaluation {
    ask_trusting(AddressTrust::Status, service, endpoints)
}

const POD: &[&str] = &["10.0.0.1"];

#[test]
fn a_load_balancer_without_an_address_is_reported() {
    let evaluation = ask(service(&[], &[]), POD);
    assert!(evaluation.translations().is_empty());
    assert_eq!(evaluation.codes(), ["no-address"]);
}

#[test]
fn a_hostname_is_not_an_address() {
    let mut named = service(&[], &[]);
    named.status_hostnames.push("lb.example.org".to_owned());
    let evaluation = ask(named.clone(), POD);
    assert!(evaluation.translations().is_empty());
    assert_eq!(evaluation.codes(), ["hostname-only", "no-address"]);
    assert!(evaluation.view.findings[0].message.contains("\"lb.example.org\""));
    // Beside an address it does no harm.
    named.status_addresses.push(testkit::a("192.0.2.10"));
    assert_eq!(ask(named, POD).codes(), Vec::<&str>::new());
}

#[test]
fn a_hostname_in_the_annotation_is_ignored_and_reported_with_its_position() {
    let mixed = [("kube-vip.io/loadbalancerIPs", "lb.example.org, 192.0.2.11")];
    let evaluation = ask(service(&["192.0.2.10", "192.0.2.11"], &mixed), POD);
    assert_eq!(evaluation.translations(), ["[10.0.0.1] -> 192.0.2.11"]);
    assert_eq!(evaluation.codes(), ["address-not-an-ip"]);
    let span = evaluation.view.findings[0].span.as_ref().unwrap();
    assert_eq!((span.offset, span.length), (0, "lb.example.org".len()));
}

#[test]
fn an_address_of_a_family_without_endpoints_is_reported() {
    let evaluation = ask(service(&["192.0.2.10"], &[]), &["fd00:10:244::1"]);
    assert!(evaluation.translations().is_empty());
    assert_eq!(evaluation.codes(), ["no-local-endpoint"]);
    let both = service(&["192.0.2.10", "2001:db8::10"], &[("kube-vip.io/egress-ipv6", "true")]);
    let evaluation = ask(both, POD);
    assert_eq!(evaluation.translations(), ["[10.0.0.1] -> 192.0.2.10"]);
    assert_eq!(evaluation.codes(), ["no-local-endpoint"]);
}

#[test]
fn an_endpoint_of_a_family_without_an_address_is_reported() {
    let evaluation = ask(service(&["2001:db8::10"], &[]), POD);
    assert!(evaluation.translations().is_empty());
    assert_eq!(evaluation.codes(), ["no-address"]);
}

/// P1.
#[test]
fn an_address_borrowed_through_the_annotation_is_not_used() {
    let borrowed = [("kube-vip.io/loadbalancerIPs", "192.0.2.99")];
    let evaluation = ask(service(&["192.0.2.10"], &borrowed), POD);
    assert!(evaluation.translations().is_empty());
    assert_eq!(evaluation.codes(), ["address-not-owned", "no-address"]);
    let beside = [("kube-vip.io/loadbalancerIPs", "192.0.2.99,192.0.2.10")];
    let evaluation = ask(service(&["192.0.2.10"], &beside), POD);
    assert_eq!(evaluation.translations(), ["[10.0.0.1] -> 192.0.2.10"]);
    assert_eq!(evaluation.codes(), ["address-not-owned"]);
    // Authors of manifests are trusted with the address too.
    let evaluation = ask_trusting(AddressTrust::Annotation, service(&["192.0.2.10"], &borrowed), POD);
    assert_eq!(evaluation.translations(), ["[10.0.0.1] -> 192.0.2.99"]);
}

/// P1.
#[test]
fn an_endpoint_on_the_host_network_is_never_a_source() {
    let evaluation = ask(service(&["192.0.2.10"], &[]), &["10.0.0.1", "192.168.0.200"]);
    assert_eq!(evaluation.translations(), ["[10.0.0.1] -> 192.0.2.10"]);
    assert_eq!(evaluation.codes(), ["host-network-endpoint"]);
    let evaluation = ask(service(&["192.0.2.10"], &[]), &["192.168.0.200"]);
    assert!(evaluation.translations().is_empty());
    assert_eq!(evaluation.codes(), ["host-network-endpoint", "no-local-endpoint"]);
}

/// The host reads its annotation with the same prefix as the policy, and kube-vip's where the Service has none behind
/// it.
#[test]
fn the_hosts_annotation_follows_the_prefix() {
    let annotations = [("kube-vip.io/loadbalancerIPs", "192.0.2.11"), ("example.org/loadbalancerIPs", "192.0.2.12")];
    let service = service(&["192.0.2.10", "192.0.2.11", "192.0.2.12"], &annotations);
    let key = service.key.clone();
    let snapshot = SnapshotBuilder::default().service(service, POD).build();
    let addresses = |prefix: &str| {
        let prefix = AnnotationPrefix::new(prefix).unwrap();
        view(&snapshot, &ClusterFacts::detected(&snapshot), &key, AddressTrust::Status, &prefix)
            .unwrap()
            .subject
            .addresses
    };
    assert_eq!(addresses("kube-vip.io"), [testkit::a("192.0.2.11")]);
    assert_eq!(addresses("example.org"), [testkit::a("192.0.2.12")]);
    assert_eq!(addresses("example.com"), [testkit::a("192.0.2.11")]);
}
