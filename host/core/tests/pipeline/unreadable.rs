//! A Service that is there and cannot be read, and of which nothing but what was in force is known from before.

use egressd_core::model::{Unreadable, UnreadableService};
use egressd_core::owner::AddressState;
use egressd_core::testkit::{Packet, Seen, trace};

use super::*;

fn key() -> SubjectKey {
    SubjectKey::service("default", "web")
}

/// After an earlier process translated `web`, which cannot be read now.
fn fixture(endpoints: &[&str]) -> Fixture {
    let mut before = Fixture::new();
    before.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    let (accepted, drafts) = (before.pipeline.accepted().clone(), before.pipeline.drafts().clone());
    let mut fixture = Fixture::new();
    fixture.pipeline = Pipeline::new(settings(Owner::Any), accepted).recalling(drafts);
    let one = SnapshotBuilder::default().service(web(None), endpoints).build();
    let unreadable = UnreadableService { uid: web(None).uid, why: "spec.type \"Loud\" is not ClusterIP".into() };
    let services = [(key(), unreadable)].into_iter().collect();
    fixture.snapshot = Snapshot {
        slices: one.slices,
        unreadable: Unreadable { services, ..Unreadable::default() },
        ..Snapshot::default()
    };
    fixture
}

#[test]
fn what_was_in_force_of_it_stays_for_todays_endpoints_and_it_is_named() {
    let mut fixture = fixture(&["10.0.0.1", "10.0.0.3"]);
    let round = fixture.look_at([ChangeKey::Subject(key())]);
    assert_eq!(in_force(&round), "10.0.0.1 -> 11.0.0.2");
    let found = &round.statuses[&key()].findings;
    let sentence = "the Service cannot be read: spec.type \"Loud\" is not ClusterIP; the rules that it had before \
                    egressd started stay in force for its current endpoints until it is corrected";
    assert!(
        found.iter().any(|finding| finding.code == "service-unreadable" && finding.message == sentence),
        "{found:?}"
    );
    assert!(round.reporting.is_empty(), "what stands on it is unknown");
    assert_eq!(fixture.asked, 0);
}

/// Without its labels and annotations it would be another Service to them.
#[test]
fn no_policy_is_asked_about_it_whatever_else_changes() {
    let mut fixture = fixture(&["10.0.0.1"]);
    fixture.look_at([ChangeKey::Cluster]);
    let round = fixture.reload([annotation_policy(), fixed_policy(Decision::Deny)]);
    assert_eq!((in_force(&round).as_str(), fixture.asked), ("10.0.0.1 -> 11.0.0.2", 0));
    assert!(fixture.pipeline.ask_failed(Duration::from_secs(60)).is_empty());
}

#[test]
fn when_it_can_be_read_or_is_gone_it_is_like_any_other() {
    let mut read = fixture(&["10.0.0.1"]);
    read.look_at([ChangeKey::Cluster]);
    read.snapshot.unreadable = Unreadable::default();
    let round = read.web(Some("translate"), &["10.0.0.2"]);
    assert_eq!((in_force(&round).as_str(), round.statuses[&key()].findings.len()), ("10.0.0.2 -> 11.0.0.2", 0));
    let mut gone = fixture(&["10.0.0.1"]);
    gone.look_at([ChangeKey::Cluster]);
    gone.snapshot.unreadable = Unreadable::default();
    assert_eq!(in_force(&gone.look_at([ChangeKey::Subject(key())])), "nothing");
    assert!(gone.pipeline.drafts().is_empty());
}

#[test]
fn another_life_of_it_or_one_that_nothing_was_in_force_of_is_not_translated() {
    let mut other = fixture(&["10.0.0.1"]);
    let uid = Uid::new("another").expect("a uid");
    let unreadable = UnreadableService { uid, why: "?".into() };
    other.snapshot.unreadable.services.insert(key(), unreadable);
    assert_eq!(in_force(&other.look_at([ChangeKey::Cluster])), "nothing");
}

/// How old it is cannot be read, so of a pod that is behind both the other one is asked first.
#[test]
fn it_takes_no_pod_from_a_service_that_can_be_read() {
    let mut fixture = fixture(&["10.0.0.1", "10.0.0.2"]);
    let mut api = service("api", &["11.0.0.3"]);
    api.annotations.insert("do".to_owned(), "translate".to_owned());
    api.created = 5;
    fixture.put(api, &["10.0.0.1"]);
    let round = fixture.look_at([ChangeKey::Cluster]);
    let seen = ["10.0.0.1", "10.0.0.2"].map(|pod| trace(&round.ruleset, &Packet::new(a(pod), a("192.0.2.1"))));
    assert_eq!(seen, ["11.0.0.3", "11.0.0.2"].map(|address| Seen::As(a(address))));
}

/// Of several addresses of a rule the node may hold the last alone: all of them were the Service's own.
#[test]
fn of_several_addresses_of_a_rule_the_one_that_this_node_holds_stays() {
    let mut fixture = fixture(&["10.0.0.1"]);
    let several = rule([a("10.0.0.1")], a("11.0.0.2")).with_addresses(["11.0.0.2", "11.0.0.3"].map(a));
    let draft = Draft::of(vec![several.expect("one family")]);
    let drafts = [(web(None).uid, Arc::new(draft))].into();
    fixture.pipeline = Pipeline::new(settings(Owner::Address), BTreeMap::new()).recalling(drafts);
    fixture.pipeline.set_local_addresses([(a("11.0.0.3"), AddressState::Usable)].into());
    assert_eq!(in_force(&fixture.look_at([ChangeKey::Cluster])), "10.0.0.1 -> 11.0.0.3");
}
