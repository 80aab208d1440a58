//! The highest cost of one change within the limits: a namespace full of elements by prefix, all of one Service.

use std::net::Ipv4Addr;

use egressd::kernel::nft::Netlink;
use egressd_core::decision::Rule;
use egressd_core::diff::Applied;
use egressd_core::model::{ChangeKey, SubjectView};
use egressd_core::plan::Limits;
use egressd_core::testkit::{RuleParts, service};
use ipnet::IpNet;
use lab::Namespace;

use super::execution::{Execution, change, execute};
use crate::asks::{Policy, network};
use crate::measure::{head, ms, row};
use crate::world::World;

/// A namespace has 65,536 elements, and a pod 512 and one that leads to them.
const PODS: u32 = 127;
/// Networks of each pod, none within another.
const FLAT_NETWORKS: u32 = 512;
/// Where they lie in each other: the shortest length, and how many there are of each.
const SHORTEST_PREFIX: u8 = 5;
const NESTED_NETWORKS: u32 = 18;
/// Repetitions of each change.
const TURNS: u32 = 5;
/// The annotation by which the Service selects its list.
const LIST: &str = "bench/list";

#[derive(Clone, Copy, Debug)]
enum NetworkShape {
    Flat,
    Nested,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Endpoint,
    Address,
    List,
}

pub(crate) fn worst() {
    println!("One Service fills its namespace: {PODS} pods with some 500 networks each. Time of the processor.\n");
    head(&["networks", "elements", "change", "slices", "batches", "kernel", "all of it", "longest slice"]);
    for shape in [NetworkShape::Flat, NetworkShape::Nested] {
        let namespace = Namespace::new().unwrap();
        namespace.run(|| print(shape)).unwrap();
    }
}

fn print(shape: NetworkShape) {
    let (mut netlink, mut world) = (Netlink::open().unwrap(), World::empty(Limits::default(), shape.policy()));
    put_revision(&mut world, Revisions::default());
    world.answer_all();
    let everything = world.step();
    let start = execute(&mut world, &mut netlink, everything);
    let elements = elements(&world.applied);
    assert!(elements > 64_000, "only {elements} elements are in force");
    let print = |what: &str, execution: Execution| {
        let Execution { batches, slices, kernel, whole, longest } = execution;
        let [slices, batches, elements] = [slices, batches, elements].map(|number| number.to_string());
        row(&[&format!("{shape:?}"), &elements, what, &slices, &batches, &ms(kernel), &ms(whole), &ms(longest)]);
    };
    print("all come", start);
    let mut newest = Revisions::default();
    for change in [Change::Endpoint, Change::Address, Change::List] {
        print(&format!("{change:?}"), median(change, &mut newest, &mut world, &mut netlink));
    }
}

/// The median of several executions.
fn median(what: Change, newest: &mut Revisions, world: &mut World, netlink: &mut Netlink) -> Execution {
    let turn = || {
        newest.make(what);
        let key = put_revision(world, *newest);
        change(world, netlink, key)
    };
    let mut all: Vec<Execution> = std::iter::repeat_with(turn).take(TURNS as usize).collect();
    all.sort_by_key(|execution| execution.whole);
    all[all.len() / 2]
}

/// How often each part of the Service has changed.
#[derive(Clone, Copy, Default)]
struct Revisions {
    endpoint: u32,
    address: u32,
    list: u32,
}

impl Revisions {
    fn make(&mut self, change: Change) {
        match change {
            Change::Endpoint => self.endpoint += 1,
            Change::Address => self.address += 1,
            Change::List => self.list += 1,
        }
    }
}

fn put_revision(world: &mut World, newest: Revisions) -> ChangeKey {
    // Two, for networks within each other that lead to the one and the other.
    let addresses = [1, 2].map(|place| Ipv4Addr::from(0x0b00_0000 + 2 * newest.address + place).to_string());
    let mut service = service("wide", &addresses.each_ref().map(String::as_str));
    service.annotations.insert(LIST, newest.list.to_string());
    world.put_service(service, (newest.endpoint..newest.endpoint + PODS).map(|pod| Ipv4Addr::from(0x0a01_0001 + pod)))
}

impl NetworkShape {
    fn policy(self) -> Policy {
        Box::new(move |rule, view| {
            let list = view.subject.annotations().get(LIST).and_then(|list| list.parse().ok()).unwrap_or_default();
            match self {
                Self::Flat => flat(rule, list),
                Self::Nested => nested(&rule, list, view),
            }
        })
    }
}

fn flat(rule: Rule, list: u32) -> Vec<Rule> {
    let include = (0..FLAT_NETWORKS).map(|place| network(list * FLAT_NETWORKS + place, 24)).collect();
    vec![RuleParts { include, ..rule.into() }.rule()]
}

/// A rule for each length, the longest first, each to the other address than the one around it.
fn nested(rule: &Rule, list: u32, view: &SubjectView) -> Vec<Rule> {
    let of_length = |bits: u8| {
        RuleParts {
            id: format!("length-{bits}"),
            include: (0..NESTED_NETWORKS).map(|nest| network_of_nest(nest, list, bits)).collect(),
            address: view.subject.addresses[usize::from(bits % 2)],
            ..rule.clone().into()
        }
        .rule()
    };
    (SHORTEST_PREFIX..=32).rev().map(of_length).collect()
}

/// All lengths of a nest lie in each other. The list determines the shortest.
fn network_of_nest(nest: u32, list: u32, bits: u8) -> IpNet {
    let within = list.wrapping_mul(0x0100_0193) & (u32::MAX >> SHORTEST_PREFIX);
    let address = Ipv4Addr::from(0x2000_0000 + (nest << (32 - SHORTEST_PREFIX)) + within);
    IpNet::new_assert(address.into(), bits).trunc()
}

fn elements(applied: &Applied) -> usize {
    let maps = applied.ruleset().tables.values().flat_map(|table| table.maps.values());
    maps.map(|map| map.elements.len()).sum()
}
