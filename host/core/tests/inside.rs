//! What is inside the cluster: P2 against what cannot be known, and against those who would declare the world a part of
//! it.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{
    AddressReason, ClusterFacts, ClusterNetworks, ClusterSettings, Completeness, Connected, InsideNetworks,
    MOST_ENDPOINTS, ManagedBy, Node, Origin, Placement, PrivateDestinations, Readiness, Selection, ServiceType, Slice,
    Snapshot, SubjectKey, Surroundings,
};
use egressd_core::net::{Family, is_private, is_within};
use egressd_core::testkit::{SnapshotBuilder, a, context, n, service, surroundings};
use proptest::collection::vec;
use proptest::prelude::*;

/// A cluster in which `web` is in front of these pods, all of them of node-a, whose podCIDR is 10.0.0.0/24 or nothing.
fn cluster(pod_networks: &[&str], pods: &[&str]) -> Snapshot {
    let mut snapshot = SnapshotBuilder::default().service(service("web", &["203.0.113.2"]), pods).build();
    let pod_networks = pod_networks.iter().map(|text| n(text)).collect();
    let node = Node { addresses: vec![a("192.0.2.1")], pod_networks, ..Node::default() };
    snapshot.nodes.insert(context().node, Arc::new(node));
    snapshot
}

fn facts(snapshot: &Snapshot) -> ClusterFacts {
    ClusterFacts::gather(snapshot, &ClusterSettings::default(), &surroundings())
}

fn with(snapshot: &Snapshot, inside: InsideNetworks) -> ClusterFacts {
    let settings = ClusterSettings { inside, ..ClusterSettings::default() };
    ClusterFacts::gather(snapshot, &settings, &surroundings())
}

/// Whether a pod in a known network may be translated towards a destination.
fn outside(facts: &ClusterFacts, destination: &str) -> bool {
    let address = a(destination);
    let networks = facts.excluded.get(&Family::of(address));
    networks.is_some_and(|networks| !is_within(networks, address)) && !facts.exact.contains(&address)
}

fn codes(facts: &ClusterFacts) -> Vec<&str> {
    facts.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn slice_of(snapshot: &mut Snapshot, change: impl FnOnce(&mut Slice)) {
    let key = SubjectKey::service("default", "web");
    let slices = snapshot.slices.get_mut(&key).expect("web has slices");
    let slice = slices.get_mut("here").expect("and this one");
    change(Arc::make_mut(slice));
}

fn web(snapshot: &mut Snapshot, change: impl FnOnce(&mut egressd_core::model::Service)) {
    change(Arc::make_mut(snapshot.services.get_mut(&SubjectKey::service("default", "web")).expect("web is there")));
}

#[test]
fn where_nothing_says_where_pods_live_private_destinations_are_withheld_and_public_ones_are_not() {
    let facts = facts(&cluster(&[], &["10.0.3.4"]));
    for private in ["10.9.9.9", "172.18.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1", "240.0.0.1"] {
        assert!(!outside(&facts, private), "{private}");
    }
    assert!(outside(&facts, "203.0.113.9"));
    let doubt = facts.doubt(Family::Ipv4).expect("it is reported");
    assert_eq!(doubt.code, "networks-assumed");
    assert!(doubt.message.contains("--inside-networks") && doubt.message.contains("none"), "{doubt}");
    assert!(codes(&facts).contains(&"networks-assumed"));
}

#[test]
fn who_names_the_networks_or_says_that_there_are_no_others_has_private_destinations_translated() {
    let unknown = cluster(&[], &["10.0.3.4"]);
    let named = with(&unknown, InsideNetworks::These(vec![n("10.0.0.0/16")]));
    assert!(!outside(&named, "10.0.9.9") && outside(&named, "10.1.0.1") && outside(&named, "192.168.0.1"));
    assert_eq!((named.doubt(Family::Ipv4), named.placement(a("10.0.3.4"))), (None, Placement::Known));
    assert_eq!(named.placement(a("10.1.3.4")), Placement::Elsewhere(PrivateDestinations::Withheld));
    let none = with(&unknown, InsideNetworks::Nothing);
    assert!(outside(&none, "10.0.9.9") && outside(&none, "10.96.0.9"), "nothing is assumed either");
    assert_eq!((none.doubt(Family::Ipv4), none.placement(a("10.1.3.4"))), (None, Placement::Known));
}

#[test]
fn nothing_ipv6_is_translated_where_no_ipv6_pod_network_is_known_whatever_else_is_known() {
    for inside in [InsideNetworks::NotSet, InsideNetworks::Nothing, InsideNetworks::These(vec![n("10.0.0.0/8")])] {
        assert!(!with(&cluster(&["10.0.0.0/24"], &[]), inside).excluded.contains_key(&Family::Ipv6));
    }
    let named = with(&cluster(&["10.0.0.0/24"], &[]), InsideNetworks::These(vec![n("fd00:1::/48")]));
    assert!(outside(&named, "2001:db8::1") && !outside(&named, "fd00:1::1"));
}

#[test]
fn an_endpoint_outside_of_all_known_networks_concerns_no_other_endpoint() {
    let facts = facts(&cluster(&["10.0.0.0/24"], &["10.0.0.7", "172.30.1.1"]));
    assert_eq!(facts.placement(a("172.30.1.1")), Placement::Elsewhere(PrivateDestinations::Withheld));
    assert_eq!(facts.placement(a("10.0.0.7")), Placement::Known);
    assert!(outside(&facts, "192.168.0.1"), "what others call is as before");
    assert!(!outside(&facts, "172.30.1.1"), "and the pod itself is inside");
}

#[test]
fn a_node_that_was_never_read_withholds_private_destinations_until_it_is() {
    let mut snapshot = cluster(&["10.0.0.0/24"], &["10.0.0.7"]);
    assert!(outside(&facts(&snapshot), "10.42.9.9"));
    let unread = Node { completeness: Completeness::Partial, ..Node::default() };
    snapshot.nodes.insert("node-b".to_owned(), Arc::new(unread));
    let facts = facts(&snapshot);
    assert!(!outside(&facts, "10.42.9.9") && outside(&facts, "203.0.113.9"));
    assert!(facts.doubt(Family::Ipv4).expect("a doubt").message.contains("Node node-b"));
    let named = with(&snapshot, InsideNetworks::These(vec![n("10.42.0.0/16")]));
    assert!(outside(&named, "192.168.0.1"), "who names all networks needs no Node");
}

/// What does not count of a Node closes nothing either: a compromised one could take private destinations from all.
#[test]
fn a_node_that_says_more_than_counts_puts_nothing_in_doubt() {
    for networks in [&["10.0.0.0/24", "0.0.0.0/0"][..], &["10.0.0.0/24", "10.1.0.0/24", "10.2.0.0/24"]] {
        let facts = facts(&cluster(networks, &["10.0.0.7"]));
        assert!(outside(&facts, "10.42.9.9") && facts.doubt(Family::Ipv4).is_none());
    }
}

#[test]
fn a_ready_node_without_a_network_beside_others_that_have_one_is_in_doubt_unless_a_pool_is_known() {
    let mut snapshot = cluster(&["10.0.0.0/24"], &["10.0.0.7"]);
    let add = |snapshot: &mut Snapshot, readiness| {
        snapshot.nodes.insert("node-b".to_owned(), Arc::new(Node { readiness, ..Node::default() }));
    };
    add(&mut snapshot, Readiness::NotReady);
    assert!(outside(&facts(&snapshot), "10.42.9.9"), "it only joins");
    add(&mut snapshot, Readiness::Ready);
    let gathered = facts(&snapshot);
    assert!(!outside(&gathered, "10.42.9.9") && outside(&gathered, "203.0.113.9"));
    assert!(gathered.doubt(Family::Ipv4).expect("a doubt").message.starts_with("Node node-b has no pod network"));
    let other_family = Node { pod_networks: vec![n("fd00:2::/64")], ..Node::default() };
    let mut of_two = snapshot.clone();
    of_two.nodes.insert("node-b".to_owned(), Arc::new(other_family));
    assert!(outside(&facts(&of_two), "10.42.9.9"), "it has no IPv4 pods");
    let pool = ClusterNetworks { pods: vec![n("10.42.0.0/16")], ..ClusterNetworks::default() };
    snapshot.cluster_networks.insert("IPPool default".to_owned(), Arc::new(pool));
    let gathered = facts(&snapshot);
    assert!(!outside(&gathered, "10.42.9.9") && outside(&gathered, "192.168.0.1"));
}

#[test]
fn every_cluster_ip_is_inside_without_a_service_cidr() {
    let mut snapshot = cluster(&["10.0.0.0/24"], &["10.0.0.7"]);
    web(&mut snapshot, |web| web.cluster_addresses = vec![a("172.20.0.7"), a("10.96.0.7")]);
    let gathered = facts(&snapshot);
    assert!(!outside(&gathered, "172.20.0.7") && outside(&gathered, "172.20.0.8"));
    assert_eq!(gathered.exact, BTreeSet::from([a("172.20.0.7")]), "what a network has is no element of its own");
    web(&mut snapshot, |web| web.kind = ServiceType::ExternalName);
    assert!(outside(&facts(&snapshot), "172.20.0.7"), "an alias has none");
}

#[test]
fn only_what_the_endpoint_slice_controller_lists_makes_an_address_inside() {
    let theirs = "192.168.0.250";
    let snapshot = cluster(&["10.0.0.0/24"], &["10.0.0.7", theirs]);
    assert!(!outside(&facts(&snapshot), theirs));
    let without = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = snapshot.clone();
        change(&mut snapshot);
        facts(&snapshot)
    };
    let by_hand = without(&|s| slice_of(s, |slice| slice.made_by = ManagedBy::Other));
    let no_pod =
        without(&|s| slice_of(s, |slice| Arc::make_mut(&mut slice.endpoints).iter_mut().for_each(|e| e.pod = None)));
    let no_node =
        without(&|s| slice_of(s, |slice| Arc::make_mut(&mut slice.endpoints).iter_mut().for_each(|e| e.node = None)));
    let other_node = without(&|s| {
        slice_of(s, |slice| Arc::make_mut(&mut slice.endpoints).iter_mut().for_each(|e| e.node = Some("n".into())))
    });
    let no_selector = without(&|s| web(s, |web| web.selection = Selection::ByHand));
    let no_service = without(&|s| drop(s.services.remove(&SubjectKey::service("default", "web"))));
    for facts in [by_hand, no_pod, no_node, other_node, no_selector, no_service] {
        assert!(outside(&facts, theirs));
    }
}

#[test]
fn of_one_namespace_so_many_pods_outside_of_known_networks_count_and_it_is_reported() {
    let pods: Vec<String> = (0..=MOST_ENDPOINTS).map(|i| format!("172.30.{}.{}", i / 256, i % 256)).collect();
    let facts = facts(&cluster(&["10.0.0.0/24"], &pods.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(facts.exact.len(), MOST_ENDPOINTS);
    let finding = facts.findings.iter().find(|finding| finding.code == "endpoints-inside-too-many");
    assert!(finding.is_some_and(|finding| finding.message.starts_with("namespace default has 257 pods")));
}

#[test]
fn what_network_plugins_and_installers_say_is_inside_and_known() {
    let mut snapshot = cluster(&[], &["172.30.1.1"]);
    let (pods, services) = (vec![n("172.30.0.0/16")], vec![n("172.20.0.0/16")]);
    let says = ClusterNetworks { pods, services, completeness: Completeness::Whole };
    snapshot.cluster_networks.insert("IPPool default".to_owned(), Arc::new(says));
    let facts = facts(&snapshot);
    assert!(!outside(&facts, "172.30.9.9") && !outside(&facts, "172.20.9.9") && outside(&facts, "192.168.0.1"));
    assert_eq!((facts.doubt(Family::Ipv4), facts.placement(a("172.30.1.1"))), (None, Placement::Known));
    assert!(
        facts
            .networks()
            .iter()
            .any(|(network, why)| *network == n("172.30.0.0/16") && why.to_string() == "IPPool default")
    );
}

#[test]
fn this_nodes_addresses_are_inside() {
    let around = Surroundings { interfaces: vec![a("192.168.0.9")], ..surroundings() };
    let snapshot = cluster(&["10.0.0.0/24"], &[]);
    let facts = ClusterFacts::gather(&snapshot, &ClusterSettings::default(), &around);
    assert!(!outside(&facts, "192.168.0.9") && outside(&facts, "192.168.0.8") && !outside(&facts, "192.0.2.1"));
    assert_eq!(facts.addresses().get(&a("192.168.0.9")), Some(&AddressReason::Interface));
}

#[test]
fn a_connected_network_is_inside_where_a_pod_of_this_node_has_an_address_in_it() {
    let connected = vec![
        Connected { interface: "cni0".to_owned(), network: n("172.30.1.0/24") },
        Connected { interface: "eth1".to_owned(), network: n("192.168.0.0/24") },
    ];
    let around = Surroundings { connected, ..surroundings() };
    let of = |snapshot: &Snapshot| ClusterFacts::gather(snapshot, &ClusterSettings::default(), &around);
    let mut snapshot = cluster(&["10.0.0.0/24"], &["172.30.1.7"]);
    let facts = of(&snapshot);
    assert!(!outside(&facts, "172.30.1.99") && outside(&facts, "192.168.0.99"));
    assert_eq!(facts.placement(a("172.30.1.7")), Placement::Known);
    slice_of(&mut snapshot, |slice| slice.made_by = ManagedBy::Other);
    assert!(outside(&of(&snapshot), "172.30.1.99"), "a tenant makes no network a part of the cluster");
}

#[test]
fn files_without_a_node_describe_one_machine_and_everything_else_is_outside() {
    let settings = ClusterSettings { origin: Origin::Manifests, ..ClusterSettings::default() };
    let around = Surroundings {
        connected: vec![Connected { interface: "br0".to_owned(), network: n("172.30.1.0/24") }],
        ..surroundings()
    };
    let mut snapshot = cluster(&[], &["172.30.1.7"]);
    snapshot.nodes.clear();
    slice_of(&mut snapshot, |slice| slice.made_by = ManagedBy::Other);
    let facts = ClusterFacts::gather(&snapshot, &settings, &around);
    for inside in ["10.0.9.9", "10.96.0.9", "172.30.1.99"] {
        assert!(!outside(&facts, inside), "{inside}");
    }
    assert!(outside(&facts, "192.168.0.1") && outside(&facts, "10.1.0.1"));
    assert_eq!(facts.placement(a("192.168.7.7")), Placement::Known);
    assert_eq!(codes(&facts)[..2], ["pod-network-assumed", "service-network-assumed"]);
}

#[test]
fn an_update_goes_on_with_what_was_translated_and_reports_it_until_the_setting_is_made() {
    let before = Surroundings { private: PrivateDestinations::AsBefore, ..surroundings() };
    let unknown = cluster(&[], &["10.0.3.4"]);
    let kept = ClusterFacts::gather(&unknown, &ClusterSettings::default(), &before);
    assert!(outside(&kept, "192.168.0.1") && kept.is_as_before());
    assert!(kept.doubt(Family::Ipv4).expect("a doubt").message.contains("as before the update"));
    let set = ClusterSettings { inside: InsideNetworks::These(vec![n("10.9.0.0/16")]), ..ClusterSettings::default() };
    let set = ClusterFacts::gather(&unknown, &set, &before);
    assert_eq!(set.placement(a("10.0.3.4")), Placement::Elsewhere(PrivateDestinations::Withheld));
    let elsewhere = cluster(&["10.0.0.0/24"], &["172.30.1.7"]);
    let kept = ClusterFacts::gather(&elsewhere, &ClusterSettings::default(), &before);
    assert_eq!(kept.placement(a("172.30.1.7")), Placement::Elsewhere(PrivateDestinations::AsBefore));
}

/// A slice that a tenant writes as he likes, of a Service of his own without a selector.
fn forged() -> impl Strategy<Value = Slice> {
    let endpoint = (any::<[u8; 4]>(), prop_oneof![Just("node-a"), Just("nowhere")], any::<bool>());
    (vec(endpoint, 0..20), any::<bool>()).prop_map(|(endpoints, as_controller)| {
        let mut snapshot = cluster(&[], &["10.0.0.7"]);
        slice_of(&mut snapshot, |slice| {
            slice.service = SubjectKey::service("evil", "mine");
            slice.made_by = if as_controller { ManagedBy::Controller } else { ManagedBy::Other };
            let one = slice.endpoints.first().expect("one endpoint").clone();
            let of = |(address, node, is_pod): ([u8; 4], &str, bool)| {
                let pod = one.pod.clone().filter(|_| is_pod);
                egressd_core::model::Endpoint {
                    address: IpAddr::from(address),
                    node: Some(node.into()),
                    pod,
                    ..one.clone()
                }
            };
            slice.endpoints = endpoints.into_iter().map(of).collect();
        });
        let slices = snapshot.slices.values().flat_map(|slices| slices.values());
        Slice::clone(slices.last().expect("one slice"))
    })
}

proptest! {
    /// Whatever a tenant writes into slices of his own changes nothing that is inside, and so no other's translation.
    #[test]
    fn slices_that_a_tenant_writes_change_nothing_for_others(slice in forged(), connected in any::<[u8; 3]>()) {
        let mut snapshot = cluster(&["10.0.0.0/24"], &["10.0.0.7"]);
        let network = format!("{}.{}.{}.0/24", connected[0].max(1), connected[1], connected[2]).parse().expect("a network");
        let around = Surroundings { connected: vec![Connected { interface: "eth1".to_owned(), network }], ..surroundings() };
        let of = |snapshot: &Snapshot| ClusterFacts::gather(snapshot, &ClusterSettings::default(), &around);
        let before = of(&snapshot);
        let mut own = service("mine", &["203.0.113.7"]);
        own.key = SubjectKey::service("evil", "mine");
        own.selection = Selection::ByHand;
        snapshot.services.insert(own.key.clone(), Arc::new(own.clone()));
        snapshot.slices.entry(own.key).or_default().insert("forged".to_owned(), Arc::new(slice));
        prop_assert_eq!(of(&snapshot), before);
    }

    /// Where a Node is missing, broken or without networks, no private destination is translated to but by a pod whose
    /// networks are known.
    #[test]
    fn no_private_destination_is_translated_to_in_doubt(
        networks in vec(prop_oneof![Just("10.0.0.0/24"), Just("10.1.0.0/16")], 0..3),
        partial in any::<bool>(),
        destination in any::<[u8; 4]>(),
        pod in any::<[u8; 4]>(),
    ) {
        let mut snapshot = cluster(&networks, &[]);
        if partial {
            let unread = Node { completeness: Completeness::Partial, ..Node::default() };
            snapshot.nodes.insert("node-b".to_owned(), Arc::new(unread));
        }
        let (destination, pod) = (IpAddr::from(destination), IpAddr::from(pod));
        let facts = facts(&snapshot);
        let translated = outside(&facts, &destination.to_string())
            && !(is_private(destination) && facts.placement(pod) != Placement::Known);
        let is_known = networks.iter().any(|network| n(network).contains(&pod)) && !partial;
        prop_assert!(!translated || !is_private(destination) || is_known);
    }
}
