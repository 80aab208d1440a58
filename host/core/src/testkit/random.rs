//! Random plans over a universe so small that Services meet, every packet of that universe, and what the promises
//! say of each, straight from the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::build::{a, facts, n};
use crate::trace::Packet;
use egressd_vocabulary::RuleParts;

use crate::decision::Rule;
use crate::model::{SubjectKey, Uid};
use crate::net::{AddressRange, Family, PortRange, Protocol, is_private, is_within, merge_ranges};
use crate::plan::{Plan, SubjectPlan};

/// The Services of a universe, in two namespaces.
const NAMES: [&str; 4] = ["a", "b", "other/c", "other/d"];

/// All that plans and packets are made of. Cluster networks are those of [`facts`].
#[derive(Clone, Debug)]
pub struct Universe {
    /// IPv4 and IPv6.
    pub worlds: [AddressPlan; 2],
    /// That packets come from, in order; a range in a rule is one of them up to the next.
    pub source_ports: Vec<u16>,
    /// That packets go to, likewise.
    pub destination_ports: Vec<u16>,
}

/// What a universe has of one family.
#[derive(Clone, Debug)]
pub struct AddressPlan {
    /// Endpoints of Services; at least three.
    pub pods: Vec<IpAddr>,
    /// For rules to include and exclude; at least two.
    pub networks: Vec<IpNet>,
    pub destinations: Vec<IpAddr>,
    pub addresses: Vec<IpAddr>,
    /// A ClusterIP that leads to any of the destinations.
    pub cluster_address: IpAddr,
}

impl Universe {
    /// Addresses from documentation, for tests without a network.
    pub fn on_paper() -> Self {
        let ipv4 = AddressPlan {
            pods: (1..6).map(|i| a(&format!("10.0.0.{i}"))).collect(),
            networks: ["192.0.2.0/24", "192.0.2.128/25", "198.51.100.0/24", "0.0.0.0/0"].map(n).to_vec(),
            destinations: ["192.0.2.1", "192.0.2.200", "198.51.100.7", "203.0.113.9", "10.0.0.99", "192.168.7.7"]
                .map(a)
                .to_vec(),
            addresses: (0..4).map(|i| a(&format!("11.0.0.{i}"))).collect(),
            cluster_address: a("10.96.0.1"),
        };
        let ipv6 = AddressPlan {
            pods: (1..6).map(|i| a(&format!("fd00:10:244::{i}"))).collect(),
            networks: ["2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::/47", "::/0"].map(n).to_vec(),
            destinations: [
                "2001:db8::1",
                "2001:db8:1::1",
                "2001:db8:2::1",
                "2001:db9::1",
                "fd00:10:244::99",
                "fd07::7",
            ]
            .map(a)
            .to_vec(),
            addresses: (0..4).map(|i| a(&format!("fc00:11::{i}"))).collect(),
            cluster_address: a("fd00:10:96::1"),
        };
        Self { worlds: [ipv4, ipv6], source_ports: vec![80, 81], destination_ports: vec![80, 81, 82] }
    }

    /// Plans of up to three Services.
    pub fn plans(&self) -> impl Strategy<Value = Plan> + use<> {
        let services = btree_map(select(NAMES.to_vec()), self.services(), 0..4);
        (services, self.insides()).prop_map(|(services, inside)| {
            let keyed = services.into_iter().map(|(name, service)| named(name, service));
            with_guarded_families(Plan { subjects: keyed.collect(), ..inside })
        })
    }

    /// What is inside, without a Service: more or less than in [`facts`], single destinations, and pods that are in no
    /// known network. Half of them have neither.
    pub fn insides(&self) -> impl Strategy<Value = Plan> + use<> {
        let all =
            |of: fn(&AddressPlan) -> &Vec<IpAddr>| self.worlds.iter().flat_map(|world| of(world).clone()).collect();
        let (destinations, pods): (Vec<IpAddr>, Vec<IpAddr>) =
            (all(|world| &world.destinations), all(|world| &world.pods));
        let more = subsequence(destinations.clone(), 0..=2);
        let some = (more, subsequence(destinations, 0..=3), subsequence(pods.clone(), 0..=4));
        let none = Just((vec![], vec![], vec![]));
        let known = prop_oneof![2 => Just(None), 1 => subsequence(pods.clone(), 0..=pods.len()).prop_map(Some)];
        (prop_oneof![none, some], known).prop_map(|((more, exact, elsewhere), known)| {
            let mut plan = Plan { excluded: facts().excluded, ..Plan::default() };
            for (family, ranges) in &mut plan.excluded {
                let more = more.iter().filter(|address| Family::of(**address) == *family);
                *ranges = merge_ranges(ranges.iter().copied().chain(more.map(|address| AddressRange::from(*address))));
            }
            let is_known = |address: &IpAddr| plan.excluded.values().any(|ranges| is_within(ranges, *address));
            plan.exact = exact.into_iter().filter(|address| !is_known(address)).collect();
            if let Some(known) = known {
                (plan.known, plan.own_networks) = (known.into_iter().collect(), own_networks());
            }
            Plan { elsewhere: elsewhere.into_iter().collect(), ..plan }
        })
    }

    /// For each plan the same with one Service added, removed or changed, and which.
    pub fn edits(&self, plan: Plan) -> impl Strategy<Value = (Plan, SubjectKey)> + use<> {
        (select(NAMES.to_vec()), proptest::option::of(self.services())).prop_map(move |(name, edit)| {
            let mut edited = plan.clone();
            edited.subjects.remove(&key(name));
            edited.subjects.extend(edit.map(|service| named(name, service)));
            (with_guarded_families(edited), key(name))
        })
    }

    /// Services of one to three rules, without a name. Half of them have no networks and no source ports, so that
    /// elements of several Services meet as often as chains do.
    fn services(&self) -> impl Strategy<Value = SubjectPlan> + use<> {
        let pods = self.worlds.iter().flat_map(|world| world.pods.clone()).collect::<Vec<_>>();
        let foreign = subsequence(pods.clone(), 0..=4);
        let guarded = prop_oneof![2 => Just(vec![]), 1 => subsequence(pods, 0..=5)];
        let simple = self.rules().prop_map(|rule| {
            RuleParts { include: vec![], exclude: vec![], source_ports: vec![], ..rule.into() }.rule()
        });
        let rules = prop_oneof![vec(self.rules(), 1..4), vec(simple, 1..3)];
        (0..3i64, foreign, guarded, rules).prop_map(|(created, foreign, guarded, rules)| SubjectPlan {
            uid: uid("unnamed"),
            created,
            rules: rules
                .into_iter()
                .enumerate()
                .map(|(i, rule)| RuleParts { id: format!("rule-{i}"), ..rule.into() }.rule())
                .collect(),
            foreign: foreign.into_iter().collect(),
            guarded: guarded.into_iter().collect(),
            on_change: Default::default(),
        })
    }

    fn rules(&self) -> impl Strategy<Value = Rule> + use<> {
        let source_ports = ports(&self.source_ports, 1).boxed();
        let destination_ports = ports(&self.destination_ports, 2).boxed();
        select(self.worlds.to_vec()).prop_flat_map(move |world| {
            let AddressPlan { pods, networks, addresses, .. } = world;
            let networks = |most| subsequence(networks.clone(), 0..=most);
            let parts = (subsequence(pods, 1..=3), networks(2), networks(1), select(addresses));
            (parts, source_ports.clone(), destination_ports.clone()).prop_map(
                |((sources, include, exclude, address), source_ports, destination_ports)| {
                    RuleParts {
                        sources,
                        include,
                        exclude,
                        source_ports,
                        destination_ports,
                        ..Rule::new(String::new(), address).into()
                    }
                    .rule()
                },
            )
        })
    }

    /// Every packet that plans of this universe distinguish.
    pub fn packets(&self) -> Vec<Packet> {
        let mut packets = Vec::new();
        for world in &self.worlds {
            let pairs = world.pods.iter().flat_map(|pod| world.destinations.iter().map(move |to| (*pod, *to)));
            for packet in pairs.map(|(pod, to)| Packet::new(pod, to)) {
                packets.extend([packet, packet.sent_to(world.cluster_address)]);
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    let first = self.destination_ports[0];
                    packets.push(packet.port(protocol, first).sent_to(world.cluster_address));
                    packets.extend(self.destination_ports.iter().map(|port| packet.port(protocol, *port)));
                    packets.extend(self.source_ports.iter().map(|port| packet.port(protocol, first).from_port(*port)));
                }
            }
        }
        packets
    }
}

/// Mostly none and exact ones, so that all three maps are used.
fn ports(ports: &[u16], most: usize) -> impl Strategy<Value = Vec<PortRange>> + use<> {
    let range = |range: &[u16], protocol| PortRange::new(protocol, range[0], range[range.len() - 1]).expect("a range");
    let of_length = |length| -> Vec<PortRange> {
        let both = |ports| [Protocol::Tcp, Protocol::Udp].map(|protocol| range(ports, protocol));
        ports.windows(length).flat_map(both).collect()
    };
    let one = prop_oneof![3 => select(of_length(1)), 1 => select(of_length(2))];
    prop_oneof![
        2 => Just(vec![]),
        1 => btree_set(one, 0..=most).prop_map(|set| set.into_iter().collect()),
    ]
}

/// Of a node that has the first half of the pods.
fn own_networks() -> BTreeMap<Family, Vec<AddressRange>> {
    let of = |family, network: &str| (family, vec![AddressRange::from(n(network))]);
    [of(Family::Ipv4, "10.0.0.0/30"), of(Family::Ipv6, "fd00:10:244::/126")].into()
}

fn with_guarded_families(plan: Plan) -> Plan {
    let guarded = plan.subjects.values().flat_map(|subject| &subject.guarded);
    Plan { guarded: guarded.map(|pod| Family::of(*pod)).collect::<BTreeSet<Family>>(), ..plan }
}

fn key(name: &str) -> SubjectKey {
    let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
    SubjectKey::service(namespace, name)
}

fn uid(name: &str) -> Uid {
    Uid::new(format!("uid-{}", name.replace('/', "-"))).expect("a uid")
}

fn named(name: &str, service: SubjectPlan) -> (SubjectKey, SubjectPlan) {
    (key(name), SubjectPlan { uid: uid(name), ..service })
}

/// What the promises say of a packet, straight from the plan: P2, then P13.
pub fn promised(plan: &Plan, packet: &Packet) -> Option<IpAddr> {
    let excluded = plan.excluded.values().flatten();
    let inside = |address| plan.exact.contains(&address) || excluded.clone().any(|range| range.contains(address));
    if inside(packet.destination) || inside(packet.original_destination) {
        return None;
    }
    if plan.elsewhere.contains(&packet.source) && is_private(packet.destination) {
        return None;
    }
    let mut services: Vec<_> = plan.subjects.iter().collect();
    services.retain(|(_, service)| service.rules.iter().any(|rule| rule.sources().contains(&packet.source)));
    let all = services.clone();
    services.sort_by_key(|(key, service)| {
        let namespace = standing(&all, &key.namespace, packet.source);
        (namespace, key.namespace.to_string(), specificity(service, packet.source), service.created, *key)
    });
    let rules = services.into_iter().flat_map(|(_, service)| &service.rules);
    rules.into_iter().find(|rule| says(rule, packet)).map(|rule| rule.address())
}

/// Of a namespace among those with a Service for this pod: 0 when one of its endpoints names a pod of its own, and when
/// its oldest Service was made.
fn standing(services: &[(&SubjectKey, &SubjectPlan)], namespace: &str, pod: IpAddr) -> (u8, i64) {
    let of_it = || services.iter().filter(|(key, _)| *key.namespace == *namespace).map(|(_, service)| service);
    let named = of_it().map(|service| u8::from(service.foreign.contains(&pod))).min();
    (named.unwrap_or(1), of_it().map(|service| service.created).min().unwrap_or(0))
}

/// 0 with networks, 1 with ports, 2 plain: of the Service's rules for this pod.
fn specificity(service: &SubjectPlan, pod: IpAddr) -> u8 {
    let of = |rule: &Rule| match (
        rule.include().len() + rule.exclude().len(),
        rule.source_ports().len() + rule.destination_ports().len(),
    ) {
        (0, 0) => 2,
        (0, _) => 1,
        (_, _) => 0,
    };
    service.rules.iter().filter(|rule| rule.sources().contains(&pod)).map(of).min().unwrap_or(2)
}

fn says(rule: &Rule, packet: &Packet) -> bool {
    let to = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&packet.destination));
    let port = |matches: &[PortRange], source: usize| {
        let Some((protocol, from, to)) = packet.transport else { return false };
        let port = [from, to][source];
        matches.iter().any(|m| m.protocol() == protocol && m.first() <= port && port <= m.last())
    };
    rule.sources().contains(&packet.source)
        && (rule.include().is_empty() || to(rule.include()))
        && !to(rule.exclude())
        && (rule.source_ports().is_empty() || port(rule.source_ports(), 0))
        && (rule.destination_ports().is_empty() || port(rule.destination_ports(), 1))
}
