//! The changes of one table, sorted into phases.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::levels::{AddedElement, KeySlot, levels};
use super::moves::Move;
use super::sets::{self, Steps};
use super::{Change, Phases, Verb};
use super::{counters, meanwhile};
use crate::ruleset::prefixes::rules as rules_by_prefix;
use crate::ruleset::{
    Element, KeyKind, Map, MapKey, MapKind, Name, Rule, Set, Stage, Table, TableFamily, holds_back, is_of_the_guard,
};

/// All of a table that is not there yet, its sets before what looks into them.
pub(super) fn create(phases: &mut Phases, family: TableFamily, new: &Table) {
    let change = |verb| Change { family, table: new.name.clone(), verb };
    phases.prepare.extend(empty(new).map(change));
    phases.make.extend(content(new).map(change));
}

/// The rest of a table of which only the first batch is there.
pub(super) fn complete(phases: &mut Phases, family: TableFamily, old: &Table, new: &Table) {
    let mut writer = Writer { phases, family, table: &new.name };
    writer.sets(old, new);
    let rest: Vec<Change> = content(new).map(|verb| writer.change(verb)).collect();
    writer.phases.make.extend(rest);
    writer.unused_sets(Phase::Narrow, old, new);
}

/// Whether only the first batch of a table is there: another attempt ended behind it.
pub(super) fn is_only_prepared(old: &Table, new: &Table) -> bool {
    let is_empty = old.maps.is_empty() && old.chains.is_empty() && old.counters.is_empty();
    is_empty && (&old.name, old.layout) == (&new.name, new.layout)
}

/// All of a table in the place of another one of its name, in one batch: its packets are to meet one of both.
pub(super) fn recreate(phases: &mut Phases, family: TableFamily, new: &Table) {
    let verbs = [Verb::DeleteTable].into_iter().chain(empty(new)).chain(content(new));
    phases.make.extend(verbs.map(|verb| Change { family, table: new.name.clone(), verb }));
}

/// The table, and its sets with all that is in them.
fn empty(new: &Table) -> impl Iterator<Item = Verb> {
    let sets = new.sets.iter().flat_map(|(name, set)| made(name, set));
    [Verb::AddTable(new.layout)].into_iter().chain(sets)
}

fn made(name: &Name, set: &Set) -> impl Iterator<Item = Verb> {
    [Verb::AddSet(name.clone(), set.kind())].into_iter().chain(sets::fill(name, set))
}

/// What packets meet of a table.
fn content(new: &Table) -> impl Iterator<Item = Verb> {
    let maps = new.maps.iter().map(|(name, map)| Verb::AddMap(name.clone(), map.kind));
    let chains = new.chains.iter().map(|(name, chain)| Verb::AddChain(name.clone(), chain.hook.clone()));
    let ruled = new.chains.iter().filter(|(_, chain)| !chain.rules.is_empty());
    let rules = ruled.map(|(name, chain)| Verb::AddRules(name.clone(), chain.rules.clone()));
    let filled = new.maps.iter().filter(|(_, map)| !map.elements.is_empty());
    let elements = filled.map(|(name, map)| {
        let elements = map.elements.iter().map(|(key, element)| (*key, element.clone())).collect();
        Verb::AddElements(name.clone(), map.kind, elements)
    });
    counters::come(None, new).into_iter().chain(maps).chain(chains).chain(rules).chain(elements)
}

/// What differs between two states of one table.
pub(super) fn change(phases: &mut Phases, family: TableFamily, old: &Table, new: &Table) {
    let mut writer = Writer { phases, family, table: &new.name };
    let moved = Move::between(old, new).map(|moving| writer.moved(&moving, old));
    let old = moved.as_ref().unwrap_or(old);
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

    /// The table after the move.
    fn moved(&mut self, moving: &Move<'_>, old: &Table) -> Table {
        let batches = [moving.copy(), moving.delete()];
        let batches = batches.map(|verbs| verbs.into_iter().map(|verb| self.change(verb)).collect::<Vec<_>>());
        for (batch, changes) in self.phases.moves.iter_mut().zip(batches) {
            batch.extend(changes);
        }
        moving.apply(old)
    }

    fn sets(&mut self, old: &Table, new: &Table) {
        for (name, set) in &new.sets {
            let Some(before) = old.sets.get(name) else {
                let make = made(name, set).map(|verb| self.change(verb)).collect::<Vec<_>>();
                self.phases.prepare.extend(make);
                continue;
            };
            let mut steps = Steps::between(name, before, set);
            if holds_back(name) {
                std::mem::swap(&mut steps.widen, &mut steps.narrow);
            }
            let Steps { widen, narrow } = steps;
            let [widen, narrow] = [widen, narrow].map(|verbs| verbs.into_iter().map(|verb| self.change(verb)));
            let [widen, narrow] = [widen, narrow].map(Iterator::collect::<Vec<_>>);
            self.phases.widen.extend(widen);
            self.phases.narrow.extend(narrow);
        }
    }

    /// New maps and chains first, then all rules: rules may lead to any of them.
    fn maps_and_chains(&mut self, old: &Table, new: &Table) {
        counters::come(Some(old), new).into_iter().for_each(|verb| self.push(Phase::Make, verb));
        for (name, map) in new.maps.iter().filter(|(name, _)| !old.maps.contains_key(name)) {
            let phase = if map.kind.is_of_the_guard() { Phase::Arm } else { Phase::Make };
            self.push(phase, Verb::AddMap(name.clone(), map.kind));
        }
        for (name, chain) in new.chains.iter().filter(|(name, _)| !old.chains.contains_key(name)) {
            self.push(phase_of_new(name), Verb::AddChain(name.clone(), chain.hook.clone()));
        }
        self.hooks(old, new);
        Stage::ALL.into_iter().for_each(|stage| self.prefixes(stage, old, new));
        for (name, chain) in new.chains.iter().filter(|(name, _)| !Stage::looks_into_prefixes(name)) {
            match old.chains.get(name).filter(|known| known.hook == chain.hook) {
                None => self.rules(phase_of_new(name), name, &[], &chain.rules),
                Some(known) => {
                    let meanwhile = meanwhile::rules(old, known, new, chain);
                    self.rules(Phase::Make, name, &known.rules, &meanwhile);
                    self.rules(Phase::Narrow, name, &meanwhile, &chain.rules);
                }
            }
        }
    }

    /// The kernel moves no chain to another hook. In the phase in which it gets its rules.
    fn hooks(&mut self, old: &Table, new: &Table) {
        for (name, chain) in &new.chains {
            if old.chains.get(name).is_some_and(|known| known.hook != chain.hook) {
                let phase = phase_of_new(name);
                self.push(phase, Verb::FlushRules(name.clone()));
                self.push(phase, Verb::DeleteChain(name.clone()));
                self.push(phase, Verb::AddChain(name.clone(), chain.hook.clone()));
            }
        }
    }

    /// All maps by prefix, the old and the new ones, are asked until nothing is left in those that go.
    fn prefixes(&mut self, stage: Stage, old: &Table, new: &Table) {
        let networks = stage.networks();
        let Some(chain) = new.chains.get(&networks) else { return };
        let more = new.maps.iter().filter(|(name, _)| !old.maps.contains_key(*name));
        let all = rules_by_prefix(stage, old.maps.iter().chain(more));
        let before = old.chains.get(&networks).map_or(&[][..], |chain| &chain.rules);
        self.rules(Phase::Make, &networks, before, &all);
        self.rules(Phase::Narrow, &networks, &all, &chain.rules);
    }

    fn rules(&mut self, phase: Phase, chain: &Name, before: &[Rule], after: &[Rule]) {
        if before == after {
            return;
        }
        if !before.is_empty() {
            self.push(phase, Verb::FlushRules(chain.clone()));
        }
        if !after.is_empty() {
            self.push(phase, Verb::AddRules(chain.clone(), after.to_vec()));
        }
    }

    fn push(&mut self, phase: Phase, verb: Verb) {
        let change = self.change(verb);
        match phase {
            Phase::Arm => self.phases.arm.push(change),
            Phase::Disarm => self.phases.disarm.push(change),
            Phase::Make => self.phases.make.push(change),
            Phase::Switch(level) => {
                if self.phases.switch.len() <= level {
                    self.phases.switch.resize_with(level + 1, Vec::new);
                }
                if let Some(batch) = self.phases.switch.get_mut(level) {
                    batch.push(change);
                }
            }
            Phase::Break => self.phases.break_.push(change),
            Phase::Narrow => self.phases.narrow.push(change),
        }
    }

    fn elements(&mut self, old: &Table, new: &Table) {
        self.guarded(old, new);
        let coming = coming(old, new);
        let mut switched: BTreeMap<(usize, &Name), MapExchange> = BTreeMap::new();
        for elements in coming.values() {
            for (level, one) in levels(elements).into_iter().zip(elements) {
                switched.entry((level, one.map)).or_insert_with(|| MapExchange::of(one.kind)).add(one);
            }
        }
        let mut later: BTreeMap<(usize, &Name), MapExchange> = BTreeMap::new();
        for (map, kind, key) in going(old, new).filter(|(_, kind, _)| !kind.is_of_the_guard()) {
            let exchanges = if coming.contains_key(&key.address()) { &mut later } else { &mut switched };
            exchanges.entry((0, map)).or_insert_with(|| MapExchange::of(kind)).delete.push(key);
        }
        for ((level, map), exchange) in switched {
            self.exchange(Phase::Switch(level), map, exchange);
        }
        for ((_, map), exchange) in later {
            self.exchange(Phase::Break, map, exchange);
        }
    }

    /// What is in the maps of the guard: what holds back is armed, and what lets pass is disarmed. A source that is
    /// allowed comes with the pod that may have it.
    fn guarded(&mut self, old: &Table, new: &Table) {
        let mut come: BTreeMap<&Name, MapExchange> = BTreeMap::new();
        for one in changed(old, new).filter(|one| one.kind.is_of_the_guard()) {
            come.entry(one.map).or_insert_with(|| MapExchange::of(one.kind)).add(&one);
        }
        let mut go: BTreeMap<&Name, MapExchange> = BTreeMap::new();
        for (map, kind, key) in going(old, new).filter(|(_, kind, _)| kind.is_of_the_guard()) {
            go.entry(map).or_insert_with(|| MapExchange::of(kind)).delete.push(key);
        }
        for (map, exchange) in come {
            // That a pod is known must not count before it counts that it is guarded; in a map that nothing looks into
            // yet it does not count.
            let later = exchange.kind.key == KeyKind::KnownPod && old.maps.contains_key(map);
            self.exchange(if later { Phase::Disarm } else { Phase::Arm }, map, exchange);
        }
        for (map, exchange) in go {
            let first = exchange.kind.key == KeyKind::KnownPod && new.maps.contains_key(map);
            self.exchange(if first { Phase::Arm } else { Phase::Disarm }, map, exchange);
        }
    }

    fn exchange(&mut self, phase: Phase, map: &Name, exchange: MapExchange) {
        let MapExchange { kind, mut delete, add } = exchange;
        delete.sort_unstable();
        if !delete.is_empty() {
            self.push(phase, Verb::DeleteElements(map.clone(), kind, delete));
        }
        if !add.is_empty() {
            self.push(phase, Verb::AddElements(map.clone(), kind, add));
        }
    }

    /// What is no longer there. Maps before chains: an element may lead to a chain.
    fn leftovers(&mut self, old: &Table, new: &Table) {
        let mut gone = Vec::new();
        let chains: Vec<&Name> = missing(&old.chains, &new.chains).filter(|name| !is_of_the_guard(name)).collect();
        // Chains may lead to each other in any order, so all are emptied before the first is deleted.
        let has_rules = |name: &&&Name| old.chains.get(**name).is_some_and(|chain| !chain.rules.is_empty());
        gone.extend(chains.iter().filter(has_rules).map(|name| self.change(Verb::FlushRules((*name).clone()))));
        gone.extend(chains.iter().map(|name| self.change(Verb::DeleteChain((*name).clone()))));
        // After the last elements that lead there.
        let phase = if self.phases.break_.is_empty() { self.phases.switch.last_mut() } else { None };
        phase.unwrap_or(&mut self.phases.break_).extend(gone);
        for name in missing(&old.chains, &new.chains).filter(|name| is_of_the_guard(name)) {
            self.push(Phase::Disarm, Verb::FlushRules(name.clone()));
            self.push(Phase::Disarm, Verb::DeleteChain(name.clone()));
        }
        for name in missing(&old.maps, &new.maps) {
            let is_guards = old.maps.get(name).is_some_and(|map| map.kind.is_of_the_guard());
            self.push(if is_guards { Phase::Disarm } else { Phase::Narrow }, Verb::DeleteMap(name.clone()));
        }
        // A chain that goes looks into sets as long as it is there.
        let phase = if loses_the_guard(old, new) { Phase::Disarm } else { Phase::Narrow };
        self.unused_sets(phase, old, new);
        counters::go(old, new).into_iter().for_each(|verb| self.push(Phase::Narrow, verb));
    }

    fn unused_sets(&mut self, phase: Phase, old: &Table, new: &Table) {
        for name in missing(&old.sets, &new.sets) {
            self.push(phase, Verb::DeleteSet(name.clone()));
        }
    }
}

#[derive(Clone, Copy)]
enum Phase {
    /// What holds traffic back comes.
    Arm,
    Make,
    /// Batch by batch.
    Switch(usize),
    Break,
    Narrow,
    /// What holds traffic back goes.
    Disarm,
}

fn loses_the_guard(old: &Table, new: &Table) -> bool {
    missing(&old.chains, &new.chains).any(is_of_the_guard)
}

/// When a chain that is not there yet is made.
fn phase_of_new(chain: &Name) -> Phase {
    if is_of_the_guard(chain) { Phase::Arm } else { Phase::Make }
}

fn missing<'a, T>(old: &'a BTreeMap<Name, T>, new: &'a BTreeMap<Name, T>) -> impl Iterator<Item = &'a Name> {
    old.keys().filter(|name| !new.contains_key(*name))
}

/// Whether something of one name is of another kind: another program's work, while no egressd ran.
pub(super) fn clash(old: &Table, new: &Table) -> bool {
    let of_other_kind = |(name, map): (&Name, &Map)| {
        old.sets.contains_key(name) || old.maps.get(name).is_some_and(|known| known.kind != map.kind)
    };
    let is_map_now = |name: &Name| old.maps.contains_key(name);
    new.maps.iter().any(of_other_kind) || new.sets.keys().any(is_map_now)
}

/// What one batch does to a map.
struct MapExchange {
    kind: MapKind,
    delete: Vec<MapKey>,
    add: Vec<(MapKey, Element)>,
}

impl MapExchange {
    fn of(kind: MapKind) -> Self {
        Self { kind, delete: Vec::new(), add: Vec::new() }
    }

    fn add(&mut self, one: &AddedElement<'_>) {
        match one.place {
            KeySlot::Free => {}
            KeySlot::Taken => self.delete.push(one.key),
        }
        self.add.push((one.key, one.element.clone()));
    }
}

/// All that is new, by pod, but for the guard's.
fn coming<'a>(old: &'a Table, new: &'a Table) -> BTreeMap<IpAddr, Vec<AddedElement<'a>>> {
    let mut coming: BTreeMap<IpAddr, Vec<AddedElement<'a>>> = BTreeMap::new();
    for one in changed(old, new).filter(|one| !one.kind.is_of_the_guard()) {
        coming.entry(one.key.address()).or_default().push(one);
    }
    coming
}

/// All that is new.
fn changed<'a>(old: &'a Table, new: &'a Table) -> impl Iterator<Item = AddedElement<'a>> {
    new.maps.iter().flat_map(|(map, Map { kind, elements })| {
        let before = old.maps.get(map);
        elements.iter().filter_map(move |(key, element)| {
            let place = match before.and_then(|before| before.elements.get(key)) {
                Some(same) if same == element => return None,
                Some(_) => KeySlot::Taken,
                None => KeySlot::Free,
            };
            Some(AddedElement { map, kind: *kind, key: *key, element, place })
        })
    })
}

/// All that is no longer there.
fn going<'a>(old: &'a Table, new: &'a Table) -> impl Iterator<Item = (&'a Name, MapKind, MapKey)> {
    old.maps.iter().flat_map(|(name, map)| {
        let stays = new.maps.get(name);
        let goes = move |key: &&MapKey| stays.is_none_or(|stays| !stays.elements.contains_key(*key));
        map.elements.keys().filter(goes).map(move |key| (name, map.kind, *key))
    })
}
