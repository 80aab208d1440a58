//! Marks of other programs that look like those of the tunnel, and its own.

use std::net::IpAddr;

use egressd_core::net::{Family, Protocol};
use egressd_core::ruleset::{Direction, State};
use egressd_core::testkit::{
    Connection, Hop, Journey, Packet, PathEnd, Seen, SourcePort, TestNode, TwoNodes, a, follow, tunnel_routes,
};

use super::moves::{HERE, POD, THERE, TO_THERE, nodes, plain, unguarded};
use super::walk::{device, ruleset, with_masquerade};

/// What NetBird gives packets and connections: all have the bit of the tunnel.
const OTHERS: [u32; 4] = [0x1bd00, 0x1bd10, 0x1bd11, 0x1bd20];
const OUTSIDE: &str = "192.0.2.1";
/// Of which no rule says anything.
const OTHER_POD: &str = "10.0.0.2";

fn node() -> IpAddr {
    TestNode::First.end(Family::Ipv4)
}

fn packet(from: IpAddr, to: &str) -> Packet {
    Packet::new(from, a(to)).port(Protocol::Tcp, 80)
}

/// On the first node. Without routes by mark: what other programs mark after routing is meant.
fn journey(packet: Packet, by: &str, out: &str) -> Journey {
    let own = [node(), a(HERE)].into();
    Journey { own, ..Journey::new(packet, Hop::Device(device(out))).by(device(by)) }
}

/// The same of an open connection.
fn open(journey: Journey, translated: IpAddr, mark: u32) -> Journey {
    let Packet { source, destination, .. } = journey.packet;
    let connection = Connection {
        state: State::Established,
        mark,
        reply: (destination, translated),
        original: (source, destination),
        ..journey.connection
    };
    Journey { connection, ..journey }
}

fn routed(nodes: &TwoNodes, journey: Journey) -> Journey {
    let plan = nodes.on(TestNode::First);
    let tunnel = plan.tunnel.as_ref().expect("a tunnel");
    Journey { routes: tunnel_routes(&[tunnel], Family::Ipv4, journey.hop), ..journey }
}

fn end(nodes: &TwoNodes, journey: &Journey) -> (PathEnd, Seen) {
    let path = follow(&with_masquerade(&ruleset(&nodes.on(TestNode::First)), TestNode::First), journey);
    (path.fate, path.seen)
}

#[test]
fn what_other_programs_mark_goes_its_way() {
    let nodes = nodes(plain(POD, THERE));
    for mark in OTHERS {
        let out = |journey: Journey| journey.hop;
        let first = [
            journey(packet(a(OTHER_POD), OUTSIDE), "veth0", "eth0"),
            Journey { came_by: None, ..journey(packet(node(), OUTSIDE), "lo", "eth0") },
            journey(packet(a("100.64.0.7"), OTHER_POD), "wt0", "veth0"),
        ];
        for mut journey in first {
            (journey.mark, journey.connection.mark) = (mark, mark);
            let source = if journey.packet.destination == a(OUTSIDE) { node() } else { journey.packet.source };
            for journey in [journey.clone(), open(journey.clone(), source, mark)] {
                let Hop::Device(device) = out(journey.clone()) else { unreachable!("a device") };
                assert_eq!(end(&nodes, &journey).0, PathEnd::Left(device), "{mark:#x} {journey:?}");
            }
        }
    }
}

/// Catches: taking the mark of another program for the number of a gateway.
#[test]
fn a_connection_that_was_translated_here_before_goes_on_whatever_other_programs_mark() {
    let nodes = nodes(unguarded(plain(POD, THERE)));
    for mark in OTHERS {
        let before = open(journey(packet(a(POD), OUTSIDE), "veth0", "eth0"), node(), mark);
        let went_on = (PathEnd::Left(device("eth0")), Seen::As(node()));
        assert_eq!(end(&nodes, &routed(&nodes, before)), went_on, "{mark:#x}");
    }
}

/// Catches: taking a diverted connection that got another port for one that was translated before.
#[test]
fn a_diverted_connection_whose_port_was_taken_stays_in_the_tunnel() {
    let nodes = nodes(plain(POD, THERE));
    let mut diverted = open(journey(packet(a(POD), OUTSIDE), "veth0", "eth0"), a(POD), TO_THERE);
    diverted.connection.source_port = SourcePort::Other;
    assert_eq!(end(&nodes, &routed(&nodes, diverted)).0, PathEnd::Left(device("egressd0")));
}

/// Catches: setting the bit of the backstop beside the bits of an administrator.
#[test]
fn a_guarded_pod_whose_packets_others_mark_leaves_by_its_own_address() {
    let nodes = nodes(plain(POD, HERE));
    for mark in 0..=0x7f {
        let marked = Journey { mark, ..journey(packet(a(POD), OUTSIDE), "veth0", "eth0") };
        let path = end(&nodes, &routed(&nodes, marked));
        assert_eq!(path, (PathEnd::Left(device("eth0")), Seen::As(a(HERE))), "{mark:#x}");
    }
}

/// The backstop marks the answers of guarded pods too.
#[test]
fn a_guarded_pod_answers_whoever_calls_it() {
    let nodes = nodes(plain(POD, HERE));
    let mut answer = open(journey(packet(a(POD), OUTSIDE), "veth0", "eth0"), a(POD), 0);
    answer.connection.direction = Direction::Reply;
    (answer.connection.original, answer.connection.reply) = ((a(OUTSIDE), a(POD)), (a(POD), a(OUTSIDE)));
    assert_eq!(end(&nodes, &routed(&nodes, answer)).0, PathEnd::Left(device("eth0")));
}
