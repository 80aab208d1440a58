//! About which Services the policies are asked at all, and what is kept of the others.

use egressd_core::model::{Interest, ServiceType};

use super::*;

/// A policy that reads the annotation `do` alone.
fn narrow_reader() -> Member {
    annotation_policy().reading(Interest::new(&["do".to_owned()], &[]))
}

fn of_another_type(action: Option<&str>) -> Service {
    Service { kind: ServiceType::ClusterIp, ..web(action) }
}

#[test]
fn a_service_of_another_type_is_asked_about_where_it_has_something_that_a_policy_reads() {
    let mut fixture = Fixture::new();
    fixture.reload([narrow_reader()]);
    let round = fixture.put(of_another_type(None), &["10.0.0.1"]);
    assert_eq!((fixture.asked, round.statuses.len()), (0, 0));
    let round = fixture.put(of_another_type(Some("deny")), &["10.0.0.1"]);
    assert_eq!((fixture.asked, state(&round)), (1, State::Denied));
    let round = fixture.put(of_another_type(None), &["10.0.0.1"]);
    assert_eq!((fixture.asked, round.statuses.len()), (1, 0));
    assert!(fixture.pipeline.accepted().is_empty());
}

#[test]
fn a_service_of_another_type_is_asked_about_when_a_policy_comes_that_reads_its_annotations() {
    let mut fixture = Fixture::new();
    fixture.reload([]);
    fixture.put(of_another_type(Some("deny")), &["10.0.0.1"]);
    assert_eq!(fixture.asked, 0);
    let round = fixture.reload([narrow_reader()]);
    assert_eq!((fixture.asked, state(&round)), (1, State::Denied));
    let round = fixture.reload([]);
    assert_eq!((fixture.asked, round.statuses.len()), (1, 0));
}

#[test]
fn a_service_that_becomes_one_of_another_type_loses_its_rules() {
    let mut fixture = Fixture::new();
    fixture.reload([narrow_reader()]);
    let translated = fixture.web(Some("translate"), &["10.0.0.1"]);
    assert_eq!(in_force(&translated), "10.0.0.1 -> 11.0.0.2");
    for action in [Some("translate"), Some("trap"), Some("gibberish"), None] {
        let round = fixture.put(of_another_type(action), &["10.0.0.1"]);
        assert_eq!(in_force(&round), "nothing", "{action:?}");
        fixture.web(Some("translate"), &["10.0.0.1"]);
    }
}

#[test]
fn of_a_service_that_asks_for_nothing_no_findings_are_kept_and_none_are_lost_to_a_new_policy() {
    let mut fixture = Fixture::new();
    fixture.reload([fixed_policy(Decision::Pass)]);
    let mut silent = web(None);
    silent.annotations.insert("kube-vip.io/loadbalancerIPs".to_owned(), "x, y, z".to_owned());
    fixture.put(silent, &["10.0.0.1"]);
    let kept = format!("{:?}", fixture.pipeline);
    assert!(!kept.contains("address-not-an-ip"), "{kept}");
    fixture.look_at([ChangeKey::Cluster, ChangeKey::Subject(SubjectKey::service("default", "web"))]);
    assert_eq!(fixture.asked, 1, "nothing changed");
    let round = fixture.reload([fixed_policy(Decision::Invalid)]);
    let found = &round.statuses[&SubjectKey::service("default", "web")].findings;
    assert_eq!(found.iter().filter(|finding| finding.code == "address-not-an-ip").count(), 3);
}

/// What was shown is compared by a hash, so that what a tenant lists costs no more than the address.
#[test]
fn of_a_service_that_asks_for_nothing_no_endpoint_is_kept_and_each_change_is_asked_about_once() {
    let mut fixture = Fixture::new();
    fixture.reload([narrow_reader()]);
    let pods: Vec<String> = (0..1_000).map(|i| format!("10.0.{}.{}", i / 250, i % 250 + 1)).collect();
    let mut pods: Vec<&str> = pods.iter().map(String::as_str).collect();
    fixture.put(web(None), &pods);
    let kept = format!("{:?}", fixture.pipeline).matches("Endpoint {").count();
    assert_eq!(kept, 1_000, "in the newest state alone");
    fixture.look_at([ChangeKey::Cluster, ChangeKey::Subject(SubjectKey::service("default", "web"))]);
    fixture.put(web(None), &pods);
    assert_eq!(fixture.asked, 1, "nothing changed");
    pods.pop();
    fixture.put(web(None), &pods);
    assert_eq!(fixture.asked, 2);
    let round = fixture.put(web(Some("translate")), &["10.0.0.1"]);
    assert_eq!((fixture.asked, in_force(&round).as_str()), (3, "10.0.0.1 -> 11.0.0.2"));
}

/// A policy that reads one annotation alone, and is content with everything.
fn content_with(name: &str) -> Member {
    annotation_policy().reading(Interest::new(&["do".to_owned(), name.to_owned()], &[]))
}

fn noted(action: &str, note: &str) -> Service {
    let mut service = web(Some(action));
    service.annotations.insert("note".to_owned(), note.to_owned());
    service
}

#[test]
fn what_no_policy_reads_is_not_remembered_as_accepted() {
    let mut fixture = Fixture::new();
    fixture.reload([narrow_reader()]);
    fixture.put(noted("translate", "x"), &["10.0.0.1"]);
    let names = |fixture: &Fixture| -> Vec<String> {
        fixture.pipeline.accepted().values().flat_map(|all| all.keys().map(str::to_owned)).collect()
    };
    assert_eq!(names(&fixture), ["do"]);
    fixture.reload([content_with("note")]);
    assert_eq!(names(&fixture), ["do", "note"]);
}

/// A guard that came later sees in what was accepted before all that it reads.
#[test]
fn what_was_accepted_has_what_a_newer_policy_reads() {
    let mut fixture = Fixture::new();
    fixture.reload([narrow_reader()]);
    fixture.put(noted("translate", "x"), &["10.0.0.1"]);
    fixture.put(noted("gibberish", "y"), &["10.0.0.1"]);
    fixture.reload([content_with("note")]);
    let accepted: Vec<String> =
        fixture.pipeline.accepted().values().flat_map(|all| all.values().map(str::to_owned)).collect();
    assert_eq!(accepted, ["translate", "y"]);
}
