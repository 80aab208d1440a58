//! The tables of a node that translates for pods of other nodes, and diverts some of its own to another: what base
//! chains, marks and connections are in the vocabulary for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{a, n};
use crate::net::{Family, PortRange, Protocol, merge_ranges};
use crate::ruleset::{
    Bits, Chain, DataKind, Direction, Element, Field, Hook, Interface, InterfaceDirection, Key, KeyKind, Map, MapKey,
    MapKind, Mark, MarkChange, Match, MatchOperator, Name, Point, Rule, Ruleset, Set, State, Statement, States, Table,
    Target, tcp_flags,
};

/// The mark of what came out of the tunnel.
pub const FROM_TUNNEL: u32 = 0x107f;
/// The mark of what goes back to a pod of another node.
pub const HOME: u32 = 0x107e;
/// The mark of what goes to the third node.
pub const PODS_NODE: u32 = 0x1003;

/// The bit of every mark of ours, of packets and of connections.
const OURS: u32 = 0x1000;
/// All bits of our marks.
const ALL: u32 = 0x107f;
/// Where the tunnel's packets go.
const PORT: u16 = 4790;

/// Both tables.
pub fn gateway() -> Ruleset {
    Ruleset { tables: Family::ALL.into_iter().map(|family| (family.into(), table(family))).collect() }
}

fn table(family: Family) -> Table {
    let mut table = Table::new(name(of(family, "kube_vip_v4", "kube_vip_v6")));
    let excluded = of(
        family,
        &["10.244.0.0/16", "10.96.0.0/12", "192.168.7.0/24", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4"][..],
        &["fd00:244::/32", "fd00:96::/112", "fd00:7::/64", "fe80::/10", "ff00::/8"],
    );
    let excluded = merge_ranges(excluded.iter().map(|network| n(network).into()));
    table.sets.insert(name("egress_excluded"), Set::Ranges(family, excluded));
    let sets = [
        ("egress_nodes", (1..=3).map(|node| like(family, "192.168.7.", "fd00:7::", node)).collect::<Vec<_>>()),
        ("egress_held", vec![held(family)]),
        ("egress_homes", vec![pod(family, 1, 11)]),
        ("egress_diverted", vec![pod(family, 2, 15)]),
    ];
    table.sets.extend(sets.map(|(set, all)| (name(set), Set::Addresses(family, all.into_iter().collect()))));
    table.maps.extend(maps(family));
    table.chains.extend(chains(family).map(|(chain, hook, rules)| (name(chain), Chain { hook: Some(hook), rules })));
    table
}

fn maps(family: Family) -> BTreeMap<Name, Map> {
    let held = || Target::Address(held(family));
    let there = || Target::Mark(PODS_NODE);
    let port = MapKey::Port(pod(family, 2, 15), Protocol::Tcp, 443);
    let marks = MapKind::marks(family);
    let all = [
        (
            "egress_addrs",
            MapKind::addresses(family),
            vec![(MapKey::Address(pod(family, 1, 11)), held()), (MapKey::Address(pod(family, 2, 13)), held())],
        ),
        ("egress_ports", MapKind::ports(family), vec![]),
        ("egress_chains", MapKind::chains(family), vec![]),
        ("egress_gateways", marks, vec![(MapKey::Address(pod(family, 2, 15)), there())]),
        ("egress_gateway_ports", MapKind { key: KeyKind::Port, ..marks }, vec![(port, there())]),
        ("egress_gateway_chains", MapKind { data: DataKind::Verdict, ..marks }, vec![]),
    ];
    let map = |(map, kind, elements): (&str, MapKind, Vec<(MapKey, Target)>)| {
        let element = |(key, target)| (key, Element { target, comment: None });
        (name(map), Map { kind, elements: elements.into_iter().map(element).collect() })
    };
    all.into_iter().map(map).collect()
}

fn chains(family: Family) -> [(&'static str, Hook, Vec<Rule>); 6] {
    [
        ("egress_tunnel", Hook::filter(Point::Prerouting, -310), tunnel(family)),
        ("egress_tunnel_out", Hook::filter(Point::Output, -310), tunnel_out(family)),
        ("egress_divert", Hook::filter(Point::Prerouting, -90), divert(family)),
        ("egress_postrouting", Hook::source_nat(90), postrouting(family)),
        ("egress_guard", Hook::filter(Point::Postrouting, 290), guard(family)),
        ("egress_input", Hook::filter(Point::Input, -10), input(family)),
    ]
}

fn tunnel(family: Family) -> Vec<Rule> {
    vec![
        Rule::new(
            [
                outer(),
                is_in(Field::Destination(family), "egress_nodes"),
                is_not_in(Field::Source(family), "egress_nodes"),
            ],
            [Statement::Counter, Statement::Drop],
        ),
        Rule::new([outer(), is_in(Field::Source(family), "egress_nodes")], [Statement::NoTrack]),
    ]
}

fn tunnel_out(family: Family) -> Vec<Rule> {
    vec![Rule::new([outer(), is_in(Field::Destination(family), "egress_nodes")], [Statement::NoTrack])]
}

fn divert(family: Family) -> Vec<Rule> {
    let mark = |mark| [Statement::SetMark(Mark::Packet, MarkChange::to(mark)), Statement::Accept];
    let by = |map: &str, kind| [Statement::SetMarkBy(Key::of(kind), name(map)), Statement::Accept];
    let (original, reply) = (Match::Direction(Direction::Original), Match::Direction(Direction::Reply));
    let marks = MapKind::marks(family);
    vec![
        Rule::new([device(InterfaceDirection::In, MatchOperator::Is)], mark(FROM_TUNNEL)),
        Rule::new([original, is_not_in(Field::Source(family), "egress_diverted")], [Statement::Return]),
        Rule::new(
            [
                reply.clone(),
                is_in(Field::ReplyDestination(family), "egress_held"),
                is_in(Field::Destination(family), "egress_homes"),
            ],
            mark(HOME),
        ),
        Rule::when(reply, Statement::Return),
        Rule::when(is_in(Field::Destination(family), "egress_excluded"), Statement::Return),
        Rule::when(is_in(Field::OriginalDestination(family), "egress_excluded"), Statement::Return),
        Rule::when(Match::SourceTranslated, Statement::Return),
        Rule::when(Match::ToThisNode, Statement::Return),
        Rule::always(Statement::VerdictBy(Field::Source(family).into(), name("egress_gateway_chains"))),
        Rule::new([], by("egress_gateway_ports", MapKind { key: KeyKind::Port, ..marks })),
        Rule::new([], by("egress_gateways", marks)),
    ]
}

fn postrouting(family: Family) -> Vec<Rule> {
    vec![
        Rule::when(device(InterfaceDirection::Out, MatchOperator::Is), Statement::SnatTo(Field::Source(family))),
        Rule::when(is_in(Field::Destination(family), "egress_excluded"), Statement::Return),
        Rule::when(is_in(Field::OriginalDestination(family), "egress_excluded"), Statement::Return),
        Rule::always(Statement::VerdictBy(Key::of(MapKind::chains(family)), name("egress_chains"))),
        Rule::always(Statement::SnatBy(Key::of(MapKind::ports(family)), name("egress_ports"))),
        Rule::always(Statement::SnatBy(Key::of(MapKind::addresses(family)), name("egress_addrs"))),
    ]
}

fn guard(family: Family) -> Vec<Rule> {
    let ours = Bits::under(OURS, OURS);
    let dropped = |matches: Vec<Match>| Rule::new(matches, [Statement::Counter, Statement::Drop]);
    let original = || Match::Direction(Direction::Original);
    let came = device(InterfaceDirection::In, MatchOperator::Is);
    let leaves = device(InterfaceDirection::Out, MatchOperator::Is);
    let stays = device(InterfaceDirection::Out, MatchOperator::IsNot);
    let invalid = Match::State(states(&[State::Invalid]));
    let tunnelled = Bits::under(ALL, FROM_TUNNEL).negated();
    vec![
        Rule::new(
            [outer(), is_in(Field::Source(family), "egress_nodes"), is_in(Field::Destination(family), "egress_nodes")],
            [Statement::Return],
        ),
        dropped(vec![Match::Mark(Mark::Packet, ours), Match::Mark(Mark::Packet, tunnelled), stays.clone()]),
        dropped(vec![Match::Mark(Mark::Connection, ours), original(), stays]),
        Rule::new([leaves.clone(), original()], [Statement::SetMark(Mark::Connection, MarkChange::with(OURS))]),
        dropped(vec![came.clone(), invalid]),
        dropped(vec![came.clone(), original(), is_not_in(Field::ReplyDestination(family), "egress_held")]),
        dropped(vec![came, original(), is_in(Field::Destination(family), "egress_excluded")]),
        Rule::new([leaves, Match::any_tcp_flag(tcp_flags::SYN)], [Statement::ClampSegments]),
        Rule::when(Match::Mark(Mark::Packet, ours), Statement::SetMark(Mark::Packet, MarkChange::only(!ALL))),
    ]
}

fn input(family: Family) -> Vec<Rule> {
    let unasked = Bits::under(tcp_flags::SYN | tcp_flags::RST, 0);
    let matches = [
        is_in(Field::Destination(family), "egress_held"),
        Match::TcpFlags(unasked),
        Match::State(states(&[State::New, State::Invalid])),
    ];
    vec![Rule::new(matches, [Statement::Counter, Statement::Drop])]
}

fn outer() -> Match {
    Match::DestinationPort(PortRange::new(Protocol::Udp, PORT, PORT).expect("a port"))
}

fn device(way: InterfaceDirection, sense: MatchOperator) -> Match {
    Match::Interface(way, sense, Interface::new("egressd0").expect("a device"))
}

fn states(all: &[State]) -> States {
    States::of(all).expect("a state")
}

fn is_in(field: Field, set: &str) -> Match {
    Match::In(field.into(), name(set))
}

fn is_not_in(field: Field, set: &str) -> Match {
    Match::NotIn(field.into(), name(set))
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn held(family: Family) -> IpAddr {
    of(family, a("203.0.113.10"), a("2001:db8:113::10"))
}

fn pod(family: Family, node: u8, number: u8) -> IpAddr {
    of(family, a(&format!("10.244.{node}.{number}")), a(&format!("fd00:244:{node}::{number}")))
}

fn like(family: Family, ipv4: &str, ipv6: &str, number: u8) -> IpAddr {
    a(&format!("{}{number}", of(family, ipv4, ipv6)))
}

fn of<T>(family: Family, ipv4: T, ipv6: T) -> T {
    match family {
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
    }
}
