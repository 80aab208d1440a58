//! Every term of the vocabulary, in tables of every family that has it.

use egressd_core::{
    net::{Family, PortRange, PortSpan, Protocol},
    ruleset::{
        Bits, Chain, Direction, Field, Hook, Interface, InterfaceDirection, Key, KeyKind, Map, MapKey, MapKind, Mark,
        MarkChange, Match, MatchOperator, Point, Policy, Rule, Ruleset, Set, SetKey, SetKeyKind, State, Statement,
        States, Table, TableFamily, Tag, Target, Timeout, tcp_flags,
    },
};

use crate::sample::{address, element, name, range};

/// A table of a family with a chain for each term, and a base chain at each of its hooks.
pub(crate) fn table(family: TableFamily) -> Table {
    let mut table = Table::new(name("terms"));
    table.counters.insert(name("dropped"));
    for addresses in Family::ALL.into_iter().filter(|known| family.addresses().is_none_or(|own| own == *known)) {
        add_sets(&mut table, addresses);
    }
    table.sets.insert(name("marks"), keys(SetKeyKind::Mark, [SetKey::Mark(5), SetKey::Mark(0x1_0000)]));
    table.sets.insert(name("passing"), Set::Timed(SetKeyKind::Mark));
    let target = SetKey::Address(address("2001:db8::50"));
    table.sets.insert(name("targets"), keys(SetKeyKind::NeighbourTarget, [target]));
    table.chains.insert(name("other"), Chain::default());
    for (number, rule) in rules(family).into_iter().enumerate() {
        table.chains.insert(name(&format!("term_{number}")), Chain::with(vec![rule]));
    }
    for (number, hook) in hooks(family).into_iter().enumerate() {
        table.chains.insert(name(&format!("base_{number}")), Chain { hook: Some(hook), rules: vec![] });
    }
    table
}

/// A ruleset with only this table.
pub(crate) fn ruleset(family: TableFamily) -> Ruleset {
    Ruleset { tables: [(family, table(family))].into() }
}

fn keys<const N: usize>(kind: SetKeyKind, keys: [SetKey; N]) -> Set {
    Set::Keys(kind, keys.into())
}

fn two(family: Family) -> [std::net::IpAddr; 2] {
    match family {
        Family::Ipv4 => ["192.0.2.1", "192.0.2.2"].map(address),
        Family::Ipv6 => ["2001:db8::1", "2001:db8::2"].map(address),
    }
}

/// The name of a set of a family.
fn family_name(family: Family, text: &str) -> egressd_core::ruleset::Name {
    name(&format!("{text}{}", family.bits()))
}

fn add_sets(table: &mut Table, family: Family) {
    let [one, other] = two(family);
    table.sets.insert(family_name(family, "addresses"), Set::Addresses(family, [one, other].into()));
    table.sets.insert(family_name(family, "ranges"), Set::Ranges(family, vec![one.into()]));
    table.sets.insert(family_name(family, "pairs"), keys(SetKeyKind::Pair(family), [SetKey::Pair(one, other)]));
    table.sets.insert(family_name(family, "seen"), Set::Timed(SetKeyKind::Address(family)));
    table.sets.insert(family_name(family, "talks"), Set::Timed(SetKeyKind::Pair(family)));
    let marks = [
        (MapKind::marks(family), MapKey::Address(one)),
        (MapKind { key: KeyKind::Port, ..MapKind::marks(family) }, MapKey::Port(one, Protocol::Tcp, 443)),
    ];
    for (number, (kind, key)) in marks.into_iter().enumerate() {
        let elements = [(key, element(Target::Mark(0x1002), "shop/web"))].into();
        table.maps.insert(family_name(family, &format!("marks_{number}_")), Map { kind, elements });
    }
    table.maps.insert(family_name(family, "chains"), Map::new(MapKind::chains(family)));
    let kind = MapKind::addresses(family);
    table.maps.insert(family_name(family, "sources"), Map::new(kind));
}

fn rules(family: TableFamily) -> Vec<Rule> {
    let conditions = conditions(family).into_iter().map(|condition| Rule::when(condition, Statement::Drop));
    let statements = statements(family).into_iter().map(|statement| Rule::new([], [Statement::Counter, statement]));
    let tag = Tag::new("0f1e-uid", "web/443").unwrap();
    let tagged = Rule::when(Match::In(Field::Mark.into(), name("marks")), Statement::Accept).tagged(tag);
    conditions.chain(statements).chain([tagged]).collect()
}

fn conditions(family: TableFamily) -> Vec<Match> {
    let mut conditions = vec![
        Match::In(Field::Mark.into(), name("marks")),
        Match::NotIn(Field::Mark.into(), name("marks")),
        Match::In(Field::Mark.into(), name("passing")),
        Match::Mark(Mark::Packet, Bits::exactly(0x107f)),
        Match::Mark(Mark::Packet, Bits::under(0x107f, 0x1000).negated()),
        Match::Interface(InterfaceDirection::Out, MatchOperator::IsNot, interface("egressd0")),
    ];
    match family {
        TableFamily::Arp => conditions.push(Match::In(Field::ArpSender.into(), family_name(Family::Ipv4, "addresses"))),
        TableFamily::Netdev => {
            conditions.push(Match::In(Field::ArpSender.into(), family_name(Family::Ipv4, "addresses")));
            conditions.extend(of_packets(family));
        }
        TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet => {
            conditions.extend(of_packets(family));
            conditions.extend(of_connections(family));
        }
    }
    conditions
}

fn families(table: TableFamily) -> impl Iterator<Item = Family> {
    Family::ALL.into_iter().filter(move |family| table.addresses().is_none_or(|own| own == *family))
}

fn of_packets(table: TableFamily) -> Vec<Match> {
    let port = |protocol, first, last| PortRange::new(protocol, first, last).unwrap();
    let mut conditions = vec![
        Match::Protocol(47),
        Match::SourcePort(port(Protocol::Udp, 5060, 5060)),
        Match::DestinationPort(port(Protocol::Sctp, 80, 90)),
        Match::any_tcp_flag(tcp_flags::SYN),
        Match::TcpFlags(Bits::under(tcp_flags::SYN | tcp_flags::RST, 0)),
        Match::TcpFlags(Bits::under(tcp_flags::SYN | tcp_flags::ACK, tcp_flags::SYN).negated()),
        Match::TcpFlags(Bits::exactly(tcp_flags::FIN)),
        Match::Interface(InterfaceDirection::In, MatchOperator::Is, interface("veth-1234567890")),
    ];
    for family in families(table) {
        let whole = if family == Family::Ipv4 { "198.51.100.0/24" } else { "2001:db8:1::/48" };
        conditions.push(Match::Destination(range(whole)));
        conditions.push(Match::NotIn(Field::Source(family).into(), family_name(family, "addresses")));
        conditions.push(Match::In(Field::Destination(family).into(), family_name(family, "ranges")));
        let pair = Key(vec![Field::Destination(family), Field::Source(family)]);
        conditions.push(Match::In(pair, family_name(family, "pairs")));
    }
    if table != TableFamily::Ip {
        conditions.push(Match::NeighbourAdvertisement);
        conditions.push(Match::In(Field::NeighbourTarget.into(), name("targets")));
    }
    conditions
}

fn of_connections(table: TableFamily) -> Vec<Match> {
    let states = |all: &[State]| Match::State(States::of(all).unwrap());
    let mut conditions = vec![
        Match::Mark(Mark::Connection, Bits::exactly(5)),
        Match::Mark(Mark::Connection, Bits::under(0x1000, 0x1000)),
        states(&[State::Invalid]),
        states(&[State::New, State::Invalid]),
        states(&[State::Established, State::Related, State::Untracked]),
        Match::Direction(Direction::Original),
        Match::Direction(Direction::Reply),
        Match::SourceTranslated,
        Match::ToThisNode,
        Match::SourceOfOthers,
        Match::SourceNotBehindDevice,
    ];
    for family in families(table) {
        let fields = [Field::OriginalSource, Field::OriginalDestination, Field::ReplySource, Field::ReplyDestination];
        conditions.extend(fields.map(|field| Match::In(field(family).into(), family_name(family, "addresses"))));
    }
    conditions
}

fn statements(family: TableFamily) -> Vec<Statement> {
    let timeout = Timeout::exactly(240).unwrap();
    let mut statements = vec![
        Statement::CountIn(name("dropped")),
        Statement::Return,
        Statement::Accept,
        Statement::Drop,
        Statement::Jump(name("other")),
        Statement::Goto(name("other")),
        Statement::SetMark(Mark::Packet, MarkChange::to(0x107f)),
        Statement::SetMark(Mark::Packet, MarkChange::only(0xffff_ef80)),
        Statement::SetMark(Mark::Packet, MarkChange { keep: 0xffff_0000, flip: 0x1_0101 }),
        Statement::Update(name("passing"), Field::Mark.into(), timeout),
    ];
    if family == TableFamily::Arp {
        return statements;
    }
    for addresses in families(family) {
        statements.push(Statement::VerdictBy(Field::Source(addresses).into(), family_name(addresses, "chains")));
        let by = [MapKind::marks(addresses), MapKind { key: KeyKind::Port, ..MapKind::marks(addresses) }];
        let by = by.into_iter().enumerate();
        statements.extend(by.map(|(number, kind)| {
            Statement::SetMarkBy(Key::of(kind), family_name(addresses, &format!("marks_{number}_")))
        }));
        statements.push(Statement::Update(family_name(addresses, "seen"), Field::Source(addresses).into(), timeout));
        let talk = Key(vec![Field::Source(addresses), Field::Destination(addresses)]);
        statements.push(Statement::Update(family_name(addresses, "talks"), talk, timeout));
    }
    if family != TableFamily::Netdev {
        statements.extend([
            Statement::SetMark(Mark::Connection, MarkChange::with(0x1000)),
            Statement::SetMark(Mark::Connection, MarkChange::to(0)),
            Statement::SetMarkFromConnection(0x107f),
            Statement::NoTrack,
            Statement::ClampSegments,
        ]);
    }
    statements
}

/// What translates, for a chain of a table of one family.
pub(crate) fn translations(family: Family) -> Vec<Rule> {
    let [to, _] = two(family);
    let tcp = |statement| Rule::when(Match::Protocol(6), statement);
    vec![
        Rule::always(Statement::Snat(to)),
        tcp(Statement::SnatToPorts(to, PortSpan::new(1024, 2047).unwrap())),
        tcp(Statement::SnatToPorts(to, PortSpan::new(1024, 1024).unwrap())),
        Rule::always(Statement::SnatTo(Field::Source(family))),
        Rule::always(Statement::SnatBy(Key::of(MapKind::addresses(family)), family_name(family, "sources"))),
    ]
}

fn interface(text: &str) -> Interface {
    Interface::new(text).unwrap()
}

fn hooks(family: TableFamily) -> Vec<Hook> {
    let points = Point::ALL.into_iter().filter(|point| point.is_of(family));
    let at = |point| match point {
        Point::Ingress | Point::Egress => Hook::filter(point, -150).of_device(interface("lo")),
        Point::Prerouting | Point::Input | Point::Forward | Point::Output | Point::Postrouting => {
            Hook::filter(point, -150)
        }
    };
    let mut hooks: Vec<Hook> = points.map(at).collect();
    let dropping = hooks.iter().map(|hook| Hook { policy: Policy::Drop, priority: 7, ..hook.clone() });
    let dropping: Vec<Hook> = dropping.collect();
    hooks.extend(dropping);
    if let TableFamily::Netdev = family {
        hooks.push(Hook::filter(Point::Egress, 0).of_device(interface("lo")).of_device(interface("eth0")));
    }
    hooks
}
