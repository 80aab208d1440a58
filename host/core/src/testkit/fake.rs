//! A kernel in memory that refuses what the real one refuses: works on a copy, checks every reference, and
//! takes the copy over only when all went well.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::diff::{Batch, Change, Changes, Verb};
use crate::net::AddressRange;
use crate::ruleset::{Chain, Map, MapKey, MapKind, Match, Name, Rule, Ruleset, Set, Table};

/// Why a batch was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot carry out {change:?}: {why}")]
pub struct Refused {
    /// As nft text.
    pub change: String,
    /// What the kernel would say.
    pub why: &'static str,
}

/// The kernel's state.
#[derive(Clone, Debug, Default)]
pub struct FakeKernel {
    /// What it holds now.
    pub ruleset: Ruleset,
    /// How many batches it took over.
    pub generation: usize,
}

impl FakeKernel {
    /// Takes over a whole batch, or nothing.
    ///
    /// # Errors
    /// The first change that the kernel would refuse.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), Refused> {
        let mut next = self.ruleset.clone();
        for change in &batch.changes {
            step(&mut next, change).map_err(|why| Refused { change: change.to_string(), why })?;
        }
        self.ruleset = next;
        self.generation += 1;
        Ok(())
    }
}

/// The state after all batches.
///
/// # Errors
/// The first change that the kernel would refuse.
pub fn apply(ruleset: &Ruleset, changes: &Changes) -> Result<Ruleset, Refused> {
    let mut kernel = FakeKernel { ruleset: ruleset.clone(), generation: 0 };
    changes.batches().try_for_each(|batch| kernel.commit(batch))?;
    Ok(kernel.ruleset)
}

const MISSING: &str = "No such file or directory";
const EXISTS: &str = "File exists";
const BUSY: &str = "Device or resource busy";
const INVALID: &str = "Invalid argument";

fn step(ruleset: &mut Ruleset, change: &Change) -> Result<(), &'static str> {
    if let Verb::AddTable(layout) = change.verb {
        let old = ruleset.tables.insert(change.family, Table::of(change.table.clone(), layout));
        return old.map_or(Ok(()), |_| Err(EXISTS));
    }
    let table = ruleset.tables.get_mut(&change.family).filter(|table| table.name == change.table).ok_or(MISSING)?;
    match &change.verb {
        Verb::AddTable(_) => Ok(()),
        Verb::DeleteTable => ruleset.tables.remove(&change.family).map(drop).ok_or(MISSING),
        Verb::AddSet(name, kind) => fresh(table.sets.insert(name.clone(), Set::new(*kind))),
        Verb::DeleteSet(name) => unused(table, name).and_then(|()| gone(table.sets.remove(name))),
        Verb::RefillSet(name, new) => refill(table, name, new),
        Verb::AddRanges(name, new) => add_ranges(table, name, new),
        Verb::DeleteRanges(name, gone) => delete_ranges(table, name, gone),
        Verb::AddMembers(name, members) => {
            let set = addresses(table, name)?;
            members.iter().all(|member| set.insert(*member)).then_some(()).ok_or(EXISTS)
        }
        Verb::DeleteMembers(name, members) => {
            let set = addresses(table, name)?;
            members.iter().all(|member| set.remove(member)).then_some(()).ok_or(MISSING)
        }
        Verb::AddMap(name, kind) => fresh(table.maps.insert(name.clone(), Map::new(*kind))),
        Verb::DeleteMap(name) => unused(table, name).and_then(|()| gone(table.maps.remove(name))),
        Verb::AddElements(name, kind, elements) => {
            elements.iter().try_for_each(|(key, element)| add_element(table, name, *kind, *key, element.clone()))
        }
        Verb::DeleteElements(name, kind, keys) => {
            let map = table.maps.get_mut(name).filter(|map| map.kind == *kind).ok_or(MISSING)?;
            keys.iter().try_for_each(|key| gone(map.elements.remove(key)))
        }
        Verb::AddChain(name, hook) => fresh(table.chains.insert(name.clone(), Chain { hook: *hook, rules: vec![] })),
        Verb::DeleteChain(name) => unused(table, name).and_then(|()| gone(table.chains.remove(name))),
        Verb::AddRules(name, rules) => add_rules(table, name, rules),
        Verb::FlushRules(name) => table.chains.get_mut(name).map(|chain| chain.rules.clear()).ok_or(MISSING),
    }
}

fn refill(table: &mut Table, name: &Name, new: &[AddressRange]) -> Result<(), &'static str> {
    ranges(table, name)?.clear();
    add_ranges(table, name, new)
}

fn add_ranges(table: &mut Table, name: &Name, new: &[AddressRange]) -> Result<(), &'static str> {
    let known = ranges(table, name)?;
    new.iter().try_for_each(|range| add_range(known, *range))
}

/// What is there stays in order. No two ranges of one set have an address in common.
fn add_range(known: &mut Vec<AddressRange>, range: AddressRange) -> Result<(), &'static str> {
    let at = known.partition_point(|known| known.last() < range.first());
    if known.get(at).is_some_and(|next| next.first() <= range.last()) {
        return Err(EXISTS);
    }
    known.insert(at, range);
    Ok(())
}

fn delete_ranges(table: &mut Table, name: &Name, gone: &[AddressRange]) -> Result<(), &'static str> {
    let known = ranges(table, name)?;
    gone.iter().try_for_each(|range| delete_range(known, range))
}

/// A range is found by both of its ends.
fn delete_range(known: &mut Vec<AddressRange>, range: &AddressRange) -> Result<(), &'static str> {
    let at = known.binary_search(range).map_err(|_| MISSING)?;
    known.remove(at);
    Ok(())
}

fn ranges<'t>(table: &'t mut Table, name: &Name) -> Result<&'t mut Vec<AddressRange>, &'static str> {
    match table.sets.get_mut(name) {
        Some(Set::Ranges(_, ranges)) => Ok(ranges),
        Some(Set::Addresses(..)) => Err(INVALID),
        None => Err(MISSING),
    }
}

fn addresses<'t>(table: &'t mut Table, name: &Name) -> Result<&'t mut BTreeSet<IpAddr>, &'static str> {
    match table.sets.get_mut(name) {
        Some(Set::Addresses(_, addresses)) => Ok(addresses),
        Some(Set::Ranges(..)) => Err(INVALID),
        None => Err(MISSING),
    }
}

fn fresh<T>(old: Option<T>) -> Result<(), &'static str> {
    old.map_or(Ok(()), |_| Err(EXISTS))
}

fn gone<T>(old: Option<T>) -> Result<(), &'static str> {
    old.map(drop).ok_or(MISSING)
}

fn add_element(
    table: &mut Table,
    name: &Name,
    kind: MapKind,
    key: MapKey,
    element: crate::ruleset::Element,
) -> Result<(), &'static str> {
    if element.target.chain().is_some_and(|chain| !table.chains.contains_key(chain)) {
        return Err(MISSING);
    }
    let map = table.maps.get_mut(name).filter(|map| map.kind == kind).ok_or(MISSING)?;
    if !key.is_of(kind.key) || !element.target.is_of(kind.data) {
        return Err(INVALID);
    }
    fresh(map.elements.insert(key, element))
}

fn add_rules(table: &mut Table, name: &Name, rules: &[Rule]) -> Result<(), &'static str> {
    let known = rules
        .iter()
        .flat_map(references)
        .all(|name| table.sets.contains_key(name) || table.maps.contains_key(name) || table.chains.contains_key(name));
    if !known {
        return Err(MISSING);
    }
    table.chains.get_mut(name).ok_or(MISSING)?.rules.extend(rules.iter().cloned());
    Ok(())
}

/// The objects that a rule names.
fn references(rule: &Rule) -> Vec<&Name> {
    let matched = rule.matches.iter().filter_map(Match::set);
    matched.chain(rule.statements.iter().flat_map(|statement| [statement.map(), statement.chain()]).flatten()).collect()
}

/// What is referred to cannot be deleted.
fn unused(table: &Table, name: &Name) -> Result<(), &'static str> {
    let by_rules = table.chains.values().flat_map(|chain| &chain.rules).flat_map(references);
    let elements = table.maps.values().flat_map(|map| map.elements.values());
    let by_elements = elements.filter_map(|element| element.target.chain());
    let used: BTreeSet<&Name> = by_rules.chain(by_elements).collect();
    if used.contains(name) { Err(BUSY) } else { Ok(()) }
}
