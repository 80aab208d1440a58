//! Sample rulesets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use egressd_core::{
    compile::Instance,
    diff::{Batch, Change, Verb, diff},
    net::{AddressRange, Family, PortRange, Protocol},
    ruleset::{
        Chain, DataKind, Element, Hook, Key, KeyKind, Map, MapKey, MapKind, Match, Name, Rule, Ruleset, Set, Statement,
        Table, TableNames, Target,
    },
};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn names() -> TableNames {
    Instance::Default.tables()
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `a`, `a/n` or `a-b`.
pub(crate) fn range(text: &str) -> AddressRange {
    match text.split_once('-') {
        Some((first, last)) => AddressRange::new(address(first), address(last)).unwrap(),
        None if text.contains('/') => AddressRange::from(text.parse::<ipnet::IpNet>().unwrap()),
        None => address(text).into(),
    }
}

/// The table of a family with one object of every kind.
pub(crate) fn full_table(family: Family) -> Table {
    let mut table = Table::new(names().of(family).clone());
    table.sets.insert(name("egress_excluded"), Set::Ranges(family, excluded(family)));
    table.sets.insert(name("egress_nothing"), Set::Ranges(family, vec![]));
    table.sets.insert(name("egress_inside"), Set::Addresses(family, (1..10).map(|n| pod(family, n)).collect()));
    table.sets.insert(name("egress_none"), Set::Addresses(family, [].into()));
    table.maps.insert(name("egress_addrs"), addresses(family));
    table.maps.insert(name("egress_ports"), ports(family));
    table.maps.insert(name("egress_chains"), chains(family));
    add_networks(&mut table, family);
    table.chains.insert(name("egress_postrouting"), base_chain(family));
    table.chains.insert(name("service_a"), service_chain(family));
    let jump = Rule::always(Statement::Jump(name("service_a")));
    table.chains.insert(name("merged"), Chain::with(vec![jump.clone(), jump]));
    table
}

pub(crate) fn full_ruleset() -> Ruleset {
    Ruleset { tables: Family::ALL.into_iter().map(|family| (family.into(), full_table(family))).collect() }
}

/// A table for IPv4 with one map of `count` addresses.
pub(crate) fn large_ruleset(count: u32) -> Ruleset {
    let mut map = Map::new(MapKind::addresses(Family::Ipv4));
    map.elements.extend(many(count));
    let mut table = Table::new(names().ipv4);
    table.maps.insert(name("egress_addrs"), map);
    Ruleset { tables: [(Family::Ipv4.into(), table)].into() }
}

pub(crate) fn many(count: u32) -> impl Iterator<Item = (MapKey, Element)> {
    (0..count).map(|n| {
        let pod = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n));
        (MapKey::Address(pod), element(Target::Address(address("192.0.2.1")), &format!("default/service-{n}")))
    })
}

pub(crate) fn element(target: Target, comment: &str) -> Element {
    Element { target, comment: (!comment.is_empty()).then(|| comment.into()) }
}

/// The batch that creates a ruleset from nothing.
pub(crate) fn creation(ruleset: &Ruleset) -> Batch {
    let effects = diff(&Ruleset::default(), ruleset).effects.into_iter();
    Batch { changes: effects.flat_map(|effect| effect.change.changes).collect() }
}

/// A change of the IPv4 table.
pub(crate) fn change(verb: Verb) -> Change {
    Change { family: Family::Ipv4.into(), table: names().ipv4, verb }
}

pub(crate) fn batch(verbs: impl IntoIterator<Item = Verb>) -> Batch {
    Batch { changes: verbs.into_iter().map(change).collect() }
}

fn by_family<T>(family: Family, ipv4: T, ipv6: T) -> T {
    match family {
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
    }
}

fn pod(family: Family, n: u8) -> IpAddr {
    by_family(family, Ipv4Addr::new(10, 0, 0, n).into(), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into()).into())
}

fn vip(family: Family) -> Target {
    Target::Address(by_family(family, address("192.0.2.1"), address("2001:db8::1")))
}

/// An address, networks, a range, and one up to the very last address.
fn excluded(family: Family) -> Vec<AddressRange> {
    let ipv4 = ["10.96.0.0/12", "172.16.0.7", "192.168.0.3-192.168.0.9", "224.0.0.0/3"];
    let ipv6 = ["fd00:10::/48", "fd00:11::7", "fd00:12::3-fd00:12::9", "ff00::/8"];
    by_family(family, ipv4, ipv6).map(range).to_vec()
}

fn addresses(family: Family) -> Map {
    let mut map = Map::new(MapKind::addresses(family));
    map.elements.insert(MapKey::Address(pod(family, 1)), element(vip(family), "shop/web"));
    map.elements.insert(MapKey::Address(pod(family, 2)), element(vip(family), ""));
    map
}

fn ports(family: Family) -> Map {
    let mut map = Map::new(MapKind::ports(family));
    for (protocol, port) in [(Protocol::Tcp, 443), (Protocol::Udp, 53), (Protocol::Sctp, 3868)] {
        map.elements.insert(MapKey::Port(pod(family, 3), protocol, port), element(vip(family), "shop/api"));
    }
    map
}

fn chains(family: Family) -> Map {
    let mut map = Map::new(MapKind::chains(family));
    map.elements.insert(MapKey::Address(pod(family, 4)), element(Target::Jump(name("service_a")), "shop/bank"));
    map.elements.insert(MapKey::Address(pod(family, 5)), element(Target::Jump(name("merged")), &"x".repeat(127)));
    map
}

fn pods_kind(family: Family) -> MapKind {
    MapKind::pods(family)
}

fn in_map(kind: MapKind, map: &str) -> Match {
    Match::In(Key::of(kind), name(map))
}

/// Maps by prefixes of several lengths, with and without ports, and the chain that looks into them.
fn add_networks(table: &mut Table, family: Family) {
    let mut pods = Map::new(pods_kind(family));
    pods.elements.insert(MapKey::Address(pod(family, 6)), element(Target::Nothing, "shop/web"));
    table.maps.insert(name("egress_net_pods"), pods);
    let mut rules = Vec::new();
    for bits in [family.bits(), by_family(family, 17, 47), 8] {
        rules.extend(add_length(table, family, bits));
    }
    table.chains.insert(name("egress_networks"), Chain::with(rules));
}

fn add_length(table: &mut Table, family: Family, bits: u8) -> Vec<Rule> {
    let network =
        ipnet::IpNet::new(by_family(family, address("192.0.2.1"), address("2001:db8::1")), bits).unwrap().network();
    let keys = [
        (KeyKind::PrefixPort(bits), MapKey::PrefixPort(pod(family, 6), network, Protocol::Udp, 53)),
        (KeyKind::Prefix(bits), MapKey::Prefix(pod(family, 6), network)),
    ];
    let mut rules = Vec::new();
    for (number, (key_kind, key)) in keys.into_iter().enumerate() {
        for data in [DataKind::Nothing, DataKind::Address] {
            let kind = MapKind { family, key: key_kind, data };
            let (target, map_name) = match data {
                DataKind::Nothing => (Target::Nothing, format!("egress_deny_{bits}_{number}")),
                DataKind::Address | DataKind::Verdict | DataKind::Mark => {
                    (vip(family), format!("egress_allow_{bits}_{number}"))
                }
            };
            rules.push(match data {
                DataKind::Nothing => Rule::when(in_map(kind, &map_name), Statement::Accept),
                DataKind::Address | DataKind::Verdict | DataKind::Mark => {
                    Rule::always(Statement::SnatBy(Key::of(kind), name(&map_name)))
                }
            });
            let mut map = Map::new(kind);
            map.elements.insert(key, element(target, "shop/net"));
            table.maps.insert(name(&map_name), map);
        }
    }
    rules
}

fn base_chain(family: Family) -> Chain {
    let excluded = name("egress_excluded");
    Chain {
        hook: Some(Hook::source_nat(90)),
        rules: vec![
            Rule::when(Match::destination_in(family, excluded.clone()), Statement::Return),
            Rule::when(Match::original_destination_in(family, excluded), Statement::Return),
            Rule::always(Statement::VerdictBy(Key::of(MapKind::chains(family)), name("egress_chains"))),
            Rule::when(in_map(pods_kind(family), "egress_net_pods"), Statement::Jump(name("egress_networks"))),
            Rule::always(Statement::SnatBy(Key::of(MapKind::ports(family)), name("egress_ports"))),
            Rule::always(Statement::SnatBy(Key::of(MapKind::addresses(family)), name("egress_addrs"))),
        ],
    }
}

fn service_chain(family: Family) -> Chain {
    let ports = |protocol, first, last| PortRange::new(protocol, first, last).unwrap();
    let ipv4 = ["198.51.100.1", "198.51.100.0/25", "198.51.100.3-198.51.100.9", "0.0.0.0/0"];
    let ipv6 = ["2001:db8:1::1", "2001:db8:1::/47", "2001:db8:1::3-2001:db8:1::9", "::/0"];
    let to = by_family(family, address("192.0.2.1"), address("2001:db8::1"));
    let mut rules: Vec<Rule> = by_family(family, ipv4, ipv6)
        .into_iter()
        .map(|text| Rule::when(Match::Destination(range(text)), Statement::Return))
        .collect();
    for matches in [
        vec![Match::SourcePort(ports(Protocol::Udp, 5060, 5060))],
        vec![Match::DestinationPort(ports(Protocol::Tcp, 80, 90))],
        vec![
            Match::Destination(range(by_family(family, "203.0.113.0/24", "2001:db8:2::/64"))),
            Match::SourcePort(ports(Protocol::Sctp, 1024, 65535)),
            Match::DestinationPort(ports(Protocol::Sctp, 3868, 3868)),
        ],
        vec![],
    ] {
        rules.push(Rule::new(matches, [Statement::Counter, Statement::Snat(to)]));
    }
    Chain::with(rules)
}
