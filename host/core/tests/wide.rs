//! Random plans over networks of every length, far outside of the universe of other laws.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use egressd_core::compile::{compile, compile_pods, table_names};
use egressd_core::decision::Rule;
use egressd_core::diff::{Applied, Changes, Common, Cut, Scope, cut, diff};
use egressd_core::model::{ServiceKey, Uid};
use egressd_core::net::{Family, PortMatch, Protocol};
use egressd_core::plan::{Plan, PlannedService};
use egressd_core::ruleset::{Layout, Ruleset};
use egressd_core::testkit::{FakeKernel, Packet, Seen, a, facts, promised, trace, trace_over};
use ipnet::IpNet;

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, most: usize) -> usize {
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

struct World {
    pods: Vec<IpAddr>,
    anchors: Vec<IpAddr>,
    addresses: Vec<IpAddr>,
    cluster: IpAddr,
}

fn worlds() -> [World; 2] {
    [
        World {
            pods: (1..4).map(|i| a(&format!("10.0.0.{i}"))).chain([a("172.20.0.9")]).collect(),
            anchors: ["192.0.2.77", "10.200.1.1", "192.168.7.7", "203.0.113.128", "255.255.255.255", "0.0.0.0"].map(a).to_vec(),
            addresses: (0..3).map(|i| a(&format!("11.0.0.{i}"))).collect(),
            cluster: a("10.96.0.1"),
        },
        World {
            pods: (1..4).map(|i| a(&format!("fd00:10:244::{i}"))).chain([a("fd55::9")]).collect(),
            anchors: ["2001:db8:1::1", "fd07::7", "fe80::1", "64:ff9b::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::"]
                .map(a)
                .to_vec(),
            addresses: (0..3).map(|i| a(&format!("fc00:11::{i}"))).collect(),
            cluster: a("fd00:10:96::1"),
        },
    ]
}

fn networks(dice: &mut Dice, world: &World, most: usize) -> Vec<IpNet> {
    let count = dice.below(most + 1);
    let mut all: Vec<IpNet> = (0..count)
        .map(|_| {
            let anchor = dice.one(&world.anchors);
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

fn ports(dice: &mut Dice) -> Vec<PortMatch> {
    let mut all = Vec::new();
    for _ in 0..dice.below(4) {
        let protocol = dice.one(&[Protocol::Tcp, Protocol::Udp]);
        let first = dice.one(&[1u16, 80, 81, 65_535]);
        let last = if dice.below(12) == 0 { 65_535 } else { first };
        all.push(PortMatch::new(protocol, first, last).unwrap());
    }
    all
}

fn rule(dice: &mut Dice, worlds: &[World; 2], id: usize, dense: usize) -> Rule {
    let world = &worlds[dice.below(2)];
    let mut sources = dice.some(&world.pods, 3);
    sources.push(dice.one(&world.pods));
    sources.sort();
    sources.dedup();
    let include = if dice.below(3) == 0 { vec![] } else { networks(dice, world, dense) };
    let exclude = if dice.below(2) == 0 { vec![] } else { networks(dice, world, dense) };
    let destination_ports = if dice.below(2) == 0 { vec![] } else { ports(dice) };
    let source_ports = if dice.below(15) == 0 { ports(dice) } else { vec![] };
    Rule { id: format!("r{id}"), sources, include, exclude, source_ports, destination_ports, address: dice.one(&world.addresses) }
}

fn service(dice: &mut Dice, worlds: &[World; 2], name: &str) -> PlannedService {
    let count = 1 + dice.below(4);
    let dense = 1 + dice.below(5);
    let rules: Vec<Rule> = (0..count).map(|i| rule(dice, worlds, i, dense)).collect();
    let pods: Vec<IpAddr> = worlds.iter().flat_map(|w| w.pods.clone()).collect();
    PlannedService {
        uid: Uid::new(format!("uid-{}", name.replace('/', "-"))).unwrap(),
        created: dice.below(3) as i64,
        rules: rules.into(),
        foreign: dice.some(&pods, 2).into_iter().collect(),
        on_change: Default::default(),
        on_unavailable: Default::default(),
    }
}

const NAMES: [&str; 5] = ["a/a", "a/b", "a/c", "b/a", "b/b"];

fn key(name: &str) -> ServiceKey {
    let (namespace, name) = name.split_once('/').unwrap();
    ServiceKey::new(namespace, name)
}

fn plan(dice: &mut Dice, worlds: &[World; 2]) -> Plan {
    let mut plan = Plan { excluded: facts().excluded, ..Plan::default() };
    for _ in 0..1 + dice.below(4) {
        let name = dice.one(&NAMES);
        plan.services.insert(key(name), service(dice, worlds, name));
    }
    if dice.below(2) == 0 {
        plan.elsewhere = worlds.iter().flat_map(|w| [w.pods[3], w.pods[2]]).collect();
    }
    plan
}

/// One or two Services other than before, or a pod that is now elsewhere.
fn edited(dice: &mut Dice, worlds: &[World; 2], plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for _ in 0..1 + dice.below(2) {
        let name = dice.one(&NAMES);
        if dice.below(3) == 0 {
            plan.services.remove(&key(name));
        } else {
            plan.services.insert(key(name), service(dice, worlds, name));
        }
    }
    if dice.below(6) == 0 {
        let world = &worlds[dice.below(2)];
        let pod = dice.one(&world.pods);
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

fn packets(worlds: &[World; 2], plans: &[&Plan]) -> Vec<Packet> {
    let mut to: BTreeSet<IpAddr> = worlds.iter().flat_map(|w| w.anchors.clone()).collect();
    for rule in plans.iter().flat_map(|p| p.services.values()).flat_map(|s| s.rules.iter()) {
        for network in rule.include.iter().chain(&rule.exclude) {
            let (first, last) = (network.network(), network.broadcast());
            to.extend([first, last, beside(first, -1), beside(last, 1)]);
        }
    }
    let mut packets = Vec::new();
    for world in worlds {
        for pod in &world.pods {
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
            packets.push(Packet::new(*pod, world.anchors[0]).sent_to(world.cluster));
        }
    }
    packets
}

fn seen(ruleset: &Ruleset, packet: &Packet) -> Option<IpAddr> {
    of(trace(ruleset, packet))
}

fn of(seen: Seen) -> Option<IpAddr> {
    match seen {
        Seen::Untranslated => None,
        Seen::As(address) => Some(address),
    }
}

/// Commits all batches; every packet, wherever a commit falls, sees what it saw before or what it will.
fn on_the_way(kernel: &mut FakeKernel, changes: &Changes, packets: &[Packet], before: &Ruleset, after: &Ruleset) -> Option<String> {
    for batch in changes.batches() {
        let old = kernel.ruleset.clone();
        kernel.commit(batch).map_err(|refused| format!("{refused}\n{changes}")).unwrap();
        let most = old.tables.values().chain(kernel.ruleset.tables.values()).map(|t| t.maps.len() + 4).max().unwrap_or(0);
        for packet in packets {
            let right = [seen(before, packet), seen(after, packet)];
            for look_up in 0..=most {
                let now = of(trace_over(&old, &kernel.ruleset, packet, look_up));
                if !right.contains(&now) {
                    return Some(format!("{packet:?} sees {now:?} not {right:?} after {look_up}\n{batch}\nof\n{changes}\n{before}\n{after}"));
                }
            }
        }
    }
    None
}

fn rounds(default: usize) -> usize {
    std::env::var("WIDE").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn seed() -> u64 {
    std::env::var("WIDE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn plans_say_what_is_promised_in_both_layouts() {
    let (mut dice, worlds) = (Dice(seed()), worlds());
    let (mut checked, mut chains) = (0usize, 0usize);
    for round in 0..rounds(100) {
        let plan = plan(&mut dice, &worlds);
        let second = compile(&plan, &table_names(None));
        let first = compile(&plan, &table_names(None).in_layout(Layout::FIRST));
        chains += second.tables.values().map(|t| t.chains.len() - 2).sum::<usize>();
        for packet in packets(&worlds, &[&plan]) {
            let right = promised(&plan, &packet);
            assert_eq!(seen(&second, &packet), right, "round {round} {packet:?}\n{plan}\n{second}");
            assert_eq!(seen(&first, &packet), right, "round {round} {packet:?}\n{plan}\n{first}");
            checked += 1;
        }
    }
    eprintln!("{checked} packets, {chains} chains");
}

#[test]
fn between_plans_packets_see_the_old_or_the_new() {
    let (mut dice, worlds) = (Dice(seed()), worlds());
    let (mut batches, mut most) = (0usize, 0usize);
    for round in 0..rounds(30) {
        let old = plan(&mut dice, &worlds);
        let new = edited(&mut dice, &worlds, &old);
        let packets = packets(&worlds, &[&old, &new]);
        let [before, after] = [&old, &new].map(|p| compile(p, &table_names(None)));
        let changes = diff(&before, &after);
        batches += changes.batches().len();
        most = most.max(changes.batches().len());
        let mut kernel = FakeKernel { ruleset: before.clone(), generation: 0 };
        if let Some(wrong) = on_the_way(&mut kernel, &changes, &packets, &before, &after) {
            panic!("round {round}\n{old}\n{new}\n{wrong}");
        }
        assert_eq!(kernel.ruleset, after);
    }
    eprintln!("{batches} batches, at most {most}");
}

#[test]
fn in_slices_packets_see_the_old_or_the_new() {
    let (mut dice, worlds) = (Dice(seed()), worlds());
    for round in 0..rounds(30) {
        let old = plan(&mut dice, &worlds);
        let new = if dice.below(2) == 0 { plan(&mut dice, &worlds) } else { edited(&mut dice, &worlds, &old) };
        let packets = packets(&worlds, &[&old, &new]);
        let new = Plan { excluded: old.excluded.clone(), ..new };
        let [before, after] = [&old, &new].map(|p| compile(p, &table_names(None)));
        let most = 1 + dice.below(5);
        let Cut::Slices(mut slices) = cut(&before, &after, most) else { continue };
        let mut applied = before.clone();
        let mut kernel = FakeKernel { ruleset: before.clone(), generation: 0 };
        while let Some(slice) = slices.next(&applied, &after) {
            if let Some(wrong) = on_the_way(&mut kernel, &slice.changes, &packets, &before, &after) {
                panic!("round {round} most {most}\n{old}\n{new}\n{wrong}");
            }
            slice.apply(&mut applied);
            assert_eq!(applied, kernel.ruleset);
        }
        assert_eq!(applied, after);
    }
}

fn cut_to(plan: &Plan, pods: &BTreeSet<IpAddr>) -> Plan {
    let mut plan = plan.clone();
    for service in plan.services.values_mut() {
        let mut rules = service.rules.to_vec();
        rules.iter_mut().for_each(|rule| rule.sources.retain(|source| pods.contains(source)));
        rules.retain(|rule| !rule.sources.is_empty());
        service.rules = rules.into();
    }
    plan.services.retain(|_, service| !service.rules.is_empty());
    Plan { excluded: Default::default(), exact: Default::default(), ..plan }
}

fn touched(old: &Plan, new: &Plan) -> BTreeSet<IpAddr> {
    let keys: BTreeSet<_> = old.services.keys().chain(new.services.keys()).collect();
    let differ = keys.into_iter().filter(|key| old.services.get(*key) != new.services.get(*key));
    let sources = differ.flat_map(|key| [old.services.get(key), new.services.get(key)]).flatten();
    let sources = sources.flat_map(|s| s.rules.iter()).flat_map(|rule| rule.sources.iter().copied());
    sources.chain(old.elsewhere.symmetric_difference(&new.elsewhere).copied()).collect()
}

/// Histories of parts and slices that are interrupted; each packet sees what one of the plans since its pod was settled says.
#[test]
fn in_histories_of_parts_packets_see_what_a_plan_says() {
    let (mut dice, worlds) = (Dice(seed()), worlds());
    let (mut checked, mut interrupted) = (0usize, 0usize);
    for round in 0..rounds(20) {
        let names = table_names(None);
        let mut now = plan(&mut dice, &worlds);
        let mut kernel = FakeKernel { ruleset: compile(&now, &names), generation: 0 };
        let mut applied = Applied::of(kernel.ruleset.clone());
        applied.clear_outstanding();
        let mut open: Vec<Plan> = vec![now.clone()];
        for _ in 0..5 {
            let next = if dice.below(4) == 0 { now.clone() } else { edited(&mut dice, &worlds, &now) };
            applied.add_outstanding(Scope::Pods(touched(&now, &next), Common::Same));
            open.push(next.clone());
            let packets = packets(&worlds, &open.iter().collect::<Vec<_>>());
            let allowed: BTreeMap<usize, BTreeSet<Option<IpAddr>>> = packets
                .iter()
                .enumerate()
                .map(|(i, packet)| (i, open.iter().map(|plan| promised(plan, packet)).collect()))
                .collect();
            let Scope::Pods(pods, _) = applied.scope().clone() else { panic!("pods") };
            let mut comparison = applied.compare(compile_pods(&cut_to(&next, &pods), &names), |_, _| {});
            let (most, mut left) = (1 + dice.below(6), if dice.below(2) == 0 { 999 } else { dice.below(4) });
            let mut commit = |changes: &Changes| {
                for batch in changes.batches() {
                    let old = kernel.ruleset.clone();
                    kernel.commit(batch).map_err(|refused| format!("{refused}\n{changes}")).unwrap();
                    let deep = old.tables.values().chain(kernel.ruleset.tables.values()).map(|t| t.maps.len() + 4).max().unwrap();
                    for (i, packet) in packets.iter().enumerate() {
                        for look_up in 0..=deep {
                            let now = of(trace_over(&old, &kernel.ruleset, packet, look_up));
                            checked += 1;
                            assert!(allowed[&i].contains(&now), "round {round} {packet:?} sees {now:?} of {:?} after {look_up}\n{batch}\nof\n{changes}\n{old}", allowed[&i]);
                        }
                    }
                }
            };
            match comparison.cut(&applied, most) {
                Cut::Whole if left == 0 => {}
                Cut::Whole => {
                    commit(&comparison.changes(&applied));
                    comparison.apply_to(&mut applied);
                    applied.clear_outstanding();
                    open = vec![next.clone()];
                }
                Cut::Slices(mut slices) => loop {
                    let Some(slice) = slices.next(comparison.before(&applied), comparison.after()) else {
                        applied.clear_outstanding();
                        open = vec![next.clone()];
                        break;
                    };
                    if left == 0 {
                        interrupted += 1;
                        break;
                    }
                    left -= 1;
                    commit(&slice.changes);
                    comparison.take(&slice);
                    applied.take(slice);
                },
            }
            assert_eq!(applied.ruleset(), &kernel.ruleset, "round {round}");
            if open.len() == 1 {
                assert_eq!(kernel.ruleset, compile(&next, &names), "round {round}");
            }
            now = next;
        }
    }
    eprintln!("{checked} looks, {interrupted} interrupted");
}
