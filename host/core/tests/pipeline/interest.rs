//! About which Services the policies are asked at all, and what is kept of the others.

use egressd_core::model::{Interest, ServiceKind};

use super::*;

/// Reads the annotation `do` alone.
fn attentive() -> Member {
    obedient().reading(Interest::new(&["do".to_owned()], &[]))
}

fn of_another_type(word: Option<&str>) -> Service {
    Service { kind: ServiceKind::ClusterIp, ..web(word) }
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
    for word in [Some("translate"), Some("trap"), Some("gibberish"), None] {
        let round = world.put(of_another_type(word), &["10.0.0.1"]);
        assert_eq!(in_force(&round), "nothing", "{word:?}");
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
    world.look_at([Key::Cluster, Key::Service(ServiceKey::new("default", "web"))]);
    assert_eq!(world.asked, 1, "nothing changed");
    let round = world.reload([stubborn(Decision::Invalid)]);
    let found = &round.statuses[&ServiceKey::new("default", "web")].findings;
    assert_eq!(found.iter().filter(|finding| finding.code == "address-not-an-ip").count(), 3);
}
