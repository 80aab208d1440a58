//! What another node translates, of Services of which it is unknown what was in force.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{Kept, keep};
use egressd_core::diff::diff;
use egressd_core::model::{SubjectKey, Uid};
use egressd_core::net::{PortRange, Protocol};
use egressd_core::plan::{Plan, SubjectAddresses, SubjectPlan};
use egressd_core::ruleset::{AWAY, HELD, Ruleset};
use egressd_core::testkit::{AddressPlace, Packet, TestNode, TwoNodes, a, apply};
use proptest::prelude::*;

use super::forgotten::forget;
use super::walk::{Outcome, Scene, masqueraded, ruleset};
use super::{is_held_back, moves, packets, two_nodes};

fn translated(plan: &Plan) -> BTreeSet<IpAddr> {
    plan.subjects.values().flat_map(SubjectPlan::sources).collect()
}

/// Where nothing else says so, nothing of the tunnel is about an address that no known Service has.
fn without_unknown(nodes: &TwoNodes) -> TwoNodes {
    with_known(nodes, &BTreeSet::new())
}

/// But for these.
fn with_known(nodes: &TwoNodes, known: &BTreeSet<IpAddr>) -> TwoNodes {
    let used: BTreeSet<IpAddr> =
        nodes.plan.subjects.values().flat_map(|one| one.rules.iter().map(|rule| rule.address())).collect();
    let mut left = nodes.clone();
    left.places.retain(|address, _| used.contains(address) || known.contains(address));
    left
}

/// What a node has when another takes in what both nodes are now, and nothing of some Services.
fn kept_on(node: TestNode, before: &TwoNodes, now: &TwoNodes, kept: &Kept) -> Ruleset {
    let (old, mut new) = (ruleset(&before.on(node)), ruleset(&now.on(node)));
    keep(&mut new, &old, kept);
    assert_eq!(apply(&old, &diff(&old, &new)).as_ref(), Ok(&new));
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 1_000 }))]

    #[test]
    fn a_pod_whose_services_are_unknown_leaves_as_before_or_not_at_all(
        nodes in two_nodes(),
        forgotten in prop::collection::vec(any::<bool>(), 4),
    ) {
        let (today, kept) = forget(&nodes.plan, &forgotten);
        let before = Scene::at_rest(&nodes);
        let known = without_unknown(&nodes.planned(today.clone()));
        let [first, second] = TestNode::BOTH.map(|node| kept_on(node, &nodes, &known, &kept));
        let scene = Scene::between(&nodes, &nodes, [&first, &second]);
        for packet in packets().into_iter().filter(|packet| !translated(&today).contains(&packet.source)) {
            let (was, is) = (before.walk(&nodes, &packet, None).outcome, scene.walk(&nodes, &packet, None).outcome);
            let own = nodes.node_of(packet.source);
            let is_away = nodes.promised(&packet).is_some_and(|(_, place)| place != AddressPlace::On(own));
            let may_go = is_away || [&nodes.plan, &today].into_iter().any(|plan| is_held_back(plan, packet.source));
            prop_assert!(is == was || may_go && is == Outcome::Gone, "{:?} was {:?} and is {:?}", packet, was, is);
            prop_assert!(!is_away || is != Outcome::Left(own, masqueraded(own, &packet)));
        }
    }

    /// An address that comes to this node is not that of another one, and what was diverted for it is not any more.
    #[test]
    fn a_pod_whose_services_are_unknown_leaves_with_an_address_that_comes_to_its_node(
        nodes in two_nodes(),
        forgotten in prop::collection::vec(any::<bool>(), 4),
        places in prop::collection::vec(any::<bool>(), 8),
    ) {
        let (today, kept) = forget(&nodes.plan, &forgotten);
        let comes = nodes.places.keys().copied().zip(places).filter(|(_, comes)| *comes).map(|(address, _)| address);
        let comes: BTreeSet<IpAddr> = comes.collect();
        let here = AddressPlace::On(TestNode::First);
        let moved = comes.iter().fold(nodes.planned(today.clone()), |nodes, address| nodes.moved(*address, here));
        let now = with_known(&moved, &comes);
        let [first, second] = TestNode::BOTH.map(|node| kept_on(node, &nodes, &now, &kept));
        for table in first.tables.values() {
            prop_assert!(table.members(&AWAY).is_disjoint(&table.members(&HELD)), "{}", first);
        }
        let scene = Scene::between(&nodes, &now, [&first, &second]);
        let is_unknown = |packet: &Packet| !translated(&today).contains(&packet.source) && nodes.node_of(packet.source) == TestNode::First;
        for packet in packets().into_iter().filter(is_unknown) {
            let Some((address, was)) = nodes.promised(&packet) else { continue };
            let is = scene.walk(&nodes, &packet, None).outcome;
            let right = Outcome::Left(TestNode::First, address);
            if comes.contains(&address) {
                let may_go = is == Outcome::Gone && is_held_back(&today, packet.source);
                prop_assert!(is == right || may_go, "{:?} {:?} {}\n{}", packet, is, nodes.plan, first);
            } else if was != here {
                prop_assert!(is == Outcome::Gone || matches!(is, Outcome::Left(TestNode::Second, source) if source == address), "{packet:?} {is:?}");
            }
        }
    }

    /// Of a pod that was behind several, some of which are gone now, too.
    #[test]
    fn of_what_was_behind_a_service_that_is_gone_nothing_leaves_with_an_address_of_another_node(
        nodes in two_nodes(),
        forgotten in prop::collection::vec(any::<bool>(), 4),
        gone in prop::collection::vec(any::<bool>(), 4),
    ) {
        let (mut today, mut kept) = forget(&nodes.plan, &forgotten);
        for ((key, service), _) in nodes.plan.subjects.iter().zip(gone).filter(|(_, gone)| *gone) {
            today.subjects.remove(key);
            kept.remove(&service.uid);
        }
        let now = without_unknown(&nodes.planned(today.clone()));
        let first = kept_on(TestNode::First, &nodes, &now, &kept);
        let scene = Scene::between(&nodes, &now, [&first, &ruleset(&nodes.on(TestNode::Second))]);
        for packet in packets().into_iter().filter(|packet| nodes.node_of(packet.source) == TestNode::First) {
            if let Outcome::Left(TestNode::First, source) = scene.walk(&nodes, &packet, None).outcome {
                let is_here = nodes.places.get(&source).is_none_or(|place| *place == AddressPlace::On(TestNode::First));
                prop_assert!(is_here, "{packet:?} leaves with {source}\n{}\n{first}", nodes.plan);
            }
        }
    }
}

/// Its chain led to those of both, and leads to the one that stays.
#[test]
fn a_pod_that_was_behind_a_service_that_is_gone_leaves_with_no_address_of_another_node() {
    let ranged = |address: &str, first: u16| {
        let mut plan = moves::plain(moves::POD, address);
        let ports = PortRange::new(Protocol::Tcp, first, first + 9).expect("ports");
        let subject = plan.subjects.values_mut().next().expect("a subject");
        subject.rules.to_mut()[0].change(|rule| rule.destination_ports = vec![ports]);
        subject.guarded = Default::default();
        subject.clone()
    };
    let (away, here) = (ranged(moves::THERE, 80), ranged(moves::HERE, 100));
    let [one, other] = ["one", "other"].map(|name| SubjectKey::service("default", name));
    let uid = Uid::new("other").expect("a uid");
    let other_plan = SubjectPlan { uid, created: 2, ..here };
    let subjects = [(one.clone(), away.clone()), (other, other_plan)].into();
    let nodes = moves::nodes(Plan { subjects, ..moves::plain(moves::POD, moves::HERE) });
    let today = Plan { subjects: Default::default(), ..nodes.plan.clone() };
    let own = SubjectAddresses { key: one, pods: away.pods().collect(), addresses: [a(moves::THERE)].into() };
    let now = without_unknown(&nodes.planned(today));
    let first = kept_on(TestNode::First, &nodes, &now, &[(away.uid, own)].into());
    let scene = Scene::between(&nodes, &now, [&first, &ruleset(&nodes.on(TestNode::Second))]);
    let packet = Packet::new(a(moves::POD), a("192.0.2.1")).port(Protocol::Tcp, 80);
    assert_eq!(scene.walk(&nodes, &packet, None).outcome, Outcome::Gone, "{first}");
}
