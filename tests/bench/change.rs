//! One of many Services changes: from the source's update to the batch's bytes, and to what the kernel holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use egressd::kernel::nft::Netlink;
use egressd_core::model::ChangeKey;
use lab::Namespace;

use crate::clock::{self, used};
use crate::kernel::{commit, populations};
use crate::measure::{Times, head, ratio, row, us};
use crate::world::World;

/// Repetitions of each change.
const TURNS: u32 = 300;
/// The distance between two Services that change, so that they are not neighbours in memory.
const STRIDE: u32 = 7_919;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Add,
    Delete,
    /// A Service has another address.
    Address,
    /// A pod was replaced.
    Endpoint,
}

const CHANGES: [Change; 4] = [Change::Add, Change::Delete, Change::Address, Change::Endpoint];

/// The cost of one step.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// From the update to the bytes, with the counters of what is deleted, which are read before.
    pub(crate) bytes: Duration,
    /// The kernel's time for the batches.
    pub(crate) kernel: Duration,
    /// All of it, until the loop knows that it is in force.
    pub(crate) whole: Duration,
    pub(crate) batches: usize,
}

pub(crate) fn one_change() {
    println!("Time of the processor, without the policy's call. Each Service has two endpoints.\n");
    head(&[
        "Services",
        "kind",
        "change",
        "to bytes p50",
        "p99",
        "/ first count",
        "with the kernel p50",
        "p99",
        "/ first count",
        "of it the kernel p50",
    ]);
    let mut first = BTreeMap::new();
    for (count, kind) in populations() {
        let namespace = Namespace::new().unwrap();
        let costs = namespace.run(|| costs(World::with(count, kind), count)).unwrap();
        for (change, costs) in costs {
            let [bytes, kernel, whole] = times(&costs);
            let least =
                *first.entry((format!("{kind:?}"), change)).or_insert([bytes.percentile(50), whole.percentile(50)]);
            row(&[
                &count.to_string(),
                &format!("{kind:?}"),
                &format!("{change:?}"),
                &us(bytes.percentile(50)),
                &us(bytes.percentile(99)),
                &ratio(bytes.percentile(50), least[0]),
                &us(whole.percentile(50)),
                &us(whole.percentile(99)),
                &ratio(whole.percentile(50), least[1]),
                &us(kernel.percentile(50)),
            ]);
        }
    }
}

/// Times to bytes, in the kernel, and in total.
pub(crate) fn times(costs: &[Cost]) -> [Times; 3] {
    [|cost: &Cost| cost.bytes, |cost: &Cost| cost.kernel, |cost: &Cost| cost.whole]
        .map(|of| Times::of(costs.iter().map(of).collect()))
}

fn costs(mut world: World, count: u32) -> BTreeMap<Change, Vec<Cost>> {
    let mut netlink = Netlink::open().unwrap();
    let everything = world.step();
    commit(&mut netlink, &world.changes(&everything)).unwrap();
    world.apply(everything);
    let mut costs: BTreeMap<Change, Vec<Cost>> = BTreeMap::new();
    for turn in 1..=TURNS {
        for change in CHANGES {
            let key = prepare(change, &mut world, (count, turn));
            costs.entry(change).or_default().push(step(&mut world, &mut netlink, key));
        }
    }
    costs
}

/// Makes the change in the snapshot. Addresses are those of even Services, endpoints of odd ones, and none is changed
/// twice.
fn prepare(change: Change, world: &mut World, (count, turn): (u32, u32)) -> ChangeKey {
    let even = turn * STRIDE % (count / 2) * 2;
    match change {
        Change::Add => world.insert(count, turn),
        Change::Delete => {
            let key = world.insert(count, turn);
            world.remove(&key);
            key
        }
        Change::Address => world.insert(even, turn),
        Change::Endpoint => world.replace_endpoint(even + 1, turn),
    }
}

/// Handles one update as the loop does.
pub(crate) fn step(world: &mut World, netlink: &mut Netlink, key: ChangeKey) -> Cost {
    let ((comparison, changes), planning) = used(clock::thread, || {
        let comparison = world.compare_after(&BTreeSet::from([key]));
        let changes = world.changes(&comparison);
        (comparison, changes)
    });
    let (kernel, committing) = used(clock::thread, || commit(netlink, &changes).unwrap());
    let batches = changes.batches().len();
    let ((), applying) = used(clock::thread, || world.apply(comparison));
    let (bytes, whole) = (planning + committing - kernel, planning + committing + applying);
    Cost { bytes, kernel, whole, batches }
}
