//! The laws of large changes: cut into slices, they lead to the same state, and on the way no packet notices.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{compile, table_names};
use egressd_core::diff::{Batch, Slice, SlicedChange, Verb, cut, diff};
use egressd_core::plan::{Plan, SubjectPlan};
use egressd_core::ruleset::{NETWORKS, Priority, Ruleset};
use egressd_core::testkit::{FakeKernel, Packet, Seen, Universe, a, facts, rule, service, trace};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

fn ruleset(plan: &Plan) -> Ruleset {
    compile(plan, &table_names(None))
}

fn seen(ruleset: &Ruleset, packet: &Packet) -> Option<IpAddr> {
    match trace(ruleset, packet) {
        Seen::Untranslated => None,
        Seen::As(address) => Some(address),
    }
}

/// What an attempt leaves that ends behind its first batch.
fn prepared(new: &Ruleset) -> Ruleset {
    let mut kernel = FakeKernel::default();
    let first = diff(&Ruleset::default(), new).batches().next().cloned().unwrap_or_default();
    kernel.commit(&first).expect("a change the kernel takes");
    kernel.ruleset
}

/// From nothing, from an attempt that ended early, or from another plan.
fn before_and_after() -> impl Strategy<Value = (Ruleset, Ruleset)> {
    let universe = Universe::on_paper();
    let old = proptest::option::of(universe.plans());
    // At another priority, too.
    let priority = prop_oneof![Just(Priority::FIRST), Just(Priority::DEFAULT), Just(Priority::LAST)];
    (old, any::<bool>(), universe.plans(), priority).prop_map(|(old, is_prepared, new, priority)| {
        let new = compile(&new, &table_names(None).at(priority));
        let old = match (&old, is_prepared) {
            (Some(old), _) => ruleset(old),
            (None, true) => prepared(&new),
            (None, false) => Ruleset::default(),
        };
        (old, new)
    })
}

/// Every slice, and what the kernel holds after each of its batches.
fn slices(old: &Ruleset, new: &Ruleset, most: usize) -> Vec<(Slice, Vec<Ruleset>)> {
    let SlicedChange::Slices(mut slices) = cut(old, new, most) else { return Vec::new() };
    let (mut applied, mut all) = (old.clone(), Vec::new());
    let mut kernel = FakeKernel { ruleset: old.clone(), generation: 0 };
    while let Some(slice) = slices.next(&applied, new) {
        let commit = |batch: &Batch| {
            kernel.commit(batch).expect("a change the kernel takes");
            kernel.ruleset.clone()
        };
        let states = slice.changes.batches().map(commit).collect();
        all.push((slice.clone(), states));
        slice.apply(&mut applied);
        assert_eq!(applied, kernel.ruleset, "what we believe is what the kernel has");
    }
    assert_eq!(&applied, new, "the last slice ends where it should");
    all
}

fn changed(slice: &Slice) -> usize {
    let of = |verb: &Verb| match verb {
        Verb::AddElements(_, _, elements) => elements.len(),
        Verb::DeleteElements(_, _, keys) => keys.len(),
        // As many as lengths of prefixes, whatever the size of a slice.
        Verb::AddRules(chain, _) if *chain == NETWORKS => 0,
        Verb::AddRules(_, rules) => rules.len(),
        Verb::AddTable(_)
        | Verb::DeleteTable
        | Verb::WakeTable
        | Verb::AddSet(..)
        | Verb::DeleteSet(_)
        | Verb::RefillSet(..)
        | Verb::AddRanges(..)
        | Verb::DeleteRanges(..)
        | Verb::AddMembers(..)
        | Verb::DeleteMembers(..)
        | Verb::AddKeys(..)
        | Verb::DeleteKeys(..)
        | Verb::AddTimed(..)
        | Verb::AddCounter(_)
        | Verb::DeleteCounter(_)
        | Verb::AddMap(..)
        | Verb::DeleteMap(_)
        | Verb::AddChain(..)
        | Verb::DeleteChain(_)
        | Verb::FlushRules(_) => 0,
    };
    slice.changes.batches().flat_map(|batch| &batch.changes).map(|change| of(&change.verb)).sum()
}

/// The rules of the base chains, which come whole.
const BASE: usize = 44;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 3_000 }))]

    /// P3, and P13 on the way: a pod never has the second of its Services because the first is still missing.
    #[test]
    fn after_every_batch_every_packet_sees_the_old_or_the_new((old, new) in before_and_after(), most in 1..6usize) {
        let packets = Universe::on_paper().packets();
        for (slice, states) in slices(&old, &new, most) {
            for (state, packet) in states.iter().flat_map(|state| packets.iter().map(move |packet| (state, packet))) {
                let now = seen(state, packet);
                let right = [seen(&old, packet), seen(&new, packet)];
                prop_assert!(right.contains(&now), "{:?} sees {:?}, not {:?}\n{}", packet, now, right, slice.changes);
            }
        }
    }

    #[test]
    fn a_slice_is_small_unless_it_is_one_pod((old, new) in before_and_after(), most in 1..40usize) {
        for (slice, _) in slices(&old, &new, most) {
            let size = changed(&slice);
            prop_assert!(size <= most + BASE || slice.pods.len() == 1, "{} of {}\n{}", size, most, slice.changes);
        }
    }

    #[test]
    fn no_pod_is_in_two_slices((old, new) in before_and_after(), most in 1..6usize) {
        let mut done = BTreeSet::new();
        for (slice, _) in slices(&old, &new, most) {
            prop_assert!(slice.pods.iter().all(|pod| done.insert(*pod)));
        }
    }

    #[test]
    fn what_is_small_is_not_cut((old, new) in before_and_after()) {
        prop_assert!(matches!(cut(&old, &new, 1000), SlicedChange::Whole));
    }
}

/// A plan of one Service with so many pods, and one with a single pod.
fn large_and_small(pods: u8, address: &str) -> Plan {
    let of = |name: &str, created: i64, sources: Vec<IpAddr>| {
        let service = service(name, &[]);
        let planned = SubjectPlan {
            uid: service.uid,
            created,
            rules: vec![rule(sources, a(address))].into(),
            foreign: Default::default(),
            on_change: Default::default(),
            guarded: Default::default(),
        };
        (service.key, planned)
    };
    let many = (1..=pods).map(|i| IpAddr::from([10, 0, 0, i])).collect();
    let subjects = [of("large", 1, many), of("small", 2, vec![a("10.0.1.1")])].into();
    Plan { excluded: facts().excluded, subjects, ..Plan::default() }
}

#[test]
fn a_small_change_is_whole_in_the_first_slice_however_large_another_is() {
    let (old, new) = (ruleset(&large_and_small(200, "11.0.0.2")), ruleset(&large_and_small(200, "11.0.0.3")));
    let all = slices(&old, &new, 10);
    assert_eq!(all.len(), 41, "five pods a slice: each has an element that goes and one that comes");
    assert!(all[0].0.pods.contains(&a("10.0.1.1")));
}

#[test]
fn what_comes_meanwhile_has_its_turn_in_the_next_slice() {
    let (old, new) = (Ruleset::default(), ruleset(&large_and_small(200, "11.0.0.2")));
    let SlicedChange::Slices(mut before) = cut(&old, &new, 10) else { panic!("it is large") };
    let mut applied = old;
    before.next(&applied, &new).expect("a first slice").apply(&mut applied);
    let mut changed = large_and_small(200, "11.0.0.2");
    let small = changed.subjects.values_mut().nth(1).expect("the small one");
    small.rules.to_mut()[0].change(|rule| rule.address = a("11.0.0.9"));
    let newer = ruleset(&changed);
    let SlicedChange::Slices(mut rest) = cut(&applied, &newer, 10) else { panic!("it is still large") };
    let next = rest.next(&applied, &newer).expect("a slice");
    assert!(next.pods.contains(&a("10.0.1.1")));
    next.apply(&mut applied);
    assert_eq!(seen(&applied, &Packet::new(a("10.0.1.1"), a("192.0.2.1"))), Some(a("11.0.0.9")));
    assert!(!diff(&applied, &newer).is_empty());
}

#[test]
fn a_table_of_which_only_the_first_batch_is_there_is_cut_like_none() {
    let plan = Universe::on_paper().plans().new_tree(&mut TestRunner::deterministic()).expect("a plan").current();
    let new = ruleset(&plan);
    assert!(matches!(cut(&prepared(&new), &new, 0), SlicedChange::Slices(_)));
    assert!(matches!(cut(&Ruleset::default(), &new, 0), SlicedChange::Slices(_)));
}
