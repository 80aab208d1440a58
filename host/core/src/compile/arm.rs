//! The guard beside what is in force, before it is known what else is to be (P12): it is added, and nothing else changes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::guard::{self, GuardElements};
use super::names::Objects;
use super::skeleton;
use crate::net::Family;
use crate::plan::{GuardedPod, Plan, PodLocation, guarded};
use crate::ruleset::{GUARD, KeyKind, Ruleset, Table, TableNames};

/// Adds the guard of a plan to what is in force. A pod that has elements there already was known to an earlier process, and
/// stays as that left it: what it may leave with now is not known before policies have answered. A table that is there
/// already let unknown pods pass or did not, and goes on with that; a new one has the networks, and no pod is known.
pub fn arm(applied: &Ruleset, plan: &Plan, names: &TableNames) -> Ruleset {
    let (mut armed, objects) = (applied.clone(), Objects::default());
    let guarded = guarded(plan);
    for family in Family::ALL {
        let known = applied.tables.get(&family.into()).map(pods_of).unwrap_or_default();
        let is_new = |pod: &IpAddr| Family::of(*pod) == family && !known.contains(pod);
        let pods: Vec<_> = guarded.iter().filter(|(pod, _)| is_new(pod)).collect();
        let is_there = armed.tables.contains_key(&family.into());
        if pods.is_empty() && (is_there || !plan.own_networks.contains_key(&family)) {
            continue;
        }
        let table = armed.tables.entry(family.into()).or_insert_with(|| skeleton(plan, family, names, &objects));
        if !table.chains.contains_key(&GUARD) {
            guard::add_chain(table, family, &objects, None);
            names.marks.into_iter().for_each(|bit| guard::add_marks(table, family, &objects, bit));
        }
        for (pod, guarded) in pods {
            add(table, plan, &objects, *pod, guarded);
        }
    }
    armed
}

fn add(table: &mut Table, plan: &Plan, objects: &Objects, pod: IpAddr, guarded: &GuardedPod<'_>) {
    let place = if plan.elsewhere.contains(&pod) { PodLocation::Elsewhere } else { PodLocation::Known };
    let family = Family::of(pod);
    guard::add_pod(table, objects, GuardElements { family, pod, place, guarded });
}

/// The pods that it translates or guards.
fn pods_of(table: &Table) -> BTreeSet<IpAddr> {
    let maps = table.maps.values().filter(|map| map.kind.key != KeyKind::KnownPod);
    maps.flat_map(|map| map.elements.keys()).map(|key| key.address()).collect()
}
