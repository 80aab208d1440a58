//! P2 where an object that says where pods live cannot be read, or a part of it: what was inside stays, and what was
//! never known is not open.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{
    ClusterFacts, ClusterNetworks, ClusterSettings, Completeness, InsideNetworks, MOST_ADDRESSES_BEFORE,
    MOST_NETWORKS_BEFORE, MOST_NODE_ADDRESSES, Node, Reason, Snapshot,
};
use egressd_core::net::Family;
use egressd_core::testkit::{SnapshotBuilder, a, context, n, service, surroundings};
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;

fn node(addresses: &[&str], pod_networks: &[&str]) -> Node {
    let addresses = addresses.iter().map(|text| a(text)).collect();
    Node { addresses, pod_networks: pod_networks.iter().map(|text| n(text)).collect(), ..Node::default() }
}

/// The same, of which a podCIDR cannot be read.
fn partly(pod_networks: &[&str]) -> Node {
    Node { completeness: Completeness::Partial, ..node(&["192.0.2.1"], pod_networks) }
}

/// A cluster in which `web` is in front of a pod of this Node.
fn cluster(node: Node) -> Snapshot {
    let mut snapshot = SnapshotBuilder::default().service(service("web", &["203.0.113.2"]), &["10.0.0.7"]).build();
    snapshot.nodes.insert(context().node, Arc::new(node));
    snapshot
}

fn facts(snapshot: &Snapshot) -> ClusterFacts {
    ClusterFacts::gather(snapshot, &ClusterSettings::default(), &surroundings())
}

fn inside(facts: &ClusterFacts, address: &str) -> bool {
    let address = a(address);
    facts.excluded.get(&Family::of(address)).is_some_and(|ranges| ranges.iter().any(|range| range.contains(address)))
}

fn says(completeness: Completeness, pods: &[&str]) -> ClusterNetworks {
    ClusterNetworks { pods: pods.iter().map(|text| n(text)).collect(), services: vec![], completeness }
}

#[test]
fn an_object_of_a_network_plugin_that_was_never_read_withholds_private_destinations_until_it_is() {
    let mut snapshot = cluster(node(&[], &["10.0.0.0/24"]));
    let mut say = |networks: ClusterNetworks| {
        snapshot.cluster_networks.insert("IPPool blue".to_owned(), Arc::new(networks));
        snapshot.clone()
    };
    // An object that says nothing, such as kubeadm's without podSubnet, is read.
    let silent = facts(&say(says(Completeness::Whole, &[])));
    assert!(!inside(&silent, "10.42.9.9") && silent.doubt(Family::Ipv4).is_none());
    let unread = say(says(Completeness::Partial, &[]));
    let doubtful = facts(&unread);
    assert!(inside(&doubtful, "10.42.9.9") && !inside(&doubtful, "203.0.113.9"));
    let message = doubtful.doubt(Family::Ipv4).expect("a doubt").message;
    assert!(message.contains("the pod networks of IPPool blue cannot be read"), "{message}");
    let inside_networks = InsideNetworks::These(vec![n("10.42.0.0/16")]);
    let settings = ClusterSettings { inside: inside_networks, ..ClusterSettings::default() };
    let named = ClusterFacts::gather(&unread, &settings, &surroundings());
    assert!(!inside(&named, "192.168.0.1"), "who names all networks needs no plugin");
    let read = facts(&say(says(Completeness::Whole, &["10.42.0.0/16"])));
    assert!(inside(&read, "10.42.9.9") && !inside(&read, "192.168.0.1"));
}

#[test]
fn a_node_with_a_new_network_and_a_bad_one_beside_it_loses_none_of_its_old_ones() {
    let whole = node(&["192.0.2.1"], &["10.0.1.0/24", "fd00:1::/64"]);
    let known = partly(&["10.0.2.0/24"]).keeping_inside(&whole);
    let facts = facts(&cluster(known));
    for pod in ["10.0.1.9", "10.0.2.9", "fd00:1::9"] {
        assert!(inside(&facts, pod), "{pod}");
    }
    assert_eq!(facts.doubt(Family::Ipv4), None);
    assert!(facts.findings.iter().all(|finding| finding.code != "node-networks-too-many"), "{:?}", facts.findings);
}

#[test]
fn what_did_not_count_of_a_node_does_not_because_a_part_of_it_cannot_be_read() {
    let many: Vec<String> = (0..20).map(|number| format!("192.0.2.{number}")).collect();
    let greedy =
        node(&many.iter().map(String::as_str).collect::<Vec<_>>(), &["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]);
    let known = partly(&[]).keeping_inside(&greedy);
    let facts = facts(&cluster(known));
    assert!(inside(&facts, "10.0.2.9") && !inside(&facts, "198.51.100.9"));
    assert!(inside(&facts, "192.0.2.15") && !inside(&facts, "192.0.2.19"));
    assert!(of_node(&facts).len() == 2, "{:?}", facts.networks());
}

#[test]
fn who_was_wholly_known_once_is_no_doubt_and_who_never_was_is() {
    let whole = node(&["192.0.2.1"], &["10.0.1.0/24"]);
    let completeness = |new: Node, known: &Node| new.keeping_inside(known).completeness;
    assert_eq!(completeness(partly(&[]), &whole), Completeness::Whole);
    assert_eq!(completeness(partly(&[]), &partly(&["10.0.1.0/24"])), Completeness::Partial);
    assert_eq!(completeness(whole.clone(), &partly(&[])), Completeness::Whole, "an address of it is what is bad");
}

/// Older releases wrote all addresses of a Node as its InternalIPs.
#[test]
fn what_is_newer_says_of_which_type_an_address_of_a_node_is() {
    let external = |texts: &[&str]| texts.iter().map(|text| a(text)).collect::<Vec<_>>();
    let earlier = node(&["192.0.2.1", "203.0.113.1", "203.0.113.2"], &[]);
    let newest = Node { external: external(&["203.0.113.1"]), ..node(&["192.0.2.1", "203.0.113.1"], &[]) };
    let known = newest.clone().keeping_inside(&earlier);
    let is_internal = ["192.0.2.1", "203.0.113.1", "203.0.113.2"].map(|text| known.has_internal(a(text)));
    assert_eq!(is_internal, [true, false, true], "of what it does not list the earlier one says it");
    let internal_now = node(&["203.0.113.1"], &[]).keeping_inside(&newest);
    assert!(internal_now.has_internal(a("203.0.113.1")));
}

/// A Node at one moment, as a part of it could be read.
fn any_node() -> impl Strategy<Value = Node> {
    let addresses = vec((0..8u8).prop_map(|number| IpAddr::from([192, 0, 2, number])), 0..3);
    let networks = vec((0..200u8).prop_map(|number| n(&format!("10.{number}.0.0/16"))), 0..3);
    (addresses, networks).prop_map(|(addresses, pod_networks)| Node { addresses, pod_networks, ..Node::default() })
}

/// The networks that are inside because a Node has them, or had them.
fn of_node(facts: &ClusterFacts) -> BTreeSet<IpNet> {
    let of_node = facts.networks().into_iter().filter(|(_, why)| matches!(why, Reason::Node(_)));
    of_node.map(|(network, _)| network).collect()
}

proptest! {
    /// Whatever cannot be read of a Node, time after time: nothing leaves what is inside before there is much more than
    /// a Node can have, and there is never more than that.
    #[test]
    fn parts_that_cannot_be_read_take_nothing_away_and_add_within_bounds(nodes in vec(any_node(), 1..30)) {
        let mut known = Node::default();
        for node in nodes {
            let before = facts(&cluster(known.clone()));
            known = node.keeping_inside(&known);
            let now = facts(&cluster(known.clone()));
            if known.before.pod_networks.len() < MOST_NETWORKS_BEFORE {
                prop_assert!(of_node(&before).is_subset(&of_node(&now)));
            }
            if known.before.addresses.len() < MOST_ADDRESSES_BEFORE {
                prop_assert!(before.node_addresses.is_subset(&now.node_addresses));
            }
            prop_assert!(of_node(&now).len() <= 2 + MOST_NETWORKS_BEFORE);
            prop_assert!(now.node_addresses.len() <= MOST_NODE_ADDRESSES + MOST_ADDRESSES_BEFORE);
        }
    }
}
