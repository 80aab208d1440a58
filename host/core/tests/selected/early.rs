//! Pods that are translated before a slice lists them, and for how long.

use std::time::Duration;

use egressd_core::model::{KnownPods, ManagedBy, Phase, Pod, PodNetwork, ServiceType, Uid};
use egressd_core::net::Family;
use egressd_core::whose::MAX_POD_WAIT;

use crate::fixture::{Fixture, Guards, labelled, pod, web};
use crate::{POD, V6, web_pod};

/// The Service's address.
const HELD: &str = "11.0.0.1";
const MOMENT: Duration = Duration::from_millis(1);

/// Where a Service asks for egress, and nothing lists a pod.
fn asking() -> Fixture {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Unsaid), &[]);
    fixture
}

/// The same in another life.
fn reborn(pod: Pod) -> Pod {
    Pod { uid: Uid::new("another").expect("a uid"), ..pod }
}

#[test]
fn a_pod_that_is_selected_is_translated_before_a_slice_lists_it() {
    let mut fixture = Fixture::default();
    fixture.service_alone(web("default", Guards::Unsaid));
    fixture.come(web_pod("web-1", &[]));
    assert!(fixture.translated("default").is_empty());
    fixture.come(web_pod("web-1", &[POD]));
    assert_eq!(fixture.translated("default"), [POD]);
    assert_eq!(fixture.next(), Some(MAX_POD_WAIT));
}

#[test]
fn a_pod_whose_address_was_an_interfaces_is_translated_once_it_is_none_any_more() {
    let mut fixture = Fixture::default();
    fixture.service_alone(web("default", Guards::Unsaid));
    fixture.hold(&[HELD, POD]);
    fixture.come(web_pod("web-1", &[POD]));
    assert!(fixture.translated("default").is_empty());
    fixture.hold(&[HELD]);
    assert_eq!(fixture.translated("default"), [POD]);
}

/// What policies were shown is what the slice says.
#[test]
fn a_slice_that_lists_it_in_time_changes_nothing_and_ends_the_wait() {
    let mut fixture = asking();
    fixture.come(web_pod("web-1", &[POD]));
    fixture.wait(MAX_POD_WAIT - MOMENT);
    fixture.service(web("default", Guards::Unsaid), &[POD]);
    assert_eq!(fixture.translated("default"), [POD]);
    assert_eq!(fixture.next(), None);
    fixture.wait(MAX_POD_WAIT * 100);
    assert_eq!(fixture.translated("default"), [POD]);
}

#[test]
fn one_that_no_slice_lists_after_two_seconds_is_withdrawn_and_does_not_come_again() {
    let mut fixture = asking();
    fixture.come(web_pod("web-1", &[POD]));
    fixture.wait(MAX_POD_WAIT - MOMENT);
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.wait(MOMENT);
    assert!(fixture.translated("default").is_empty());
    // Whatever else changes.
    let mut annotated = web_pod("web-1", &[POD]);
    annotated.labels.insert("more", "labels");
    fixture.come(annotated);
    fixture.service(web("default", Guards::Drop), &[]);
    fixture.slice(ManagedBy::Controller, &[]);
    assert!(fixture.translated("default").is_empty());
    fixture.service(web("default", Guards::Unsaid), &[POD]);
    assert_eq!(fixture.translated("default"), [POD]);
}

#[test]
fn another_pod_of_its_name_another_address_and_labels_that_match_again_begin_anew() {
    let others = [
        vec![reborn(web_pod("web-1", &[POD]))],
        vec![web_pod("web-1", &["10.0.0.2"])],
        vec![labelled(web_pod("web-1", &[POD]), "db"), web_pod("web-1", &[POD])],
    ];
    for changes in others {
        let mut fixture = asking();
        fixture.come(web_pod("web-1", &[POD]));
        fixture.wait_for_slices();
        assert!(fixture.translated("default").is_empty());
        changes.iter().cloned().for_each(|change| fixture.come(change));
        assert_eq!(fixture.translated("default").len(), 1, "{changes:?}");
        fixture.wait_for_slices();
        assert!(fixture.translated("default").is_empty(), "{changes:?}");
    }
}

/// The slice decides.
#[test]
fn a_pod_that_a_slice_listed_and_does_not_any_more_leaves_at_once() {
    let mut fixture = asking();
    fixture.service(web("default", Guards::Unsaid), &[POD]);
    fixture.come(web_pod("web-1", &[POD]));
    fixture.service(web("default", Guards::Unsaid), &[]);
    assert!(fixture.translated("default").is_empty());
}

#[test]
fn a_pod_whose_labels_do_not_match_any_more_or_that_ends_or_goes_is_out_at_once() {
    let others = [
        labelled(web_pod("web-1", &[POD]), "db"),
        Pod { phase: Phase::Ended, ..web_pod("web-1", &[POD]) },
        Pod { network: PodNetwork::Host, ..web_pod("web-1", &[POD]) },
        web_pod("web-1", &[]),
        web_pod("web-1", &["127.0.0.1"]),
    ];
    for other in others {
        let mut fixture = asking();
        fixture.come(web_pod("web-1", &[POD]));
        assert_eq!(fixture.translated("default"), [POD]);
        fixture.come(other.clone());
        assert!(fixture.translated("default").is_empty(), "{other:?}");
    }
    let mut fixture = asking();
    fixture.come(web_pod("web-1", &[POD]));
    fixture.go("default", "web-1");
    assert!(fixture.translated("default").is_empty());
}

/// P1: nothing of another namespace, and nothing of which it is not clear.
#[test]
fn an_address_that_another_pod_has_too_is_not_translated_early() {
    for other in [pod("other", "web-1", &[POD]), labelled(web_pod("db-1", &[POD]), "db")] {
        let mut fixture = asking();
        fixture.come(web_pod("web-1", &[POD]));
        fixture.come(other.clone());
        assert!(fixture.translated("default").is_empty(), "{other:?}");
        fixture.go(&other.name.namespace, &other.name.name);
        assert_eq!(fixture.translated("default"), [POD], "{other:?}");
    }
    let mut fixture = asking();
    fixture.come(pod("other", "web-1", &[POD]));
    assert!(fixture.translated("default").is_empty());
}

#[test]
fn an_address_that_a_node_has_is_not_translated_early() {
    let mut fixture = asking();
    fixture.come(web_pod("web-1", &[POD]));
    fixture.node(&[POD]);
    assert!(fixture.translated("default").is_empty());
    fixture.node(&[]);
    assert_eq!(fixture.translated("default"), [POD]);
}

#[test]
fn whoever_writes_a_slice_by_hand_chooses_the_pods() {
    let mut fixture = asking();
    fixture.come(web_pod("web-1", &[POD]));
    fixture.slice(ManagedBy::Other, &[]);
    assert!(fixture.translated("default").is_empty());
    fixture.slice_goes();
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.service(web("default", Guards::Unsaid).without_selector(), &[]);
    assert!(fixture.translated("default").is_empty());
}

/// The first address of each family, as the endpoint-slice controller takes it.
#[test]
fn only_the_addresses_that_slices_would_list_are_endpoints() {
    let cases: [(&[Family], &[&str]); 4] =
        [(&[Family::Ipv4], &[POD]), (&[Family::Ipv6], &[V6]), (&[Family::Ipv6, Family::Ipv4], &[POD, V6]), (&[], &[])];
    for (families, expected) in cases {
        let mut fixture = Fixture::default();
        fixture.service(web("default", Guards::Drop).of_families(families), &[]);
        fixture.come(web_pod("web-1", &[POD, "10.0.0.7", V6, "fd00:10:244::7"]));
        assert_eq!(fixture.early("default"), expected, "{families:?}");
    }
}

/// Where nothing is asked for, nothing is looked for.
#[test]
fn policies_are_not_asked_for_the_pods_of_services_that_ask_for_nothing() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Nothing), &[]);
    fixture.service(web("other", Guards::Unsaid).of_type(ServiceType::ClusterIp), &[]);
    let before = fixture.asked();
    fixture.come(web_pod("web-1", &[POD]));
    fixture.come(pod("other", "web-1", &["10.0.0.2"]));
    assert_eq!((fixture.asked(), fixture.next()), (before, None));
    fixture.service(web("default", Guards::Unsaid).noted(), &[]);
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.service(web("default", Guards::Nothing), &[]);
    assert!(fixture.translated("default").is_empty());
}

#[test]
fn a_service_that_begins_to_select_a_pod_gets_it_and_one_that_ends_to_loses_it() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Unsaid).selecting("db"), &[]);
    fixture.come(web_pod("web-1", &[POD]));
    assert!(fixture.translated("default").is_empty());
    fixture.service(web("default", Guards::Unsaid), &[]);
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.service(web("default", Guards::Unsaid).selecting("db"), &[]);
    assert!(fixture.translated("default").is_empty());
}

#[test]
fn while_pods_are_not_watched_there_are_none_and_the_last_known_ones_wait_on() {
    let mut fixture = asking();
    fixture.come(web_pod("web-1", &[POD]));
    fixture.lose();
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.wait_for_slices();
    assert!(fixture.translated("default").is_empty());
    fixture.come(reborn(web_pod("web-1", &[POD])));
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.know(KnownPods::NotWatched);
    assert!(fixture.translated("default").is_empty());
}

/// A process that ends within the two seconds must not interrupt them.
#[test]
fn after_a_restart_a_pod_that_no_slice_lists_yet_stays_as_long_as_a_new_one() {
    let mut fixture = asking();
    fixture.come(web_pod("web-1", &[POD]));
    fixture.restart();
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.wait_for_slices();
    assert!(fixture.translated("default").is_empty());
}
