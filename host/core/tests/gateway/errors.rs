//! ICMP errors about diverted connections, of both directions. They belong to the connection that they are about.

use std::net::IpAddr;

use egressd_core::decision::Rule;
use egressd_core::net::{Family, PortRange, Protocol};
use egressd_core::ruleset::{Direction, Point, State};
use egressd_core::testkit::{Connection, Hop, Journey, Packet, Path, PathEnd, Seen, TestNode, TwoNodes, a, follow};
use egressd_vocabulary::RuleParts;

use super::moves::{POD, THERE, TO_THERE, nodes, plain, unguarded};
use super::walk::{Scene, device, ruleset, with_masquerade};

const OUTSIDE: &str = "192.0.2.1";
const ROUTER: &str = "203.0.113.1";

/// A pod that is translated elsewhere for one port, so that no error has what is looked up.
fn of_one_port() -> TwoNodes {
    let mut plan = unguarded(plain(POD, THERE));
    let port = PortRange::new(Protocol::Udp, 53, 53).expect("a port");
    let of_port = |rule: &Rule| RuleParts { destination_ports: vec![port], ..rule.clone().into() }.rule();
    for subject in plan.subjects.values_mut() {
        subject.rules = subject.rules.iter().map(of_port).collect();
    }
    nodes(plan)
}

/// What a node knows of the connection.
fn connection(node: TestNode, direction: Direction) -> Connection {
    let (translated, mark) = match node {
        TestNode::First => (POD, TO_THERE),
        TestNode::Second => (THERE, 0),
    };
    let first = Journey::new(Packet::new(a(POD), a(OUTSIDE)), Hop::Here).connection;
    Connection { state: State::Related, direction, mark, reply: (a(OUTSIDE), a(translated)), ..first }
}

/// An error on a node, without ports. What the node itself sends comes by no device.
fn error(node: TestNode, direction: Direction, [from, to]: [IpAddr; 2], by: Option<&str>, out: &str) -> Path {
    let nodes = of_one_port();
    let scene = Scene::at_rest(&nodes);
    let journey = scene.journey(node, Packet::new(from, to), by.unwrap_or("lo"), out);
    let came_by = by.map(device);
    let journey = Journey { came_by, connection: connection(node, direction), ..journey };
    follow(&with_masquerade(&ruleset(&nodes.on(node)), node), &journey)
}

fn ends(path: &Path) -> (PathEnd, u32) {
    (path.fate, path.journey.mark)
}

fn left(name: &str) -> (PathEnd, u32) {
    (PathEnd::Left(device(name)), 0)
}

#[test]
fn an_error_of_a_pod_goes_by_its_gateway_and_has_its_address() {
    let addresses = [a(POD), a(OUTSIDE)];
    let path = error(TestNode::First, Direction::Original, addresses, Some("veth0"), "eth0");
    assert_eq!((ends(&path), path.seen), (left("egressd0"), Seen::Untranslated));
    let path = error(TestNode::Second, Direction::Original, addresses, Some("egressd0"), "eth0");
    assert_eq!((ends(&path), path.seen), (left("eth0"), Seen::As(a(THERE))));
}

#[test]
fn an_error_about_what_a_pod_sent_comes_back_through_the_tunnel() {
    for from in [OUTSIDE, ROUTER] {
        let addresses = [a(from), a(POD)];
        let path = error(TestNode::Second, Direction::Reply, addresses, Some("eth0"), "eth0");
        assert_eq!(ends(&path), left("egressd0"), "{from}");
        let path = error(TestNode::First, Direction::Reply, addresses, Some("egressd0"), "veth0");
        assert_eq!(ends(&path), left("veth0"), "{from}");
    }
}

/// The gateway has no route for it, or a smaller one: it knows the pod by the network of the cluster.
#[test]
fn an_error_of_the_gateway_reaches_the_pod_by_the_network_of_the_cluster() {
    let addresses = [TestNode::Second.end(Family::Ipv4), a(POD)];
    assert_eq!(ends(&error(TestNode::Second, Direction::Reply, addresses, None, "eth0")), left("eth0"));
    assert_eq!(ends(&error(TestNode::First, Direction::Reply, addresses, Some("eth0"), "veth0")), left("veth0"));
}

/// Catches: an error that says the address of the pod's node, and quotes the pod's.
#[test]
fn an_error_of_the_pods_own_node_does_not_leave() {
    let end = |node: TestNode| [node.end(Family::Ipv4), a(OUTSIDE)];
    let path = error(TestNode::First, Direction::Original, end(TestNode::First), None, "eth0");
    assert_eq!(path.fate, PathEnd::Dropped(Point::Postrouting));
    let path = error(TestNode::Second, Direction::Original, end(TestNode::Second), None, "eth0");
    assert_eq!(ends(&path), left("eth0"), "the gateway's has the address of the Service");
}
