//! A tunnel whose marks change, and one whose MTU is bounded. Each law names what it is there to catch.

use egressd_core::effect::{Effects, Phase};
use egressd_core::net::{Family, GatewayIndex, TunnelMarks};
use egressd_core::node::{
    Adapter, MtuLimits, PacketOrigin, Part, Tunnel, TunnelChange, TunnelKind, TunnelMtu, TunnelState,
};
use egressd_core::testkit::{FakeTunnel, MarkedPacket, Routed};
use proptest::prelude::*;

use crate::tunnel_states::{pod, with_other_marks};

/// What is marked to leave through a tunnel with these marks, or came out of it.
fn tunnelled(marks: TunnelMarks) -> Vec<MarkedPacket> {
    let gateways = GatewayIndex::all().map(|gateway| marks.to(gateway));
    let all: Vec<u32> = gateways.chain([marks.nowhere(), marks.home(), marks.arrived()]).collect();
    let to = |destination| move |mark| MarkedPacket { mark, origin: PacketOrigin::Any, destination };
    let destinations = Family::ALL.into_iter().flat_map(|family| [1, 9].map(|number| pod(family, number)));
    destinations.flat_map(|destination| all.clone().into_iter().map(to(destination))).collect()
}

/// The packet of a guarded pod that leaves here.
fn bare(marks: TunnelMarks, family: Family) -> MarkedPacket {
    MarkedPacket { mark: marks.bit().mask(), origin: PacketOrigin::Any, destination: pod(family, 9) }
}

/// Each operation by itself, and when.
fn steps(old: &TunnelState, new: &TunnelState) -> Vec<(Phase, TunnelChange)> {
    let effects = Effects::ordered([Tunnel::diff(old, new)]);
    let singly = |phase| move |operation| (phase, TunnelChange { operations: vec![operation] });
    effects.into_iter().flat_map(|effect| effect.change.operations.into_iter().map(singly(effect.phase))).collect()
}

/// Where packets may go with the rules of the new state: routes follow at their own time.
fn goals(old: &TunnelState, new: &TunnelState) -> [FakeTunnel; 2] {
    let routes = old.routes.clone();
    [new.clone(), TunnelState { routes, ..new.clone() }].map(FakeTunnel::left)
}

fn is_right(goals: &[FakeTunnel; 2], packet: MarkedPacket, routed: Routed) -> bool {
    let has_family =
        |goal: &FakeTunnel| goal.state.rules.iter().any(|rule| rule.family == Family::of(packet.destination));
    // No packet of a family without rules is marked.
    routed == Routed::Refused || !has_family(&goals[0]) || goals.iter().any(|goal| goal.route(packet) == routed)
}

fn kernels(old: TunnelState, new: &TunnelState) -> Vec<(Phase, FakeTunnel)> {
    let mut kernel = FakeTunnel::left(old.clone());
    let after = |(phase, change): (Phase, TunnelChange)| {
        kernel.commit(&change).unwrap();
        (phase, kernel.clone())
    };
    steps(&old, new).into_iter().map(after).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2_000 }))]

    /// Catches: a rule of either side that lets packets of the other pass, since they have none of its own bits.
    #[test]
    fn while_marks_change_no_packet_with_an_old_or_a_new_mark_passes_that_is_to_be_tunnelled(
        [(old_marks, old), (new_marks, new)] in with_other_marks(),
    ) {
        let (before, goals) = (FakeTunnel::left(old.clone()), goals(&old, &new));
        for (phase, kernel) in kernels(old, &new) {
            // Tables mark packets with the new marks between the phases that make and those that take away.
            let with_old = tunnelled(old_marks).into_iter().filter(|_| phase < Phase::Disarm);
            for packet in with_old {
                let (was, routed) = (before.route(packet), kernel.route(packet));
                prop_assert!(was == Routed::Ordinarily || routed != Routed::Ordinarily, "{:?} in {:?}: {:?}", packet, phase, kernel.state);
            }
            let with_new = tunnelled(new_marks).into_iter().filter(|_| phase > Phase::Switch);
            for packet in with_new {
                let routed = kernel.route(packet);
                prop_assert!(is_right(&goals, packet, routed), "{:?} in {:?}: {:?}", packet, phase, kernel.state);
            }
        }
    }

    /// Catches: new rules that come after the tables that mark by them, though nothing speaks against them before.
    #[test]
    fn when_the_tables_change_marks_what_has_a_new_one_is_refused_or_goes_where_it_is_to_go(
        [(_, old), (new_marks, new)] in with_other_marks(),
    ) {
        let goals = goals(&old, &new);
        let made = kernels(old.clone(), &new).into_iter().rfind(|(phase, _)| *phase < Phase::Switch);
        let at = made.map_or(FakeTunnel::left(old), |(_, kernel)| kernel);
        for packet in tunnelled(new_marks) {
            let routed = at.route(packet);
            prop_assert!(is_right(&goals, packet, routed), "{:?}: {:?}", packet, routed);
        }
    }

    /// Catches: a change of one bit for another that stops guarded pods, whose packets leave here.
    #[test]
    fn while_another_bit_comes_into_use_packets_of_guarded_pods_pass(
        [(old_marks, old), (new_marks, new)] in with_other_marks(),
    ) {
        let have_nothing_in_common = old_marks.bit().mask() & new_marks.mask() == 0 && new_marks.bit().mask() & old_marks.mask() == 0;
        prop_assume!(have_nothing_in_common);
        for (phase, kernel) in kernels(old, &new) {
            let marks = if phase < Phase::Switch { old_marks } else { new_marks };
            for family in Family::ALL {
                prop_assert_eq!(kernel.route(bare(marks, family)), Routed::Ordinarily, "{:?} in {:?}", marks, phase);
            }
        }
    }

    /// Catches: a device that takes longer packets than an interface below it, or than the pods behind it.
    #[test]
    fn an_mtu_is_the_greatest_that_uplinks_and_pods_allow(
        uplink in 0u32..70_000,
        pods in prop::option::of(0u32..70_000),
        outer in prop::sample::select(Family::ALL.to_vec()),
        kind in prop::sample::select(vec![TunnelKind::VxlanGpe, TunnelKind::Vxlan]),
    ) {
        let allowed = |bytes: u32| bytes + kind.overhead(outer) <= uplink && pods.is_none_or(|pods| bytes <= pods) && bytes <= 0xffff;
        match TunnelMtu::within(MtuLimits { uplink, outer, pods }, kind).map(|mtu| u32::from(mtu.bytes())) {
            Some(bytes) => prop_assert!(bytes >= 1280 && allowed(bytes) && !allowed(bytes + 1)),
            None => prop_assert!(!allowed(1280)),
        }
    }
}

#[test]
fn a_packet_of_a_tunnel_over_ethernet_has_the_length_that_is_known_of_vxlan() {
    let within =
        |kind, outer, pods| TunnelMtu::within(MtuLimits { uplink: 1500, outer, pods }, kind).map(TunnelMtu::bytes);
    assert_eq!(within(TunnelKind::VxlanGpe, Family::Ipv4, None), Some(1464));
    assert_eq!(within(TunnelKind::VxlanGpe, Family::Ipv6, None), Some(1444));
    assert_eq!(within(TunnelKind::Vxlan, Family::Ipv4, None), Some(1450));
    assert_eq!(within(TunnelKind::VxlanGpe, Family::Ipv4, Some(1450)), Some(1450));
    assert_eq!(within(TunnelKind::VxlanGpe, Family::Ipv4, Some(1279)), None);
}

/// Catches: rules for other marks that are all taken away before the new ones are there, or the other way round.
#[test]
fn of_two_bits_both_refuse_until_the_old_one_is_gone() {
    let state = |mask| {
        let settings = egressd_core::node::TunnelSettings {
            marks: TunnelMarks::new(mask).unwrap(),
            ..crate::tunnel_states::settings()
        };
        TunnelState::of(&settings, &[(Family::Ipv4, egressd_core::node::TunnelWays::default())].into())
    };
    let text: Vec<String> =
        steps(&state(0x107f), &state(0x207f)).iter().map(|(phase, change)| format!("{phase}: {change}")).collect();
    let expected = [
        "arm: ip rule add pref 489 protocol 69 fwmark 0x2000/0x207f goto 499\n",
        "arm: ip rule add pref 490 protocol 69 fwmark 0x207f/0x207f goto 499\n",
        "arm: ip rule add pref 300 protocol 69 iif egressd0 tun_id 69 fwmark 0x0/0x2000 unreachable\n",
        "arm: ip rule add pref 498 protocol 69 fwmark 0x2000/0x2000 unreachable\n",
        "arm: ip rule del pref 301 protocol 69 fwmark 0x0/0x1000 goto 499\n",
        "make: ip rule add pref 491 protocol 69 fwmark 0x207e/0x207f lookup 1162281086\n",
        "break: ip rule del pref 491 protocol 69 fwmark 0x107e/0x107f lookup 1162281086\n",
        "disarm: ip rule add pref 301 protocol 69 fwmark 0x0/0x2000 goto 499\n",
        "disarm: ip rule del pref 498 protocol 69 fwmark 0x1000/0x1000 unreachable\n",
        "disarm: ip rule del pref 300 protocol 69 iif egressd0 tun_id 69 fwmark 0x0/0x1000 unreachable\n",
        "disarm: ip rule del pref 490 protocol 69 fwmark 0x107f/0x107f goto 499\n",
        "disarm: ip rule del pref 489 protocol 69 fwmark 0x1000/0x107f goto 499\n",
    ];
    assert_eq!(text, expected);
}
