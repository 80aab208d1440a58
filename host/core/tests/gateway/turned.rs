//! A tunnel that comes or goes, on a node whose pods are diverted then or were before, whole or in slices.

use std::net::IpAddr;

use egressd_core::diff::{Slice, SlicedChange, cut};
use egressd_core::plan::Plan;
use egressd_core::testkit::{AddressPlace, Packet, TestNode, TwoNodes, a, rule};
use proptest::prelude::*;

use super::moves::{HERE, POD, THERE, nodes, packet, plain};
use super::walk::{Moment, Outcome, Scene, masqueraded, ruleset};
use super::{is_held_back, packets, states, two_nodes};

/// What the first node has without a tunnel: of its own pods, what is translated to its own addresses.
pub(crate) fn alone(both: &TwoNodes) -> Plan {
    let mut plan = both.plan.clone();
    let is_here = |address| both.places.get(&address) == Some(&AddressPlace::On(TestNode::First));
    for subject in plan.subjects.values_mut() {
        let mut rules = subject.rules.to_vec();
        rules.retain(|rule| is_here(rule.address()));
        rules.iter_mut().for_each(|rule| rule.retain_sources(|pod| both.node_of(pod) == TestNode::First));
        rules.retain(|rule| !rule.sources().is_empty());
        subject.rules = rules.into();
    }
    plan
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    On,
    Off,
}

/// What may become of a packet of the first node's pods meanwhile.
fn is_right(nodes: &TwoNodes, alone: &TwoNodes, packet: &Packet, outcome: Outcome) -> bool {
    let promises = [nodes.promised(packet), alone.promised(packet)];
    let held_back = [nodes, alone].iter().any(|nodes| is_held_back(&nodes.plan, packet.source));
    let here = AddressPlace::On(TestNode::First);
    match outcome {
        Outcome::Gone => promises[0] != promises[1] || promises[0].is_none() && held_back,
        Outcome::Left(node, source) if source == masqueraded(node, packet) => {
            node == TestNode::First && promises.contains(&None)
        }
        Outcome::Left(TestNode::First, source) => promises.contains(&Some((source, here))),
        Outcome::Left(TestNode::Second, source) => promises[0] == Some((source, AddressPlace::On(TestNode::Second))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 1_000 }))]

    #[test]
    fn while_a_tunnel_comes_or_goes_nothing_leaves_with_another_source_and_what_is_the_same_is_not_lost(
        nodes in two_nodes(),
        turn in prop_oneof![Just(Turn::On), Just(Turn::Off)],
        most in prop_oneof![Just(usize::MAX), 1..6usize],
    ) {
        let alone = nodes.planned(alone(&nodes));
        let [without, with] = [ruleset(&alone.plan), ruleset(&nodes.on(TestNode::First))];
        let other = ruleset(&nodes.on(TestNode::Second));
        let way = match turn {
            Turn::On => states(&without, &with, most)?,
            Turn::Off => states(&with, &without, most)?,
        };
        let scenes: Vec<Scene> = way.iter().map(|first| Scene::between(&nodes, &alone, [first, &other])).collect();
        let own = |packet: &Packet| nodes.node_of(packet.source) == TestNode::First;
        for (at, pair) in scenes.windows(2).enumerate() {
            for (number, packet) in packets().into_iter().filter(own).enumerate() {
                let moment = Moment { later: &pair[1], look_ups: (number + at) % 24 };
                for trip in [pair[1].walk(&nodes, &packet, None), pair[0].walk(&nodes, &packet, Some(moment))] {
                    prop_assert!(is_right(&nodes, &alone, &packet, trip.outcome), "{:?} {:?} {:#?}\n{} of {}\n{}\n{:?}\n{}", turn, packet, trip, at, way.len(), nodes.plan, nodes.places, pair[1].shown(0));
                }
            }
        }
    }
}

/// One of them in the first slice, the other in the next.
#[test]
fn guarded_pods_that_go_over_with_a_tunnel_that_comes_or_goes_are_never_lost() {
    let pods = [POD, "10.0.0.2"].map(a);
    let [here, there] = [HERE, THERE].map(|address| nodes(of_pods(address, &pods)));
    let [without, with] = [ruleset(&here.plan), ruleset(&there.on(TestNode::First))];
    let other = ruleset(&there.on(TestNode::Second));
    let right = [Outcome::Left(TestNode::First, a(HERE)), Outcome::Left(TestNode::Second, a(THERE))];
    for (old, new) in [(&without, &with), (&with, &without)] {
        let way = states(old, new, 1).expect("a way");
        let scenes: Vec<Scene> = way.iter().map(|first| Scene::between(&here, &there, [first, &other])).collect();
        for (pair, source) in scenes.windows(2).flat_map(|pair| pods.map(|pod| (pair, pod))) {
            for look_ups in 0..24 {
                let packet = Packet { source, ..packet() };
                let outcome = pair[0].walk(&there, &packet, Some(Moment { later: &pair[1], look_ups })).outcome;
                assert!(right.contains(&outcome), "{source} {outcome:?}\n{}", pair[1].shown(0));
            }
        }
    }
}

/// A Service of these pods.
fn of_pods(address: &str, pods: &[IpAddr]) -> Plan {
    let mut plan = plain(POD, address);
    for subject in plan.subjects.values_mut() {
        subject.rules = vec![rule(pods.iter().copied(), a(address))].into();
        subject.guarded = pods.iter().copied().collect();
    }
    plan
}

/// Elements that come or go in a slice.
fn size(slice: &Slice) -> usize {
    let summary = slice.changes.summary();
    summary.elements_added + summary.elements_removed
}

#[test]
fn a_tunnel_that_comes_or_goes_with_thousands_of_pods_is_cut() {
    let pods: Vec<IpAddr> = (0..3_000_u16).map(|i| IpAddr::from([10, 7, (i >> 8) as u8, i as u8])).collect();
    let [here, there] = [HERE, THERE].map(|address| nodes(of_pods(address, &pods)));
    let [without, with] = [ruleset(&here.plan), ruleset(&there.on(TestNode::First))];
    for (old, new) in [(&without, &with), (&with, &without)] {
        let SlicedChange::Slices(mut slices) = cut(old, new, 1_000) else { panic!("it is whole") };
        let (mut applied, mut sizes) = (old.clone(), Vec::new());
        while let Some(slice) = slices.next(&applied, new) {
            sizes.push(size(&slice));
            slice.apply(&mut applied);
        }
        assert_eq!(&applied, new);
        assert!(sizes.iter().all(|size| *size <= 1_000) && sizes.iter().sum::<usize>() >= 12_000, "{sizes:?}");
    }
}
