//! The guard beside what is in force, before it is known what else is to be (P12): it is added, and nothing else changes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::guard::{self, GuardElements, GuardMark};
use super::names::Objects;
use super::skeleton;
use crate::net::Family;
use crate::plan::{GuardedPod, Plan, PodLocation, guarded};
use crate::ruleset::{self, GUARD, KeyKind, Ruleset, Table, TableNames};

/// Adds the guard of a plan to what is in force. A pod that is guarded there already stays as it is, and one that is
/// translated may leave with what it is translated to: what policies say about it now is not known before they have answered.
/// A table that is there already let unknown pods pass or did not, and goes on with that; a new one has the networks, and no
/// pod is known.
pub fn arm(applied: &Ruleset, plan: &Plan, names: &TableNames) -> Ruleset {
    let (mut armed, objects) = (applied.clone(), Objects::default());
    let guarded = guarded(plan);
    for family in Family::ALL {
        let in_force = applied.tables.get(&family.into());
        let known: BTreeSet<IpAddr> = in_force.into_iter().flat_map(ruleset::guarded).collect();
        let is_new = |pod: &IpAddr| Family::of(*pod) == family && !known.contains(pod);
        let pods: Vec<_> = guarded.iter().filter(|(pod, _)| is_new(pod)).collect();
        let is_there = armed.tables.contains_key(&family.into());
        if pods.is_empty() && (is_there || !plan.own_networks.contains_key(&family)) {
            continue;
        }
        let table = armed.tables.entry(family.into()).or_insert_with(|| skeleton(plan, family, names, &objects));
        if !table.chains.contains_key(&GUARD) {
            guard::add_chain(table, family, &objects, None);
            GuardMark::of(plan, names).into_iter().for_each(|mark| guard::add_marks(table, family, &objects, mark));
        }
        for (pod, guarded) in pods {
            let translated = in_force.map(|table| table.translated_to(*pod)).unwrap_or_default();
            let sources = guarded.sources.union(&translated).copied().collect();
            let place = if in_force.is_some_and(|table| has_elements(table, *pod)) {
                // Where others of its network may be, decides what is translated too, and that stays.
                PodLocation::Known
            } else {
                plan.location(*pod)
            };
            let guarded = GuardedPod { sources, ..guarded.clone() };
            guard::add_pod(table, &objects, GuardElements { family, pod: *pod, place, guarded: &guarded });
        }
    }
    armed
}

/// Whether something of a pod is translated, or decided not to be.
fn has_elements(table: &Table, pod: IpAddr) -> bool {
    table.maps.values().any(|map| map.kind.key != KeyKind::KnownPod && map.of_pod(pod).next().is_some())
}
