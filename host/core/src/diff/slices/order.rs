//! The pods and chains that change, and their order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::parts::{Pod, SliceParts, element, is_common};
use crate::ruleset::{Chain, MapKey, Name, Table, TableFamily};

/// The pods whose elements differ.
pub(super) fn pods<'a>(old: Option<&'a Table>, new: &'a Table) -> Vec<Pod> {
    let mut pods: BTreeMap<IpAddr, Vec<(Name, MapKey)>> = BTreeMap::new();
    let nothing = BTreeMap::new();
    let elements = |table: Option<&'a Table>, name: &Name| table.and_then(|table| table.maps.get(name));
    let elements = |table, name: &Name| elements(table, name).map_or(&nothing, |map| &map.elements);
    // Also those of a map that goes.
    let names: BTreeSet<&Name> = new.maps.keys().chain(old.into_iter().flat_map(|old| old.maps.keys())).collect();
    for name in names {
        let before = elements(old, name);
        let after = elements(Some(new), name);
        let gone = before.keys().filter(|key| !after.contains_key(key));
        let other = after.iter().filter(|(key, element)| before.get(key) != Some(element)).map(|(key, _)| key);
        for key in gone.chain(other) {
            pods.entry(key.address()).or_default().push((name.clone(), *key));
        }
    }
    pods.into_iter().map(|(address, keys)| Pod { address, keys }).collect()
}

/// One pod of each change, then a second one of each; of equals the one with less to do first. Whose change it is, the
/// comments say: whatever they are, equal ones belong together.
pub(super) fn in_turn(parts: &SliceParts<'_>, pods: Vec<Pod>) -> Vec<Pod> {
    let mut places: BTreeMap<Option<Arc<str>>, usize> = BTreeMap::new();
    let ranked = pods.into_iter().map(|pod| {
        let family = TableFamily::of(pod.address);
        let element_at = |(map, key): &(Name, MapKey)| {
            element(parts.desired, family, map, key).or(element(parts.applied, family, map, key))
        };
        let comment = pod.keys.first().and_then(element_at).and_then(|element| element.comment.clone());
        let place = places.entry(comment).or_default();
        *place += 1;
        ((*place, parts.heft(&pod), pod.address), pod)
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, pod)| pod).collect()
}

/// The chains that nothing leads to when all pods went over: those first to which no other of them leads.
pub(super) fn leftovers(family: TableFamily, old: Option<&Table>, new: &Table) -> Vec<(TableFamily, Name)> {
    let old = old.into_iter().flat_map(|old| &old.chains);
    let goes = |(name, chain): &(&Name, &Chain)| !new.chains.contains_key(*name) && !is_common(name, chain);
    let mut left: BTreeMap<&Name, &Chain> = old.filter(goes).collect();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let led_to: BTreeSet<&Name> = left.values().flat_map(|chain| chain.jumps()).collect();
        let (free, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
            left.into_iter().partition(|(name, _)| !led_to.contains(name));
        if free.is_empty() {
            // No ruleset of ours goes round in circles; the kernel has none that does.
            break;
        }
        ordered.extend(free.into_keys().map(|name| (family, name.clone())));
        left = rest;
    }
    ordered
}
