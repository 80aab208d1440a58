//! The guard beside what is in force, before it is known what else is to be (P12): it is added, and nothing else changes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::guard::{self, GuardElements};
use super::keep::walk;
use super::names::Objects;
use super::skeleton;
use crate::net::Family;
use crate::plan::{GuardedPod, Plan, PodLocation, guarded};
use crate::ruleset::{GUARD, KeyKind, MapKey, Ruleset, Statement, Table, TableNames, Target};

/// Adds the guard of a plan to what is in force. A pod that is guarded there already stays as it is, and one that is
/// translated may leave with what it is translated to: what policies say about it now is not known before they have answered.
/// A table that is there already let unknown pods pass or did not, and goes on with that; a new one has the networks, and no
/// pod is known.
pub fn arm(applied: &Ruleset, plan: &Plan, names: &TableNames) -> Ruleset {
    let (mut armed, objects) = (applied.clone(), Objects::default());
    let guarded = guarded(plan);
    for family in Family::ALL {
        let in_force = applied.tables.get(&family.into());
        let known = in_force.map(guarded_pods).unwrap_or_default();
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
            let in_force = in_force.map(|table| translated_to(table, *pod)).unwrap_or_default();
            let sources = guarded.sources.union(&in_force).copied().collect();
            add(table, plan, &objects, *pod, &GuardedPod { sources, ..guarded.clone() });
        }
    }
    armed
}

fn add(table: &mut Table, plan: &Plan, objects: &Objects, pod: IpAddr, guarded: &GuardedPod<'_>) {
    let place = if plan.elsewhere.contains(&pod) { PodLocation::Elsewhere } else { PodLocation::Known };
    let family = Family::of(pod);
    guard::add_pod(table, objects, GuardElements { family, pod, place, guarded });
}

fn guarded_pods(table: &Table) -> BTreeSet<IpAddr> {
    let maps = table.maps.values().filter(|map| map.kind.key == KeyKind::Guarded);
    maps.flat_map(|map| map.elements.keys()).map(|key| key.address()).collect()
}

/// All addresses that a pod may be translated to.
fn translated_to(table: &Table, pod: IpAddr) -> BTreeSet<IpAddr> {
    let mut addresses = BTreeSet::new();
    for map in table.maps.values() {
        let of_pod = map.elements.range(MapKey::first_of(pod, map.kind.key)..);
        for (_, element) in of_pod.take_while(|(key, _)| key.address() == pod) {
            match &element.target {
                Target::Address(address) => drop(addresses.insert(*address)),
                Target::Jump(chain) => walk(&table.chains, chain, &mut |statement| {
                    if let Statement::Snat(address) = statement {
                        addresses.insert(*address);
                    }
                }),
                Target::Nothing | Target::Mark(_) => {}
            }
        }
    }
    addresses
}
