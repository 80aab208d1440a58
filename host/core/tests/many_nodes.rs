//! What is kept of Nodes follows the difference of maps that have many branches: so these histories have hundreds of
//! Nodes, and their networks and addresses meet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use egressd_core::model::{ChangeKey, ClusterSettings, Completeness, Node, Origin, Readiness, Snapshot};
use egressd_core::owner::Owner;
use egressd_core::pipeline::{Pipeline, Settings};
use egressd_core::testkit::{SnapshotBuilder, service, settings_of_many};
use ipnet::{IpNet, Ipv4Net};
use proptest::prelude::*;
use proptest::sample::Index;

const NODES: usize = 300;

/// Within few networks, so that many Nodes claim the same.
fn address() -> impl Strategy<Value = IpAddr> {
    (prop_oneof![Just(0x0a00_0000_u32), Just(0xc0a8_0000)], 0..2_000_u32)
        .prop_map(|(base, host)| Ipv4Addr::from_bits(base + host).into())
}

fn network() -> impl Strategy<Value = IpNet> {
    let length = prop_oneof![5 => Just(24_u8), 1 => Just(25), 1 => Just(26), 1 => Just(20), 1 => Just(16)];
    (0..0x8_0000_u32, length).prop_filter_map("a length", |(host, length)| {
        Some(Ipv4Net::new(Ipv4Addr::from_bits(0x0a00_0000 + host), length).ok()?.trunc().into())
    })
}

fn node() -> impl Strategy<Value = Arc<Node>> {
    let readiness = prop_oneof![3 => Just(Readiness::Ready), 1 => Just(Readiness::NotReady)];
    let completeness = prop_oneof![200 => Just(Completeness::Whole), 1 => Just(Completeness::Partial)];
    let parts =
        (prop::collection::vec(address(), 0..4), prop::collection::vec(network(), 0..3), readiness, completeness);
    parts.prop_map(|(addresses, pod_networks, readiness, completeness)| {
        Arc::new(Node { addresses, pod_networks, readiness, completeness, ..Node::default() })
    })
}

/// What becomes of some Nodes at once: of few or of half of them.
fn step() -> impl Strategy<Value = Vec<(Index, Option<Arc<Node>>)>> {
    let one = || (any::<Index>(), prop::option::weighted(0.7, node()));
    prop_oneof![5 => prop::collection::vec(one(), 1..4), 1 => prop::collection::vec(one(), 100..200)]
}

fn put(snapshot: &mut Snapshot, (which, node): (usize, Option<Arc<Node>>)) {
    let name = format!("node-{which:03}");
    match node {
        Some(node) => drop(snapshot.nodes.insert(name, node)),
        None => drop(snapshot.nodes.remove(&name)),
    }
}

/// With a hundred Services, of which some have ClusterIPs among the Nodes' networks, and outside.
fn begun(nodes: Vec<Arc<Node>>, cluster_addresses: Vec<IpAddr>) -> (Pipeline, Snapshot) {
    let cluster = ClusterSettings { origin: Origin::Cluster, ..ClusterSettings::default() };
    let settings = Settings { cluster, ..settings_of_many(Owner::Any) };
    let mut snapshot = Snapshot::default();
    for (number, address) in cluster_addresses.into_iter().enumerate() {
        let mut service = service(&format!("service-{number}"), &["11.0.0.1"]);
        service.cluster_addresses = vec![address];
        SnapshotBuilder::default().service(service, &[&address.to_string()]).add_to(&mut snapshot);
    }
    nodes.into_iter().enumerate().for_each(|(which, node)| put(&mut snapshot, (which, Some(node))));
    (Pipeline::new(settings, BTreeMap::new()), snapshot)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 8 } else { 200 }))]

    #[test]
    fn what_many_nodes_give_follows_each_change(
        nodes in prop::collection::vec(node(), NODES),
        cluster_addresses in prop::collection::vec(address(), 100),
        history in prop::collection::vec(step(), 1..10),
    ) {
        let (mut pipeline, mut snapshot) = begun(nodes, cluster_addresses);
        let mut keys: BTreeSet<ChangeKey> = snapshot.services.keys().cloned().map(ChangeKey::Subject).collect();
        keys.insert(ChangeKey::Cluster);
        for changes in history {
            pipeline.update(&snapshot, &keys);
            pipeline.step();
            prop_assert_eq!(pipeline.stale(), Vec::<String>::new());
            keys = [ChangeKey::Cluster].into();
            for (which, node) in changes {
                put(&mut snapshot, (which.index(NODES), node));
            }
        }
    }
}
