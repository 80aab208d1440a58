//! One of many Services with networks changes, and all of them come at once.

use std::net::Ipv4Addr;
use std::ops::Range;

use egressd::kernel::nft::Netlink;
use egressd_core::decision::Rule;
use egressd_core::model::ChangeKey;
use egressd_core::owner::Owner;
use egressd_core::testkit::{RuleParts, service, settings_of_many};
use lab::Namespace;

use super::execution::{Execution, execute};
use crate::asks::{Policy, network, range};
use crate::change::{Cost, step, times};
use crate::kernel::COUNTS;
use crate::measure::{head, ms, row, us};
use crate::world::World;

/// Repetitions of each change.
const TURNS: u32 = 100;
/// The distance between two Services that change.
const STRIDE: u32 = 7_919;
/// The number of pods that keep a chain, where some do.
const CHAINS: u32 = 200;
/// The annotation with a Service's list; a Service without it has a range of ports, and so a chain.
const LIST: &str = "bench/list";
/// The number of the first list that no Service has initially.
const FIRST_NEW_LIST: u32 = 100_000;

#[derive(Clone, Copy, Debug)]
enum InitialLists {
    One,
    Each,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Address,
    List,
}

pub(crate) fn changes() {
    println!(
        "Time of the processor. Each Service has one pod, two networks, and one within them that it does not want.\n"
    );
    head(&["Services", "lists", "pods with chains", "change", "kernel p50", "p99", "all of it p50", "p99", "batches"]);
    let mut starts = Vec::new();
    for (count, lists) in
        COUNTS.into_iter().flat_map(|count| [InitialLists::One, InitialLists::Each].map(|lists| (count, lists)))
    {
        let namespace = Namespace::new().unwrap();
        starts.push((count, lists, namespace.run(|| all_changes(count, lists)).unwrap()));
    }
    println!("\nAll of them from nothing.\n");
    head(&["Services", "lists", "slices", "batches", "kernel", "diff and commit"]);
    for (count, lists, start) in starts {
        let Execution { slices, batches, kernel, whole, .. } = start;
        let [count, slices, batches] = [count as usize, slices, batches].map(|number| number.to_string());
        row(&[&count, &format!("{lists:?}"), &slices, &batches, &ms(kernel), &ms(whole)]);
    }
}

/// Prints them; returns the cost of the start.
fn all_changes(count: u32, lists: InitialLists) -> Execution {
    let (mut netlink, mut world) =
        (Netlink::open().unwrap(), World::empty(settings_of_many(Owner::Any).limits, policy()));
    (0..count).for_each(|number| drop(put_numbered(&mut world, number, 0, lists.of(number))));
    world.answer_all();
    let everything = world.step();
    let start = execute(&mut world, &mut netlink, everything);
    let mut many = ManyServices { world, netlink, count, lists };
    many.print_changes(0, 1..TURNS + 1);
    many.add_chains();
    many.print_changes(CHAINS, TURNS + 1..2 * TURNS + 1);
    start
}

impl InitialLists {
    fn of(self, number: u32) -> u32 {
        match self {
            Self::One => 0,
            Self::Each => number,
        }
    }
}

struct ManyServices {
    world: World,
    netlink: Netlink,
    count: u32,
    lists: InitialLists,
}

impl ManyServices {
    fn add_chains(&mut self) {
        for number in 0..CHAINS {
            let service = service(&format!("range-{number}"), &["11.0.1.1"]);
            let key = self.world.put_service(service, [Ipv4Addr::from(0x0af0_0001 + number)]);
            step(&mut self.world, &mut self.netlink, key);
        }
    }

    fn print_changes(&mut self, chains: u32, turns: Range<u32>) {
        for change in [Change::Address, Change::List] {
            let costs: Vec<Cost> = turns.clone().map(|turn| self.change(change, turn)).collect();
            let [_, kernel, whole] = times(&costs);
            row(&[
                &self.count.to_string(),
                &format!("{:?}", self.lists),
                &chains.to_string(),
                &format!("{change:?}"),
                &us(kernel.percentile(50)),
                &us(kernel.percentile(99)),
                &us(whole.percentile(50)),
                &us(whole.percentile(99)),
                &costs[0].batches.to_string(),
            ]);
        }
    }

    /// Addresses are those of even Services, lists of odd ones, and none is changed twice.
    fn change(&mut self, change: Change, turn: u32) -> Cost {
        let even = turn * STRIDE % (self.count / 2) * 2;
        let key = match change {
            Change::Address => put_numbered(&mut self.world, even, turn, self.lists.of(even)),
            Change::List => put_numbered(&mut self.world, even + 1, 0, FIRST_NEW_LIST + turn),
        };
        step(&mut self.world, &mut self.netlink, key)
    }
}

fn put_numbered(world: &mut World, number: u32, address: u32, list: u32) -> ChangeKey {
    let address = Ipv4Addr::from(0x0b00_0000 + address);
    let mut service = service(&format!("service-{number}"), &[&address.to_string()]);
    service.annotations.insert(LIST, list.to_string());
    world.put_service(service, [Ipv4Addr::from(0x0a01_0001 + number)])
}

fn policy() -> Policy {
    Box::new(|rule, view| match view.subject.annotations().get(LIST) {
        Some(list) => vec![with_list(rule, list.parse().unwrap())],
        None => vec![RuleParts { destination_ports: range(), ..rule.into() }.rule()],
    })
}

fn with_list(rule: Rule, list: u32) -> Rule {
    let include = [0, 2].map(|place| network(4 * list + place, 24)).to_vec();
    RuleParts { include, exclude: vec![network(8 * list + 1, 25)], ..rule.into() }.rule()
}
