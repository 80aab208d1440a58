//! Whose pod it is, where the pods of this node are known (P1, P13): what no slice can change, and what waits how long.
#![expect(clippy::expect_used, reason = "tests")]

#[path = "pods/fixture.rs"]
mod fixture;

use std::collections::BTreeMap;
use std::time::Duration;

use egressd_core::model::{ChangeKey, KnownPods, Phase, PodNetwork};
use egressd_core::testkit::a;
use egressd_core::whose::MAX_POD_WAIT;
use fixture::{Fixture, POD, pod};
use proptest::prelude::*;

const MOMENT: Duration = Duration::from_millis(1);

/// A Service that every slice lists is the pod's alone: whatever the other one asks for, names or is older than.
#[test]
fn an_endpoint_that_is_a_pod_of_another_namespace_is_not_the_services() {
    for target in [None, Some(("victim", "web-1")), Some(("evil", "made-up"))] {
        for created in [2010, 2030] {
            let mut fixture = Fixture::with_pods(&[pod("victim", "web-1", &[POD])]);
            fixture.service("victim", 2020, "11.0.0.3", &[POD]);
            fixture.targeting(target).service("evil", created, "11.0.0.4", &[POD]);
            assert_eq!(fixture.in_force(), ["victim 10.0.0.1"], "{target:?} {created}");
            let found = fixture.findings("evil");
            assert!(found.contains("warning: endpoint 10.0.0.1 is a pod of namespace victim, "), "{found}");
            assert_eq!(fixture.findings("victim"), "");
        }
    }
}

#[test]
fn a_pod_of_another_namespace_without_egress_of_its_own_is_not_taken_either() {
    let mut fixture = Fixture::with_pods(&[pod("victim", "web-1", &[POD])]);
    fixture.targeting(Some(("evil", "made-up"))).service("evil", 2010, "11.0.0.4", &[POD]);
    assert!(fixture.in_force().is_empty());
}

#[test]
fn what_a_policy_sees_of_an_endpoint_is_the_pod_and_not_what_its_slice_says() {
    let mut fixture = Fixture::with_pods(&[pod("victim", "web-1", &[POD])]);
    fixture.targeting(Some(("evil", "made-up"))).service("victim", 2020, "11.0.0.3", &[POD]);
    assert_eq!(fixture.pods_seen("victim"), ["victim/web-1"]);
}

/// Its own node knows its pods.
#[test]
fn an_endpoint_of_another_node_is_as_its_slice_says() {
    let mut fixture = Fixture::with_pods(&[]);
    fixture.on_node("node-b").targeting(Some(("shop", "web-1"))).service("shop", 2020, "11.0.0.3", &[POD]);
    fixture.wait(MAX_POD_WAIT);
    assert_eq!((fixture.pods_seen("shop"), fixture.next()), (vec!["shop/web-1".to_owned()], None));
}

#[test]
fn without_knowledge_of_pods_everything_is_as_slices_say() {
    let mut fixture = Fixture::default();
    fixture.targeting(Some(("evil", "made-up"))).service("evil", 2010, "11.0.0.4", &[POD]);
    assert_eq!(fixture.in_force(), ["evil 10.0.0.1"]);
    assert_eq!((fixture.pods_seen("evil"), fixture.findings("evil")), (vec!["evil/made-up".to_owned()], String::new()));
}

#[test]
fn a_new_endpoint_is_translated_as_soon_as_its_pod_is_known() {
    let mut fixture = Fixture::with_pods(&[]);
    fixture.service("shop", 2020, "11.0.0.3", &[POD]);
    assert!(fixture.in_force().is_empty());
    assert_eq!(fixture.findings("shop"), "", "it waits");
    fixture.come(pod("shop", "web-1", &[POD]));
    assert_eq!((fixture.in_force(), fixture.findings("shop")), (vec!["shop 10.0.0.1".to_owned()], String::new()));
    assert_eq!(fixture.next(), None, "nothing waits any more");
}

#[test]
fn one_whose_pod_is_not_known_after_two_seconds_is_reported_and_never_translated() {
    let mut fixture = Fixture::with_pods(&[]);
    fixture.targeting(Some(("shop", "web-1"))).service("shop", 2020, "11.0.0.3", &[POD]);
    assert_eq!(fixture.next(), Some(Duration::from_secs(2)));
    fixture.wait(MAX_POD_WAIT - MOMENT);
    assert_eq!(fixture.findings("shop"), "");
    fixture.wait(MOMENT);
    let found = fixture.findings("shop");
    assert!(found.contains("warning: endpoint 10.0.0.1 is not a pod of this node, "), "{found}");
    assert!(found.ends_with("[unknown-pod]") && fixture.in_force().is_empty(), "{found}");
    fixture.wait(MAX_POD_WAIT * 100);
    assert!(fixture.in_force().is_empty() && fixture.next().is_none());
    fixture.come(pod("shop", "web-1", &[POD]));
    assert_eq!((fixture.in_force(), fixture.findings("shop")), (vec!["shop 10.0.0.1".to_owned()], String::new()));
}

/// The pod is gone, and its slice is not yet: as long as the wait, and then the address is anybody's.
#[test]
fn what_is_in_force_stays_for_two_seconds_when_its_pod_is_not_known() {
    let mut fixture = Fixture::with_pods(&[pod("shop", "web-1", &[POD])]);
    fixture.service("shop", 2020, "11.0.0.3", &[POD]);
    fixture.go("shop", "web-1");
    fixture.wait(MAX_POD_WAIT - MOMENT);
    assert_eq!(fixture.in_force(), ["shop 10.0.0.1"]);
    fixture.wait(MOMENT);
    assert!(fixture.in_force().is_empty() && fixture.findings("shop").ends_with("[unknown-pod]"));
}

/// Else P13 would believe it where nothing is known.
#[test]
fn while_a_pod_is_not_known_no_slice_says_whose_it_is() {
    let mut fixture = Fixture::default();
    fixture.service("old", 2010, "11.0.0.3", &[POD]);
    fixture.targeting(Some(("young", "made-up"))).service("young", 2020, "11.0.0.4", &[POD]);
    fixture.know(Fixture::complete(&[]));
    assert_eq!(fixture.in_force(), ["old 10.0.0.1", "young 10.0.0.1"]);
    assert!(fixture.pods_seen("old").is_empty() && fixture.pods_seen("young").is_empty());
}

/// P5: the other one of its name had it, and is deleted.
#[test]
fn nothing_is_in_force_of_a_service_that_is_new_under_an_old_name() {
    let mut fixture = Fixture::with_pods(&[pod("shop", "web-1", &[POD])]);
    fixture.service("shop", 2020, "11.0.0.3", &[POD]);
    fixture.go("shop", "web-1");
    fixture.again("shop", 2030, "11.0.0.3", &[POD]);
    assert!(fixture.in_force().is_empty());
}

/// Or whoever had it before would go on with it.
#[test]
fn an_address_that_goes_over_to_another_namespaces_pod_leaves_at_once() {
    let mut fixture = Fixture::with_pods(&[pod("evil", "own", &[POD])]);
    fixture.service("evil", 2010, "11.0.0.4", &[POD]);
    fixture.service("victim", 2020, "11.0.0.3", &[POD]);
    assert_eq!(fixture.in_force(), ["evil 10.0.0.1"]);
    fixture.go("evil", "own");
    fixture.come(pod("victim", "web-1", &[POD]));
    assert_eq!(fixture.in_force(), ["victim 10.0.0.1"]);
}

/// Writing the slice anew, or the Service, begins no other wait for what is in force.
#[test]
fn a_slice_that_comes_and_goes_keeps_nothing_in_force() {
    let mut fixture = Fixture::default();
    fixture.service("evil", 2010, "11.0.0.4", &[POD]);
    fixture.know(KnownPods::Complete(Default::default()));
    fixture.wait(MAX_POD_WAIT);
    for endpoints in [&[][..], &[POD], &[], &[POD]] {
        fixture.service("evil", 2010, "11.0.0.4", endpoints);
        assert!(fixture.in_force().is_empty(), "{endpoints:?}");
    }
}

/// It was on another node by its slice, so it was never looked at here.
#[test]
fn an_endpoint_that_comes_from_another_node_is_new_here() {
    let mut fixture = Fixture::with_pods(&[]);
    fixture.on_node("node-b").service("evil", 2010, "11.0.0.4", &[POD]);
    fixture.service("evil", 2010, "11.0.0.4", &[POD]);
    assert!(fixture.in_force().is_empty());
}

/// P6: pods and slices are read one after the other.
#[test]
fn after_a_restart_what_was_in_force_waits_for_its_pod_too() {
    let mut before = Fixture::with_pods(&[pod("shop", "web-1", &[POD])]);
    before.service("shop", 2020, "11.0.0.3", &[POD]);
    let mut fixture = Fixture::with_pods(&[]).recalling(&before);
    fixture.service("shop", 2020, "11.0.0.3", &[POD]);
    assert_eq!(fixture.in_force(), ["shop 10.0.0.1"]);
    fixture.wait(MAX_POD_WAIT);
    assert!(fixture.in_force().is_empty());
}

#[test]
fn after_a_restart_what_was_in_force_of_another_namespaces_pod_goes_at_once() {
    let mut before = Fixture::default();
    before.service("evil", 2010, "11.0.0.4", &[POD]);
    let mut fixture = Fixture::with_pods(&[pod("victim", "web-1", &[POD])]).recalling(&before);
    fixture.service("evil", 2010, "11.0.0.4", &[POD]);
    assert!(fixture.in_force().is_empty());
}

/// The right was withdrawn, say: what is known stays as it is, and what is not known is not open.
#[test]
fn while_pods_cannot_be_read_nothing_in_force_is_taken_away_and_nothing_unknown_comes() {
    let mut fixture = Fixture::with_pods(&[pod("shop", "web-1", &[POD])]);
    fixture.service("shop", 2020, "11.0.0.3", &[POD]);
    fixture.lose();
    fixture.service("shop", 2020, "11.0.0.3", &[POD, "10.0.0.2"]);
    fixture.service("evil", 2010, "11.0.0.4", &[POD]);
    fixture.wait(MAX_POD_WAIT * 100);
    assert_eq!(fixture.in_force(), ["shop 10.0.0.1"]);
    let found = fixture.findings("shop");
    assert!(found.contains("endpoint 10.0.0.2 was not a pod of this node when pods were read last"), "{found}");
    assert!(
        fixture.findings("evil").contains("endpoint 10.0.0.1 was, when pods were read last, a pod of namespace shop")
    );
    fixture.know(Fixture::complete(&[pod("shop", "web-1", &[POD]), pod("shop", "web-2", &["10.0.0.2"])]));
    assert_eq!(fixture.in_force(), ["shop 10.0.0.1", "shop 10.0.0.2"]);
}

/// Waiting when they could be read last, and so neither known nor unknown.
#[test]
fn what_waits_in_force_stays_until_pods_can_be_read_again() {
    let mut fixture = Fixture::with_pods(&[pod("shop", "web-1", &[POD])]);
    fixture.service("shop", 2020, "11.0.0.3", &[POD]);
    fixture.go("shop", "web-1");
    fixture.lose();
    fixture.wait(MAX_POD_WAIT * 100);
    assert_eq!((fixture.in_force(), fixture.findings("shop")), (vec!["shop 10.0.0.1".to_owned()], String::new()));
    fixture.know(Fixture::complete(&[]));
    assert!(fixture.in_force().is_empty());
}

#[test]
fn a_pod_on_the_nodes_network_is_never_a_source() {
    let mut host = pod("shop", "web-1", &[POD]);
    host.network = PodNetwork::Host;
    let mut fixture = Fixture::with_pods(&[host]);
    fixture.service("shop", 2020, "11.0.0.3", &[POD]);
    assert!(fixture.in_force().is_empty() && fixture.findings("shop").ends_with("[host-network-endpoint]"));
}

/// Its own addresses are the node's, whatever its status lists.
#[test]
fn a_pod_on_the_nodes_network_takes_no_address_from_another_pod() {
    let mut host = pod("evil", "agent", &[POD]);
    host.network = PodNetwork::Host;
    let mut fixture = Fixture::with_pods(&[pod("victim", "web-1", &[POD])]);
    fixture.service("victim", 2020, "11.0.0.3", &[POD]);
    fixture.come(host.clone());
    assert_eq!((fixture.in_force(), fixture.findings("victim")), (vec!["victim 10.0.0.1".to_owned()], String::new()));
    fixture.come(pod("other", "web-1", &["10.0.0.2"]));
    host.addresses.push(a("10.0.0.2"));
    fixture.come(host);
    fixture.service("other", 2020, "11.0.0.4", &["10.0.0.2"]);
    fixture.service("evil", 2010, "11.0.0.5", &[POD, "10.0.0.2"]);
    assert_eq!(fixture.in_force(), ["other 10.0.0.2", "victim 10.0.0.1"]);
}

#[test]
fn of_two_pods_with_one_address_the_one_that_has_not_ended_counts() {
    let mut ended = pod("evil", "job", &[POD]);
    ended.phase = Phase::Ended;
    let mut fixture = Fixture::with_pods(&[ended, pod("victim", "web-1", &[POD])]);
    fixture.service("victim", 2020, "11.0.0.3", &[POD]);
    fixture.service("evil", 2010, "11.0.0.4", &[POD]);
    assert_eq!(fixture.in_force(), ["victim 10.0.0.1"]);
}

/// One of them ends, and its end was not seen yet. What neither has by writing, neither keeps by having had it.
#[test]
fn an_address_of_two_namespaces_pods_stays_as_it_was_for_two_seconds_and_then_is_no_ones() {
    let mut fixture = Fixture::with_pods(&[pod("old", "job", &[POD])]);
    fixture.service("old", 2010, "11.0.0.4", &[POD]);
    fixture.come(pod("new", "web-1", &[POD]));
    fixture.service("new", 2020, "11.0.0.3", &[POD]);
    assert_eq!(fixture.in_force(), ["old 10.0.0.1"]);
    fixture.wait(MAX_POD_WAIT);
    assert!(fixture.in_force().is_empty());
    for (namespace, other) in [("old", "new"), ("new", "old")] {
        let found = fixture.findings(namespace);
        assert!(
            found.contains(&format!("of one of namespace {other}, ")) && found.ends_with("[pod-address-duplicate]")
        );
    }
    let mut ended = pod("old", "job", &[POD]);
    ended.phase = Phase::Ended;
    fixture.come(ended);
    assert_eq!(fixture.in_force(), ["new 10.0.0.1"]);
}

#[test]
fn a_pod_makes_egressd_look_at_the_services_alone_that_list_its_address() {
    let mut fixture = Fixture::with_pods(&[]);
    fixture.service("shop", 2020, "11.0.0.3", &[POD]);
    fixture.service("other", 2020, "11.0.0.4", &["10.0.0.2"]);
    assert!(fixture.looked_at(ChangeKey::Pod(a("10.0.0.3"))).is_empty());
    assert_eq!(fixture.looked_at(ChangeKey::Pod(a(POD))), ["shop"]);
    assert_eq!(fixture.looked_at(ChangeKey::Pods), ["other", "shop"]);
}

proptest! {
    /// Whatever slices list and pods have: when nothing waits any more, each source is a pod of the Service's own
    /// namespace, on a network of its own, and of no other one, whatever pods on the node's network list; and each such
    /// endpoint is a source.
    #[test]
    fn every_source_is_a_pod_of_the_services_own_namespace(
        pods in prop::collection::vec(
            (prop::sample::select(&["a", "b"][..]), 0..3_u8, any::<bool>(), any::<bool>(), 1..5_u8), 0..6),
        listed in prop::collection::vec((prop::sample::select(&["a", "b"][..]), 1..5_u8), 0..8),
    ) {
        let address = |last: u8| format!("10.0.0.{last}");
        let made: BTreeMap<_, _> = pods.iter().map(|(namespace, name, ended, host, last)| {
            let mut made = pod(namespace, &name.to_string(), &[&address(*last)]);
            made.phase = if *ended { Phase::Ended } else { Phase::Alive };
            made.network = if *host { PodNetwork::Host } else { PodNetwork::Own };
            (made.name.clone(), made)
        }).collect();
        let made: Vec<_> = made.into_values().collect();
        let mut fixture = Fixture::with_pods(&made);
        for namespace in ["a", "b"] {
            let of = listed.iter().filter(|(of, _)| *of == namespace).map(|(_, last)| address(*last));
            let of: Vec<String> = of.collect();
            let of: Vec<&str> = of.iter().map(String::as_str).collect();
            fixture.targeting(Some((namespace, "made-up"))).service(namespace, 2020, "11.0.0.3", &of);
        }
        fixture.wait(MAX_POD_WAIT);
        let expected: std::collections::BTreeSet<String> = listed.iter().filter(|(namespace, last)| {
            let having = || made.iter().filter(|pod| pod.phase == Phase::Alive && pod.addresses == [a(&address(*last))]);
            let on_pod_network = || having().filter(|pod| pod.network == PodNetwork::Own);
            on_pod_network().count() > 0 && on_pod_network().all(|pod| *pod.name.namespace == **namespace)
        }).map(|(namespace, last)| format!("{namespace} {}", address(*last))).collect();
        prop_assert_eq!(fixture.in_force(), expected.into_iter().collect::<Vec<_>>());
    }
}
