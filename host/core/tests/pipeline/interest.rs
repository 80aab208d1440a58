//! About which Services the policies are asked at all, and what is kept of the others.

use egressd_core::model::{Interest, ServiceType};

use super::*;

/// A policy that reads the annotation `do` alone.
fn attentive() -> Member {
    obedient().reading(Interest::new(&["do".to_owned()], &[]))
}

fn of_another_type(action: Option<&str>) -> Service {
    Service { kind: ServiceType::ClusterIp, ..web(action) }
}

#[test]
fn a_service_of_another_type_is_asked_about_where_it_has_something_that_a_policy_reads() {
    let mut world = World::new();
    world.reload([attentive()]);
    let round = world.put(of_another_type(None), &["10.0.0.1"]);
    assert_eq!((world.asked, round.statuses.len()), (0, 0));
    let round = world.put(of_another_type(Some("deny")), &["10.0.0.1"]);
    assert_eq!((world.asked, state(&round)), (1, State::Denied));
    let round = world.put(of_another_type(None), &["10.0.0.1"]);
    assert_eq!((world.asked, round.statuses.len()), (1, 0));
    assert!(world.pipeline.accepted().is_empty());
}

#[test]
fn a_service_of_another_type_is_asked_about_when_a_policy_comes_that_reads_its_annotations() {
    let mut world = World::new();
    world.reload([]);
    world.put(of_another_type(Some("deny")), &["10.0.0.1"]);
    assert_eq!(world.asked, 0);
    let round = world.reload([attentive()]);
    assert_eq!((world.asked, state(&round)), (1, State::Denied));
    let round = world.reload([]);
    assert_eq!((world.asked, round.statuses.len()), (1, 0));
}

#[test]
fn a_service_that_becomes_one_of_another_type_loses_its_rules() {
    let mut world = World::new();
    world.reload([attentive()]);
    let translated = world.web(Some("translate"), &["10.0.0.1"]);
    assert_eq!(in_force(&translated), "10.0.0.1 -> 11.0.0.2");
    for action in [Some("translate"), Some("trap"), Some("gibberish"), None] {
        let round = world.put(of_another_type(action), &["10.0.0.1"]);
        assert_eq!(in_force(&round), "nothing", "{action:?}");
        world.web(Some("translate"), &["10.0.0.1"]);
    }
}

#[test]
fn of_a_service_that_asks_for_nothing_no_findings_are_kept_and_none_are_lost_to_a_new_policy() {
    let mut world = World::new();
    world.reload([stubborn(Decision::Pass)]);
    let mut silent = web(None);
    silent.annotations.insert("kube-vip.io/loadbalancerIPs".to_owned(), "x, y, z".to_owned());
    world.put(silent, &["10.0.0.1"]);
    let kept = format!("{:?}", world.pipeline);
    assert!(!kept.contains("address-not-an-ip"), "{kept}");
    world.look_at([ChangeKey::Cluster, ChangeKey::Subject(SubjectKey::service("default", "web"))]);
    assert_eq!(world.asked, 1, "nothing changed");
    let round = world.reload([stubborn(Decision::Invalid)]);
    let found = &round.statuses[&SubjectKey::service("default", "web")].findings;
    assert_eq!(found.iter().filter(|finding| finding.code == "address-not-an-ip").count(), 3);
}

/// What was shown is compared by a hash, so that what a tenant lists costs no more than the address.
#[test]
fn of_a_service_that_asks_for_nothing_no_endpoint_is_kept_and_each_change_is_asked_about_once() {
    let mut world = World::new();
    world.reload([attentive()]);
    let pods: Vec<String> = (0..1_000).map(|i| format!("10.0.{}.{}", i / 250, i % 250 + 1)).collect();
    let mut pods: Vec<&str> = pods.iter().map(String::as_str).collect();
    world.put(web(None), &pods);
    let kept = format!("{:?}", world.pipeline).matches("Endpoint {").count();
    assert_eq!(kept, 1_000, "in the newest state alone");
    world.look_at([ChangeKey::Cluster, ChangeKey::Subject(SubjectKey::service("default", "web"))]);
    world.put(web(None), &pods);
    assert_eq!(world.asked, 1, "nothing changed");
    pods.pop();
    world.put(web(None), &pods);
    assert_eq!(world.asked, 2);
    let round = world.put(web(Some("translate")), &["10.0.0.1"]);
    assert_eq!((world.asked, in_force(&round).as_str()), (3, "10.0.0.1 -> 11.0.0.2"));
}

/// A policy that reads one annotation alone, and is content with everything.
fn content_with(name: &str) -> Member {
    obedient().reading(Interest::new(&["do".to_owned(), name.to_owned()], &[]))
}

fn noted(action: &str, note: &str) -> Service {
    let mut service = web(Some(action));
    service.annotations.insert("note".to_owned(), note.to_owned());
    service
}

#[test]
fn what_no_policy_reads_is_not_remembered_as_accepted() {
    let mut world = World::new();
    world.reload([attentive()]);
    world.put(noted("translate", "x"), &["10.0.0.1"]);
    let names = |world: &World| -> Vec<String> {
        world.pipeline.accepted().values().flat_map(|all| all.keys().map(str::to_owned)).collect()
    };
    assert_eq!(names(&world), ["do"]);
    world.reload([content_with("note")]);
    assert_eq!(names(&world), ["do", "note"]);
}

/// A guard that came later sees in what was accepted before all that it reads.
#[test]
fn what_was_accepted_has_what_a_newer_policy_reads() {
    let mut world = World::new();
    world.reload([attentive()]);
    world.put(noted("translate", "x"), &["10.0.0.1"]);
    world.put(noted("gibberish", "y"), &["10.0.0.1"]);
    world.reload([content_with("note")]);
    let accepted: Vec<String> =
        world.pipeline.accepted().values().flat_map(|all| all.values().map(str::to_owned)).collect();
    assert_eq!(accepted, ["translate", "y"]);
}
