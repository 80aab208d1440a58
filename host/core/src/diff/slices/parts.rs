//! The content of one slice: parts of the state before and after it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::diff::meanwhile;
use crate::ruleset::{
    Chain, Element, Map, MapKey, Name, Ruleset, Set, Stage, Table, TableFamily, holds_back, look_into_prefixes,
};

/// The elements of one pod that differ.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) address: IpAddr,
    pub(super) keys: Vec<(Name, MapKey)>,
}

/// The elements and chains of one slice.
pub(super) struct SliceParts<'a> {
    pub(super) applied: &'a Ruleset,
    pub(super) desired: &'a Ruleset,
    /// What of `applied` the slice changes, and what becomes of it.
    pub(super) before: Ruleset,
    pub(super) after: Ruleset,
}

impl<'a> SliceParts<'a> {
    /// An empty slice.
    pub(super) fn new(applied: &'a Ruleset, desired: &'a Ruleset) -> Self {
        Self { applied, desired, before: skeleton(applied), after: skeleton(applied) }
    }

    /// What holds for all pods: sets, maps and base chains.
    pub(super) fn begin(&mut self) {
        for (family, new) in &self.desired.tables {
            let known = self.applied.tables.get(family);
            let after = self.after.tables.entry(*family).or_insert_with(|| Table::of(new.name.clone(), new.layout));
            after.sets = wider(known, new);
            for (name, map) in &new.maps {
                after.map_of(name.clone(), map.kind);
            }
            look_into_all(known, new, after, self.before.tables.get_mut(family));
            let chains: Vec<Changing<'_>> = base_chains(known, new).collect();
            after.chains.extend(chains.iter().map(|one| (one.name.clone(), one.meanwhile(known, new))));
            if let Some(before) = self.before.tables.get_mut(family) {
                before.chains.extend(chains.iter().filter_map(|one| Some((one.name.clone(), one.old?.clone()))));
                before.sets = known.map(|old| old.sets.clone()).unwrap_or_default();
            }
        }
    }

    /// What is in a set for pods that have gone over by now, the maps by prefix of which none has anything, and what of all
    /// pods goes. Whether there is any.
    pub(super) fn narrow(&mut self) -> bool {
        let mut any = false;
        for (family, new) in &self.desired.tables {
            let parts = (self.before.tables.get_mut(family), self.after.tables.get_mut(family));
            let (Some(old), (Some(before), Some(after))) = (self.applied.tables.get(family), parts) else { continue };
            let is_other = |(name, chain): &(&Name, &Chain)| {
                is_common(name, chain) && new.chains.get(*name) != Some(*chain) || is_rewritten(name, chain, new)
            };
            let others: BTreeSet<&Name> = old.chains.iter().filter(is_other).map(|(name, _)| name).collect();
            let have_all = old.maps.keys().all(|name| new.maps.contains_key(name));
            if old.sets == new.sets && have_all && others.is_empty() {
                continue;
            }
            (before.sets, after.sets) = (old.sets.clone(), new.sets.clone());
            after.maps.retain(|name, _| new.maps.contains_key(name));
            for (part, whole) in [(before, old), (after, new)] {
                let looking = |name: &Name| Stage::looks_into_prefixes(name) || others.contains(name);
                let chains = whole.chains.iter().filter(|(name, _)| looking(name));
                part.chains.extend(chains.map(|(name, chain)| (name.clone(), chain.clone())));
            }
            any = true;
        }
        any
    }

    /// What a pod adds to the slice, in elements and rules.
    pub(super) fn heft(&self, pod: &Pod) -> usize {
        let rules = |name: &Name| 1 + rules_of(self.desired, TableFamily::of(pod.address), name);
        self.elements(pod) + self.chains(pod).iter().map(rules).sum::<usize>()
    }

    /// The number of elements that change; a replaced one counts twice.
    pub(super) fn elements(&self, pod: &Pod) -> usize {
        let in_both = |(map, key): &&(Name, MapKey)| {
            [self.applied, self.desired]
                .iter()
                .all(|state| element(state, TableFamily::of(pod.address), map, key).is_some())
        };
        pod.keys.len() + pod.keys.iter().filter(in_both).count()
    }

    /// The chains that a pod needs and that are not there.
    fn chains(&self, pod: &Pod) -> BTreeSet<Name> {
        let family = TableFamily::of(pod.address);
        let mut open: Vec<&Name> = Vec::new();
        for (map, key) in &pod.keys {
            open.extend(element(self.desired, family, map, key).and_then(|element| element.target.chain()));
        }
        let is_there =
            |name: &Name| [self.applied, &self.after].iter().any(|state| chain(state, family, name).is_some());
        let mut needed = BTreeSet::new();
        while let Some(name) = open.pop() {
            if !is_there(name) && needed.insert(name.clone()) {
                open.extend(chain(self.desired, family, name).into_iter().flat_map(Chain::jumps));
            }
        }
        needed
    }

    /// Adds all elements and chains of a pod.
    pub(super) fn take(&mut self, pod: &Pod) {
        let family = TableFamily::of(pod.address);
        let chains = self.chains(pod);
        for (name, key) in &pod.keys {
            put(&mut self.before, family, name, *key, element(self.applied, family, name, key));
            put(&mut self.after, family, name, *key, element(self.desired, family, name, key));
        }
        let Some(after) = self.after.tables.get_mut(&family) else { return };
        let content =
            chains.into_iter().filter_map(|name| Some((name.clone(), chain(self.desired, family, &name)?.clone())));
        after.chains.extend(content);
    }

    /// A chain that nothing leads to.
    pub(super) fn gone(&mut self, family: TableFamily, name: &Name) {
        let content = chain(self.applied, family, name).cloned();
        let before = self.before.tables.get_mut(&family);
        before
            .into_iter()
            .for_each(|before| before.chains.extend(content.clone().map(|content| (name.clone(), content))));
    }
}

/// Whether a chain is one for all pods, and no copy that is left of one that moved.
pub(super) fn is_common(name: &Name, chain: &Chain) -> bool {
    let is_filter = chain.hook.as_ref().is_some_and(|hook| !hook.is_source_nat());
    is_filter || Stage::looks_into_prefixes(name)
}

/// A base chain that comes, or gets other rules.
struct Changing<'a> {
    name: &'a Name,
    old: Option<&'a Chain>,
    new: &'a Chain,
}

impl Changing<'_> {
    /// While some pods have gone over.
    fn meanwhile(&self, known: Option<&Table>, new: &Table) -> Chain {
        match known.zip(self.old.filter(|old| old.hook == self.new.hook)) {
            Some((table, old)) => {
                let rules = meanwhile::rules(table, old, new, self.new).into_owned();
                Chain { rules, ..self.new.clone() }
            }
            None => self.new.clone(),
        }
    }
}

fn base_chains<'a>(known: Option<&'a Table>, new: &'a Table) -> impl Iterator<Item = Changing<'a>> {
    let old = move |name: &Name| known.and_then(|known| known.chains.get(name));
    let all = new.chains.iter().map(move |(name, chain)| Changing { name, old: old(name), new: chain });
    all.filter(|one| one.new.hook.is_some() && one.old != Some(one.new))
}

/// Whether a base chain that stays gets other rules.
fn is_rewritten(name: &Name, chain: &Chain, new: &Table) -> bool {
    chain.hook.is_some() && new.chains.get(name).is_some_and(|new| new != chain)
}

/// The chains that look into maps by prefix ask the old and the new ones.
fn look_into_all(known: Option<&Table>, new: &Table, after: &mut Table, mut before: Option<&mut Table>) {
    for name in Stage::ALL.map(Stage::networks).into_iter().filter(|name| new.chains.contains_key(name)) {
        after.chains.insert(name.clone(), Chain::default());
        let old = known.and_then(|known| known.chains.get(&name));
        if let (Some(before), Some(old)) = (before.as_deref_mut(), old) {
            before.chains.insert(name, old.clone());
        }
    }
    look_into_prefixes(after);
}

/// The sets of both tables with what is in either: some pods are in the old state still. What holds back is less
/// meanwhile.
fn wider(old: Option<&Table>, new: &Table) -> BTreeMap<Name, Set> {
    let mut sets: BTreeMap<Name, Set> = BTreeMap::new();
    for (name, set) in &new.sets {
        let set = match old.and_then(|old| old.sets.get(name)) {
            Some(known) if holds_back(name) => known.intersection(set),
            Some(known) => known.union(set),
            None if holds_back(name) => old.map_or_else(|| set.clone(), |old| set.without(&old.translates_to())),
            None => set.clone(),
        };
        sets.insert(name.clone(), set);
    }
    for (name, set) in old.into_iter().flat_map(|old| &old.sets).filter(|(name, _)| !new.sets.contains_key(*name)) {
        let set = if holds_back(name) { set.without(&new.translates_to()) } else { set.clone() };
        sets.insert(name.clone(), set);
    }
    sets
}

/// The same tables with the same maps, all empty.
fn skeleton(ruleset: &Ruleset) -> Ruleset {
    let bare = |(family, table): (&TableFamily, &Table)| {
        let maps = table.maps.iter().map(|(name, map)| (name.clone(), Map::new(map.kind))).collect();
        (*family, Table { maps, ..Table::of(table.name.clone(), table.layout) })
    };
    Ruleset { tables: ruleset.tables.iter().map(bare).collect() }
}

fn chain<'r>(ruleset: &'r Ruleset, family: TableFamily, name: &Name) -> Option<&'r Chain> {
    ruleset.tables.get(&family)?.chains.get(name)
}

/// How many rules a chain has.
pub(super) fn rules_of(ruleset: &Ruleset, family: TableFamily, name: &Name) -> usize {
    chain(ruleset, family, name).map_or(0, |chain| chain.rules.len())
}

pub(super) fn element<'r>(ruleset: &'r Ruleset, family: TableFamily, map: &Name, key: &MapKey) -> Option<&'r Element> {
    ruleset.tables.get(&family)?.maps.get(map)?.elements.get(key)
}

fn put(ruleset: &mut Ruleset, family: TableFamily, map: &Name, key: MapKey, element: Option<&Element>) {
    let map = ruleset.tables.get_mut(&family).and_then(|table| table.maps.get_mut(map));
    if let (Some(map), Some(element)) = (map, element) {
        map.elements.insert(key, element.clone());
    }
}
