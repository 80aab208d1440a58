//! A Node without pods of Services is added or removed: every node of the cluster handles it, and often where nodes
//! are autoscaled.

use std::net::Ipv4Addr;
use std::sync::Arc;

use egressd::kernel::nft::Netlink;
use egressd_core::model::{ChangeKey, Node};
use egressd_core::testkit::n;
use lab::Namespace;

use crate::asks::EgressRequest;
use crate::change::{Cost, step, times};
use crate::kernel::{COUNTS, commit};
use crate::measure::{head, row, us};
use crate::world::World;

/// The number of Nodes before the change.
const NODES: [u32; 2] = [10, 4_000];
/// Repetitions of each change.
const TURNS: u32 = 100;

pub(crate) fn a_node() {
    println!("Time of the processor, with the kernel. Each Service has two endpoints.\n");
    head(&["Services", "Nodes", "one comes p50", "p99", "of it the kernel p50", "one goes p50", "p99"]);
    for (count, nodes) in COUNTS.into_iter().flat_map(|count| NODES.map(|nodes| (count, nodes))) {
        let namespace = Namespace::new().unwrap();
        let [come, gone] = namespace.run(|| costs(World::unknown(count, EgressRequest::Plain, 2), nodes)).unwrap();
        let [_, kernel, come] = times(&come);
        let [_, _, gone] = times(&gone);
        row(&[
            &count.to_string(),
            &nodes.to_string(),
            &us(come.percentile(50)),
            &us(come.percentile(99)),
            &us(kernel.percentile(50)),
            &us(gone.percentile(50)),
            &us(gone.percentile(99)),
        ]);
    }
}

fn costs(mut world: World, nodes: u32) -> [Vec<Cost>; 2] {
    let mut netlink = Netlink::open().unwrap();
    (0..nodes).for_each(|number| insert(&mut world, number));
    world.answer_all();
    let everything = world.step();
    commit(&mut netlink, &world.changes(&everything)).unwrap();
    world.apply(everything);
    let mut costs = [const { Vec::new() }; 2];
    for turn in 0..TURNS {
        insert(&mut world, nodes + turn);
        costs[0].push(step(&mut world, &mut netlink, ChangeKey::Cluster));
        world.snapshot.nodes.remove(&name(nodes + turn));
        costs[1].push(step(&mut world, &mut netlink, ChangeKey::Cluster));
    }
    costs
}

fn name(number: u32) -> String {
    format!("node-{number}")
}

fn insert(world: &mut World, number: u32) {
    // Not next to each other, so that each is a range of its own where addresses are gathered to ranges.
    let address = Ipv4Addr::from(0xc0a8_0001 + 2 * number);
    let pods = n(&format!("{}/24", Ipv4Addr::from(0x0a40_0000 + 256 * number)));
    let node = Node { addresses: vec![address.into()], pod_networks: vec![pods], ..Node::default() };
    world.snapshot.nodes.insert(name(number), Arc::new(node));
}
