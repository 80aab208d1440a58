//! Pods whose addresses are announced before their status has them, and how far they are.

use std::collections::BTreeSet;
use std::time::Duration;

use egressd_core::model::{KnownPods, Phase, Pod, PodNetwork, SubjectKey, Uid};
use egressd_core::pipeline::{MAX_ANNOUNCED, Missing, PodAnnouncement, PodProgress};
use egressd_core::testkit::a;
use egressd_core::whose::MAX_POD_WAIT;

use crate::fixture::{Fixture, Guards, labelled, web};
use crate::{POD, V6, web_pod};

const MOMENT: Duration = Duration::from_millis(1);

/// Of the pod `web-1`, in the life that [`web_pod`] has.
fn announced(addresses: &[&str]) -> PodAnnouncement {
    let Pod { name, uid, .. } = web_pod("web-1", &[]);
    PodAnnouncement { pod: name, uid: Some(uid), addresses: addresses.iter().map(|text| a(text)).collect() }
}

fn web_key() -> SubjectKey {
    SubjectKey::service("default", "web")
}

fn in_force() -> PodProgress {
    PodProgress::InForce([web_key()].into())
}

/// Where a Service asks for egress, and the pod is known without an address.
fn fixture() -> Fixture {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Unsaid), &[]);
    fixture.come(web_pod("web-1", &[]));
    fixture
}

#[test]
fn a_pod_is_translated_from_its_announcement_on_and_in_force_once_that_is_committed() {
    let mut fixture = fixture();
    fixture.announce(announced(&[POD]));
    assert_eq!(fixture.translated("default"), [POD]);
    assert_eq!(fixture.progress_before_the_commit(&announced(&[POD])), PodProgress::Waits(Missing::Commit(web_key())));
    assert_eq!(fixture.progress(&announced(&[POD])), in_force());
}

#[test]
fn the_object_may_come_after_the_announcement() {
    for uid in [announced(&[]).uid, None] {
        let mut fixture = Fixture::default();
        fixture.service(web("default", Guards::Unsaid), &[]);
        let announced = PodAnnouncement { uid, ..announced(&[POD]) };
        fixture.announce(announced.clone());
        assert_eq!(fixture.progress(&announced), PodProgress::Waits(Missing::Object));
        assert!(fixture.translated("default").is_empty());
        fixture.come(web_pod("web-1", &[]));
        assert_eq!(fixture.progress(&announced), in_force());
    }
}

/// A StatefulSet gives the name to the next pod.
#[test]
fn the_object_of_an_earlier_life_is_not_the_pod() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Unsaid), &[]);
    fixture.come(Pod { uid: Uid::new("earlier").expect("a uid"), ..web_pod("web-1", &["10.0.0.9"]) });
    fixture.announce(announced(&[POD]));
    assert_eq!(fixture.progress(&announced(&[POD])), PodProgress::Waits(Missing::Object));
    assert_eq!(fixture.translated("default"), ["10.0.0.9"]);
    fixture.come(web_pod("web-1", &[]));
    assert_eq!(
        (fixture.progress(&announced(&[POD])), fixture.translated("default")),
        (in_force(), vec![POD.to_owned()])
    );
}

/// Before the kubelet reports an address no slice can list it, however long that takes.
#[test]
fn what_is_announced_waits_for_a_slice_from_the_report_of_its_status_on() {
    let mut fixture = fixture();
    fixture.announce(announced(&[POD]));
    fixture.wait(MAX_POD_WAIT * 5);
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.come(web_pod("web-1", &[POD]));
    fixture.wait(MAX_POD_WAIT - MOMENT);
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.wait(MOMENT);
    assert!(fixture.translated("default").is_empty());
}

#[test]
fn a_status_with_other_addresses_takes_the_place_of_an_announcement() {
    let mut fixture = fixture();
    fixture.announce(announced(&[POD]));
    fixture.come(web_pod("web-1", &["10.0.0.2"]));
    assert_eq!(fixture.translated("default"), ["10.0.0.2"]);
}

#[test]
fn an_announcement_ends_after_ten_minutes_with_another_one_and_with_its_pod() {
    let mut fixture = fixture();
    fixture.announce(announced(&[POD]));
    assert_eq!(fixture.next(), Some(MAX_ANNOUNCED));
    fixture.wait(MAX_ANNOUNCED - MOMENT);
    assert_eq!(fixture.translated("default"), [POD]);
    fixture.announce(announced(&["10.0.0.2"]));
    assert_eq!(fixture.translated("default"), ["10.0.0.2"]);
    fixture.wait(MAX_ANNOUNCED);
    assert!(fixture.translated("default").is_empty());

    fixture.announce(announced(&[POD]));
    fixture.go("default", "web-1");
    assert!(fixture.translated("default").is_empty());
    fixture.come(web_pod("web-1", &[]));
    assert!(fixture.translated("default").is_empty(), "it was about the pod that is gone");
}

#[test]
fn a_guarded_pod_is_in_force_by_all_that_is_announced() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Drop), &[]);
    fixture.come(web_pod("web-1", &[]));
    fixture.announce(announced(&[POD, V6]));
    assert_eq!(
        (fixture.translated("default"), fixture.guarded("default")),
        (vec![POD.to_owned()], vec![POD.to_owned(), V6.to_owned()])
    );
    assert_eq!(fixture.progress(&announced(&[POD, V6])), in_force());
}

#[test]
fn a_pod_that_nothing_with_egress_selects_waits_for_nothing() {
    let of = |guards: Guards, pod: Pod| {
        let mut fixture = Fixture::default();
        fixture.service(web("default", guards), &[]);
        fixture.come(pod);
        fixture.announce(announced(&[POD]));
        fixture.progress(&announced(&[POD]))
    };
    let pods = [
        labelled(web_pod("web-1", &[]), "db"),
        Pod { network: PodNetwork::Host, ..web_pod("web-1", &[]) },
        Pod { phase: Phase::Ended, ..web_pod("web-1", &[]) },
    ];
    for pod in pods {
        assert_eq!(of(Guards::Unsaid, pod.clone()), PodProgress::Unselected, "{pod:?}");
    }
    assert_eq!(of(Guards::Nothing, web_pod("web-1", &[])), PodProgress::Unselected);
}

#[test]
fn a_service_about_which_no_policy_has_answered_is_waited_for() {
    let mut fixture = fixture();
    fixture.announce(announced(&[POD]));
    fixture.service_without_an_answer(web("default", Guards::Unsaid).named(2));
    let other = SubjectKey::service("default", "web-2");
    assert_eq!(fixture.progress(&announced(&[POD])), PodProgress::Waits(Missing::Answer(other.clone())));
    fixture.policies_answer();
    assert_eq!(fixture.progress(&announced(&[POD])), PodProgress::InForce(BTreeSet::from([web_key(), other])));
}

#[test]
fn where_pods_are_not_watched_nothing_is_known() {
    let mut fixture = fixture();
    fixture.announce(announced(&[POD]));
    fixture.know(KnownPods::NotWatched);
    assert_eq!(fixture.progress(&announced(&[POD])), PodProgress::NotWatched);
    assert!(fixture.translated("default").is_empty());
}

/// P1: whoever announces says which pod has an address, and pods of another namespace say the same.
#[test]
fn an_announced_address_that_another_pod_has_is_not_translated() {
    let mut fixture = fixture();
    fixture.come(crate::fixture::pod("other", "web-1", &[POD]));
    fixture.announce(announced(&[POD]));
    assert!(fixture.translated("default").is_empty());
    assert_eq!(fixture.progress(&announced(&[POD])), PodProgress::Waits(Missing::Address));
}

/// A pod keeps its identity over another sandbox, and the kubelet reports the address of the last one for a while.
#[test]
fn a_status_that_has_the_address_of_an_earlier_sandbox_does_not_end_an_announcement() {
    const EARLIER: &str = "10.0.0.77";
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Unsaid), &[]);
    fixture.come(web_pod("web-1", &[EARLIER]));
    fixture.announce(announced(&[POD]));
    assert_eq!(fixture.translated("default"), [POD]);
    assert_eq!(fixture.progress(&announced(&[POD])), in_force());
    fixture.come(web_pod("web-1", &[POD]));
    assert_eq!(fixture.progress(&announced(&[POD])), in_force());
}

#[test]
fn of_two_announcements_of_a_pod_only_the_last_is_in_force() {
    let mut fixture = fixture();
    fixture.announce(announced(&["10.0.0.77"]));
    fixture.announce(announced(&[POD]));
    assert_eq!(fixture.progress(&announced(&["10.0.0.77"])), PodProgress::Waits(Missing::Address));
    assert_eq!(fixture.progress(&announced(&[POD])), in_force());
}

/// The runtime gave it up, and hands the address to the next pod.
#[test]
fn what_another_pod_is_announced_with_is_no_longer_the_earlier_ones() {
    let mut fixture = fixture();
    fixture.announce(announced(&[POD]));
    assert_eq!(fixture.translated("default"), [POD]);
    let next = web_pod("web-2", &[]);
    fixture.come(next.clone());
    let next = PodAnnouncement { pod: next.name, uid: Some(next.uid), addresses: vec![a(POD)] };
    fixture.announce(next.clone());
    assert_eq!((fixture.progress(&next), fixture.translated("default")), (in_force(), vec![POD.to_owned()]));
}
