//! Who calls, and whom, with an address that another node holds.

use egressd_core::net::Protocol;
use egressd_core::ruleset::{Direction, State};
use egressd_core::testkit::{AddressPlace, Connection, Hop, Journey, Packet, PathEnd, SourcePort, TestNode, a, follow};

use super::moves::{POD, THERE, nodes, plain};
use super::walk::{Outcome, Scene, device, ruleset};

const OTHER_POD: &str = "10.0.0.2";

/// Catches: dropping what comes from an address instead of what is translated to it.
#[test]
fn a_client_that_has_an_address_of_another_node_reaches_a_pod_here() {
    let plan = nodes(plain(POD, THERE)).on(TestNode::First);
    let packet = Packet::new(a(THERE), a(OTHER_POD)).port(Protocol::Tcp, 80).sent_to(a("11.0.0.0"));
    let out = Hop::Device(device("veth0"));
    let first = Journey::new(packet, out).by(device("eth0"));
    for source_port in [SourcePort::Own, SourcePort::Other] {
        for state in [State::New, State::Established] {
            let connection = Connection { state, source_port, ..first.connection };
            let path = follow(&ruleset(&plan), &Journey { connection, ..first.clone() });
            assert_eq!(path.fate, PathEnd::Left(device("veth0")), "{state:?} {source_port:?}");
        }
    }
    let connection = Connection { direction: Direction::Reply, state: State::Established, ..first.connection };
    let answer = Packet { source: packet.destination, destination: packet.source, ..packet };
    let answer = Journey { connection, ..Journey::new(answer, Hop::Device(device("eth0"))).by(device("veth0")) };
    assert_eq!(follow(&ruleset(&plan), &answer).fate, PathEnd::Left(device("eth0")));
}

#[test]
fn a_pod_that_calls_an_address_of_another_node_is_seen_with_that_of_its_own_service() {
    let nodes = nodes(plain(POD, THERE));
    for (called, place) in [("11.0.0.2", AddressPlace::Unproven), ("11.0.0.3", AddressPlace::Nowhere)] {
        let nodes = nodes.moved(a(called), place);
        let packet = Packet::new(a(POD), a(called)).port(Protocol::Udp, 53);
        let outcome = Scene::at_rest(&nodes).walk(&nodes, &packet, None).outcome;
        assert_eq!(outcome, Outcome::Left(TestNode::Second, a(THERE)), "{called}");
    }
}

/// As on the node itself, nothing translates what does not leave it.
#[test]
fn a_pod_that_calls_an_address_of_its_gateway_reaches_that_node_and_nothing_leaves() {
    let nodes = nodes(plain(POD, THERE)).moved(a("11.0.0.2"), AddressPlace::On(TestNode::Second));
    for called in [THERE, "11.0.0.2"] {
        let packet = Packet::new(a(POD), a(called)).port(Protocol::Udp, 53);
        let trip = Scene::at_rest(&nodes).walk(&nodes, &packet, None);
        let ends: Vec<(TestNode, PathEnd)> = trip.paths.iter().map(|(node, path)| (*node, path.fate)).collect();
        let tunnel = device("egressd0");
        let expected = [(TestNode::First, PathEnd::Left(tunnel)), (TestNode::Second, PathEnd::Here)];
        assert_eq!((ends.as_slice(), trip.outcome), (&expected[..], Outcome::Gone), "{called}");
    }
}
