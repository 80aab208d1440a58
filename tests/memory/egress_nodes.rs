//! EgressNodes of thousands of nodes: bytes on the wire, bytes that are kept, and what a change takes.

use std::net::IpAddr;
use std::sync::Arc;

use egressd::egress_node::mark;
use egressd::source::documents::Object;
use egressd::source::kind::Kind;
use egressd::source::read::read;
use egressd_core::model::{
    Completeness, EgressNode, FactsChange, HeldAddresses, KeptNodes, Node, PublishedIndex, PublishedNodes,
    PublishedTunnels, Snapshot, TunnelEnd, TunnelIndex, TunnelKind,
};
use lab::cluster::served_egress_node;
use serde_json::Value;

use crate::counting::{MemoryCost, cost};

const NODES: u32 = 5_000;

fn addresses(number: u32) -> Vec<IpAddr> {
    let [_, _, high, low] = number.to_be_bytes();
    let v6 = |part: u16| IpAddr::from([0xfd00, 0, 0, part, 0, 0, u16::from(high), u16::from(low)]);
    vec![[10, 1, high, low].into(), [10, 2, high, low].into(), v6(1), v6(2)]
}

fn name(number: u32) -> String {
    format!("node-{number}")
}

/// As the API server sends it in a list.
fn text(number: u32) -> String {
    let held = [[11, 0, 0, 1].into(), [11, 0, 0, 2].into()];
    served_egress_node(&name(number), &addresses(number), &held).to_string()
}

fn taken(text: &str) -> (String, Arc<EgressNode>) {
    let value: Value = serde_json::from_str(text).unwrap();
    match read(Kind::EgressNodes, &value, None).unwrap().object {
        Some(Object::EgressNode(name, node)) => (name, node),
        other => panic!("{other:?}"),
    }
}

/// So many Nodes without content.
fn with_nodes(count: u32) -> Snapshot {
    let (node, mut snapshot) = (Arc::new(Node::default()), Snapshot::default());
    (0..count).for_each(|number| drop(snapshot.nodes.insert(name(number), Arc::clone(&node))));
    snapshot
}

#[test]
fn an_egress_node_takes_few_bytes_on_the_wire_and_fewer_in_memory() {
    let (Snapshot { nodes, .. }, texts) = (with_nodes(NODES), (0..NODES).map(text).collect::<Vec<_>>());
    let wire = texts.iter().map(String::len).sum::<usize>() / texts.len();
    assert!(wire <= 900, "{wire} bytes are sent for each");
    let (kept, each) = cost(texts.len(), || {
        let all: PublishedNodes = texts.iter().map(|text| taken(text)).collect();
        let kept = PublishedIndex::of(&nodes, &all);
        (all, kept)
    });
    assert_eq!(kept.0.len(), texts.len());
    super::assert_at_most("what nodes publish", each, MemoryCost { bytes: 700, pieces: 6, peak: 750 });
}

/// The cost of a change of one node's addresses, and the memory that it keeps.
fn change(count: u32) -> MemoryCost {
    let Snapshot { nodes, .. } = with_nodes(count);
    let mut all: PublishedNodes = (0..count).map(|number| taken(&text(number))).collect();
    let mut kept = PublishedIndex::of(&nodes, &all);
    let before = (all.clone(), kept.believed());
    let new = Arc::new(EgressNode {
        addresses: addresses(count + 1).into(),
        mark: mark(&Value::Null),
        ..EgressNode::default()
    });
    let (counting, cost) = cost(1, || {
        all.insert(name(count / 2), new);
        kept.follow(&nodes, &all)
    });
    assert!(counting == FactsChange::Otherwise && before != (all, kept.believed()));
    cost
}

/// The newest state shares with the one before what did not change, which others still hold.
#[test]
fn a_change_of_one_of_thousands_takes_its_own_size() {
    let [few, many] = [50, NODES].map(change);
    assert!(many.peak <= 20 * 1024 && many.pieces <= 100, "{few:?} among 50, {many:?} among {NODES}");
}

/// A node with an address, and what it publishes: a tunnel end there and as many held addresses as can be.
fn with_tunnel(number: u32) -> (Arc<Node>, Arc<EgressNode>) {
    let [_, _, high, low] = number.to_be_bytes();
    let (kind, address) = (TunnelKind::VxlanGpe, IpAddr::from([10, 1, high, low]));
    let end = TunnelEnd::new(kind, [address], kind.port(), Some(1464)).unwrap();
    let held = (0..1000_u32).map(|held| IpAddr::from((0x0b00_0000 + 1000 * number + held).to_be_bytes()));
    let published = EgressNode {
        held: HeldAddresses::new(held, Completeness::Whole),
        tunnels: PublishedTunnels::new([end], 0),
        ..EgressNode::default()
    };
    (Arc::new(Node { addresses: vec![address], ..Node::default() }), Arc::new(published))
}

#[test]
fn a_held_address_takes_four_bytes_and_an_accepted_tunnel_end_less_than_five_hundred() {
    let (held, of_held) = cost(1000, || with_tunnel(7).1);
    assert_eq!(held.held.iter().count(), 1000);
    super::assert_at_most("a held address", of_held, MemoryCost { bytes: 5, pieces: 0, peak: 45 });
    let (mut nodes, mut all) = (Snapshot::default().nodes, PublishedNodes::new());
    for number in 0..NODES {
        let (node, published) = with_tunnel(number);
        nodes.insert(name(number), node);
        all.insert(name(number), published);
    }
    let kept = KeptNodes::of(&nodes);
    let (index, of_index) = cost(all.len(), || TunnelIndex::of(&kept, &all));
    assert_eq!(index.tunnel_ends().count(), all.len());
    super::assert_at_most("an accepted tunnel end", of_index, MemoryCost { bytes: 480, pieces: 4, peak: 550 });
}
