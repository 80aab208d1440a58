//! Connections that went through the tunnel, where nothing sends them there any more (P16): they end before what holds them
//! back goes, and none leaves by this node before that.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::diff::{Changes, SlicedChange, cut, diff};
use egressd_core::effect::Phase;
use egressd_core::net::MarkBit;
use egressd_core::node::{DivertedFlows, NodeChange, NodeChanges};
use egressd_core::ruleset::{DIVERTED, Ruleset};
use egressd_core::testkit::{AddressPlace, FakeKernel, Packet, PathEnd, TestNode, TwoNodes};
use proptest::prelude::*;

use super::turned::alone;
use super::walk::{Moment, Scene, device, ruleset};
use super::{change, packets};

const BIT: MarkBit = MarkBit::DEFAULT;

/// One change after the other, as the loop carries them out.
fn changes(old: &Ruleset, new: &Ruleset, most: usize) -> Vec<NodeChanges> {
    let of = |nft: Changes, before: &Ruleset, after: &Ruleset| {
        let diverted = DivertedFlows::left_behind(before, after, BIT);
        NodeChanges { nft, diverted, ..NodeChanges::default() }
    };
    let SlicedChange::Slices(mut slices) = cut(old, new, most) else {
        return vec![of(diff(old, new), old, new)];
    };
    let (mut applied, mut all) = (old.clone(), Vec::new());
    while let Some(slice) = slices.next(&applied, new) {
        all.push(of(slice.changes.clone(), slice.before(), slice.after()));
        slice.apply(&mut applied);
    }
    all
}

fn diverted(ruleset: &Ruleset) -> BTreeSet<IpAddr> {
    let maps = ruleset.tables.values().filter_map(|table| table.maps.get(&DIVERTED));
    maps.flat_map(|map| map.elements.keys()).map(|key| key.address()).collect()
}

/// The packets of a node's connections that go through the tunnel.
fn open(nodes: &TwoNodes) -> Vec<Packet> {
    let is_diverted = |packet: &Packet| {
        let place = nodes.promised(packet).map(|(_, place)| place);
        nodes.node_of(packet.source) == TestNode::First && place == Some(AddressPlace::On(TestNode::Second))
    };
    packets().into_iter().filter(is_diverted).take(12).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 1_000 }))]

    #[test]
    fn a_connection_that_went_through_the_tunnel_leaves_by_no_other_way_until_it_ends(
        (before, after) in change(),
        tunnel_goes in any::<bool>(),
        most in prop_oneof![Just(usize::MAX), 1..6usize],
    ) {
        let old = ruleset(&before.on(TestNode::First));
        let new = ruleset(&if tunnel_goes { alone(&after) } else { after.on(TestNode::First) });
        let other = ruleset(&before.on(TestNode::Second));
        let scene = |first: &Ruleset| Scene::between(&before, &after, [first, &other]);
        let mut kernel = FakeKernel { ruleset: old.clone(), generation: 0 };
        let mut open = open(&before);
        for changes in changes(&old, &new, most) {
            for effect in &changes.effects() {
                let then = scene(&kernel.ruleset);
                match &effect.change {
                    NodeChange::Nft(batch) => kernel.commit(batch).map_err(|refused| TestCaseError::fail(refused.to_string()))?,
                    NodeChange::Sever(flows) => {
                        prop_assert_eq!(effect.phase, Phase::Sever);
                        let mut still = diverted(&kernel.ruleset).into_iter();
                        prop_assert!(!still.any(|pod| flows.have(pod, BIT.mask())), "the next one begins");
                        open.retain(|packet| !flows.have(packet.source, BIT.mask()));
                    }
                    NodeChange::Tunnel(_) | NodeChange::Xfrm(_) => {}
                }
                let now = scene(&kernel.ruleset);
                for (number, packet) in open.iter().enumerate() {
                    let moment = Moment { later: &now, look_ups: number * 2 };
                    for end in [now.walk_on(packet, BIT.mask(), None), then.walk_on(packet, BIT.mask(), Some(moment))] {
                        let is_right = matches!(&end, PathEnd::Dropped(_) | PathEnd::Unreachable) || end == PathEnd::Left(device("egressd0"));
                        prop_assert!(is_right, "{:?} {:?} after\n{}", packet, end, effect.change);
                    }
                }
            }
        }
        let staying = diverted(&new);
        prop_assert!(open.iter().all(|packet| staying.contains(&packet.source)), "an end is missing");
    }

    /// And none that another program marked, or of a pod that is diverted still.
    #[test]
    fn only_what_nothing_diverts_any_more_ends((before, after) in change()) {
        let [old, new] = [&before, &after].map(|nodes| ruleset(&nodes.on(TestNode::First)));
        let left = DivertedFlows::left_behind(&old, &new, BIT);
        for pod in diverted(&old) {
            let goes = |mark| left.as_ref().is_some_and(|left| left.have(pod, mark));
            prop_assert_eq!(goes(BIT.mask() | 1), !diverted(&new).contains(&pod));
            prop_assert!(!goes(1) && !goes(0));
        }
        prop_assert_eq!(DivertedFlows::left_behind(&old, &old, BIT), None);
        prop_assert_eq!(DivertedFlows::left_behind(&Ruleset::default(), &old, BIT), None);
    }
}

#[test]
fn ends_of_connections_are_texts() {
    let nodes = super::moves::nodes(super::moves::plain(super::moves::POD, super::moves::THERE));
    let old = ruleset(&nodes.on(TestNode::First));
    let text = |new: &Ruleset| DivertedFlows::left_behind(&old, new, BIT).map(|left| left.to_string());
    let all = "conntrack --delete --family ipv4 --mark 0x1000/0x1000\nconntrack --delete --family ipv6 --mark 0x1000/0x1000\n";
    assert_eq!(text(&Ruleset::default()).as_deref(), Some(all));
    let here = super::moves::nodes(super::moves::plain(super::moves::POD, super::moves::HERE));
    let one = "conntrack --delete --orig-src 10.0.0.1 --mark 0x1000/0x1000\n";
    assert_eq!(text(&ruleset(&here.on(TestNode::First))).as_deref(), Some(one));
}
