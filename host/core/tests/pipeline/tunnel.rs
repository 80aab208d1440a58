//! Subjects whose addresses other nodes hold, and whose pods run on other nodes.

use std::net::IpAddr;

use egressd_core::diff::{Common, Scope};
use egressd_core::model::{Completeness, EgressNode, HeldAddresses, Node, PublishedTunnels, TunnelEnd, TunnelKind};
use egressd_core::net::{GatewayIndex, TunnelMarks};
use egressd_core::owner::AddressState;
use egressd_core::pipeline::Settings;
use egressd_core::plan::{Gateway, TunnelPlan, TunnelSettings};
use egressd_core::reporting::Reporter;

use super::*;

const OWN: &str = "192.168.7.1";
const OTHER: &str = "192.168.7.2";

/// A cluster of `node-a`, which looks, and `node-b`.
fn two_nodes(tunnel: Option<TunnelSettings>) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.pipeline = Pipeline::new(Settings { tunnel, ..settings(Owner::Auto) }, BTreeMap::new());
    for (name, address) in [("node-a", OWN), ("node-b", OTHER)] {
        let node = Node { addresses: vec![a(address)], ..Node::default() };
        fixture.snapshot.nodes.insert(name.to_owned(), Arc::new(node));
        fixture.says(name, Some(address), &[]);
    }
    fixture.look_at([ChangeKey::Cluster, ChangeKey::EgressNodes]);
    fixture
}

fn tunnelled() -> Fixture {
    let kind = TunnelKind::VxlanGpe;
    two_nodes(Some(TunnelSettings { kind, port: kind.port(), marks: TunnelMarks::DEFAULT }))
}

impl Fixture {
    fn publish(&mut self, node: &str, end: Option<&str>, held: &[&str]) -> Round {
        self.says(node, end, held);
        self.look_at([ChangeKey::EgressNodes])
    }

    fn says(&mut self, node: &str, end: Option<&str>, held: &[&str]) {
        let kind = TunnelKind::VxlanGpe;
        let end = end.map(|end| TunnelEnd::new(kind, [a(end)], kind.port(), None).expect("an end"));
        let held = HeldAddresses::new(held.iter().map(|text| a(text)), Completeness::Whole);
        let published = EgressNode { held, tunnels: PublishedTunnels::new(end, 0), ..EgressNode::default() };
        self.snapshot.egress_nodes.by_name.insert(node.to_owned(), Arc::new(published));
    }

    fn hold(&mut self, held: &[&str]) -> Round {
        let held = held.iter().map(|text| (a(text), AddressState::Usable)).collect();
        let questions = self.pipeline.set_local_addresses(held);
        self.ask(questions)
    }

    /// `web` with a pod on each node, and the name of its gateway.
    fn on_both(&mut self, gateway: Option<&str>) -> Round {
        let mut service = web(Some("translate"));
        service.annotations.extend(gateway.map(|gateway| ("egressd.io/gateway", gateway)));
        let key = service.key.clone();
        let builder = SnapshotBuilder::default().service(service, &["10.0.0.1"]);
        builder.elsewhere("web", &[("10.0.0.2", "node-b")]).add_to(&mut self.snapshot);
        self.look_at([ChangeKey::Subject(key)])
    }
}

fn tunnel(round: &Round) -> &TunnelPlan {
    round.plan.tunnel.as_ref().expect("there is a tunnel")
}

fn codes(round: &Round) -> Vec<&str> {
    let status = &round.statuses[&SubjectKey::service("default", "web")];
    status.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn reporter(round: &Round) -> Option<Reporter> {
    Some(round.reporting.get(&SubjectKey::service("default", "web"))?.reporter)
}

fn to(number: u8, end: &str) -> Gateway {
    Gateway { index: GatewayIndex::new(number), end: Some(a(end)) }
}

#[test]
fn an_address_that_another_node_holds_is_a_place_and_the_rules_of_pods_here_stay() {
    let mut fixture = tunnelled();
    fixture.publish("node-b", Some(OTHER), &["11.0.0.2"]);
    let round = fixture.on_both(Some("node-b"));
    assert_eq!((in_force(&round).as_str(), codes(&round)), ("10.0.0.1 -> 11.0.0.2", vec![]));
    assert_eq!(tunnel(&round).gateways, [(a("11.0.0.2"), to(1, OTHER))].into());
    assert!(tunnel(&round).held.is_empty() && tunnel(&round).homes.is_empty());
    assert_eq!(tunnel(&round).nodes, [OWN, OTHER].map(a).into());
    assert_ne!(reporter(&round), Some(Reporter::Active), "the other node reports");
}

#[test]
fn without_an_accepted_gateway_nothing_is_sent_elsewhere() {
    let mut fixture = tunnelled();
    let round = fixture.on_both(None);
    assert_eq!((in_force(&round).as_str(), codes(&round)), ("nothing", vec!["held-elsewhere"]));
    for (gateway, held, end) in
        [("node-b", None, Some(OTHER)), ("node-b", Some("11.0.0.2"), None), ("node-x", Some("11.0.0.2"), Some(OTHER))]
    {
        fixture.publish("node-b", end, held.as_slice());
        let round = fixture.on_both(Some(gateway));
        assert_eq!((in_force(&round).as_str(), codes(&round)), ("nothing", vec!["gateway-refused", "held-elsewhere"]));
        assert!(tunnel(&round).gateways.is_empty(), "{gateway} {held:?} {end:?}");
    }
}

/// No other node would take its packets.
#[test]
fn a_node_whose_own_end_is_not_accepted_sends_nothing_elsewhere_and_translates_for_no_other() {
    let mut fixture = tunnelled();
    fixture.publish("node-b", Some(OTHER), &["11.0.0.2"]);
    fixture.on_both(Some("node-b"));
    let round = fixture.publish("node-a", None, &[]);
    assert_eq!((in_force(&round).as_str(), tunnel(&round).gateways.len()), ("nothing", 0));
    let round = fixture.hold(&["11.0.0.2"]);
    assert_eq!((in_force(&round).as_str(), codes(&round)), ("10.0.0.1 -> 11.0.0.2", vec!["remote-endpoints"]));
}

#[test]
fn the_node_that_holds_an_address_translates_pods_of_nodes_whose_ends_are_accepted() {
    let mut fixture = tunnelled();
    fixture.hold(&["11.0.0.2"]);
    let round = fixture.on_both(None);
    assert_eq!((in_force(&round).as_str(), codes(&round)), ("10.0.0.1,10.0.0.2 -> 11.0.0.2", vec![]));
    assert_eq!(tunnel(&round).homes, [(a("10.0.0.2"), a(OTHER))].into());
    assert_eq!((tunnel(&round).held.clone(), tunnel(&round).gateways.len()), ([a("11.0.0.2")].into(), 0));
    assert_eq!(reporter(&round), Some(Reporter::Active));
    let active = |round: &Round| {
        let reporting = &round.reporting[&SubjectKey::service("default", "web")];
        reporting.active.values().next().and_then(|active| active.wanted.clone())
    };
    assert_eq!(active(&round).as_deref(), Some("10.0.0.1"), "of its own pods");
    let round = fixture.publish("node-b", None, &[]);
    assert_eq!((in_force(&round).as_str(), codes(&round)), ("10.0.0.1 -> 11.0.0.2", vec!["remote-endpoints"]));
}

/// What a guard drops here are packets of pods here.
#[test]
fn pods_of_other_nodes_are_not_guarded_here() {
    let mut fixture = tunnelled();
    fixture.hold(&["11.0.0.2"]);
    let mut service = web(Some("translate"));
    service.annotations.extend([("egressd.io/on-unavailable", "drop")]);
    let key = service.key.clone();
    let builder = SnapshotBuilder::default().service(service, &["10.0.0.1"]);
    builder.elsewhere("web", &[("10.0.0.2", "node-b")]).add_to(&mut fixture.snapshot);
    let round = fixture.look_at([ChangeKey::Subject(key.clone())]);
    let guarded: Vec<IpAddr> = round.plan.subjects[&key].guarded.iter().copied().collect();
    assert_eq!(guarded, [a("10.0.0.1")]);
    let round = fixture.hold(&[]);
    assert_eq!((in_force_of(&round, &key), round.plan.subjects[&key].guarded.len()), (0, 1));
}

/// It names itself for as long as it holds the address and its own end is accepted.
#[test]
fn the_node_that_holds_an_address_is_to_be_named_as_gateway_while_its_end_is_accepted() {
    let named = |round: &Round| {
        let reporting = &round.reporting[&SubjectKey::service("default", "web")];
        reporting.gateways.values().next().and_then(|gateway| gateway.wanted.clone())
    };
    let mut fixture = tunnelled();
    fixture.hold(&["11.0.0.2"]);
    assert_eq!(named(&fixture.on_both(None)).as_deref(), Some("node-a"));
    assert_eq!(named(&fixture.publish("node-a", None, &[])), None);
    assert_eq!(named(&fixture.publish("node-a", Some(OWN), &[])).as_deref(), Some("node-a"));
    assert_eq!(named(&fixture.hold(&[])), None);
    let mut alone = two_nodes(None);
    alone.hold(&["11.0.0.2"]);
    assert_eq!(named(&alone.on_both(None)), None);
}

fn in_force_of(round: &Round, key: &SubjectKey) -> usize {
    round.plan.subjects[key].rules.len()
}

#[test]
fn without_a_tunnel_gateways_and_ends_are_nothing() {
    let mut fixture = two_nodes(None);
    fixture.publish("node-b", Some(OWN), &["11.0.0.2"]);
    let round = fixture.on_both(Some("node-b"));
    assert_eq!((in_force(&round).as_str(), codes(&round)), ("nothing", vec!["held-elsewhere"]));
    assert_eq!((round.plan.tunnel.clone(), round.findings.len()), (None, 0));
    let round = fixture.hold(&["11.0.0.2"]);
    assert_eq!((in_force(&round).as_str(), codes(&round)), ("10.0.0.1 -> 11.0.0.2", vec!["remote-endpoints"]));
}

#[test]
fn an_end_that_is_not_accepted_is_reported_where_there_is_a_tunnel() {
    let round = tunnelled().publish("node-b", Some(OWN), &[]);
    let found: Vec<&str> = round.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(found, ["tunnel-end-not-of-node", "tunnel-end-duplicate"]);
}

#[test]
fn an_address_keeps_its_number_while_it_moves_between_nodes_and_gives_it_to_no_other() {
    let mut fixture = tunnelled();
    let number =
        |round: &Round, address: &str| tunnel(round).gateways.get(&a(address)).and_then(|gateway| gateway.index);
    fixture.publish("node-b", Some(OTHER), &["11.0.0.2", "11.0.0.3"]);
    let first = number(&fixture.on_both(Some("node-b")), "11.0.0.2");
    fixture.hold(&["11.0.0.2"]);
    let mut other = Service { uid: Uid::new("x").expect("a uid"), ..service("other", &["11.0.0.3"]) };
    other.annotations.extend([("do", "translate"), ("egressd.io/gateway", "node-b")]);
    let second = number(&fixture.put(other, &["10.0.0.3"]), "11.0.0.3");
    assert_eq!(number(&fixture.hold(&[]), "11.0.0.2"), first);
    assert!(first.is_some() && second.is_some() && first != second);
}

/// What of the rules is looked at again.
#[test]
fn what_moves_concerns_the_pods_of_its_address_alone() {
    let mut fixture = tunnelled();
    fixture.publish("node-b", Some(OTHER), &["11.0.0.2", "11.0.0.3"]);
    let mut other = Service { uid: Uid::new("x").expect("a uid"), ..service("other", &["11.0.0.3"]) };
    other.annotations.extend([("do", "translate"), ("egressd.io/gateway", "node-b")]);
    fixture.put(other, &["10.0.0.3"]);
    fixture.on_both(Some("node-b"));
    let held = [(a("11.0.0.2"), AddressState::Usable)].into();
    let questions = fixture.pipeline.set_local_addresses(held);
    let context = fixture.pipeline.context();
    let answer = |question: Question| (question.clone(), fixture.chain.evaluate(&context, &question.view));
    let answers = questions.into_iter().map(answer).collect();
    drop(fixture.pipeline.answer(answers));
    let step = fixture.pipeline.step();
    assert_eq!(step.scope, Scope::Pods(["10.0.0.1", "10.0.0.2"].map(a).into(), Common::Changed));
    assert_eq!(step.looked_at, 1);
}
