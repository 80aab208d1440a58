//! EgressNodes in a cluster of thousands of nodes: a start reads all of them, and every node receives each change.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use egressd::kernel::nft::Netlink;
use egressd::source::documents::Object;
use egressd::source::kind::Kind;
use egressd::source::read::read;
use egressd_core::model::{ChangeKey, Completeness, EgressNode, HeldAddresses, Mark, Node};
use egressd_core::testkit::n;
use lab::Namespace;
use lab::cluster::served_egress_node;

use crate::asks;
use crate::change::{Cost, step, times};
use crate::clock::{self, used};
use crate::kernel::commit;
use crate::measure::{head, ms, row, us};
use crate::world::World;

const NODES: u32 = 5_000;
const SERVICES: u32 = 10_000;
/// Repetitions of each change.
const TURNS: u32 = 100;

pub(crate) fn egress_nodes() {
    let namespace = Namespace::new().unwrap();
    namespace.run(|| measure(World::unknown(SERVICES, asks::EgressRequest::Plain, 2))).unwrap();
}

fn measure(mut world: World) {
    let mut netlink = Netlink::open().unwrap();
    (0..NODES).for_each(|number| insert_node(&mut world, number));
    world.answer_all();
    put_in_force(&mut world, &mut netlink);
    start(&mut world, &mut netlink);
    println!();
    head(&["one of them changes, to every node", "p50", "p99", "of it the kernel p50"]);
    let of_address = changes(&mut world, &mut netlink, |number, turn| published(&addresses(number, turn), 0));
    print_row("an address of an interface", &of_address);
    let of_held = changes(&mut world, &mut netlink, |number, turn| published(&addresses(number, 0), turn));
    print_row("what it holds alone", &of_held);
}

/// Reads what the API server sends at the start, and takes it in.
fn start(world: &mut World, netlink: &mut Netlink) {
    let texts: Vec<String> = (0..NODES).map(text).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let ((), reading) = used(clock::thread, || texts.iter().for_each(|text| insert_text(world, text)));
    let Cost { whole, kernel, .. } = step(world, netlink, ChangeKey::EgressNodes);
    println!(
        "{SERVICES} Services, {NODES} nodes with four addresses each of which three are in no Node, and two that it holds.\n"
    );
    head(&["at a start", "all", "each"]);
    row(&["bytes that the API server sends", &format!("{} KiB", bytes / 1024), &(bytes / texts.len()).to_string()]);
    let time = |what: &str, time: Duration| row(&[what, &ms(time), &us(time / NODES)]);
    time("reading them", reading);
    time("taking them in, until they are in force", whole);
    time("of it the kernel", kernel);
}

fn put_in_force(world: &mut World, netlink: &mut Netlink) {
    let everything = world.step();
    commit(netlink, &world.changes(&everything)).unwrap();
    world.apply(everything);
}

/// Changes another node's object in each repetition, and reverts it.
fn changes(world: &mut World, netlink: &mut Netlink, new: impl Fn(u32, u32) -> EgressNode) -> Vec<Cost> {
    let mut costs = Vec::new();
    for turn in 1..=TURNS {
        let number = turn * 37 % NODES;
        for node in [new(number, turn), new(number, 0)] {
            world.snapshot.egress_nodes.by_name.insert(name(number), Arc::new(node));
            costs.push(step(world, netlink, ChangeKey::EgressNodes));
        }
    }
    costs
}

fn print_row(what: &str, costs: &[Cost]) {
    let [_, kernel, whole] = times(costs);
    row(&[what, &us(whole.percentile(50)), &us(whole.percentile(99)), &us(kernel.percentile(50))]);
}

fn insert_text(world: &mut World, text: &str) {
    let value = serde_json::from_str(text).unwrap();
    let Some(Object::EgressNode(name, node)) = read(Kind::EgressNodes, &value, None).unwrap().object else {
        panic!("it is an EgressNode: {text}")
    };
    world.snapshot.egress_nodes.by_name.insert(name, node);
}

fn name(number: u32) -> String {
    format!("node-{number}")
}

/// Not next to each other, so that each is a range of its own where addresses are gathered to ranges.
fn address(network: u32, number: u32) -> IpAddr {
    IpAddr::from((network + 2 * number).to_be_bytes())
}

/// The first one is in its Node, too; those of another turn no other node has.
fn addresses(number: u32, turn: u32) -> [IpAddr; 4] {
    let moved = if turn == 0 { number } else { NODES + turn };
    [(0xc0a8_0001, number), (0xac10_0001, number), (0xac11_0001, number), (0xac12_0001, moved)]
        .map(|(network, number)| address(network, number))
}

fn text(number: u32) -> String {
    let held = [address(0x0b00_0001, number), address(0x0b01_0001, number)];
    served_egress_node(&name(number), &addresses(number, 0), &held).to_string()
}

fn published(addresses: &[IpAddr], held: u32) -> EgressNode {
    let held_addresses = HeldAddresses::new([address(0x0b00_0001, held)], Completeness::Whole);
    let (addresses, mark) = (addresses.into(), Mark::of(&held.to_string()));
    EgressNode { addresses, held: held_addresses, mark, ..EgressNode::default() }
}

fn insert_node(world: &mut World, number: u32) {
    let pods = n(&format!("{}/24", IpAddr::from((0x0a40_0000 + 256 * number).to_be_bytes())));
    let addresses = vec![address(0xc0a8_0001, number)];
    let node = Node { addresses, pod_networks: vec![pods], ..Node::default() };
    world.snapshot.nodes.insert(name(number), Arc::new(node));
}
