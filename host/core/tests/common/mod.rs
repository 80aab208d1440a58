//! Random plans over a universe so small that Services meet: five pods, four Services, a few networks and ports.

use std::net::IpAddr;

use egressd_core::decision::Rule;
use egressd_core::model::{ServiceKey, Uid};
use egressd_core::net::{PortMatch, Protocol};
use egressd_core::plan::{Plan, PlannedService};
use egressd_core::testkit::{Packet, a, facts, n};
use ipnet::IpNet;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

pub(crate) const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const PODS: [[&str; 5]; 2] = [
    ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"],
    ["fd00:10:244::1", "fd00:10:244::2", "fd00:10:244::3", "fd00:10:244::4", "fd00:10:244::5"],
];
const NETWORKS: [[&str; 4]; 2] = [
    ["192.0.2.0/24", "192.0.2.128/25", "198.51.100.0/24", "0.0.0.0/0"],
    ["2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::/48", "::/0"],
];
const DESTINATIONS: [[&str; 5]; 2] = [
    ["192.0.2.1", "192.0.2.200", "198.51.100.7", "203.0.113.9", "10.0.0.99"],
    ["2001:db8::1", "2001:db8:1::1", "2001:db8:2::1", "2001:db9::1", "fd00:10:244::99"],
];

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    btree_map(select(NAMES.to_vec()), planned_service(), 0..4).prop_map(|services| {
        let keyed = services.into_iter().map(|(name, make)| {
            let uid = Uid::new(format!("uid-{name}")).expect("a uid");
            (ServiceKey::new("default", name), PlannedService { uid, ..make })
        });
        Plan { excluded: facts().excluded, services: keyed.collect() }
    })
}

pub(crate) fn planned_service() -> impl Strategy<Value = PlannedService> {
    (0..2i64, vec(rule(), 1..4)).prop_map(|(created, rules)| PlannedService {
        uid: Uid::new("unnamed").expect("a uid"),
        created,
        rules: rules.into_iter().enumerate().map(|(i, rule)| Rule { id: format!("rule-{i}"), ..rule }).collect(),
        on_change: Default::default(),
        on_unavailable: Default::default(),
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    (0..2usize, 0..4u8).prop_flat_map(|(family, address)| {
        let networks = |most| subsequence(NETWORKS[family].to_vec(), 0..=most).prop_map(parse::<IpNet>);
        let sources = subsequence(PODS[family].to_vec(), 1..=3).prop_map(parse::<IpAddr>);
        let address = a(&[format!("11.0.0.{address}"), format!("fc00:11::{address}")][family]);
        (sources, networks(2), networks(1), ports(1), ports(2)).prop_map(
            move |(sources, include, exclude, source_ports, destination_ports)| Rule {
                id: String::new(),
                sources,
                include,
                exclude,
                source_ports,
                destination_ports,
                address,
            },
        )
    })
}

/// Mostly none and exact ones, so that all three maps are used.
fn ports(most: usize) -> impl Strategy<Value = Vec<PortMatch>> {
    let exact = (protocol(), 80..83u16).prop_map(|(protocol, port)| (protocol, port, port));
    let range = (protocol(), 80..82u16).prop_map(|(protocol, first)| (protocol, first, first + 1));
    let one = prop_oneof![3 => exact, 1 => range];
    let matched = |(protocol, first, last)| PortMatch::new(protocol, first, last).expect("a range");
    prop_oneof![
        2 => Just(vec![]),
        1 => btree_set(one, 0..=most).prop_map(move |set| set.into_iter().map(matched).collect()),
    ]
}

fn protocol() -> impl Strategy<Value = Protocol> {
    select(vec![Protocol::Tcp, Protocol::Udp])
}

fn parse<T: std::str::FromStr>(texts: Vec<&'static str>) -> Vec<T> {
    texts.into_iter().filter_map(|text| text.parse().ok()).collect()
}

/// Every packet of the universe.
pub(crate) fn packets() -> Vec<Packet> {
    let service_address = [a("10.96.0.1"), a("fd00:10:96::1")];
    let mut packets = Vec::new();
    for family in 0..2 {
        for (pod, destination) in PODS[family].iter().flat_map(|pod| DESTINATIONS[family].map(|d| (*pod, d))) {
            let packet = Packet::new(a(pod), a(destination));
            packets.push(packet);
            packets.push(packet.sent_to(service_address[family]));
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                packets.extend((80..83).map(|port| packet.port(protocol, port)));
                packets.extend((80..82).map(|port| packet.port(protocol, 80).from_port(port)));
            }
        }
    }
    packets
}

/// What the promises say of a packet, straight from the plan: P2, then P13.
pub(crate) fn promised(plan: &Plan, packet: &Packet) -> Option<IpAddr> {
    let excluded = plan.excluded.values().flatten();
    let inside = |address| excluded.clone().any(|range| range.contains(address));
    if inside(packet.destination) || inside(packet.original_destination) {
        return None;
    }
    let mut services: Vec<_> = plan.services.iter().collect();
    services.sort_by_key(|(key, service)| (specificity(service, packet.source), service.created, *key));
    let rules = services.into_iter().flat_map(|(_, service)| &service.rules);
    rules.into_iter().find(|rule| says(rule, packet)).map(|rule| rule.address)
}

/// 0 with networks, 1 with ports, 2 plain: of the Service's rules for this pod.
fn specificity(service: &PlannedService, pod: IpAddr) -> u8 {
    let of = |rule: &Rule| match (
        rule.include.len() + rule.exclude.len(),
        rule.source_ports.len() + rule.destination_ports.len(),
    ) {
        (0, 0) => 2,
        (0, _) => 1,
        (_, _) => 0,
    };
    service.rules.iter().filter(|rule| rule.sources.contains(&pod)).map(of).min().unwrap_or(2)
}

fn says(rule: &Rule, packet: &Packet) -> bool {
    let to = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&packet.destination));
    let port = |matches: &[PortMatch], source: usize| {
        let Some((protocol, from, to)) = packet.transport else { return false };
        let port = [from, to][source];
        matches.iter().any(|m| m.protocol() == protocol && m.first() <= port && port <= m.last())
    };
    rule.sources.contains(&packet.source)
        && (rule.include.is_empty() || to(&rule.include))
        && !to(&rule.exclude)
        && (rule.source_ports.is_empty() || port(&rule.source_ports, 0))
        && (rule.destination_ports.is_empty() || port(&rule.destination_ports, 1))
}

#[test]
fn the_universe_parses() {
    let networks: Vec<IpNet> = NETWORKS.concat().iter().map(|text| n(text)).collect();
    assert_eq!(networks.len(), 8);
    assert!(packets().len() > 400);
}
