//! From a plan to its tunnel.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::table_names;
use super::*;
use crate::net::{PortRange, Protocol, TunnelMarks};
use crate::node::{MtuLimits, RouteKind, RuleAction, TunnelTable};

fn a(address: &str) -> IpAddr {
    address.parse().unwrap()
}

fn setup() -> TunnelSetup {
    let kind = TunnelKind::VxlanGpe;
    let mtu = TunnelMtu::within(MtuLimits { uplink: 1500, outer: Family::Ipv4, pods: Some(1450) }, kind).unwrap();
    TunnelSetup { kind, mtu, maker: TunnelMaker::of(&table_names(None)) }
}

fn index(number: u8) -> GatewayIndex {
    GatewayIndex::new(number).unwrap()
}

/// A node that others translate for.
fn plan(gateways: &[(&str, Option<u8>, Option<&str>)]) -> TunnelPlan {
    let gateway = |(address, number, end): &(&str, Option<u8>, Option<&str>)| {
        (a(address), Gateway { index: number.map(index), end: end.map(a) })
    };
    TunnelPlan {
        port: PortRange::new(Protocol::Udp, 4790, 4790).unwrap(),
        marks: TunnelMarks::DEFAULT,
        nodes: [a("192.168.7.1"), a("192.168.7.2")].into(),
        held: [].into(),
        homes: [].into(),
        gateways: gateways.iter().map(gateway).collect(),
    }
}

/// Where packets of a table are led.
fn leads(state: &TunnelState, family: Family, table: TunnelTable) -> Vec<RouteKind> {
    let of = state.routes.iter().filter(|(place, _)| place.table == table && place.family() == family);
    of.map(|(_, kind)| *kind).collect()
}

fn looked_up(state: &TunnelState, family: Family) -> Vec<TunnelTable> {
    let of_family = state.rules.iter().filter(|rule| rule.family == family);
    let tables = of_family.filter_map(|rule| match rule.action {
        RuleAction::Lookup(table) => Some(table),
        RuleAction::Nop | RuleAction::Goto | RuleAction::Unreachable => None,
    });
    tables.collect()
}

fn to(end: &str) -> RouteKind {
    RouteKind::Encapsulated { to: a(end), id: crate::node::Tunnel::NETWORK }
}

#[test]
fn a_node_without_a_tunnel_has_nothing_of_one() {
    assert_eq!(tunnel_state(None, setup()), TunnelState::default());
}

#[test]
fn each_gateway_has_a_way_in_its_family_alone_and_one_that_refuses() {
    let plan = plan(&[
        ("11.0.0.2", Some(1), Some("192.168.7.2")),
        ("fd00::2", Some(1), Some("fd00:7::3")),
        ("fd00::4", Some(2), Some("192.168.7.2")),
    ]);
    let state = tunnel_state(Some(&plan), setup());
    let [first, second] = [1, 2].map(|number| TunnelTable::of(index(number)));
    assert_eq!(leads(&state, Family::Ipv4, first), [to("192.168.7.2"), RouteKind::Unreachable]);
    assert_eq!(leads(&state, Family::Ipv6, first), [to("fd00:7::3"), RouteKind::Unreachable]);
    assert_eq!(looked_up(&state, Family::Ipv4), [first, TunnelTable::HOMES]);
    assert_eq!(looked_up(&state, Family::Ipv6), [first, second, TunnelTable::HOMES]);
}

#[test]
fn a_gateway_whose_node_is_not_known_refuses_and_one_without_a_number_has_no_rule() {
    let plan = plan(&[("11.0.0.2", Some(7), None), ("11.0.0.3", None, Some("192.168.7.2"))]);
    let state = tunnel_state(Some(&plan), setup());
    let table = TunnelTable::of(index(7));
    assert_eq!(leads(&state, Family::Ipv4, table), [RouteKind::Unreachable]);
    assert_eq!(looked_up(&state, Family::Ipv4), [table, TunnelTable::HOMES]);
}

/// Catches: a number that leads packets of one address to the node that holds another one.
#[test]
fn a_number_of_two_addresses_on_different_nodes_leads_nowhere() {
    let plan = plan(&[("11.0.0.2", Some(7), Some("192.168.7.2")), ("11.0.0.3", Some(7), Some("192.168.7.3"))]);
    let state = tunnel_state(Some(&plan), setup());
    assert_eq!(leads(&state, Family::Ipv4, TunnelTable::of(index(7))), [RouteKind::Unreachable]);
}

#[test]
fn pods_of_other_nodes_are_at_home_there_and_the_device_is_as_it_is_set() {
    let homes = [(a("10.244.3.7"), a("192.168.7.3")), (a("fd00:244:3::7"), a("192.168.7.3"))].into();
    let plan = TunnelPlan { homes, ..plan(&[]) };
    let state = tunnel_state(Some(&plan), setup());
    for family in Family::ALL {
        assert_eq!(leads(&state, family, TunnelTable::HOMES), [to("192.168.7.3")]);
    }
    let device = state.device.unwrap();
    assert_eq!((device.port.get(), device.mtu, device.maker), (4790, 1450, setup().maker));
}
