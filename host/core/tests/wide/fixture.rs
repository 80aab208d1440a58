//! Random plans over networks of every length, around a few addresses, and packets to the edges of all of them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::decision::Rule;
use egressd_core::model::{SubjectKey, Uid};
use egressd_core::net::{Family, PortRange, Protocol};
use egressd_core::plan::{Plan, SubjectPlan};
use egressd_core::testkit::{Packet, RuleParts, a, facts};
use ipnet::IpNet;

/// A generator that is the same on every machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.next() >> 11) as usize % most.max(1)
    }
    fn one<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
    fn some<T: Clone>(&mut self, all: &[T], most: usize) -> Vec<T> {
        let count = self.below(most + 1);
        (0..count).map(|_| self.one(all)).collect()
    }
}

/// What plans of one family are made of.
pub(crate) struct Fixture {
    pods: Vec<IpAddr>,
    anchors: Vec<IpAddr>,
    addresses: Vec<IpAddr>,
    cluster: IpAddr,
}

pub(crate) fn fixtures() -> [Fixture; 2] {
    [
        Fixture {
            pods: (1..4).map(|i| a(&format!("10.0.0.{i}"))).chain([a("172.20.0.9")]).collect(),
            anchors: ["192.0.2.77", "10.200.1.1", "192.168.7.7", "203.0.113.128", "255.255.255.255", "0.0.0.0"]
                .map(a)
                .to_vec(),
            addresses: (0..3).map(|i| a(&format!("11.0.0.{i}"))).collect(),
            cluster: a("10.96.0.1"),
        },
        Fixture {
            pods: (1..4).map(|i| a(&format!("fd00:10:244::{i}"))).chain([a("fd55::9")]).collect(),
            anchors: [
                "2001:db8:1::1",
                "fd07::7",
                "fe80::1",
                "64:ff9b::1",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "::",
            ]
            .map(a)
            .to_vec(),
            addresses: (0..3).map(|i| a(&format!("fc00:11::{i}"))).collect(),
            cluster: a("fd00:10:96::1"),
        },
    ]
}

fn networks(dice: &mut Dice, fixture: &Fixture, most: usize) -> Vec<IpNet> {
    let count = dice.below(most + 1);
    let mut all: Vec<IpNet> = (0..count)
        .map(|_| {
            let anchor = dice.one(&fixture.anchors);
            let bits = if anchor.is_ipv4() { 32 } else { 128 };
            let length = match dice.below(6) {
                0 => 0,
                1 => bits,
                2 => bits - 1,
                3 => 8,
                _ => dice.below(bits + 1),
            };
            IpNet::new(anchor, length as u8).unwrap().trunc()
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

fn ports(dice: &mut Dice) -> Vec<PortRange> {
    let mut all = Vec::new();
    for _ in 0..dice.below(4) {
        let protocol = dice.one(&[Protocol::Tcp, Protocol::Udp]);
        let first = dice.one(&[1u16, 80, 81, 65_535]);
        let last = if dice.below(12) == 0 { 65_535 } else { first };
        all.push(PortRange::new(protocol, first, last).unwrap());
    }
    all
}

fn rule(dice: &mut Dice, fixtures: &[Fixture; 2], id: usize, dense: usize) -> Rule {
    let fixture = &fixtures[dice.below(2)];
    let mut sources = dice.some(&fixture.pods, 3);
    sources.push(dice.one(&fixture.pods));
    sources.sort();
    sources.dedup();
    let include = if dice.below(3) == 0 { vec![] } else { networks(dice, fixture, dense) };
    let exclude = if dice.below(2) == 0 { vec![] } else { networks(dice, fixture, dense) };
    let destination_ports = if dice.below(2) == 0 { vec![] } else { ports(dice) };
    let source_ports = if dice.below(15) == 0 { ports(dice) } else { vec![] };
    RuleParts {
        sources,
        include,
        exclude,
        source_ports,
        destination_ports,
        ..Rule::new(format!("r{id}"), dice.one(&fixture.addresses)).into()
    }
    .rule()
}

fn service(dice: &mut Dice, fixtures: &[Fixture; 2], name: &str) -> SubjectPlan {
    let count = 1 + dice.below(4);
    let dense = 1 + dice.below(5);
    let rules: Vec<Rule> = (0..count).map(|i| rule(dice, fixtures, i, dense)).collect();
    let pods: Vec<IpAddr> = fixtures.iter().flat_map(|w| w.pods.clone()).collect();
    SubjectPlan {
        uid: Uid::new(format!("uid-{}", name.replace('/', "-"))).unwrap(),
        created: dice.below(3) as i64,
        rules: rules.into(),
        foreign: dice.some(&pods, 2).into_iter().collect(),
        on_change: Default::default(),
        guarded: Default::default(),
    }
}

const NAMES: [&str; 5] = ["a/a", "a/b", "a/c", "b/a", "b/b"];

fn key(name: &str) -> SubjectKey {
    let (namespace, name) = name.split_once('/').unwrap();
    SubjectKey::service(namespace, name)
}

pub(crate) fn plan(dice: &mut Dice, fixtures: &[Fixture; 2]) -> Plan {
    let mut plan = Plan { excluded: facts().excluded, ..Plan::default() };
    for _ in 0..1 + dice.below(4) {
        let name = dice.one(&NAMES);
        plan.subjects.insert(key(name), service(dice, fixtures, name));
    }
    if dice.below(2) == 0 {
        plan.elsewhere = fixtures.iter().flat_map(|w| [w.pods[3], w.pods[2]]).collect();
    }
    plan
}

/// One or two Services other than before, or a pod that is now elsewhere.
pub(crate) fn edited(dice: &mut Dice, fixtures: &[Fixture; 2], plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for _ in 0..1 + dice.below(2) {
        let name = dice.one(&NAMES);
        if dice.below(3) == 0 {
            plan.subjects.remove(&key(name));
        } else {
            plan.subjects.insert(key(name), service(dice, fixtures, name));
        }
    }
    if dice.below(6) == 0 {
        let fixture = &fixtures[dice.below(2)];
        let pod = dice.one(&fixture.pods);
        if !plan.elsewhere.remove(&pod) {
            plan.elsewhere.insert(pod);
        }
    }
    plan
}

fn beside(address: IpAddr, step: i128) -> IpAddr {
    match address {
        IpAddr::V4(one) => IpAddr::V4(one.to_bits().wrapping_add(step as u32).into()),
        IpAddr::V6(one) => IpAddr::V6(one.to_bits().wrapping_add(step as u128).into()),
    }
}

pub(crate) fn packets(fixtures: &[Fixture; 2], plans: &[&Plan]) -> Vec<Packet> {
    let mut to: BTreeSet<IpAddr> = fixtures.iter().flat_map(|w| w.anchors.clone()).collect();
    for rule in plans.iter().flat_map(|p| p.subjects.values()).flat_map(|s| s.rules.iter()) {
        for network in rule.include().iter().chain(rule.exclude()) {
            let (first, last) = (network.network(), network.broadcast());
            to.extend([first, last, beside(first, -1), beside(last, 1)]);
        }
    }
    let mut packets = Vec::new();
    for fixture in fixtures {
        for pod in &fixture.pods {
            for to in to.iter().filter(|to| Family::of(**to) == Family::of(*pod)) {
                let packet = Packet::new(*pod, *to);
                packets.push(packet);
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    for port in [1, 80, 81, 82, 65_535] {
                        packets.push(packet.port(protocol, port));
                    }
                    packets.push(packet.port(protocol, 80).from_port(81));
                }
            }
            packets.push(Packet::new(*pod, fixture.anchors[0]).sent_to(fixture.cluster));
        }
    }
    packets
}
