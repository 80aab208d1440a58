//! A large change, in slices: each is a change of its own, of bounded size, after which every packet sees the old state
//! or the new one. So a newer change waits for one slice, not for all of them.
//!
//! It works because elements belong to pods and chains never change: all of a pod's elements go over in one slice, and
//! the chains that they lead to come in the same one. What holds for all pods (sets, base chains) comes with the first
//! slice, and what of it goes, as a tunnel's, goes with the last one; before that go chains that nothing leads to any more.
//!
//! Pods are taken in turn from all that change, one of each, so that a small change is whole in the first slice
//! whatever else there is, and a large one gets on all the same.

mod order;
mod parts;

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use order::{in_turn, leftovers, pods};
use parts::{Pod, SliceParts, rules_of};

use super::moves::Move;
use super::table::is_only_prepared;
use super::{Changes, diff, replace};
use crate::ruleset::{Map, Name, Ruleset, Set, Stage, TUNNEL_GUARD, Table, TableFamily, is_of_the_guard, unguarded};

/// How much a slice changes at most, in elements and rules: some tens of milliseconds of the kernel's time, and far
/// below the send buffer that an unprivileged socket may have (212 KiB, at about 100 bytes an element, is 2,000; a
/// privileged one grows). A pod is never divided, so what one pod needs can be more.
pub const SLICE: usize = 4096;

/// Whether a change is applied whole or in slices.
#[derive(Debug)]
pub enum SlicedChange {
    /// It is small, or cannot be cut: as [`diff`] says.
    Whole,
    /// Slice by slice.
    Slices(Slices),
}

/// What is left to do of a large change.
#[derive(Debug)]
pub struct Slices {
    most: usize,
    begun: CommonPart,
    pods: VecDeque<Pod>,
    /// In an order in which nothing leads to the first.
    leftovers: VecDeque<(TableFamily, Name)>,
}

/// Whether what holds for all pods is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CommonPart {
    No,
    Yes,
}

/// One slice: parts of the state before and after it, and what leads from one to the other.
#[derive(Clone, Debug)]
pub struct Slice {
    pub(super) before: Ruleset,
    pub(super) after: Ruleset,
    /// To commit, in order.
    pub changes: Changes,
    /// The pods that go over with it.
    pub pods: BTreeSet<IpAddr>,
}

/// Cuts what leads from `applied` to `desired` into slices of at most so many elements and rules.
pub fn cut(applied: &Ruleset, desired: &Ruleset, most: usize) -> SlicedChange {
    let families = || TableFamily::ALL.into_iter().filter_map(|family| Some((family, desired.tables.get(&family)?)));
    let old = |family| applied.tables.get(&family);
    let alike = applied.tables.keys().all(|family| desired.tables.contains_key(family))
        && families()
            .all(|(family, new)| old(family).is_none_or(|old| is_only_prepared(old, new) || are_alike(old, new)));
    if !alike {
        return SlicedChange::Whole;
    }
    let pods: Vec<Pod> = families().flat_map(|(family, new)| pods(old(family), new)).collect();
    let leftovers: Vec<(TableFamily, Name)> =
        families().flat_map(|(family, new)| leftovers(family, old(family), new)).collect();
    let parts = SliceParts::new(applied, desired);
    let elements: usize = pods.iter().map(|pod| parts.elements(pod)).sum();
    let removed: usize = leftovers.iter().map(|(family, name)| rules_of(applied, *family, name)).sum();
    let added = |(family, new): (TableFamily, &Table)| {
        let known = |name: &Name| old(family).is_some_and(|old| old.chains.contains_key(name));
        let chains = new.chains.iter().filter(|(name, _)| !known(name));
        chains.map(|(_, chain)| 1 + chain.rules.len()).sum::<usize>()
    };
    if elements + removed + families().map(added).sum::<usize>() <= most {
        return SlicedChange::Whole;
    }
    SlicedChange::Slices(Slices {
        most,
        begun: CommonPart::No,
        pods: in_turn(&parts, pods).into(),
        leftovers: leftovers.into(),
    })
}

impl Slices {
    /// The pods that are to go over still.
    pub fn pods(&self) -> BTreeSet<IpAddr> {
        self.pods.iter().map(|pod| pod.address).collect()
    }

    /// The next slice; none when all is done. `applied` is what the slices so far led to.
    pub fn next(&mut self, applied: &Ruleset, desired: &Ruleset) -> Option<Slice> {
        let first = std::mem::replace(&mut self.begun, CommonPart::Yes);
        let mut parts = SliceParts::new(applied, desired);
        if first == CommonPart::No {
            parts.begin();
        } else if self.pods.is_empty() && self.leftovers.is_empty() && !parts.narrow() {
            return None;
        }
        let mut left = self.most;
        let mut pods = BTreeSet::new();
        while let Some(pod) = self.pods.front() {
            let heft = parts.heft(pod);
            if heft > left && !pods.is_empty() {
                break;
            }
            left = left.saturating_sub(heft);
            pods.insert(pod.address);
            parts.take(pod);
            self.pods.pop_front();
        }
        if self.pods.is_empty() {
            self.remove(&mut parts, left, pods.len());
        }
        let SliceParts { before, after, .. } = parts;
        let changes = diff(&before, &after);
        Some(Slice { before, after, changes, pods })
    }

    /// Removes leftovers that fit; one at least where nothing else happens.
    fn remove(&mut self, parts: &mut SliceParts<'_>, mut left: usize, mut taken: usize) {
        while let Some((family, name)) = self.leftovers.front() {
            let rules = rules_of(parts.applied, *family, name);
            if rules > left && taken > 0 {
                break;
            }
            (left, taken) = (left.saturating_sub(rules), taken + 1);
            parts.gone(*family, name);
            self.leftovers.pop_front();
        }
    }
}

impl Slice {
    /// Two states between which everything was carried out already.
    pub(super) fn of(before: Ruleset, after: Ruleset) -> Self {
        Self { before, after, changes: Changes::default(), pods: BTreeSet::new() }
    }

    /// What of the state before it changes.
    pub fn before(&self) -> &Ruleset {
        &self.before
    }

    /// What becomes of that.
    pub fn after(&self) -> &Ruleset {
        &self.after
    }

    /// The pods that lose their guard with it.
    pub fn unguarded(&self) -> BTreeSet<IpAddr> {
        unguarded(&self.before, &self.after)
    }

    /// The same for tables that are to be replaced, whatever is in them ([`super::replace`]).
    #[must_use]
    pub fn replacing(self, existing: &[(TableFamily, Name)]) -> Self {
        Self { changes: replace(existing, &self.after), ..self }
    }

    /// Brings the ruleset to the state after the slice.
    pub fn apply(self, applied: &mut Ruleset) {
        for (family, after) in self.after.tables {
            let before = self.before.tables.get(&family);
            let table = applied.tables.entry(family).or_insert_with(|| Table::of(after.name.clone(), after.layout));
            for (name, map) in before.into_iter().flat_map(|before| &before.maps) {
                if !after.maps.contains_key(name) {
                    table.maps.remove(name);
                }
                let Some(known) = table.maps.get_mut(name) else { continue };
                map.elements.keys().for_each(|key| drop(known.elements.remove(key)));
            }
            let chains = before.into_iter().flat_map(|before| before.chains.keys());
            chains.filter(|name| !after.chains.contains_key(*name)).for_each(|name| drop(table.chains.remove(name)));
            let sets = before.into_iter().flat_map(|before| before.sets.keys());
            sets.filter(|name| !after.sets.contains_key(*name)).for_each(|name| drop(table.sets.remove(name)));
            for (name, map) in after.maps {
                table.map_of(name, map.kind).elements.extend(map.elements);
            }
            table.counters.retain(|name| before.is_none_or(|before| !before.counters.contains(name)));
            table.counters.extend(after.counters);
            table.sets.extend(after.sets);
            table.chains.extend(after.chains);
        }
    }
}

/// Whether one leads to the other by elements, sets, maps, base chains, one of which may move, and whole chains. A repair, or what
/// another version left, may differ in more.
fn are_alike(old: &Table, new: &Table) -> bool {
    let is_of_its_kind = |(name, map): (&Name, &Map)| old.maps.get(name).is_none_or(|known| known.kind == map.kind);
    let is_set_of_its_kind =
        |(name, set): (&Name, &Set)| old.sets.get(name).is_none_or(|known| known.kind() == set.kind());
    let mut others =
        new.chains.iter().filter(|(name, chain)| chain.hook.is_none() && !Stage::looks_into_prefixes(name));
    (&old.name, old.layout) == (&new.name, new.layout)
        && new.maps.iter().all(is_of_its_kind)
        && new.sets.iter().all(is_set_of_its_kind)
        && old.counters == new.counters
        && others.all(|(name, chain)| old.chains.get(name).is_none_or(|known| known == chain))
        && (has_tunnel(old) != has_tunnel(new) && Move::between(old, new).is_none() || have_same_objects(old, new))
}

fn has_tunnel(table: &Table) -> bool {
    table.chains.contains_key(&TUNNEL_GUARD)
}

/// Whether both have the same sets, maps and base chains, but for what is made on demand, the guard, and a chain that moves.
fn have_same_objects(old: &Table, new: &Table) -> bool {
    let fixed = |table: &Table| {
        let maps = table.maps.iter().filter(|(_, map)| !map.kind.is_made_on_demand());
        maps.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let has_prefixes = |table: &Table| Stage::ALL.map(|stage| table.chains.contains_key(&stage.networks()));
    let is_base = |table: &Table, name: &Name| table.chains.get(name).is_some_and(|chain| chain.hook.is_some());
    let moving = Move::between(old, new);
    let stays = |name: &Name| moving.is_none_or(|moving| !moving.is_of(name));
    let is_either = |name: &&Name| (is_base(old, name) || is_base(new, name)) && stays(name);
    let mut base_chains =
        old.chains.keys().chain(new.chains.keys()).filter(is_either).filter(|name| !is_of_the_guard(name));
    fixed(old) == fixed(new)
        && has_prefixes(old) == has_prefixes(new)
        && old.sets.keys().eq(new.sets.keys())
        && base_chains.all(|name| is_base(old, name) && is_base(new, name))
}
