//! What another node translates, of Services of which it is unknown what was in force.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{Kept, keep};
use egressd_core::diff::diff;
use egressd_core::plan::{Plan, SubjectAddresses, SubjectPlan};
use egressd_core::testkit::{AddressPlace, TestNode, TwoNodes, apply};
use proptest::prelude::*;

use super::walk::{Outcome, Scene, masqueraded, ruleset};
use super::{is_held_back, packets, two_nodes};

/// Some of the Services, and that nothing is known of the others but what is their own.
fn forget(plan: &Plan, forgotten: &[bool]) -> (Plan, Kept) {
    let (mut today, mut kept) = (plan.clone(), Kept::new());
    for ((key, service), _) in plan.subjects.iter().zip(forgotten).filter(|(_, gone)| **gone) {
        today.subjects.remove(key);
        let addresses = service.rules.iter().map(|rule| rule.address()).collect();
        let own = SubjectAddresses { key: key.clone(), pods: service.pods().collect(), addresses };
        kept.insert(service.uid.clone(), own);
    }
    (today, kept)
}

fn translated(plan: &Plan) -> BTreeSet<IpAddr> {
    plan.subjects.values().flat_map(SubjectPlan::sources).collect()
}

/// Where nothing else says so, nothing of the tunnel is about an address that no known Service has.
fn without_unknown(nodes: &TwoNodes) -> TwoNodes {
    let used: BTreeSet<IpAddr> =
        nodes.plan.subjects.values().flat_map(|one| one.rules.iter().map(|rule| rule.address())).collect();
    let mut known = nodes.clone();
    known.places.retain(|address, _| used.contains(address));
    known
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
        let [first, second] = TestNode::BOTH.map(|node| {
            let (old, mut new) = (ruleset(&nodes.on(node)), ruleset(&known.on(node)));
            keep(&mut new, &old, &kept);
            assert_eq!(apply(&old, &diff(&old, &new)).as_ref(), Ok(&new));
            new
        });
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
}
