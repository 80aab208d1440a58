//! Tunnels as egressd makes them, and as other programs may leave them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;

use egressd_core::compile::table_names;
use egressd_core::net::{Family, GatewayIndex, TunnelMarks};
use egressd_core::node::{
    DeviceSetup, MtuLimits, RouteKind, Tunnel, TunnelKind, TunnelMaker, TunnelMtu, TunnelSettings, TunnelState,
    TunnelWays,
};
use egressd_core::testkit::a;
use proptest::prelude::*;
use proptest::sample::{Index, select};

type Ways = BTreeMap<Family, TunnelWays>;

pub(crate) fn mtu(bytes: u32) -> TunnelMtu {
    let kind = TunnelKind::VxlanGpe;
    let uplink = bytes + kind.overhead(Family::Ipv4);
    TunnelMtu::within(MtuLimits { uplink, outer: Family::Ipv4, pods: None }, kind).unwrap()
}

pub(crate) fn settings() -> TunnelSettings {
    TunnelSettings {
        kind: TunnelKind::VxlanGpe,
        port: NonZeroU16::new(4790).unwrap(),
        mtu: mtu(1464),
        marks: TunnelMarks::DEFAULT,
        maker: TunnelMaker::of(&table_names(None)),
    }
}

fn some_settings() -> impl Strategy<Value = TunnelSettings> {
    let kinds = select(vec![TunnelKind::VxlanGpe, TunnelKind::Vxlan]);
    (kinds, 4789u16..4791, select(vec![1280, 1464])).prop_map(|(kind, port, mtu)| TunnelSettings {
        kind,
        port: NonZeroU16::new(port).unwrap(),
        mtu: self::mtu(mtu),
        ..settings()
    })
}

pub(crate) fn index(number: u8) -> GatewayIndex {
    GatewayIndex::new(number).unwrap()
}

fn end() -> impl Strategy<Value = IpAddr> {
    select(vec![a("192.168.7.2"), a("192.168.7.3"), a("fd00:7::2")])
}

pub(crate) fn pod(family: Family, number: u8) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::from([10, 244, 1, number]),
        Family::Ipv6 => IpAddr::from([0xfd00, 0x244, 1, 0, 0, 0, 0, u16::from(number)]),
    }
}

fn some_ways(family: Family) -> impl Strategy<Value = (Family, TunnelWays)> {
    let gateways = prop::collection::btree_map(1u8..5, prop::option::of(end()), 0..4);
    let homes = prop::collection::btree_map(1u8..5, end(), 0..4);
    (gateways, homes).prop_map(move |(gateways, homes)| {
        let gateways = gateways.into_iter().map(|(number, end)| (index(number), end)).collect();
        let homes = homes.into_iter().map(|(number, end)| (pod(family, number), end)).collect();
        (family, TunnelWays { gateways, homes })
    })
}

fn all_ways() -> impl Strategy<Value = Ways> {
    prop_oneof![
        3 => (some_ways(Family::Ipv4), some_ways(Family::Ipv6)).prop_map(|(one, other)| [one, other].into()),
        1 => some_ways(Family::Ipv4).prop_map(|one| [one].into()),
        1 => Just(Ways::new()),
    ]
}

/// As it is left by egressds that were given different marks.
pub(crate) fn with_other_marks() -> impl Strategy<Value = [(TunnelMarks, TunnelState); 2]> {
    // Of another bit, and of the same with other numbers; with numbers where the others have their bit.
    let masks = [0x107f, 0x207f, 0x10fe, 0x13f8, 0xff, 0x4000_7f00].into_iter();
    let masks: Vec<TunnelMarks> = masks.filter_map(|mask| TunnelMarks::new(mask).ok()).collect();
    let pairs = masks.iter().flat_map(|old| masks.iter().map(move |new| [*old, *new])).filter(|[old, new]| old != new);
    let made = |marks: TunnelMarks| {
        let state = move |(settings, ways)| TunnelState::of(&TunnelSettings { marks, ..settings }, &ways);
        (some_settings(), all_ways()).prop_map(move |sample| (marks, state(sample)))
    };
    select(pairs.collect::<Vec<_>>()).prop_flat_map(move |marks| marks.map(made))
}

/// As egressd leaves it, or nothing.
pub(crate) fn whole() -> impl Strategy<Value = TunnelState> {
    let made = (some_settings(), all_ways()).prop_map(|(settings, ways)| TunnelState::of(&settings, &ways));
    prop_oneof![5 => made, 1 => Just(TunnelState::default())]
}

/// What other programs did to it.
#[derive(Clone, Debug)]
enum Drift {
    RuleGone(Index),
    RouteGone(Index),
    RouteChanged(Index, IpAddr),
    DeviceDown,
    DeviceGone,
}

fn drift() -> impl Strategy<Value = Drift> {
    prop_oneof![
        3 => any::<Index>().prop_map(Drift::RuleGone),
        3 => any::<Index>().prop_map(Drift::RouteGone),
        1 => (any::<Index>(), end()).prop_map(|(at, to)| Drift::RouteChanged(at, to)),
        1 => Just(Drift::DeviceDown),
        1 => Just(Drift::DeviceGone),
    ]
}

fn drifted(mut state: TunnelState, drift: &Drift) -> TunnelState {
    let rule =
        |at: &Index| (!state.rules.is_empty()).then(|| *at.get(&state.rules.iter().copied().collect::<Vec<_>>()));
    let place =
        |at: &Index| (!state.routes.is_empty()).then(|| *at.get(&state.routes.keys().copied().collect::<Vec<_>>()));
    match drift {
        Drift::RuleGone(at) => drop(rule(at).map(|rule| state.rules.remove(&rule))),
        Drift::RouteGone(at) => drop(place(at).map(|place| state.routes.remove(&place))),
        Drift::RouteChanged(at, to) if state.device.is_some() => {
            let kind = RouteKind::Encapsulated { to: *to, id: Tunnel::NETWORK };
            state.routes.extend(place(at).map(|place| (place, kind)));
        }
        Drift::DeviceDown | Drift::DeviceGone | Drift::RouteChanged(..) => {
            state.routes.retain(|_, kind| *kind == RouteKind::Unreachable);
            match (drift, &mut state.device) {
                (Drift::DeviceDown, Some(device)) => device.setup = DeviceSetup::Incomplete,
                (_, device) => *device = None,
            }
        }
    }
    state
}

/// As other programs may leave it.
pub(crate) fn any_state() -> impl Strategy<Value = TunnelState> {
    let drifts = prop::collection::vec(drift(), 0..4);
    (whole(), drifts).prop_map(|(state, drifts)| drifts.iter().fold(state, drifted))
}
