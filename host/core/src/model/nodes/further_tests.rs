//! What is kept of EgressNodes is what going through all of them gives, over any history.
#![expect(clippy::expect_used, reason = "tests")]

use std::net::IpAddr;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{FactsChange, Nodes, PublishedIndex, further};
use crate::finding::Finding;
use crate::model::{
    Completeness, EgressNode, HeldAddresses, MOST_PUBLISHED_ADDRESSES, Mark, PublishedNodes, PublishedTunnels,
    TunnelEnd, TunnelKind,
};

fn a(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn published(addresses: Vec<IpAddr>) -> Arc<EgressNode> {
    Arc::new(EgressNode {
        mark: Mark::of(&format!("{addresses:?}")),
        addresses: addresses.into(),
        ..EgressNode::default()
    })
}

/// Few, so that claims meet; one of them is impossible.
fn addresses() -> impl Strategy<Value = Vec<IpAddr>> {
    let one = prop_oneof![6 => (1..8u8).prop_map(|number| IpAddr::from([10, 0, 0, number])), 1 => Just(a("127.0.0.1"))];
    let more = vec(one, 0..4);
    prop_oneof![9 => more, 1 => Just(many())]
}

fn many() -> Vec<IpAddr> {
    (0..=u16::try_from(MOST_PUBLISHED_ADDRESSES).expect("few"))
        .map(|number| IpAddr::from([10, 1, (number >> 8) as u8, number as u8]))
        .collect()
}

#[derive(Clone, Debug)]
enum Event {
    Node(u8),
    NodeGone(u8),
    Publishes(u8, Vec<IpAddr>),
    PublishesNothing(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let node = || 0..3u8;
    prop_oneof![
        3 => node().prop_map(Event::Node),
        2 => node().prop_map(Event::NodeGone),
        6 => (node(), addresses()).prop_map(|(node, addresses)| Event::Publishes(node, addresses)),
        2 => node().prop_map(Event::PublishesNothing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 500 } else { 20_000 }))]

    /// Some come with one look, as at a start and after an outage.
    #[test]
    fn what_is_kept_of_egress_nodes_is_what_all_of_them_give(history in vec(vec(event(), 1..4), 1..10)) {
        let mut nodes = Nodes::new();
        let mut all = PublishedNodes::new();
        let mut kept = PublishedIndex::default();
        let name = |number: u8| format!("n{number}");
        for events in history {
            for event in events {
                match event {
                    Event::Node(number) => drop(nodes.insert(name(number), Arc::default())),
                    Event::NodeGone(number) => drop(nodes.remove(&name(number))),
                    Event::Publishes(number, addresses) => drop(all.insert(name(number), published(addresses))),
                    Event::PublishesNothing(number) => drop(all.remove(&name(number))),
                }
            }
            let before = kept.believed();
            let counting = kept.follow(&nodes, &all);
            prop_assert_eq!(kept.believed(), further(&nodes, &all));
            prop_assert!(counting == FactsChange::Otherwise || kept.believed() == before);
            prop_assert_eq!(&kept, &PublishedIndex::of(&nodes, &all), "whatever was before");
        }
    }
}

fn nodes(names: &[&str]) -> Nodes {
    names.iter().map(|name| ((*name).to_owned(), Arc::default())).collect()
}

fn all(of: &[(&str, Vec<IpAddr>)]) -> PublishedNodes {
    of.iter().map(|(name, addresses)| ((*name).to_owned(), published(addresses.clone()))).collect()
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| &*finding.code).collect()
}

#[test]
fn only_what_an_existing_node_publishes_counts_and_without_nodes_all_of_it() {
    let all = all(&[("a", vec![a("10.0.0.1")]), ("b", vec![a("10.0.0.2")])]);
    let some = further(&nodes(&["a", "c"]), &all);
    assert!(some.addresses.iter().eq([&a("10.0.0.1")]) && codes(&some.findings) == ["egress-node-without-node"]);
    assert_eq!(
        some.findings[0].message.to_string(),
        "EgressNode b has no Node: its addresses are ignored; delete it, or let the node join the cluster"
    );
    assert_eq!(further(&nodes(&[]), &all).addresses.len(), 2, "files may have no Nodes");
}

#[test]
fn of_one_node_so_many_addresses_count_and_no_impossible_one() {
    let mut addresses = many();
    addresses.push(a("10.9.9.9"));
    let some = further(&nodes(&["a"]), &all(&[("a", addresses)]));
    assert_eq!(some.addresses.len(), MOST_PUBLISHED_ADDRESSES);
    assert!(!some.addresses.contains(&a("10.9.9.9")));
    let some = further(&nodes(&["a"]), &all(&[("a", vec![a("224.0.0.1"), a("127.0.0.1")])]));
    assert!(some.addresses.is_empty());
    assert_eq!(
        some.findings[0].message.to_string(),
        "EgressNode a lists 224.0.0.1, which is a multicast address (and 1 more): the address is ignored; correct the \
         EgressNode, or update egressd on that node"
    );
}

/// Addresses that nodes hold move all the time, and nothing follows from that for what is inside.
#[test]
fn what_a_node_holds_makes_no_difference_to_what_counts() {
    let nodes = nodes(&["a"]);
    let mut all = all(&[("a", vec![a("10.0.0.1")])]);
    let mut kept = PublishedIndex::of(&nodes, &all);
    let held = HeldAddresses::new([a("11.0.0.2")], Completeness::Whole);
    let kind = TunnelKind::VxlanGpe;
    let end = TunnelEnd::new(kind, [a("10.0.0.1")], kind.port(), None).expect("an end");
    let tunnels = PublishedTunnels::new([end], 0);
    let mark = Mark::of("another address is held");
    let moved = EgressNode { held, tunnels, mark, addresses: [a("10.0.0.1")].into(), ..EgressNode::default() };
    all.insert("a".to_owned(), Arc::new(moved));
    assert_eq!(kept.follow(&nodes, &all), FactsChange::Same);
    all.insert("a".to_owned(), published(vec![a("10.0.0.2")]));
    assert_eq!(kept.follow(&nodes, &all), FactsChange::Otherwise);
}
