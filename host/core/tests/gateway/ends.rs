//! Who sends into the tunnel (P18): one node to the end of the tunnel on another, and nothing else.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::net::{Family, Protocol};
use egressd_core::plan::{Plan, TunnelPlan};
use egressd_core::ruleset::{Point, Ruleset, State};
use egressd_core::testkit::{Hop, Journey, Packet, Path, PathEnd, TestNode, a, follow};

use super::moves::{HERE, POD, THERE, nodes, plain};
use super::walk::{device, ruleset, with_masquerade};

/// The node on which packets are looked at, with ends of the tunnel in these families.
fn plan(families: &[Family]) -> Plan {
    let plan = nodes(plain(POD, HERE)).on(TestNode::First);
    let tunnel = plan.tunnel.map(|tunnel| {
        let nodes = tunnel.nodes.into_iter().filter(|end| families.contains(&Family::of(*end))).collect();
        TunnelPlan { nodes, ..tunnel }
    });
    Plan { tunnel, ..plan }
}

fn end(node: TestNode) -> IpAddr {
    node.end(Family::Ipv4)
}

/// A packet to the tunnel's port.
fn outer(from: &str, to: &str) -> Packet {
    Packet::new(a(from), a(to)).port(Protocol::Udp, 4790)
}

fn own(addresses: &[&str]) -> BTreeSet<IpAddr> {
    addresses.iter().map(|address| a(address)).collect()
}

fn walked(plan: &Plan, journey: &Journey) -> Path {
    follow(&with_masquerade(&ruleset(plan), TestNode::First), journey)
}

/// What comes by a device.
fn comes(packet: Packet, by: &str, hop: Hop) -> Journey {
    Journey { own: own(&["192.168.7.1", "fd00:7::1"]), ..Journey::new(packet, hop).by(device(by)) }
}

const FIRST: &str = "192.168.7.1";
const SECOND: &str = "192.168.7.2";
/// Of which no rule says anything.
const OTHER_POD: &str = "10.0.0.2";
const POD_V6: &str = "fd00:10:244::1";

#[test]
fn what_a_node_sends_to_the_end_of_the_tunnel_arrives_and_has_no_connection() {
    let path = walked(&plan(&Family::ALL), &comes(outer(SECOND, FIRST), "eth0", Hop::Here));
    assert_eq!((path.fate, path.journey.connection.state), (PathEnd::Here, State::Untracked));
    let sent = Journey::new(outer(FIRST, SECOND), Hop::Device(device("eth0")));
    let path = walked(&plan(&Family::ALL), &sent);
    assert_eq!((path.fate, path.journey.connection.state), (PathEnd::Left(device("eth0")), State::Untracked));
    let passed = comes(outer(SECOND, "192.168.7.3"), "eth0", Hop::Device(device("eth1")));
    let mut three = plan(&Family::ALL);
    three.tunnel.iter_mut().for_each(|tunnel| tunnel.nodes.extend([a("192.168.7.3")]));
    assert_eq!(walked(&three, &passed).fate, PathEnd::Left(device("eth1")), "a node may lie on the way");
}

/// Catches: a check of the ends of the tunnel alone, which a packet to a bridge, to a second device or to all passes.
#[test]
fn what_a_pod_sends_to_the_port_ends_on_its_node_whichever_address_it_goes_to() {
    let dropped = PathEnd::Dropped(Point::Input);
    for to in [FIRST, "10.0.0.254", "192.0.2.77", "255.255.255.255", "224.0.0.1"] {
        let path = walked(&plan(&Family::ALL), &comes(outer(POD, to), "veth0", Hop::Here));
        assert_eq!(path.fate, dropped, "{to}");
        let path = walked(&plan(&Family::ALL), &comes(outer(SECOND, to), "eth0", Hop::Here));
        assert_eq!(path.fate == PathEnd::Here, to == FIRST, "what a node sends to {to}");
    }
    for families in [&Family::ALL[..], &[Family::Ipv4]] {
        for to in ["fd00:7::1", "ff02::1"] {
            let path = walked(&plan(families), &comes(outer(POD_V6, to), "veth0", Hop::Here));
            assert_eq!(path.fate, dropped, "{to} with ends in {families:?}");
        }
    }
}

/// Catches: taking the source that a masquerade gives a pod's packet for that of the node.
#[test]
fn what_a_pod_sends_to_another_node_does_not_leave_by_way_of_a_service_either() {
    let out = Hop::Device(device("eth0"));
    for packet in [outer(OTHER_POD, SECOND), outer(OTHER_POD, SECOND).sent_to(a("10.96.0.1"))] {
        let path = walked(&plan(&Family::ALL), &comes(packet, "veth0", out));
        assert_eq!(path.fate, PathEnd::Dropped(Point::Postrouting), "{packet:?}");
        assert_eq!(path.journey.packet.source, end(TestNode::First), "translated by then");
    }
    let elsewhere = comes(outer(OTHER_POD, "192.0.2.1"), "veth0", out);
    assert_eq!(walked(&plan(&Family::ALL), &elsewhere).fate, PathEnd::Left(device("eth0")), "no node");
}

#[test]
fn a_pod_that_sends_with_the_address_of_a_node_is_known_by_its_device() {
    let uplink = Some(device("eth0"));
    for (from, to, hop) in [
        (SECOND, FIRST, Hop::Here),
        (FIRST, SECOND, Hop::Device(device("eth0"))),
        (SECOND, "192.168.7.3", Hop::Device(device("eth0"))),
    ] {
        let mut three = plan(&Family::ALL);
        three.tunnel.iter_mut().for_each(|tunnel| tunnel.nodes.extend([a("192.168.7.3")]));
        let forged = Journey { source_device: uplink, ..comes(outer(from, to), "veth0", hop) };
        assert_eq!(walked(&three, &forged).fate, PathEnd::Dropped(Point::Prerouting), "{from} {to}");
    }
}

/// The node that holds the pod's address, and is not the pod's.
fn gateway() -> Ruleset {
    with_masquerade(&ruleset(&nodes(plain(POD, THERE)).on(TestNode::Second)), TestNode::Second)
}

/// Catches: a tunnel through which pods of other nodes get to whatever listens on the node.
#[test]
fn what_comes_out_of_the_tunnel_gets_to_no_address_that_the_node_has_for_itself() {
    let fate = |from: &str, to: &str| {
        let packet = Packet::new(a(from), a(to)).port(Protocol::Udp, 4793);
        follow(&gateway(), &comes(packet, "egressd0", Hop::Here)).fate
    };
    assert_eq!(fate(POD, SECOND), PathEnd::Dropped(Point::Input));
    assert_eq!(fate(POD, "10.0.0.254"), PathEnd::Dropped(Point::Input));
    assert_eq!(fate(POD, THERE), PathEnd::Here, "an address that it holds, as from outside");
    assert_eq!(fate(FIRST, SECOND), PathEnd::Here, "what a node itself sends");
}
