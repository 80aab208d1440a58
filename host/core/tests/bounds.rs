//! What Nodes, EndpointSlices and load balancers may claim, and what does not count: P1, P2 and P13 against those who
//! write such objects.
#![expect(clippy::expect_used, reason = "tests")]

use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{
    AddressTrust, AnnotationPrefix, ClusterFacts, ClusterSettings, MOST_NODE_ADDRESSES, Node, Snapshot, SubjectKey,
    SubjectView, view,
};
use egressd_core::net::Family;
use egressd_core::testkit::{SnapshotBuilder, a, n, service, surroundings};
use proptest::collection::vec;
use proptest::prelude::*;

fn node(addresses: &[&str], pod_networks: &[&str]) -> Node {
    let addresses = addresses.iter().map(|text| a(text)).collect();
    Node { addresses, pod_networks: pod_networks.iter().map(|text| n(text)).collect(), ..Node::default() }
}

/// A cluster of these Nodes, by name.
fn cluster(nodes: &[(&str, Node)]) -> Snapshot {
    let nodes = nodes.iter().map(|(name, node)| ((*name).to_owned(), Arc::new(node.clone()))).collect();
    Snapshot { nodes, ..Snapshot::default() }
}

fn facts(nodes: &[(&str, Node)]) -> ClusterFacts {
    ClusterFacts::gather(&cluster(nodes), &ClusterSettings::default(), &surroundings())
}

fn inside(facts: &ClusterFacts, address: &str) -> bool {
    let address = a(address);
    facts.excluded.get(&Family::of(address)).is_some_and(|ranges| ranges.iter().any(|range| range.contains(address)))
}

fn reported(facts: &ClusterFacts, code: &str) -> String {
    let finding = facts.findings.iter().find(|finding| finding.code == code);
    finding.map(|finding| finding.message.to_string()).unwrap_or_default()
}

/// `web` with these endpoints, as this node sees it beside these Nodes.
fn web(endpoints: &[&str], nodes: &[(&str, Node)]) -> SubjectView {
    let mut snapshot = SnapshotBuilder::default().service(service("web", &["11.0.0.2"]), endpoints).build();
    snapshot.nodes = cluster(nodes).nodes;
    let (key, prefix) = (SubjectKey::service("default", "web"), AnnotationPrefix::default());
    view(&snapshot, &ClusterFacts::detected(&snapshot), &key, AddressTrust::Status, &prefix).expect("it is there")
}

fn addresses(view: &SubjectView) -> Vec<String> {
    view.subject.endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect()
}

fn codes(view: &SubjectView) -> Vec<&str> {
    view.findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn a_node_that_claims_a_pod_of_another_node_changes_nothing_for_it() {
    let nodes = [("node-a", node(&["192.0.2.1"], &["10.0.0.0/24"])), ("node-b", node(&["10.0.0.1"], &["10.0.1.0/24"]))];
    assert_eq!(addresses(&web(&["10.0.0.1"], &nodes)), ["10.0.0.1"]);
    let message = reported(&facts(&nodes), "node-address-in-pod-network");
    assert!(
        message.starts_with("Node node-b lists 10.0.0.1, which lies in 10.0.0.0/24, the pod network of Node node-a")
    );
}

#[test]
fn a_node_that_claims_anothers_pod_network_too_takes_no_pod_from_it_and_is_reported() {
    let nodes = [
        ("node-a", node(&["192.0.2.1"], &["10.0.0.0/24"])),
        ("node-b", node(&["10.0.0.1"], &["10.0.0.0/24"])),
        ("node-c", node(&["10.0.0.1"], &["10.0.0.0/28"])),
    ];
    assert_eq!(addresses(&web(&["10.0.0.1"], &nodes)), ["10.0.0.1"]);
    let message = reported(&facts(&nodes), "node-network-overlap");
    let first = "the podCIDR 10.0.0.0/24 of Node node-a lies in 10.0.0.0/24 of Node node-b (and 2 more)";
    assert!(message.starts_with(first), "{message}");
    assert!(inside(&facts(&nodes), "10.0.0.77"), "the network stays inside");
}

#[test]
fn of_a_nodes_pod_networks_two_count() {
    let facts = facts(&[("a", node(&[], &["10.0.0.0/24", "10.0.1.0/24", "198.51.100.0/24"]))]);
    assert!(inside(&facts, "10.0.1.9") && !inside(&facts, "198.51.100.9"));
    assert!(reported(&facts, "node-networks-too-many").starts_with("Node a has 3 podCIDRs: the first 2 count"));
}

#[test]
fn a_node_whose_own_pod_network_holds_its_address_keeps_it() {
    let nodes = [("node-a", node(&["10.0.0.254"], &["10.0.0.0/24"]))];
    assert_eq!(codes(&web(&["10.0.0.254"], &nodes)), ["host-network-endpoint"]);
    assert_eq!(reported(&facts(&nodes), "node-address-in-pod-network"), "");
}

#[test]
fn an_address_that_two_nodes_claim_stays_inside_and_is_reported() {
    let facts =
        facts(&[("a", node(&["192.0.2.9"], &[])), ("b", node(&["192.0.2.9"], &[])), ("c", node(&["192.0.2.9"], &[]))]);
    assert!(inside(&facts, "192.0.2.9"));
    assert!(reported(&facts, "node-address-duplicate").starts_with("Nodes a and b both list 192.0.2.9 (and 1 more)"));
}

#[test]
fn of_a_nodes_addresses_the_first_count() {
    let many: Vec<String> = (0..40).map(|number| format!("192.0.2.{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let facts = facts(&[("a", node(&many, &[]))]);
    assert_eq!(facts.node_addresses.len(), MOST_NODE_ADDRESSES);
    assert!(inside(&facts, "192.0.2.15") && !inside(&facts, "192.0.2.16"));
    assert_eq!(
        reported(&facts, "node-addresses-too-many"),
        "Node a lists 40 addresses: the first 16 count as a node's"
    );
}

#[test]
fn a_network_that_is_too_wide_for_a_nodes_pods_does_not_count() {
    let facts = facts(&[
        ("a", node(&[], &["0.0.0.0/0", "10.0.0.0/8"])),
        ("b", node(&[], &["8.0.0.0/7", "::/0"])),
        ("c", node(&[], &["fd00::/16"])),
    ]);
    assert!(!inside(&facts, "203.0.113.9") && !inside(&facts, "2001:db8::1") && !inside(&facts, "8.8.8.8"));
    assert!(inside(&facts, "10.200.0.1"));
    let message = reported(&facts, "node-network-too-wide");
    assert!(message.starts_with("Node a has the podCIDR 0.0.0.0/0 (and 2 more)"), "{message}");
}

#[test]
fn endpoints_that_no_pod_can_be_are_left_out_and_the_others_stay() {
    let odd =
        ["0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "ff02::1"];
    let odd = odd.into_iter().chain(["::ffff:10.0.0.1", "10.0.0.1"]).collect::<Vec<_>>();
    let view = web(&odd, &[]);
    assert_eq!(addresses(&view), ["10.0.0.1"]);
    assert_eq!(codes(&view), ["endpoint-unusable"; 6]);
    let message = &view.findings.first().expect("one for each reason").message;
    assert_eq!(
        message,
        "endpoint 0.0.0.0 (and 1 more) is an unspecified address, which no pod has, and is never translated; correct \
         the EndpointSlice or its controller"
    );
}

#[test]
fn a_thousand_endpoints_that_are_nodes_are_one_finding() {
    let claims: Vec<Node> =
        (0..=255).map(|number| node(&[&format!("192.0.2.{number}"), &format!("198.51.100.{number}")], &[])).collect();
    let names: Vec<String> = (0..=255).map(|number| format!("n{number}")).collect();
    let nodes: Vec<(&str, Node)> = names.iter().map(String::as_str).zip(claims).collect();
    let endpoints: Vec<String> = nodes.iter().flat_map(|(_, node)| &node.addresses).map(IpAddr::to_string).collect();
    let view = web(&endpoints.iter().map(String::as_str).collect::<Vec<_>>(), &nodes);
    assert_eq!(codes(&view), ["host-network-endpoint"]);
}

#[test]
fn an_address_that_no_packet_may_get_is_refused_whoever_gave_it() {
    let facts = facts(&[("node-a", node(&["192.0.2.1", "198.51.100.1"], &["10.0.0.0/24"]))]);
    let code = |address| facts.refusal(a(address)).map(|finding| finding.code.to_string());
    for address in ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1", "::ffff:192.0.2.1"] {
        assert_eq!(code(address).as_deref(), Some("address-unusable"), "{address}");
    }
    assert_eq!(code("10.0.0.7").as_deref(), Some("address-in-cluster-network"));
    assert_eq!(code("192.0.2.1").as_deref(), Some("address-of-this-node"));
    // Some list a load balancer's address, which the node holds for a while, behind their own.
    assert_eq!(code("198.51.100.1"), None);
    // No ServiceCIDR is known, and what is assumed instead refuses nothing.
    assert_eq!(code("10.96.0.9"), None);
}

#[test]
fn no_other_node_can_claim_an_address_away_from_a_service() {
    let other = node(&["11.0.0.2", "11.0.0.3"], &["11.0.0.0/8"]);
    let facts = facts(&[("node-a", node(&["192.0.2.1"], &["10.0.0.0/24"])), ("node-b", other)]);
    assert_eq!(facts.refusal(a("11.0.0.2")), None);
    assert_eq!(facts.refusal(a("11.0.0.4")), None);
}

/// Small, so that claims meet: nodes of three names, addresses and networks of one /28.
fn claims() -> impl Strategy<Value = Vec<(String, Node)>> {
    let addresses = vec((0..16u8).prop_map(|number| IpAddr::from([10, 0, 0, number])), 0..20);
    let networks = vec((0..16u8, 24..=32u8), 0..3);
    let node = (addresses, networks).prop_map(|(addresses, networks)| {
        let network = |(number, length)| format!("10.0.0.{number}/{length}").parse().expect("a network");
        Node { addresses, pod_networks: networks.into_iter().map(network).collect(), ..Node::default() }
    });
    vec(node, 1..4).prop_map(|nodes| nodes.into_iter().enumerate().map(|(i, node)| (format!("n{i}"), node)).collect())
}

proptest! {
    /// An address counts as a Node's only where that Node lists it and no other Node has a pod network around it,
    /// whoever else claims that network.
    #[test]
    fn no_node_takes_an_address_out_of_anothers_pod_network(claims in claims()) {
        let named: Vec<(&str, Node)> = claims.iter().map(|(name, node)| (name.as_str(), node.clone())).collect();
        for address in facts(&named).node_addresses {
            let lists = |node: &Node| node.addresses.iter().take(MOST_NODE_ADDRESSES).any(|own| *own == address);
            let has_around = |node: &Node| node.pod_networks.iter().take(2).any(|network| network.contains(&address));
            let is_believed = |(name, node): &(String, Node)| {
                let mut others = claims.iter().filter(|(other, _)| other != name);
                lists(node) && !others.any(|(_, other)| has_around(other))
            };
            prop_assert!(claims.iter().any(is_believed), "{address}");
        }
    }

    /// What one more Node claims takes no address of another Node away from what is inside.
    #[test]
    fn one_more_node_makes_nothing_of_the_others_outside(claims in claims()) {
        let named: Vec<(&str, Node)> = claims.iter().map(|(name, node)| (name.as_str(), node.clone())).collect();
        let (_, fewer) = named.split_last().expect("at least one");
        let (before, after) = (facts(fewer), facts(&named));
        for number in 0..16u8 {
            let address = format!("10.0.0.{number}");
            // Without any podCIDR a network is assumed, which a named one replaces.
            let assumed = fewer.iter().all(|(_, node)| node.pod_networks.is_empty());
            prop_assert!(assumed || !inside(&before, &address) || inside(&after, &address), "{address}");
        }
    }
}
