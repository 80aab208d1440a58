//! From hook to hook: what becomes of packets on a gateway and behind a fence, and which rule says so.
#![expect(clippy::expect_used, reason = "tests")]

use std::net::IpAddr;

use egressd_core::net::{Family, Protocol};
use egressd_core::ruleset::{
    Bits, Direction, Interface, MapKey, Name, Point, Ruleset, SetKey, State, TableFamily, tcp_flags,
};
use egressd_core::testkit::{
    ALIVE, ChainEnd, Connection, Effect, FROM_TUNNEL, Frame, HOME, Hop, Journey, PODS_NODE, Packet, Path, PathEnd,
    Route, Seen, SourcePort, a, apply, fence, follow, gateway,
};

const OUTSIDE: &str = "198.51.100.7";
const HELD: &str = "203.0.113.10";
const DIVERTED: &str = "10.244.2.15";

fn device(text: &str) -> Interface {
    Interface::new(text).expect("a device")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// A packet of a pod to the outside, on a node that routes our marks into the tunnel.
fn from_pod(pod: &str, port: u16) -> Journey {
    let packet = Packet::new(a(pod), a(OUTSIDE)).port(Protocol::Tcp, port);
    let into_tunnel = |mark| Route { mark: Bits::under(0x107f, mark), hop: Hop::Device(device("egressd0")) };
    Journey {
        routes: [PODS_NODE, HOME].map(into_tunnel).to_vec(),
        tcp_flags: tcp_flags::SYN,
        ..Journey::new(packet, Hop::Device(device("eth0"))).by(device("veth0"))
    }
}

/// The last rule that did something in the last chain.
fn last_rule(path: &Path) -> (String, usize) {
    let hit = path.visits.last().and_then(|visit| visit.hits.last()).expect("a rule that did something");
    (hit.chain.to_string(), hit.rule)
}

fn chains(path: &Path) -> Vec<&str> {
    path.visits.iter().map(|visit| visit.chain.as_str()).collect()
}

#[test]
fn a_diverted_pod_goes_into_the_tunnel_with_its_own_address() {
    for (port, map) in [(443, "egress_gateway_ports"), (80, "egress_gateways")] {
        let path = follow(&gateway(), &from_pod(DIVERTED, port));
        assert_eq!(path.fate, PathEnd::Left(device("egressd0")));
        assert_eq!(path.seen, Seen::As(a(DIVERTED)), "no later chain translates it");
        assert_eq!(chains(&path), ["egress_tunnel", "egress_divert", "egress_postrouting", "egress_guard"]);
        let element = path.visits[1].hits.last().and_then(|hit| hit.element.clone()).expect("an element");
        assert_eq!((element.0, element.1.address()), (name(map), a(DIVERTED)));
        assert_eq!((path.journey.mark, path.journey.connection.mark), (0, 0x1000), "the mark stays in the node");
        assert_eq!(path.visits[3].effects, [Effect::Clamped]);
    }
}

#[test]
fn a_pod_of_the_node_is_translated_here() {
    let path = follow(&gateway(), &from_pod("10.244.2.13", 443));
    assert_eq!((path.fate, path.seen), (PathEnd::Left(device("eth0")), Seen::As(a(HELD))));
    assert_eq!(path.visits[1].hits.len(), 1, "one rule is the early exit");
    let element = path.visits[2].hits.last().and_then(|hit| hit.element.clone());
    assert_eq!(element, Some((name("egress_addrs"), MapKey::Address(a("10.244.2.13")))));
}

#[test]
fn what_comes_out_of_the_tunnel_leaves_translated_or_not_at_all() {
    let tunnelled = |pod| Journey { came_by: Some(device("egressd0")), ..from_pod(pod, 443) };
    let path = follow(&gateway(), &tunnelled("10.244.1.11"));
    assert_eq!((path.fate, path.seen), (PathEnd::Left(device("eth0")), Seen::As(a(HELD))));
    assert_eq!(path.visits[1].end, ChainEnd::Accepted);
    let path = follow(&gateway(), &tunnelled("10.244.1.99"));
    assert_eq!(path.fate, PathEnd::Dropped(Point::Postrouting));
    assert_eq!(last_rule(&path), ("egress_guard".to_owned(), 5));
    assert_eq!(path.journey.mark, FROM_TUNNEL);
}

#[test]
fn a_diverted_packet_without_a_route_into_the_tunnel_is_dropped() {
    let path = follow(&gateway(), &Journey { routes: Vec::new(), ..from_pod(DIVERTED, 443) });
    assert_eq!(path.fate, PathEnd::Dropped(Point::Postrouting));
    assert_eq!(last_rule(&path), ("egress_guard".to_owned(), 1));
    let unreachable = Route { mark: Bits::under(0x1000, 0x1000), hop: Hop::Unreachable };
    let path = follow(&gateway(), &Journey { routes: vec![unreachable], ..from_pod(DIVERTED, 443) });
    assert_eq!((path.fate, chains(&path).len()), (PathEnd::Unreachable, 2));
}

#[test]
fn an_answer_goes_back_to_the_pod_of_another_node() {
    let (pod, outside) = (a("10.244.1.11"), a(OUTSIDE));
    let connection = Connection {
        state: State::Established,
        direction: Direction::Reply,
        mark: 0,
        original: (pod, outside),
        reply: (outside, a(HELD)),
        source_port: SourcePort::Own,
    };
    let packet = Packet::new(outside, pod).port(Protocol::Tcp, 40_000);
    let answer = Journey { packet, connection, came_by: Some(device("eth0")), ..from_pod(DIVERTED, 443) };
    let path = follow(&gateway(), &answer);
    assert_eq!((path.fate, path.seen), (PathEnd::Left(device("egressd0")), Seen::Untranslated));
    assert_eq!(last_rule(&path), ("egress_guard".to_owned(), 8), "its mark is cleared");
    assert_eq!(path.journey.mark, 0);
}

#[test]
fn only_nodes_send_into_the_tunnel_and_no_connection_is_kept_of_it() {
    let outer = |from: &str| {
        let packet = Packet::new(a(from), a("192.168.7.2")).port(Protocol::Udp, 4790);
        Journey::new(packet, Hop::Here).by(device("eth0"))
    };
    let path = follow(&gateway(), &outer("192.168.7.1"));
    assert_eq!((path.fate, path.journey.connection.state), (PathEnd::Here, State::Untracked));
    let path = follow(&gateway(), &outer("10.244.2.13"));
    assert_eq!(path.fate, PathEnd::Dropped(Point::Prerouting));
    assert_eq!(last_rule(&path), ("egress_tunnel".to_owned(), 0));
}

#[test]
fn an_answer_that_overtakes_a_move_is_not_refused() {
    let packet = Packet::new(a(OUTSIDE), a(HELD)).port(Protocol::Tcp, 40_000);
    let answer = Journey { tcp_flags: tcp_flags::ACK, ..Journey::new(packet, Hop::Here).by(device("eth0")) };
    assert_eq!(follow(&gateway(), &answer).fate, PathEnd::Dropped(Point::Input));
    assert_eq!(follow(&gateway(), &Journey { tcp_flags: tcp_flags::SYN, ..answer }).fate, PathEnd::Here);
}

/// What a node sends by `eth0` behind its fence.
fn sent(packet: Packet, frame: Frame) -> Journey {
    Journey { frame, ..Journey::new(packet, Hop::Device(device("eth0"))) }
}

/// The same address in every form in which it may leave.
fn forms(number: u8) -> Vec<Journey> {
    let (ipv4, ipv6) = (a(&format!("192.0.2.{number}")), a(&format!("2001:db8::{number}")));
    let none: IpAddr = a("0.0.0.0");
    let advertisement = Packet::new(a("fe80::1"), a("ff02::1"));
    vec![
        sent(Packet::new(ipv4, a(OUTSIDE)), Frame::Ip),
        sent(Packet::new(ipv6, a("2001:db8:1::1")), Frame::Ip),
        sent(Packet::new(none, none), Frame::Arp(ipv4)),
        sent(advertisement, Frame::NeighbourAdvertisement(ipv6)),
    ]
}

#[test]
fn an_address_leaves_in_any_form_only_while_the_node_holds_it_and_lives() {
    for journey in forms(50) {
        let path = follow(&fence(), &journey);
        assert_eq!(path.fate, PathEnd::Dropped(Point::Egress), "{journey:?}");
        assert_eq!(path.visits[0].effects, [Effect::Counted(name("fenced"))]);
        let alive = Journey { passing: [(name("alive"), SetKey::Mark(ALIVE))].into(), ..journey };
        assert_eq!(follow(&fence(), &alive).fate, PathEnd::Left(device("eth0")), "{alive:?}");
    }
    for journey in forms(51) {
        let alive = Journey { passing: [(name("alive"), SetKey::Mark(ALIVE))].into(), ..journey };
        assert_eq!(follow(&fence(), &alive).fate, PathEnd::Dropped(Point::Egress), "managed, and not held: {alive:?}");
    }
    for journey in forms(52) {
        assert_eq!(follow(&fence(), &journey).fate, PathEnd::Left(device("eth0")), "not managed: {journey:?}");
    }
}

#[test]
fn a_packet_renews_what_is_pending_or_alive_and_revives_nothing() {
    let packet = Packet::new(a("127.0.0.1"), a("127.0.0.1")).port(Protocol::Udp, 9);
    let renewing = Journey { mark: ALIVE, ..Journey::new(packet, Hop::Device(device("lo"))) };
    let updates = |journey: &Journey| {
        let path = follow(&fence(), journey);
        assert_eq!(path.fate, PathEnd::Dropped(Point::Egress));
        path.visits[0].effects.clone()
    };
    assert_eq!(updates(&renewing), []);
    for set in ["pending", "alive"] {
        let passing = [(name(set), SetKey::Mark(ALIVE))].into();
        let journey = Journey { passing, ..renewing.clone() };
        assert_eq!(updates(&journey), [Effect::Updated(name("alive"), SetKey::Mark(ALIVE))]);
    }
}

#[test]
fn the_fake_kernel_takes_both_and_gives_them_back() {
    for ruleset in [gateway(), fence()] {
        let none = Ruleset::default();
        let changes = egressd_core::diff::diff(&none, &ruleset);
        assert_eq!(apply(&none, &changes).expect("a change the kernel takes"), ruleset);
        let back = egressd_core::diff::diff(&ruleset, &none);
        assert_eq!(apply(&ruleset, &back).expect("a change the kernel takes"), none);
    }
}

#[test]
fn the_fake_kernel_refuses_what_the_real_one_refuses() {
    use egressd_core::diff::{Batch, Change, Verb};
    use egressd_core::ruleset::{Hook, Key, MapKind, Rule, SetKeyKind, Statement};
    use egressd_core::testkit::FakeKernel;
    let table = || name("kube_vip_v4");
    let refused = |verb| {
        let mut kernel = FakeKernel { ruleset: gateway(), generation: 0 };
        let changes = vec![Change { family: TableFamily::Ip, table: table(), verb }];
        kernel.commit(&Batch { changes }).expect_err("a refusal").why
    };
    let (chain, missing) = (|| name("egress_guard"), || name("nowhere"));
    let rule = |statement| Verb::AddRules(chain(), vec![Rule::always(statement)]);
    let by = Key::of(MapKind::addresses(Family::Ipv4));
    assert_eq!(refused(rule(Statement::CountIn(missing()))), "No such file or directory");
    assert_eq!(refused(rule(Statement::Goto(missing()))), "No such file or directory");
    assert_eq!(refused(rule(Statement::SetMarkBy(by, name("egress_addrs")))), "Invalid argument");
    assert_eq!(refused(rule(Statement::Snat(a(HELD)))), "Operation not supported");
    let ingress = Hook::filter(Point::Ingress, 0).of_device(device("eth0"));
    assert_eq!(refused(Verb::AddChain(missing(), Some(ingress))), "Operation not supported");
    let mark = vec![SetKey::Mark(1)];
    assert_eq!(refused(Verb::AddKeys(name("egress_held"), SetKeyKind::Mark, mark)), "Invalid argument");
    assert_eq!(refused(Verb::DeleteCounter(missing())), "No such file or directory");
}
