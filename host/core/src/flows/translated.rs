//! Which pods a ruleset translates.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::ruleset::{Map, Ruleset, Target};

/// The pods that a ruleset translates.
pub fn translated(ruleset: &Ruleset) -> BTreeSet<IpAddr> {
    let maps = ruleset.tables.values().flat_map(|table| table.maps.values());
    maps.filter(|map| !map.kind.is_of_the_guard()).flat_map(pods).collect()
}

/// Whether a ruleset translates a pod.
pub fn is_translated(ruleset: &Ruleset, pod: IpAddr) -> bool {
    let maps = ruleset.tables.values().flat_map(|table| table.maps.values());
    let mut elements = maps.filter(|map| !map.kind.is_of_the_guard()).flat_map(|map| map.of_pod(pod));
    elements.any(|(_, element)| translates(&element.target))
}

fn translates(target: &Target) -> bool {
    match target {
        Target::Address(_) | Target::Jump(_) => true,
        Target::Mark(_) | Target::Nothing => false,
    }
}

fn pods(map: &Map) -> impl Iterator<Item = IpAddr> {
    let translating = map.elements.iter().filter(|(_, element)| translates(&element.target));
    translating.map(|(key, _)| key.address())
}
