//! Open connections that are diverted, while rules come and go (P16).

use egressd_core::compile::TUNNEL_DEVICE;
use egressd_core::model::SubjectKey;
use egressd_core::net::TunnelMarks;
use egressd_core::plan::{Plan, SubjectPlan};
use egressd_core::ruleset::{Bits, DIVERTED, MapKey, Ruleset, State, TableFamily};
use egressd_core::testkit::{
    AddressPlace, Connection, Hop, Journey, Packet, PathEnd, Route, TestNode, TwoNodes, a, follow,
};
use proptest::prelude::*;

use super::moves::{HERE, POD, THERE, TO_THERE, nodes, open, plain, unguarded};
use super::walk::{Scene, device, ruleset};
use super::{change, packets};

/// What other programs make of a connection's mark: bits of theirs, and some of the tunnel's number.
const OF_OTHERS: u32 = 0x0a00_0fd5;

/// What is known of a connection after its first packet.
fn begun(nodes: &TwoNodes, packet: &Packet) -> Connection {
    let own = nodes.node_of(packet.source);
    let mut first = Scene::at_rest(nodes).journey(own, *packet, "veth0", "eth0");
    first.connection.mark = OF_OTHERS;
    let path = follow(&ruleset(&nodes.on(own)), &first);
    assert_eq!(path.fate, PathEnd::Left(TUNNEL_DEVICE));
    Connection { state: State::Established, ..path.journey.connection }
}

/// A packet of that connection, where only its own mark leads into the tunnel.
fn goes_on(ruleset: &Ruleset, packet: &Packet, connection: Connection) -> PathEnd {
    let (marks, out) = (TunnelMarks::DEFAULT, Hop::Device(device("eth0")));
    let (own, bit) = (connection.mark & marks.mask(), marks.bit().mask());
    let routes = [
        (Bits::under(marks.mask(), own), Hop::Device(TUNNEL_DEVICE)),
        (Bits::under(marks.mask(), bit), out),
        (Bits::under(bit, bit), Hop::Unreachable),
    ];
    let routes = routes.map(|(mark, hop)| Route { mark, hop }).into();
    follow(ruleset, &Journey { connection, routes, ..Journey::new(*packet, out).by(device("veth0")) }).fate
}

fn is_diverted(ruleset: &Ruleset, packet: &Packet) -> bool {
    let table = &ruleset.tables[&TableFamily::of(packet.source)];
    table.maps[&DIVERTED].elements.contains_key(&MapKey::Address(packet.source))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 40 } else { 1_000 }))]

    #[test]
    fn an_open_connection_goes_on_to_its_node_as_long_as_something_of_its_pod_is_diverted((before, after) in change()) {
        for packet in packets() {
            let own = before.node_of(packet.source);
            let Some((address, place)) = before.promised(&packet) else { continue };
            if place != AddressPlace::On(own.other()) {
                continue;
            }
            let connection = begun(&before, &packet);
            let mark = before.on(own).tunnel.and_then(|tunnel| tunnel.mark(address));
            prop_assert_eq!(Some(connection.mark), mark.map(|mark| mark | OF_OTHERS & !TunnelMarks::DEFAULT.mask()));
            let now = ruleset(&after.on(own));
            let is_right = match goes_on(&now, &packet, connection) {
                PathEnd::Left(device) => is_diverted(&now, &packet) && device == TUNNEL_DEVICE,
                PathEnd::Dropped(_) => !is_diverted(&now, &packet),
                PathEnd::Here | PathEnd::Unreachable => false,
            };
            prop_assert!(is_right, "{:?}\n{}\n{}", packet, before.plan, after.plan);
        }
    }
}

/// Both, where the older one takes precedence.
fn both(older: Plan, newer: Plan) -> Plan {
    let mut all = newer;
    let older = older.subjects.into_values().map(|subject| SubjectPlan { created: 0, ..subject });
    all.subjects.extend(older.map(|subject| (SubjectKey::service("default", "older"), subject)));
    all
}

#[test]
fn a_rule_of_precedence_whose_address_is_here_does_not_end_what_is_diverted() {
    let [here, there] = [HERE, THERE].map(|address| unguarded(plain(POD, address)));
    let nodes = nodes(both(here, there));
    let packet = Packet::new(a(POD), a("192.0.2.1"));
    assert_eq!(nodes.promised(&packet), Some((a(HERE), AddressPlace::On(TestNode::First))));
    assert_eq!(open(&nodes, a(POD), TO_THERE), PathEnd::Left(TUNNEL_DEVICE));
}

#[test]
fn a_connection_whose_gateway_has_no_number_any_more_goes_nowhere() {
    let nodes = nodes(unguarded(plain(POD, THERE))).moved(a(THERE), AddressPlace::Nowhere);
    assert_eq!(open(&nodes, a(POD), TO_THERE), PathEnd::Unreachable);
}
