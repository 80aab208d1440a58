//! Slices where maps by prefix go: the elements in those belong to pods too.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::IpAddr;

use egressd_core::compile::{compile, table_names};
use egressd_core::decision::Rule;
use egressd_core::diff::{SlicedChange, Slices, cut, diff};
use egressd_core::model::{SubjectKey, Uid};
use egressd_core::plan::{Plan, SubjectPlan};
use egressd_core::ruleset::Ruleset;
use egressd_core::testkit::{FakeKernel, Packet, RuleParts, Seen, a, facts, n, rule, trace};

fn plan(services: Vec<(&str, Vec<Rule>)>) -> Plan {
    let planned = |rules: Vec<Rule>, name: &str| SubjectPlan {
        uid: Uid::new(name).unwrap(),
        created: 0,
        rules: rules.into(),
        foreign: Default::default(),
        on_change: Default::default(),
        guarded: Default::default(),
    };
    let keyed = services.into_iter().map(|(name, rules)| (SubjectKey::service("shop", name), planned(rules, name)));
    Plan { subjects: keyed.collect(), excluded: facts().excluded, ..Plan::default() }
}

fn ruleset(plan: &Plan) -> Ruleset {
    compile(plan, &table_names(None))
}

fn to(pods: &[IpAddr], include: &[&str], exclude: &[&str]) -> Rule {
    let networks = |texts: &[&str]| texts.iter().map(|text| n(text)).collect();
    RuleParts {
        include: networks(include),
        exclude: networks(exclude),
        ..rule(pods.iter().copied(), a("11.0.0.1")).into()
    }
    .rule()
}

fn sliced(old: &Ruleset, new: &Ruleset, most: usize) -> Slices {
    match cut(old, new, most) {
        SlicedChange::Slices(slices) => slices,
        SlicedChange::Whole => panic!("it is not cut"),
    }
}

fn many(count: u16) -> Vec<IpAddr> {
    (0..count).map(|i| IpAddr::from([10, 0, (i >> 8) as u8, i as u8])).collect()
}

/// P3. A network that was excluded is translated to until the last slice: the entry that excludes it goes with the pod,
/// the one around it with its map.
#[test]
fn a_pod_that_leaves_keeps_its_answers_until_all_of_them_go() {
    let (pod, others) = (a("10.0.200.1"), many(20));
    let (excluded, around) = ("172.18.5.0/24", "172.16.0.0/12");
    let stays = to(&others, &["172.18.0.0/16"], &[excluded]);
    let before =
        plan(vec![("all", vec![stays.clone()]), ("one", vec![to(&[pod], &["172.18.0.0/16", around], &[excluded])])]);
    // Its network is narrower now, so that the map of its own length goes; what it excludes, it does not even name.
    let after = plan(vec![("all", vec![stays]), ("one", vec![to(&[pod], &["198.51.0.0/16"], &[])])]);
    let (old, new) = (ruleset(&before), ruleset(&after));
    let packet = Packet::new(pod, a("172.18.5.9"));
    assert_eq!((trace(&old, &packet), trace(&new, &packet)), (Seen::Untranslated, Seen::Untranslated));
    let (mut slices, mut applied) = (sliced(&old, &new, 1), old.clone());
    let mut kernel = FakeKernel { ruleset: old.clone(), generation: 0 };
    while let Some(slice) = slices.next(&applied, &new) {
        for batch in slice.changes.batches() {
            kernel.commit(batch).unwrap();
            assert_eq!(trace(&kernel.ruleset, &packet), Seen::Untranslated, "after\n{batch}");
        }
        slice.apply(&mut applied);
    }
}

/// What goes with a map counts as what goes from one that stays.
#[test]
fn elements_in_a_map_that_goes_are_cut_into_slices() {
    let pods = many(2_000);
    let before = plan(vec![("all", vec![to(&pods, &["172.18.0.0/16", "198.51.100.0/24", "203.0.113.0/24"], &[])])]);
    let after = plan(vec![("all", vec![to(&pods, &["172.18.0.0/16"], &[])])]);
    let (old, new) = (ruleset(&before), ruleset(&after));
    let removed = diff(&old, &new).summary().elements_removed;
    assert!(
        matches!(cut(&old, &new, 1_000), SlicedChange::Slices(_)),
        "{removed} elements go in one batch of at most 1000"
    );
}

/// Who waits is shown as waiting, and its connections may still be made by the old plan.
#[test]
fn a_pod_with_nothing_but_elements_in_a_map_that_goes_waits_for_its_slice() {
    let (pods, others) = (many(3), [a("10.0.200.1"), a("10.0.200.2"), a("10.0.200.3")]);
    let of = |wide: &[&str], other: &str| {
        let rules = RuleParts { address: a(other), ..rule(others, a(other)).into() }.rule();
        plan(vec![("nets", vec![to(&pods, wide, &[])]), ("plain", vec![rules])])
    };
    let old = ruleset(&of(&["172.18.0.0/16", "203.0.113.0/24"], "11.0.0.2"));
    let new = ruleset(&of(&["172.18.0.0/16"], "11.0.0.3"));
    let slices = sliced(&old, &new, 1);
    assert!(pods.iter().all(|pod| slices.pods().contains(pod)), "{:?}", slices.pods());
}
