//! Every term comes back, alone and beside others.

use egressd_core::{
    net::{AddressRange, PortRange, PortSpan, Protocol},
    ruleset::{
        Bits, DataKind, Direction, Field, Interface, InterfaceDirection, Key, KeyKind, MapKind, Mark, MarkChange,
        MatchOperator, Name, State, Statement, States, Timeout, tcp_flags,
    },
};

use super::{condition::BOTH_PORTS, *};
use crate::kernel::nft::{
    expression::{Comparison, Field as PacketField, Ports},
    rule::{DESTINATION_PORT, destination_address, expressions},
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|error| panic!("{error}"))
}

fn range(first: &str, last: &str) -> AddressRange {
    let parse = |text: &str| text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    AddressRange::new(parse(first), parse(last)).unwrap_or_else(|| panic!("{first} is not after {last}"))
}

fn ports(protocol: Protocol, first: u16, last: u16) -> PortRange {
    PortRange::new(protocol, first, last).unwrap_or_else(|error| panic!("{error}"))
}

fn destinations(family: Family) -> Vec<AddressRange> {
    match family {
        Family::Ipv4 => vec![
            range("192.0.2.1", "192.0.2.1"),
            range("192.0.2.0", "192.0.2.127"),
            range("192.0.2.3", "192.0.3.7"),
            range("0.0.0.0", "255.255.255.255"),
        ],
        Family::Ipv6 => vec![range("2001:db8::1", "2001:db8::1"), range("2001:db8::", "2001:db8::ffff")],
    }
}

fn device(text: &str) -> Interface {
    Interface::new(text).unwrap_or_else(|error| panic!("{error}"))
}

fn states(states: &[State]) -> Match {
    Match::State(States::of(states).unwrap_or_else(|| panic!("no states")))
}

fn timeout(milliseconds: u64) -> Timeout {
    Timeout::exactly(milliseconds).unwrap_or_else(|| panic!("{milliseconds} is no whole step"))
}

/// What looks into sets.
fn lookups(family: Family) -> Vec<Match> {
    let prefix = |key| Key::of(MapKind { family, key, data: DataKind::Nothing });
    let fields = [
        Field::OriginalSource(family),
        Field::ReplySource(family),
        Field::ReplyDestination(family),
        Field::Mark,
        Field::NeighbourTarget,
    ];
    let alone = fields.into_iter().map(|field| Match::In(field.into(), name("set")));
    [
        Match::destination_in(family, name("excluded")),
        Match::original_destination_in(family, name("excluded")),
        Match::NotIn(Field::Source(family).into(), name("nodes")),
        Match::In(prefix(KeyKind::PrefixPort(17)), name("deny")),
        Match::NotIn(prefix(KeyKind::Prefix(family.bits())), name("deny")),
        Match::In(Key(vec![Field::ReplyDestination(family), Field::Source(family)]), name("pairs")),
    ]
    .into_iter()
    .chain(alone)
    .collect()
}

/// What looks at the packet itself.
fn plain_conditions(family: Family) -> Vec<Match> {
    let mut conditions = vec![
        Match::SourcePort(ports(Protocol::Tcp, 5060, 5060)),
        Match::SourcePort(ports(Protocol::Udp, 1024, 65535)),
        Match::DestinationPort(ports(Protocol::Sctp, 80, 90)),
        Match::Protocol(47),
        Match::Interface(InterfaceDirection::In, MatchOperator::Is, device("egressd0")),
        Match::Interface(InterfaceDirection::Out, MatchOperator::IsNot, device("veth-1234567890")),
        Match::Mark(Mark::Packet, Bits::exactly(0x107f)),
        Match::Mark(Mark::Packet, Bits::under(0x107f, 0x1000).negated()),
        Match::Mark(Mark::Connection, Bits::exactly(0).negated()),
        Match::Mark(Mark::Connection, Bits::under(0x1000, 0x1000)),
        states(&[State::Invalid]),
        states(&[State::New, State::Invalid, State::Untracked]),
        Match::Direction(Direction::Original),
        Match::Direction(Direction::Reply),
        Match::SourceTranslated,
        Match::ToThisNode,
        Match::SourceOfOthers,
        Match::SourceNotBehindDevice,
        Match::any_tcp_flag(tcp_flags::SYN),
        Match::TcpFlags(Bits::under(tcp_flags::SYN | tcp_flags::RST, 0)),
        Match::TcpFlags(Bits::exactly(tcp_flags::SYN)),
        Match::Tunnel(69),
    ];
    conditions.extend(destinations(family).into_iter().map(Match::Destination));
    conditions.extend((family == Family::Ipv6).then_some(Match::NeighbourAdvertisement));
    conditions
}

fn conditions(family: Family) -> Vec<Match> {
    lookups(family).into_iter().chain(plain_conditions(family)).collect()
}

/// What translates: not in tables of both families.
fn translations(family: Family) -> Vec<Statement> {
    let to = destinations(family)[0].first();
    let port_range = |first, last| PortSpan::new(first, last).unwrap_or_else(|error| panic!("{error}"));
    vec![
        Statement::Snat(to),
        Statement::SnatToPorts(to, port_range(1024, 1024)),
        Statement::SnatToPorts(to, port_range(1024, 2047)),
        Statement::SnatTo(Field::Source(family)),
        Statement::SnatTo(Field::OriginalSource(family)),
        Statement::SnatBy(Key::of(MapKind::addresses(family)), name("addrs")),
        Statement::SnatBy(Key::of(MapKind::ports(family)), name("ports")),
        Statement::SnatBy(Key::of(MapKind { key: KeyKind::Prefix(1), ..MapKind::addresses(family) }), name("allow")),
    ]
}

fn other_statements(family: Family) -> Vec<Statement> {
    vec![
        Statement::Counter,
        Statement::CountIn(name("dropped")),
        Statement::Return,
        Statement::Accept,
        Statement::Drop,
        Statement::Jump(name("chain")),
        Statement::Goto(name("chain")),
        Statement::VerdictBy(Key::of(MapKind::chains(family)), name("chains")),
        Statement::SetMark(Mark::Packet, MarkChange::to(0x107f)),
        Statement::SetMark(Mark::Packet, MarkChange::only(0xffff_ef80)),
        Statement::SetMark(Mark::Connection, MarkChange::with(0x1000)),
        Statement::SetMark(Mark::Connection, MarkChange { keep: u32::MAX, flip: 5 }),
        Statement::SetMark(Mark::Packet, MarkChange { keep: 0xffff_0000, flip: 0x10101 }),
        Statement::SetMarkFromConnection(0x107f),
        Statement::SetMarkBy(Key::of(MapKind::marks(family)), name("gateways")),
        Statement::Update(name("alive"), Field::Mark.into(), timeout(240)),
        Statement::NoTrack,
        Statement::ClampSegments,
    ]
}

fn statements(family: Family) -> Vec<Statement> {
    translations(family).into_iter().chain(other_statements(family)).collect()
}

fn comes_back(table: TableFamily, rule: &Rule) {
    assert_eq!(decode(table, &expressions(table, rule)).as_ref(), Some(rule), "{table}: {rule}");
}

#[test]
fn every_pair_of_conditions_with_every_statement_comes_back() {
    for family in Family::ALL {
        for first in conditions(family) {
            for second in conditions(family) {
                for statement in statements(family) {
                    let matches = vec![first.clone(), second.clone()];
                    comes_back(family.into(), &Rule::new(matches, [Statement::Counter, statement]));
                }
            }
        }
    }
}

#[test]
fn in_tables_of_several_families_the_tests_of_headers_are_not_to_be_seen() {
    let arp = Match::In(Field::ArpSender.into(), name("held"));
    comes_back(TableFamily::Arp, &Rule::when(arp.clone(), Statement::Drop));
    comes_back(TableFamily::Netdev, &Rule::when(arp, Statement::Drop));
    for table in [TableFamily::Inet, TableFamily::Netdev] {
        for family in Family::ALL {
            for first in conditions(family) {
                for second in conditions(family) {
                    for statement in other_statements(family) {
                        comes_back(table, &Rule::new([first.clone(), second.clone()], [statement]));
                    }
                }
            }
        }
    }
}

#[test]
fn the_forms_that_nft_writes_are_understood() {
    let tcp = [Load(Source::Meta(MetaKey::TransportProtocol), Slot::FIRST), Compare(Equal, vec![6])];
    let prefix = PacketField { length: 2, ..destination_address(Family::Ipv4) };
    let written = [
        &[Load(Source::Packet(prefix), Slot::FIRST), Compare(Equal, vec![10, 96])][..],
        &tcp,
        &[Load(Source::Packet(BOTH_PORTS), Slot::FIRST), Compare(Equal, vec![0, 53, 0, 80])],
        &[
            Load(Source::Packet(DESTINATION_PORT), Slot::FIRST),
            Compare(Comparison::AtLeast, vec![0, 80]),
            Compare(Comparison::AtMost, vec![0, 90]),
        ],
        &[Expression::Return],
    ]
    .concat();
    let matches = vec![
        Match::Destination(range("10.96.0.0", "10.96.255.255")),
        Match::SourcePort(ports(Protocol::Tcp, 53, 53)),
        Match::DestinationPort(ports(Protocol::Tcp, 80, 80)),
        Match::DestinationPort(ports(Protocol::Tcp, 80, 90)),
    ];
    assert_eq!(decode(TableFamily::Ip, &written), Some(Rule::new(matches, [Statement::Return])));
}

#[test]
fn what_is_no_rule_of_ours_is_none() {
    let load = |source| Load(source, Slot::FIRST);
    let tcp = [load(Source::Meta(MetaKey::TransportProtocol)), Compare(Equal, vec![6])];
    let portless = [load(Source::Packet(DESTINATION_PORT)), Compare(Equal, vec![0, 80]), Expression::Return];
    let unfinished = [load(Source::Packet(destination_address(Family::Ipv4)))];
    let constant = Expression::Constant(vec![192, 0, 2, 1], Slot::FIRST);
    let other_family = [constant, Expression::SourceNat(Family::Ipv6, Ports::Any)];
    let other_mark = [load(Source::from(Mark::Packet)), Expression::Store(Mark::Connection)];
    for expressions in [&[][..], &tcp, &portless, &unfinished, &other_family, &other_mark] {
        assert_eq!(decode(TableFamily::Ip, expressions), None, "{expressions:?}");
    }
    let unused = [load(Source::Meta(MetaKey::NetworkProtocol)), Compare(Equal, vec![2]), Expression::Return];
    for table in [TableFamily::Ip, TableFamily::Inet] {
        assert_eq!(decode(table, &unused), None, "{table}");
    }
}
