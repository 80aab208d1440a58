//! The changes of one table, sorted into phases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::sets::{self, Steps};
use super::{Change, Phases, Verb};
use crate::ruleset::{Chain, Map, MapKey, Name, Table, TableFamily};

/// All of a table that is not there yet: no packet has met it, so one batch does.
pub(super) fn create(phases: &mut Phases, family: TableFamily, new: &Table) {
    let mut push = |verb| phases.make.push(Change { family, table: new.name.clone(), verb });
    push(Verb::AddTable);
    for (name, set) in &new.sets {
        push(Verb::AddSet(name.clone(), set.kind()));
        sets::fill(name, set).into_iter().for_each(&mut push);
    }
    for (name, map) in &new.maps {
        push(Verb::AddMap(name.clone(), map.kind));
    }
    for (name, chain) in &new.chains {
        push(Verb::AddChain(name.clone(), chain.hook));
    }
    for (name, chain) in new.chains.iter().filter(|(_, chain)| !chain.rules.is_empty()) {
        push(Verb::AddRules(name.clone(), chain.rules.clone()));
    }
    for (name, map) in new.maps.iter().filter(|(_, map)| !map.elements.is_empty()) {
        let elements = map.elements.iter().map(|(key, element)| (*key, element.clone())).collect();
        push(Verb::AddElements(name.clone(), map.kind, elements));
    }
}

/// What differs between two states of one table.
pub(super) fn change(phases: &mut Phases, family: TableFamily, old: &Table, new: &Table) {
    let mut writer = Writer { phases, family, table: &new.name };
    writer.sets(old, new);
    writer.maps_and_chains(old, new);
    writer.elements(old, new);
    writer.leftovers(old, new);
}

struct Writer<'a> {
    phases: &'a mut Phases,
    family: TableFamily,
    table: &'a Name,
}

impl Writer<'_> {
    fn change(&self, verb: Verb) -> Change {
        Change { family: self.family, table: self.table.clone(), verb }
    }

    fn sets(&mut self, old: &Table, new: &Table) {
        for (name, set) in &new.sets {
            let Some(before) = old.sets.get(name) else {
                let make = [Some(Verb::AddSet(name.clone(), set.kind())), sets::fill(name, set)];
                let make = make.into_iter().flatten().map(|verb| self.change(verb)).collect::<Vec<_>>();
                self.phases.make.extend(make);
                continue;
            };
            let Steps { widen, narrow } = Steps::between(name, before, set);
            let [widen, narrow] = [widen, narrow].map(|verbs| verbs.into_iter().map(|verb| self.change(verb)));
            let [widen, narrow] = [widen, narrow].map(Iterator::collect::<Vec<_>>);
            self.phases.widen.extend(widen);
            self.phases.narrow.extend(narrow);
        }
    }

    /// New maps and chains first, then all rules: rules may lead to any of them.
    fn maps_and_chains(&mut self, old: &Table, new: &Table) {
        for (name, map) in new.maps.iter().filter(|(name, _)| !old.maps.contains_key(name)) {
            self.phases.make.push(self.change(Verb::AddMap(name.clone(), map.kind)));
        }
        for (name, chain) in new.chains.iter().filter(|(name, _)| !old.chains.contains_key(name)) {
            self.phases.make.push(self.change(Verb::AddChain(name.clone(), chain.hook)));
        }
        for (name, chain) in &new.chains {
            // Without a set, rules no longer return for what is in it.
            let narrower = old.sets.keys().any(|set| !new.sets.contains_key(set));
            let phase = if chain.hook.is_some() && narrower { Phase::Narrow } else { Phase::Make };
            self.rules(phase, name, (old.chains.get(name), chain));
        }
    }

    fn rules(&mut self, phase: Phase, name: &Name, (old, new): (Option<&Chain>, &Chain)) {
        let before = old.map_or(&[][..], |chain| &chain.rules);
        if before == new.rules {
            return;
        }
        if !before.is_empty() {
            self.push(phase, Verb::FlushRules(name.clone()));
        }
        if !new.rules.is_empty() {
            self.push(phase, Verb::AddRules(name.clone(), new.rules.clone()));
        }
    }

    fn push(&mut self, phase: Phase, verb: Verb) {
        let change = self.change(verb);
        match phase {
            Phase::Make => self.phases.make.push(change),
            Phase::Switch => self.phases.switch.push(change),
            Phase::Break => self.phases.break_.push(change),
            Phase::Narrow => self.phases.narrow.push(change),
        }
    }

    fn elements(&mut self, old: &Table, new: &Table) {
        let moved = moved(old, new);
        let empty = BTreeMap::new();
        for (name, map) in &new.maps {
            let before = old.maps.get(name).map_or(&empty, |map| &map.elements);
            let mut delete = Vec::new();
            let mut delete_later = Vec::new();
            for (key, element) in before {
                match map.elements.get(key) {
                    Some(same) if same == element => {}
                    Some(_) => delete.push(*key),
                    None if moved.contains(&key.address()) => delete_later.push(*key),
                    None => delete.push(*key),
                }
            }
            let changed = |(key, element): &(&MapKey, &_)| before.get(key) != Some(element);
            let add = map.elements.iter().filter(changed).map(|(key, element)| (*key, element.clone())).collect();
            self.delete_elements(Phase::Switch, name, map, delete);
            self.add_elements(name, map, add);
            self.delete_elements(Phase::Break, name, map, delete_later);
        }
    }

    fn add_elements(&mut self, name: &Name, map: &Map, elements: Vec<(MapKey, crate::ruleset::Element)>) {
        if !elements.is_empty() {
            self.phases.switch.push(self.change(Verb::AddElements(name.clone(), map.kind, elements)));
        }
    }

    fn delete_elements(&mut self, phase: Phase, name: &Name, map: &Map, keys: Vec<MapKey>) {
        if keys.is_empty() {
            return;
        }
        self.push(phase, Verb::DeleteElements(name.clone(), map.kind, keys));
    }

    /// What is no longer there. Maps before chains: an element may lead to a chain.
    fn leftovers(&mut self, old: &Table, new: &Table) {
        let mut gone = Vec::new();
        gone.extend(missing(&old.maps, &new.maps).map(|name| self.change(Verb::DeleteMap(name.clone()))));
        // Chains may lead to each other in any order, so all are emptied before the first is deleted.
        gone.extend(
            missing(&old.chains, &new.chains)
                .filter(|name| old.chains.get(name).is_some_and(|chain| !chain.rules.is_empty()))
                .map(|name| self.change(Verb::FlushRules(name.clone()))),
        );
        gone.extend(missing(&old.chains, &new.chains).map(|name| self.change(Verb::DeleteChain(name.clone()))));
        // Usually the elements that led here go in the same batch; only moved pods need one more.
        let phase = if self.phases.break_.is_empty() { &mut self.phases.switch } else { &mut self.phases.break_ };
        phase.extend(gone);
        for name in missing(&old.sets, &new.sets) {
            self.push(Phase::Narrow, Verb::DeleteSet(name.clone()));
        }
    }
}

#[derive(Clone, Copy)]
enum Phase {
    Make,
    Switch,
    Break,
    Narrow,
}

fn missing<'a, T>(old: &'a BTreeMap<Name, T>, new: &'a BTreeMap<Name, T>) -> impl Iterator<Item = &'a Name> {
    old.keys().filter(|name| !new.contains_key(*name))
}

/// Pods that leave one map and enter another.
fn moved(old: &Table, new: &Table) -> BTreeSet<IpAddr> {
    let entered: BTreeSet<IpAddr> = appeared(new, old).collect();
    appeared(old, new).filter(|address| entered.contains(address)).collect()
}

/// The addresses of all elements of `to` that `from` does not have under that key.
fn appeared<'a>(to: &'a Table, from: &'a Table) -> impl Iterator<Item = IpAddr> + 'a {
    to.maps.iter().flat_map(|(name, map)| {
        let before = from.maps.get(name);
        let fresh = move |key: &&MapKey| before.is_none_or(|map| !map.elements.contains_key(key));
        map.elements.keys().filter(fresh).map(|key| key.address())
    })
}
