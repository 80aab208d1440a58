//! What is kept of Nodes is what going through all of them gives, over any history.
#![expect(clippy::expect_used, reason = "tests")]

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::kept::KeptNodes;
use super::{MOST_NODE_ADDRESSES, Nodes, believed};
use crate::model::{Completeness, EarlierNodeData, Node, Readiness};

fn n(text: &str) -> IpNet {
    text.parse().expect("a network")
}

/// Few, so that claims meet: addresses of one /28, and networks there, in it and around it.
fn addresses(most: usize) -> impl Strategy<Value = Vec<IpAddr>> {
    let one = prop_oneof![9 => (0..16u8).prop_map(|number| IpAddr::from([10, 0, 0, number])), 1 => Just(n("fd00::1/128").addr())];
    vec(one, 0..=most)
}

fn networks(most: usize) -> impl Strategy<Value = Vec<IpNet>> {
    let wide = prop_oneof![Just("0.0.0.0/0"), Just("8.0.0.0/7"), Just("fd00::/16"), Just("10.0.0.0/8")].prop_map(n);
    let narrow = (0..16u8, 26..=32u8).prop_map(|(number, length)| n(&format!("10.0.0.{number}/{length}")));
    vec(prop_oneof![1 => wide, 6 => narrow], 0..=most)
}

fn node() -> impl Strategy<Value = Node> {
    let addresses = prop_oneof![4 => addresses(3), 1 => addresses(MOST_NODE_ADDRESSES + 2)];
    let before = (addresses_before(), networks(1));
    let readiness = prop_oneof![Just(Readiness::Ready), Just(Readiness::NotReady)];
    let completeness = prop_oneof![3 => Just(Completeness::Whole), 1 => Just(Completeness::Partial)];
    (addresses, networks(3), before, readiness, completeness).prop_map(
        |(addresses, pod_networks, (old_addresses, old_networks), readiness, completeness)| Node {
            addresses,
            pod_networks,
            before: EarlierNodeData { addresses: old_addresses, pod_networks: old_networks },
            readiness,
            completeness,
            ..Node::default()
        },
    )
}

fn addresses_before() -> impl Strategy<Value = Vec<IpAddr>> {
    prop_oneof![3 => Just(vec![]), 1 => addresses(1)]
}

/// What one Node is, or that it goes.
fn event() -> impl Strategy<Value = (u8, Option<Node>)> {
    (0..5u8, option::weighted(0.8, node()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 500 } else { 20_000 }))]

    /// Some come with one look, as at a start and after an outage.
    #[test]
    fn what_is_kept_of_nodes_is_what_all_of_them_give(history in vec(vec(event(), 1..4), 1..10)) {
        let (mut nodes, mut kept) = (Nodes::new(), KeptNodes::default());
        for events in history {
            for (number, node) in events {
                let name = format!("n{number}");
                match node {
                    Some(node) => drop(nodes.insert(name, Arc::new(node))),
                    None => drop(nodes.remove(&name)),
                }
            }
            kept.follow(&nodes);
            prop_assert_eq!(kept.believed(), believed(&nodes));
            prop_assert_eq!(&kept, &KeptNodes::of(&nodes), "whatever was before");
        }
    }
}
