//! Keys carry no news of their own: what came without one is noticed with the next that is about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use egressd_core::model::{ChangeKey, Node, Readiness, Snapshot};
use egressd_core::owner::Owner;
use egressd_core::pipeline::Pipeline;
use egressd_core::testkit::{n, settings_of_many};
use proptest::prelude::*;

/// What becomes of one of four Nodes, and whether the source gives a key with it.
fn changes() -> impl Strategy<Value = (usize, Option<Node>, BTreeSet<ChangeKey>)> {
    let readiness = prop_oneof![Just(Readiness::Ready), Just(Readiness::NotReady)];
    let network = prop::option::of(prop_oneof![Just(n("10.244.1.0/24")), Just(n("10.244.0.0/16"))]);
    let node = (readiness, network).prop_map(|(readiness, network)| Node {
        readiness,
        pod_networks: network.into_iter().collect(),
        ..Node::default()
    });
    let keys = prop_oneof![Just(BTreeSet::new()), Just(BTreeSet::from([ChangeKey::Cluster]))];
    (0..4usize, prop::option::of(node), keys)
}

proptest! {
    #[test]
    fn a_node_that_changes_without_a_key_is_seen_with_the_next_one(history in prop::collection::vec(changes(), 1..12)) {
        let mut pipeline = Pipeline::new(settings_of_many(Owner::Any), BTreeMap::new());
        let mut snapshot = Snapshot::default();
        for (number, node, keys) in history {
            let name = format!("node-{number}");
            match node {
                Some(node) => drop(snapshot.nodes.insert(name, Arc::new(node))),
                None => drop(snapshot.nodes.remove(&name)),
            }
            pipeline.update(&snapshot, &keys);
            pipeline.step();
            if !keys.is_empty() {
                prop_assert_eq!(pipeline.stale(), Vec::<String>::new());
            }
        }
    }
}
