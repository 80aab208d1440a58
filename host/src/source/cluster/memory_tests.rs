#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use egressd_core::model::{ClusterNetworks, EgressNode, HeldAddresses, PublishedTunnels, TunnelEnd, TunnelKind};

use super::*;
use crate::clock;
use crate::source::networks;

/// What it holds is not remembered.
fn published() -> EgressNode {
    let kind = TunnelKind::VxlanGpe;
    let end = TunnelEnd::new(kind, [[192, 168, 0, 1].into()], kind.port(), Some(1464)).unwrap();
    EgressNode {
        addresses: [[192, 168, 0, 77].into()].into(),
        held: HeldAddresses::new([], Completeness::Partial),
        tunnels: PublishedTunnels::new([end], 0).with_unread([TunnelKind::Vxlan]),
        ..EgressNode::default()
    }
}

fn facts(network: &str) -> Facts {
    let addresses = vec![[192, 168, 0, 1].into(), [203, 0, 113, 1].into()];
    let (external, pod_networks) = (vec![[203, 0, 113, 1].into()], vec![network.parse().unwrap()]);
    let before = EarlierNodeData {
        addresses: vec![[192, 168, 0, 9].into()],
        pod_networks: vec!["10.0.9.0/24".parse().unwrap()],
    };
    let node =
        Node { addresses, external, pod_networks, completeness: Completeness::Partial, before, ..Node::default() };
    let mut snapshot = Snapshot::default();
    snapshot.nodes.insert("n1".to_owned(), Arc::new(node));
    let node = published();
    let mark = egress_node::mark(&egress_node::remembered("n1", &node));
    snapshot.egress_nodes.by_name.insert("n1".to_owned(), Arc::new(EgressNode { mark, ..node }));
    let networks = ["10.96.0.0/16", "fd00::/112"].map(|network| network.parse().unwrap()).to_vec();
    snapshot.service_networks.insert("kubernetes".to_owned(), Arc::new(networks));
    let networks = |pod: &str, completeness| {
        Arc::new(ClusterNetworks { pods: vec![pod.parse().unwrap()], services: vec![], completeness })
    };
    snapshot.cluster_networks.insert("IPPool a".to_owned(), networks(network, Completeness::Whole));
    snapshot
        .cluster_networks
        .insert("Node n1 (k3s.io/node-args)".to_owned(), networks("10.0.0.0/8", Completeness::Partial));
    Facts { snapshot, pods: EarlierPods::Read }
}

fn expected(facts: &Facts) -> Vec<Object> {
    let Facts { snapshot, pods: _ } = facts;
    let nodes = snapshot
        .nodes
        .iter()
        .map(|(name, node)| Object::Node(name.clone(), Arc::clone(node), networks::arguments(snapshot, name)));
    let published = snapshot.egress_nodes.by_name.iter();
    let published = published.map(|(name, node)| Object::EgressNode(name.clone(), Arc::clone(node)));
    let of_services = snapshot.service_networks.iter();
    let of_services = of_services.map(|(name, all)| Object::ServiceNetworks(name.clone(), Arc::clone(all)));
    nodes.chain(published).chain(of_services).chain(networks::objects(snapshot)).collect()
}

#[test]
fn what_is_inside_the_cluster_is_recalled_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources::of(dir.path());
    assert!(recall(&sources).objects.is_empty());
    let facts = facts("10.0.1.0/24");
    sources.remember(CLUSTER, lines(&facts).as_bytes()).unwrap();
    let recalled = recall(&sources);
    assert_eq!(recalled.objects.len(), 4);
    assert_eq!((recalled.objects, recalled.pods), (expected(&facts), EarlierPods::Read));
    sources.remember(CLUSTER, lines(&Facts { pods: EarlierPods::Unread, ..facts }).as_bytes()).unwrap();
    assert_eq!(recall(&sources).pods, EarlierPods::Unread);
}

#[test]
fn what_cannot_be_recalled_is_a_finding() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources::of(dir.path());
    sources.remember(CLUSTER, b"").unwrap();
    let file = std::fs::read_dir(dir.path().join("sources")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(file, "{\"version\":2}\n").unwrap();
    let finding = recall(&sources).unknown.unwrap();
    assert!(finding.code == "newer-state" && finding.message.contains("what the cluster gave"), "{finding:?}");
}

#[test]
fn the_newest_is_written_beside_the_loop_and_what_is_no_news_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources::of(dir.path());
    let mut memory = Memory::start(sources.clone()).unwrap();
    let facts = facts("10.0.1.0/24");
    memory.note(facts.clone());
    let begun = clock::now();
    while recall(&sources).objects.is_empty() {
        assert!(clock::since(begun) < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(5));
    }
    let (newest, noted) = channel();
    let mut memory = Memory { newest, ..memory };
    memory.note(facts);
    assert!(noted.try_recv().is_err());
    memory.note(self::facts("10.0.2.0/24"));
    assert!(noted.try_recv().is_ok());
}
