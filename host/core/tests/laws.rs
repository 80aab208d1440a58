//! The laws that hold for every plan, as properties.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{compile, table_names};
use egressd_core::diff::{Batch, Changes, Verb, diff, replace};
use egressd_core::model::SubjectKey;
use egressd_core::net::{AddressRange, Family, merge_ranges};
use egressd_core::plan::{Plan, SubjectPlan};
use egressd_core::ruleset::{DataKind, KeyKind, Layout, MapKind, NETWORKS, Name, Priority, Ruleset, Set, Table};
use egressd_core::testkit::{
    FakeKernel, Packet, Seen, Universe, apply, promised, trace, trace_by_earlier_hooks, trace_over,
};
use proptest::prelude::*;

fn ruleset(plan: &Plan) -> Ruleset {
    compile(plan, &table_names(None))
}

/// In the layout in which networks are chains.
fn first_layout(plan: &Plan) -> Ruleset {
    compile(plan, &table_names(None).in_layout(Layout::FIRST))
}

/// With the chain that translates at another place.
fn ruleset_at(plan: &Plan, priority: Priority) -> Ruleset {
    compile(plan, &table_names(None).at(priority))
}

fn seen(ruleset: &Ruleset, packet: &Packet) -> Option<IpAddr> {
    source(trace(ruleset, packet))
}

fn source(seen: Seen) -> Option<IpAddr> {
    match seen {
        Seen::Untranslated => None,
        Seen::As(address) => Some(address),
    }
}

/// Before and after the default, and the default itself.
fn priorities() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(Priority::FIRST), Just(Priority::DEFAULT), Just(Priority::LAST)]
}

fn plan() -> impl Strategy<Value = Plan> {
    Universe::on_paper().plans()
}

fn packets() -> Vec<Packet> {
    Universe::on_paper().packets()
}

/// A plan, and the same with one Service added, removed or changed.
fn plan_and_edit() -> impl Strategy<Value = (Plan, Plan, SubjectKey)> {
    let universe = Universe::on_paper();
    universe.plans().prop_flat_map(move |plan| {
        universe.edits(plan.clone()).prop_map(move |(edited, key)| (plan.clone(), edited, key))
    })
}

fn every_packet_sees_the_old_or_the_new(before: &Ruleset, after: &Ruleset) -> Result<(), TestCaseError> {
    let changes = diff(before, after);
    let mut kernel = FakeKernel { ruleset: before.clone(), generation: 0 };
    for batch in changes.batches() {
        kernel.commit(batch).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        for packet in packets() {
            let now = seen(&kernel.ruleset, &packet);
            let right = [seen(before, &packet), seen(after, &packet)];
            prop_assert!(right.contains(&now), "{:?} sees {:?}, not one of {:?}\n{}", packet, now, right, changes);
        }
    }
    Ok(())
}

/// P3 where a batch is committed while a packet is between two look-ups.
fn every_packet_on_its_way_sees_the_old_or_the_new(before: &Ruleset, after: &Ruleset) -> Result<(), TestCaseError> {
    let changes = diff(before, after);
    let mut kernel = FakeKernel { ruleset: before.clone(), generation: 0 };
    let packets = packets();
    for batch in changes.batches() {
        let old = kernel.ruleset.clone();
        kernel.commit(batch).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        let look_ups =
            old.tables.values().chain(kernel.ruleset.tables.values()).map(|table| table.maps.len() + 4).max();
        for packet in &packets {
            let right = [seen(before, packet), seen(after, packet)];
            let now = source(trace_by_earlier_hooks(&old, &kernel.ruleset, packet));
            prop_assert!(
                right.contains(&now),
                "{:?} sees {:?} by the hooks before\n{}\n{}",
                packet,
                now,
                batch,
                changes
            );
            for look_up in 0..=look_ups.unwrap_or_default() {
                let now = source(trace_over(&old, &kernel.ruleset, packet, look_up));
                prop_assert!(
                    right.contains(&now),
                    "{:?} sees {:?}, not one of {:?}, with a commit after {} look-ups of\n{}\n{}\n{}",
                    packet,
                    now,
                    right,
                    look_up,
                    batch,
                    changes,
                    old
                );
            }
        }
    }
    Ok(())
}

/// Near both ends, and around what stays.
fn ranges() -> impl Strategy<Value = Vec<AddressRange>> {
    let address = || prop_oneof![0..24u32, u32::MAX - 3..=u32::MAX].prop_map(|bits| IpAddr::from(bits.to_be_bytes()));
    let range = (address(), address()).prop_filter_map("the first is not behind the last", |(one, other)| {
        AddressRange::new(one.min(other), one.max(other))
    });
    let short = (0..24u32, 0..3u32).prop_filter_map("they are of one family", |(first, more)| {
        AddressRange::new(IpAddr::from(first.to_be_bytes()), IpAddr::from((first + more).to_be_bytes()))
    });
    proptest::collection::vec(prop_oneof![4 => short, 1 => range], 0..7)
}

/// Those that have no address in common with one before.
fn disjoint(ranges: Vec<AddressRange>) -> Vec<AddressRange> {
    let mut taken: Vec<AddressRange> = Vec::new();
    for range in ranges {
        if taken.iter().all(|other| other.last() < range.first() || range.last() < other.first()) {
            taken.push(range);
        }
    }
    taken.sort();
    taken
}

/// A kernel may publish ranges later than the rules and elements of the same batch.
fn has_ranges_and_what_relies_on_them(batch: &Batch) -> bool {
    let has = |is: fn(&Verb) -> bool| batch.changes.iter().any(|change| is(&change.verb));
    has(|verb| matches!(verb, Verb::RefillSet(..) | Verb::AddRanges(..)))
        && has(|verb| matches!(verb, Verb::AddRules(..) | Verb::AddElements(..)))
}

fn with_ranges(ranges: &[AddressRange]) -> Ruleset {
    let name = |text: &str| Name::new(text).unwrap();
    let mut table = Table::new(name("t"));
    table.sets.insert(name("s"), Set::Ranges(Family::Ipv4, ranges.to_vec()));
    Ruleset { tables: [(Family::Ipv4.into(), table)].into() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 3_000 }))]

    #[test]
    fn every_packet_sees_what_the_plan_promises(plan in plan()) {
        let ruleset = ruleset(&plan);
        for packet in packets() {
            prop_assert_eq!(seen(&ruleset, &packet), promised(&plan, &packet), "{:?}\n{}\n{}", packet, plan, ruleset);
        }
    }

    /// So an update can be undone.
    #[test]
    fn the_first_layout_says_the_same_and_has_nothing_of_the_second(plan in plan()) {
        let ruleset = first_layout(&plan);
        for packet in packets() {
            prop_assert_eq!(seen(&ruleset, &packet), promised(&plan, &packet), "{:?}\n{}\n{}", packet, plan, ruleset);
        }
        for table in ruleset.tables.values() {
            let mut translating = table.maps.values().filter(|map| !map.kind.is_of_the_guard()).map(|map| map.kind);
            let of_first = |kind: MapKind| matches!(kind.key, KeyKind::Address | KeyKind::Port);
            prop_assert!(translating.all(|kind| of_first(kind) && kind.data != DataKind::Nothing));
            prop_assert!(!table.chains.contains_key(&NETWORKS));
        }
    }

    #[test]
    fn in_the_first_layout_every_packet_on_its_way_sees_the_old_or_the_new((old, new, _) in plan_and_edit()) {
        every_packet_on_its_way_sees_the_old_or_the_new(&first_layout(&old), &first_layout(&new))?;
    }

    #[test]
    fn changes_lead_from_any_state_to_any_other(
        (old, new) in (plan(), plan()),
        (from, to) in (priorities(), priorities()),
    ) {
        let (old, new) = (ruleset_at(&old, from), ruleset_at(&new, to));
        let changes = diff(&old, &new);
        prop_assert_eq!(apply(&old, &changes).map_err(|e| format!("{e}\n{changes}")), Ok(new.clone()));
        prop_assert!(diff(&new, &new).is_empty());
        let created = diff(&Ruleset::default(), &new);
        prop_assert_eq!(created.batches().len(), 2, "what packets meet of a new table is one batch");
        for batch in changes.batches().chain(created.batches()) {
            prop_assert!(!has_ranges_and_what_relies_on_them(batch), "{}\n{}", changes, created);
        }
        prop_assert_eq!(apply(&Ruleset::default(), &created), Ok(new.clone()));
        prop_assert_eq!(apply(&new, &diff(&new, &Ruleset::default())), Ok(Ruleset::default()));
        // Another attempt may have ended behind its first batch.
        let first = Changes { effects: diff(&Ruleset::default(), &old).effects.into_iter().take(1).collect() };
        let prepared = apply(&Ruleset::default(), &first).unwrap();
        prop_assert_eq!(apply(&prepared, &diff(&prepared, &new)), Ok(new.clone()));
    }

    #[test]
    fn a_replacement_is_one_batch_and_asks_nothing_of_what_is_there(old in plan(), new in plan()) {
        let (old, new) = (ruleset(&old), ruleset(&new));
        let existing: Vec<_> = old.tables.iter().map(|(family, table)| (*family, table.name.clone())).collect();
        let changes = replace(&existing, &new);
        prop_assert_eq!(changes.batches().len(), 1);
        prop_assert_eq!(apply(&old, &changes), Ok(new));
    }

    /// P3, as far as whole batches go; the kernel test sends packets through it.
    #[test]
    fn between_two_batches_every_packet_sees_the_old_or_the_new((old, new, _) in plan_and_edit()) {
        every_packet_sees_the_old_or_the_new(&ruleset(&old), &ruleset(&new))?;
    }

    #[test]
    fn while_a_batch_is_committed_every_packet_sees_the_old_or_the_new((old, new, _) in plan_and_edit()) {
        every_packet_on_its_way_sees_the_old_or_the_new(&ruleset(&old), &ruleset(&new))?;
    }

    /// However many Services change at once.
    #[test]
    fn between_any_two_plans_every_packet_on_its_way_sees_the_old_or_the_new(
        old in plan(),
        new in plan(),
    ) {
        let new = Plan { excluded: old.excluded.clone(), exact: old.exact.clone(), ..new };
        every_packet_on_its_way_sees_the_old_or_the_new(&ruleset(&old), &ruleset(&new))?;
    }

    /// P3 where `--priority` is another than before, whatever else is.
    #[test]
    fn while_the_chain_moves_to_another_priority_every_packet_sees_the_old_or_the_new(
        (old, new, _) in plan_and_edit(),
        (from, to) in (priorities(), priorities()),
    ) {
        every_packet_on_its_way_sees_the_old_or_the_new(&ruleset_at(&old, from), &ruleset_at(&new, to))?;
    }

    /// The same where single addresses are inside in one state alone, so that a set and its rules come or go.
    #[test]
    fn while_the_chain_moves_and_what_is_inside_changes_every_packet_sees_the_old_or_the_new(
        old in plan(),
        inside in Universe::on_paper().insides(),
        (from, to) in (priorities(), priorities()),
    ) {
        let new = Plan { subjects: old.subjects.clone(), ..inside };
        every_packet_sees_the_old_or_the_new(&ruleset_at(&old, from), &ruleset_at(&new, to))?;
    }

    /// P2 and P3 at once: what is inside changes together with a Service.
    #[test]
    fn while_what_is_inside_changes_every_packet_sees_the_old_or_the_new(
        (old, edited, _) in plan_and_edit(),
        inside in Universe::on_paper().insides(),
    ) {
        let new = Plan { subjects: edited.subjects, ..inside };
        every_packet_sees_the_old_or_the_new(&ruleset(&old), &ruleset(&new))?;
    }

    /// P2 of ranges that grow, shrink, meet and part, at both ends of all addresses; others may have divided some
    /// before.
    #[test]
    fn a_set_has_all_of_the_old_state_until_it_has_all_of_the_new(old in ranges(), new in ranges(), merged in any::<bool>()) {
        let new = merge_ranges(new);
        let old = if merged { merge_ranges(old) } else { disjoint(old) };
        let [before, after] = [&old, &new].map(|ranges| with_ranges(ranges));
        let mut kernel = FakeKernel { ruleset: before.clone(), generation: 0 };
        let changes = diff(&before, &after);
        let both = merge_ranges(old.iter().chain(&new).copied());
        for (number, batch) in changes.batches().enumerate() {
            kernel.commit(batch).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
            let is_last = number + 1 == changes.batches().len();
            let expected = if is_last { &new } else { &both };
            prop_assert_eq!(&kernel.ruleset, &with_ranges(expected), "after batch {} of\n{}", number + 1, changes);
        }
        prop_assert_eq!(kernel.ruleset, after);
    }

    #[test]
    fn a_change_of_one_service_touches_no_element_of_others((old, new, key) in plan_and_edit()) {
        let touched = |plan: &Plan| -> BTreeSet<IpAddr> {
            plan.subjects.get(&key).into_iter().flat_map(SubjectPlan::pods).collect()
        };
        let mine: BTreeSet<IpAddr> = touched(&old).union(&touched(&new)).copied().collect();
        for change in diff(&ruleset(&old), &ruleset(&new)).batches().flat_map(|batch| &batch.changes) {
            let pods: Vec<IpAddr> = match &change.verb {
                Verb::AddElements(_, _, elements) => elements.iter().map(|(key, _)| key.address()).collect(),
                Verb::DeleteElements(_, _, keys) => keys.iter().map(|key| key.address()).collect(),
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
                | Verb::AddRules(..)
                | Verb::FlushRules(_) => vec![],
            };
            prop_assert!(pods.iter().all(|pod| mine.contains(pod)), "{change}");
        }
    }
}
