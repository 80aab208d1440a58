//! Compares the ruleset that the kernel is believed to hold with the desired one.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Applied;
use crate::diff::Scope;
use crate::ruleset::{Map, MapKey, Ruleset, TableFamily};

impl Applied {
    /// Whether something else than `after` is in a part of it.
    pub(crate) fn differs(&self, scope: &Scope, after: Ruleset, keep: impl FnOnce(&mut Ruleset, &Ruleset)) -> bool {
        !self.compare_in(scope, after, keep).changes(self).is_empty()
    }

    /// The next pods that have elements, by address.
    pub(crate) fn pods_behind(&self, after: Option<IpAddr>, most: usize) -> BTreeSet<IpAddr> {
        let tables = self.ruleset.tables.iter();
        let maps = tables.flat_map(|(family, table)| table.maps.values().map(|map| (*family, map)));
        maps.flat_map(|(family, map)| next_in(family, map, after, most)).collect()
    }

    /// Whether it is known how many elements lead to each chain, and to which none does.
    pub(crate) fn is_counted(&self) -> bool {
        let (leads, unused) = Self::count_all(&self.ruleset);
        leads == self.leads && unused == self.unused
    }
}

fn next_in(family: TableFamily, map: &Map, after: Option<IpAddr>, most: usize) -> BTreeSet<IpAddr> {
    let first = after.filter(|after| TableFamily::of(*after) == family);
    let first = first.map(|after| MapKey::first_of(after, map.kind.key));
    let is_over = after.is_some_and(|after| TableFamily::of(after) > family);
    let elements = match first {
        Some(first) => map.elements.range(first..),
        None => map.elements.range(..),
    };
    let mut pods = BTreeSet::new();
    let behind = elements.map(|(key, _)| key.address()).filter(|pod| !is_over && Some(*pod) > after);
    for pod in behind {
        if pods.len() == most && !pods.contains(&pod) {
            break;
        }
        pods.insert(pod);
    }
    pods
}
