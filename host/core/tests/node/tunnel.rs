//! The part for the tunnel between nodes. Each law names what it is there to catch.

use std::collections::BTreeMap;
use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::num::NonZeroU16;

use egressd_core::effect::{Effect, Phase};
use egressd_core::net::Family;
use egressd_core::node::{
    Adapter, PacketOrigin, Part, RouteKind, RoutingRule, RuleAction, Tunnel, TunnelChange, TunnelOperation,
    TunnelSettings, TunnelState, TunnelTable, TunnelWays,
};
use egressd_core::testkit::{FakeTunnel, MarkedPacket, Routed, a};
use proptest::prelude::*;

use crate::tunnel_states::{any_state, index, mtu, pod, settings, whole};

fn singly(effects: &[Effect<TunnelChange>]) -> impl Iterator<Item = TunnelChange> {
    let operations = effects.iter().flat_map(|effect| effect.change.operations.clone());
    operations.map(|operation| TunnelChange { operations: vec![operation] })
}

fn commit(kernel: &mut FakeTunnel, change: &TunnelChange) -> Result<(), TestCaseError> {
    kernel.commit(change).map_err(|refused| TestCaseError::fail(format!("{}: {}", refused.change, refused.why)))
}

fn leads(rule: &RoutingRule) -> bool {
    matches!(rule.action, RuleAction::Lookup(_))
}

/// What holds of every state that egressd makes, by a name.
fn invariants(state: &TunnelState) -> BTreeMap<(Family, &'static str), bool> {
    let of = |family| {
        let marks = settings().marks;
        let rules: Vec<_> = state.rules.iter().filter(|rule| rule.family == family).collect();
        let has = |preference| rules.iter().any(|rule| rule.preference == preference);
        let tables: Vec<TunnelTable> = rules
            .iter()
            .filter_map(|rule| match rule.action {
                RuleAction::Lookup(table) => Some(table),
                RuleAction::Nop | RuleAction::Goto | RuleAction::Unreachable => None,
            })
            .collect();
        let refuses = |table: &TunnelTable| {
            let routes = state.routes.iter().filter(|(place, _)| place.family() == family && place.table == *table);
            routes.filter(|(_, kind)| **kind == RouteKind::Unreachable).count() == 1
        };
        let gateways = || tables.iter().filter(|table| **table != TunnelTable::HOMES);
        let guarded = MarkedPacket { mark: marks.bit().mask(), origin: PacketOrigin::Any, destination: pod(family, 9) };
        [
            ((family, "what leads somewhere is before a rule that refuses"), tables.is_empty() || has(498)),
            ((family, "each gateway's table refuses"), gateways().all(refuses)),
            (
                (family, "what comes out of the tunnel unmarked is refused"),
                state.device.is_none() || !has(498) || has(300),
            ),
            (
                (family, "guarded pods' packets pass"),
                FakeTunnel::left(state.clone()).route(guarded) == Routed::Ordinarily,
            ),
        ]
    };
    Family::ALL.into_iter().flat_map(of).collect()
}

/// Packets with each mark that there is.
fn packets() -> Vec<MarkedPacket> {
    let marks = settings().marks;
    let gateways = (1..5).map(|number| marks.to(index(number)));
    let special = [0, 0x4000, marks.bit().mask(), marks.nowhere(), marks.home(), marks.arrived()];
    let destinations = Family::ALL.into_iter().flat_map(|family| [1, 2, 9].map(|number| pod(family, number)));
    let all: Vec<u32> = gateways.chain(special).collect();
    let packet = |destination| {
        let to = move |(mark, origin)| MarkedPacket { mark, origin, destination };
        let any = all.iter().map(|mark| (*mark, PacketOrigin::Any));
        any.chain([(0, PacketOrigin::Tunnel), (0x4000, PacketOrigin::Tunnel)]).map(to).collect::<Vec<_>>()
    };
    destinations.flat_map(packet).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 5_000 }))]

    /// Catches: a route before its device, one that went with its device and is not made again or is deleted twice, and
    /// whatever else the kernel refuses.
    #[test]
    fn from_any_state_the_kernel_takes_all_changes_to_the_desired_one(
        (old, new) in (any_state(), whole()),
    ) {
        let mut kernel = FakeTunnel::left(old.clone());
        let mut believed = old.clone();
        let effects = Tunnel::diff(&old, &new);
        prop_assert!(effects.iter().map(|effect| effect.phase).is_sorted());
        for change in singly(&effects) {
            commit(&mut kernel, &change)?;
            believed.take(&change);
            prop_assert_eq!(&believed, &kernel.state);
        }
        prop_assert_eq!(&kernel.state, &new);
        prop_assert_eq!(Tunnel::diff(&kernel.state, &new), vec![]);
    }

    /// Catches: what refuses that comes too late or goes too early, and a repair that opens what it closes later.
    #[test]
    fn no_operation_takes_away_what_holds_of_every_state_that_egressd_makes(
        (old, new) in (any_state(), whole()),
    ) {
        prop_assert!(invariants(&new).values().all(|holds| *holds), "{:?}", invariants(&new));
        let mut kernel = FakeTunnel::left(old.clone());
        // What ends is not repaired first.
        let are_kept = |family| {
            let count = |state: &TunnelState| state.rules.iter().filter(|rule| rule.family == family && !leads(rule)).count();
            count(&new) > 0 || count(&old) == 6
        };
        for change in singly(&Tunnel::diff(&old, &new)) {
            let before = invariants(&kernel.state);
            commit(&mut kernel, &change)?;
            for (invariant, holds) in invariants(&kernel.state) {
                let is_kept = before[&invariant] && are_kept(invariant.0);
                prop_assert!(holds || !is_kept, "{:?} after {}", invariant, change);
            }
        }
    }

    /// Catches: a moment in which a packet for another node leaves by this one, or one for this node is refused, and a
    /// route that is deleted and added instead of replaced.
    #[test]
    fn between_any_two_operations_each_packet_goes_as_before_or_as_desired_or_is_refused_where_it_is_tunnelled(
        (old, new) in (whole(), whole()),
    ) {
        let mut kernel = FakeTunnel::left(old.clone());
        let (before, after) = (kernel.clone(), FakeTunnel::left(new.clone()));
        let is_same_device = old.device.zip(new.device).is_some_and(|(old, new)| old.kind == new.kind && old.port == new.port);
        for change in singly(&Tunnel::diff(&old, &new)) {
            commit(&mut kernel, &change)?;
            for packet in packets() {
                let possible = [before.route(packet), after.route(packet)];
                let routed = kernel.route(packet);
                let is_remade = routed == Routed::Refused && !possible.contains(&Routed::Ordinarily) && !is_same_device;
                let is_between = routed == Routed::Refused && possible[0] != possible[1] && !matches!(possible, [Routed::Tunnelled(_), Routed::Tunnelled(_)]);
                prop_assert!(possible.contains(&routed) || is_remade || is_between, "{:?}: {:?} after {}", packet, routed, change);
            }
        }
    }

    /// Catches: a next try that adds what is there already, after a change of which the kernel made a part.
    #[test]
    fn after_a_change_that_was_made_in_part_what_is_read_leads_to_what_is_desired(
        (old, new, room) in (any_state(), whole(), 0usize..40),
    ) {
        let mut kernel = FakeTunnel { room, ..FakeTunnel::left(old.clone()) };
        // Where all of it has room there is nothing left to do.
        drop(Tunnel::diff(&old, &new).iter().try_for_each(|effect| kernel.commit(&effect.change)));
        kernel.room = usize::MAX;
        let read = kernel.read(&settings().maker).map_err(|refused| TestCaseError::fail(refused.to_string()))?.state;
        for effect in Tunnel::diff(&read, &new) {
            commit(&mut kernel, &effect.change)?;
        }
        prop_assert_eq!(kernel.state, new);
    }

    /// Catches: rules in one change that lean on each other, of which the kernel may make the later ones alone.
    #[test]
    fn rules_of_one_change_have_one_action((old, new) in (any_state(), whole())) {
        for effect in Tunnel::diff(&old, &new) {
            let actions: Vec<_> = effect.change.operations.iter().filter_map(action).collect();
            prop_assert!(actions.windows(2).all(|pair| pair[0] == pair[1]), "{}", effect.change);
        }
    }
}

/// That of a rule, whatever its table is.
fn action(operation: &TunnelOperation) -> Option<Discriminant<RuleAction>> {
    match operation {
        TunnelOperation::AddRule(rule) | TunnelOperation::DeleteRule(rule) => Some(discriminant(&rule.action)),
        TunnelOperation::AddRoute(_)
        | TunnelOperation::ReplaceRoute(_)
        | TunnelOperation::DeleteRoute(_)
        | TunnelOperation::CreateDevice(_)
        | TunnelOperation::SetDevice(_)
        | TunnelOperation::DeleteDevice => None,
    }
}

fn sample() -> TunnelState {
    let ipv4 = TunnelWays {
        gateways: [(index(1), Some(a("192.168.7.2"))), (index(2), None)].into(),
        homes: [(a("10.244.3.7"), a("192.168.7.3"))].into(),
    };
    let ipv6 = TunnelWays { gateways: [(index(1), Some(a("fd00:7::2")))].into(), homes: BTreeMap::new() };
    TunnelState::of(&settings(), &[(Family::Ipv4, ipv4), (Family::Ipv6, ipv6)].into())
}

#[test]
fn a_tunnel_prints_as_commands_that_ip_takes() {
    let expected = "\
ip rule add pref 499 protocol 69 nop
ip -6 rule add pref 499 protocol 69 nop
ip rule add pref 301 protocol 69 fwmark 0x0/0x1000 goto 499
ip rule add pref 489 protocol 69 fwmark 0x1000/0x107f goto 499
ip rule add pref 490 protocol 69 fwmark 0x107f/0x107f goto 499
ip -6 rule add pref 301 protocol 69 fwmark 0x0/0x1000 goto 499
ip -6 rule add pref 489 protocol 69 fwmark 0x1000/0x107f goto 499
ip -6 rule add pref 490 protocol 69 fwmark 0x107f/0x107f goto 499
ip rule add pref 300 protocol 69 iif egressd0 tun_id 69 fwmark 0x0/0x1000 unreachable
ip rule add pref 498 protocol 69 fwmark 0x1000/0x1000 unreachable
ip -6 rule add pref 300 protocol 69 iif egressd0 tun_id 69 fwmark 0x0/0x1000 unreachable
ip -6 rule add pref 498 protocol 69 fwmark 0x1000/0x1000 unreachable
ip route add unreachable default table 1162280961 metric 4000 protocol 69
ip -6 route add unreachable default table 1162280961 metric 4000 protocol 69
ip route add unreachable default table 1162280962 metric 4000 protocol 69
ip link add egressd0 group 1162320250 type vxlan external gpe dstport 4790
sysctl -qw net.ipv4.conf.egressd0.rp_filter=2 net.ipv4.conf.egressd0.src_valid_mark=1
ip addr replace 169.254.69.69/32 dev egressd0 scope link noprefixroute
ip link set egressd0 mtu 1464 up
ip route add default table 1162280961 metric 1 protocol 69 encap ip id 69 dst 192.168.7.2 dev egressd0
ip -6 route add default table 1162280961 metric 1 protocol 69 encap ip6 id 69 dst fd00:7::2 csum dev egressd0
ip route add 10.244.3.7/32 table 1162281086 metric 1 protocol 69 encap ip id 69 dst 192.168.7.3 dev egressd0
ip rule add pref 302 protocol 69 fwmark 0x1001/0x107f lookup 1162280961
ip -6 rule add pref 302 protocol 69 fwmark 0x1001/0x107f lookup 1162280961
ip rule add pref 303 protocol 69 fwmark 0x1002/0x107f lookup 1162280962
ip rule add pref 491 protocol 69 fwmark 0x107e/0x107f lookup 1162281086
ip -6 rule add pref 491 protocol 69 fwmark 0x107e/0x107f lookup 1162281086
";
    assert_eq!(Tunnel::text(&sample()), expected);
}

#[test]
fn a_tunnel_that_ends_prints_as_commands_in_reverse() {
    let effects = Tunnel::diff(&sample(), &TunnelState::default());
    let text: String = effects.iter().map(|effect| effect.change.to_string()).collect();
    assert!(text.starts_with("ip -6 rule del pref 491 protocol 69 fwmark 0x107e/0x107f lookup 1162281086\n"), "{text}");
    let device = text.find("ip link del egressd0\n").unwrap();
    let rest = text.split_at(device).1;
    assert!(rest.contains("ip route del default table 1162280961 metric 4000\n"), "{text}");
    assert!(
        rest.ends_with("ip -6 rule del pref 499 protocol 69 nop\nip rule del pref 499 protocol 69 nop\n"),
        "{text}"
    );
    assert!(!text.contains("metric 1\n"), "routes go with the device: {text}");
}

/// The changes from one tunnel to another, and when.
fn changes(old: &TunnelState, new: &TunnelState) -> Vec<(Phase, String)> {
    Tunnel::diff(old, new).into_iter().map(|effect| (effect.phase, effect.change.to_string())).collect()
}

/// Catches: a move that deletes a route and adds another.
#[test]
fn a_gateway_on_another_node_is_one_route_that_is_replaced() {
    let mut moved = sample();
    let kind = moved.routes.values_mut().find(|kind| **kind != RouteKind::Unreachable).unwrap();
    *kind = RouteKind::Encapsulated { to: a("192.168.7.9"), id: Tunnel::NETWORK };
    let expected =
        "ip route replace default table 1162280961 metric 1 protocol 69 encap ip id 69 dst 192.168.7.9 dev egressd0\n";
    assert_eq!(changes(&sample(), &moved), [(Phase::Make, expected.to_owned())]);
}

#[test]
fn another_mtu_is_set_and_another_port_makes_the_device_and_its_routes_anew() {
    let with = |settings: TunnelSettings| {
        let gateways = [(index(1), Some(a("192.168.7.2")))].into();
        TunnelState::of(&settings, &[(Family::Ipv4, TunnelWays { gateways, homes: BTreeMap::new() })].into())
    };
    let old = with(settings());
    let smaller = with(TunnelSettings { mtu: mtu(1400), ..settings() });
    let [(Phase::Make, set)] = &changes(&old, &smaller)[..] else { panic!("{:?}", changes(&old, &smaller)) };
    assert!(set.ends_with("ip link set egressd0 mtu 1400 up\n") && !set.contains("link add"), "{set}");
    let elsewhere = with(TunnelSettings { port: NonZeroU16::new(4791).unwrap(), ..settings() });
    let anew = changes(&old, &elsewhere);
    assert!(anew[0].1.starts_with("ip link del egressd0\nip link add egressd0"), "{anew:?}");
    assert!(anew[1].1.starts_with("ip route add default table 1162280961 metric 1"), "{anew:?}");
    assert_eq!(anew.len(), 2);
}

fn with_homes(count: u16) -> TunnelState {
    let pod = |number: u16| (IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, number]), a("192.168.7.3"));
    let ways = TunnelWays { gateways: BTreeMap::new(), homes: (0..count).map(pod).collect() };
    TunnelState::of(&settings(), &[(Family::Ipv6, ways)].into())
}

#[test]
fn many_homes_come_in_changes_of_a_thousand_routes_and_one_more_is_one_operation() {
    let routes = |effects: Vec<Effect<TunnelChange>>| -> Vec<usize> {
        let is_route = |change: &TunnelChange| matches!(change.operations[0], TunnelOperation::AddRoute(_));
        effects.iter().filter(|effect| is_route(&effect.change)).map(|effect| effect.change.operations.len()).collect()
    };
    assert_eq!(routes(Tunnel::diff(&with_homes(0), &with_homes(2_500))), [1_000, 1_000, 500]);
    assert_eq!(routes(Tunnel::diff(&with_homes(9_999), &with_homes(10_000))), [1]);
    assert_eq!(Tunnel::diff(&with_homes(10_000), &with_homes(9_999)).len(), 1);
}

#[test]
fn tables_of_the_tunnel_are_known_by_their_numbers() {
    for table in TunnelTable::all() {
        assert_eq!(TunnelTable::numbered(table.number()), Some(table));
    }
    assert_eq!(TunnelTable::all().count(), 125);
    let others = [0, 254, 0x4547_0000, 0x4547_007d, 0x4547_007f, 0x4547_017e, u32::MAX];
    assert!(others.into_iter().all(|number| TunnelTable::numbered(number).is_none()));
}
