//! P12 before policies have answered: the guard of what is known comes beside what is in force, and nothing else changes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{arm, compile, table_names};
use egressd_core::diff::diff;
use egressd_core::net::is_private;
use egressd_core::plan::{Plan, guarded};
use egressd_core::ruleset::{Direction, KeyKind, Layout, Ruleset, State, TableNames};
use egressd_core::testkit::{FakeKernel, Leaving, Packet, Seen, Universe, leaves, trace};
use proptest::prelude::*;

fn names() -> TableNames {
    table_names(None).in_layout(Layout::OURS)
}

fn packets() -> impl Iterator<Item = Packet> {
    Universe::on_paper().worlds.into_iter().flat_map(|world| {
        let (pods, destinations) = (world.pods.clone(), world.destinations.clone());
        pods.into_iter().flat_map(move |pod| destinations.clone().into_iter().map(move |to| Packet::new(pod, to)))
    })
}

/// With its own source: what no rule translates.
fn leaves_untranslated(ruleset: &Ruleset, packet: Packet) -> bool {
    leaves_as(ruleset, packet, packet.source)
}

fn leaves_as(ruleset: &Ruleset, packet: Packet, source: IpAddr) -> bool {
    let leaving = Leaving { packet, state: State::New, direction: Direction::Original, source };
    leaves(ruleset, ruleset, &leaving, 0)
}

/// The pods with elements of a kind.
fn pods_in(ruleset: &Ruleset, kind: impl Fn(KeyKind) -> bool) -> BTreeSet<IpAddr> {
    let maps = ruleset.tables.values().flat_map(|table| table.maps.values());
    let maps = maps.filter(|map| kind(map.kind.key));
    maps.flat_map(|map| map.elements.keys()).map(|key| key.address()).collect()
}

/// Whether guarded pods may reach a destination by a table with these sets, of pods that are known to be elsewhere.
fn is_inside(sets: &Plan, elsewhere: &BTreeSet<IpAddr>, packet: &Packet) -> bool {
    let excluded = sets.excluded.values().flatten().any(|range| range.contains(packet.destination));
    let single = sets.exact.contains(&packet.destination) || elsewhere.contains(&packet.source);
    excluded || single && is_private(packet.destination)
}

/// What is in force, if anything is, and what is known now.
fn scenes() -> impl Strategy<Value = (Ruleset, Plan, Plan)> {
    let (before, now) = (Universe::on_paper().plans(), Universe::on_paper().plans());
    (before, now, any::<bool>()).prop_map(|(before, now, is_empty)| match is_empty {
        true => (Ruleset::default(), Plan::default(), now),
        false => (compile(&before, &names()), before, now),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 1_000 }))]

    #[test]
    fn new_pods_are_guarded_and_for_all_others_nothing_changes((applied, before, now) in scenes()) {
        let armed = arm(&applied, &now, &names());
        let (known, guards) = (pods_in(&applied, |kind| kind == KeyKind::Guarded), guarded(&now));
        let there = pods_in(&applied, |kind| kind != KeyKind::KnownPod);
        let elsewhere = pods_in(&armed, |kind| kind == KeyKind::Elsewhere);
        let new = guards.keys().filter(|pod| now.elsewhere.contains(pod) && !there.contains(pod)).copied();
        let expected = pods_in(&applied, |kind| kind == KeyKind::Elsewhere).into_iter().chain(new).collect();
        prop_assert_eq!(&elsewhere, &expected);
        for packet in packets() {
            let shown = || format!("{packet:?}\n{applied}\n{armed}");
            prop_assert_eq!(trace(&applied, &packet), trace(&armed, &packet), "{}", shown());
            let sets = if applied.tables.is_empty() { &now } else { &before };
            let left = leaves_untranslated(&armed, packet);
            if known.contains(&packet.source) || !guards.contains_key(&packet.source) && !applied.tables.is_empty() {
                prop_assert_eq!(left, leaves_untranslated(&applied, packet), "{}", shown());
            } else if guards.contains_key(&packet.source) {
                prop_assert_eq!(left, is_inside(sets, &elsewhere, &packet), "{}", shown());
                if let Seen::As(source) = trace(&applied, &packet) {
                    prop_assert!(leaves_as(&armed, packet, source), "{source} {}", shown());
                }
            }
        }
    }

    #[test]
    fn the_kernel_takes_it_and_nothing_that_is_in_force_goes((applied, _, now) in scenes()) {
        let armed = arm(&applied, &now, &names());
        let mut kernel = FakeKernel { ruleset: applied.clone(), generation: 0 };
        for batch in diff(&applied, &armed).batches() {
            kernel.commit(batch).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        }
        prop_assert_eq!(&kernel.ruleset, &armed);
        for (family, table) in &applied.tables {
            for (name, map) in &table.maps {
                let now = &armed.tables[family].maps[name].elements;
                prop_assert!(map.elements.iter().all(|(key, element)| now.get(key) == Some(element)), "{}", name);
            }
            prop_assert!(table.chains.iter().all(|(name, chain)| armed.tables[family].chains.get(name) == Some(chain)));
        }
    }
}
