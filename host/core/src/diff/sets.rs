//! The changes of one set: wider first, narrower last.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Verb;
use crate::net::{AddressRange, is_within, merge_ranges};
use crate::ruleset::{Name, Set};

/// What leads from one content of a set to another.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// What adds, before anything else.
    pub(super) widen: Option<Verb>,
    /// What takes away, after everything else.
    pub(super) narrow: Option<Verb>,
}

impl Steps {
    /// Of the set of this name. Both contents are of one kind; else there is nothing that could be done in place.
    pub(super) fn between(name: &Name, old: &Set, new: &Set) -> Self {
        match (old, new) {
            (Set::Ranges(old), Set::Ranges(new)) => ranges(name, old, new),
            (Set::Addresses(old), Set::Addresses(new)) => addresses(name, old, new),
            (Set::Ranges(_), Set::Addresses(_)) | (Set::Addresses(_), Set::Ranges(_)) => Self::default(),
        }
    }
}

/// What fills a set that was made just now.
pub(super) fn fill(name: &Name, set: &Set) -> Option<Verb> {
    match set {
        Set::Ranges(ranges) => Some(Verb::RefillSet(name.clone(), ranges.clone())),
        Set::Addresses(addresses) => members(addresses.iter().copied()).map(|all| Verb::AddMembers(name.clone(), all)),
    }
}

fn ranges(name: &Name, old: &[AddressRange], new: &[AddressRange]) -> Steps {
    let both = merge_ranges(old.iter().chain(new).copied());
    let refill = |ranges: &[AddressRange]| Some(Verb::RefillSet(name.clone(), ranges.to_vec()));
    Steps {
        widen: if covers(old, new) { None } else { refill(&both) },
        narrow: if both == new { None } else { refill(new) },
    }
}

/// Whether all of the inner ranges lie in the outer ones.
fn covers(outer: &[AddressRange], inner: &[AddressRange]) -> bool {
    let one = |range: &AddressRange| {
        let around = outer.iter().find(|outer| outer.contains(range.first()));
        is_within(outer, range.first()) && around.is_some_and(|outer| outer.contains(range.last()))
    };
    inner.iter().all(one)
}

fn addresses(name: &Name, old: &BTreeSet<IpAddr>, new: &BTreeSet<IpAddr>) -> Steps {
    let come = members(new.difference(old).copied());
    let go = members(old.difference(new).copied());
    Steps {
        widen: come.map(|come| Verb::AddMembers(name.clone(), come)),
        narrow: go.map(|go| Verb::DeleteMembers(name.clone(), go)),
    }
}

fn members(addresses: impl Iterator<Item = IpAddr>) -> Option<Vec<IpAddr>> {
    let all: Vec<IpAddr> = addresses.collect();
    (!all.is_empty()).then_some(all)
}
