//! A kernel in memory that refuses what the real one refuses: works on a copy, checks every reference, and
//! takes the copy over only when all went well.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::slice::from_ref;

use crate::diff::{Batch, Change, Changes, Verb};
use crate::net::AddressRange;
use crate::ruleset::{
    Chain, ChainKind, DataKind, Map, MapKey, MapKind, Match, Name, Rule, Ruleset, Set, SetKey, SetKeyKind, Statement,
    Table, TimedKey,
};

/// Why a batch was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot carry out {change:?}: {why}")]
pub struct Refused {
    /// As nft text.
    pub change: String,
    /// What the kernel would say.
    pub why: &'static str,
}

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
const UNSUPPORTED: &str = "Operation not supported";

fn step(ruleset: &mut Ruleset, change: &Change) -> Result<(), &'static str> {
    if let Verb::AddTable(layout) = change.verb {
        let old = ruleset.tables.insert(change.family, Table::of(change.table.clone(), layout));
        return old.map_or(Ok(()), |_| Err(EXISTS));
    }
    let table = ruleset.tables.get_mut(&change.family).filter(|table| table.name == change.table).ok_or(MISSING)?;
    match &change.verb {
        // No table of the fake is dormant: there is no other program that could have set the flag.
        Verb::AddTable(_) | Verb::WakeTable => Ok(()),
        Verb::DeleteTable => ruleset.tables.remove(&change.family).map(drop).ok_or(MISSING),
        Verb::AddSet(name, kind) => fresh(table.sets.insert(name.clone(), Set::new(*kind))),
        Verb::DeleteSet(name) => unused(table, name).and_then(|()| gone(table.sets.remove(name))),
        Verb::RefillSet(name, new) => refill(table, name, new),
        Verb::AddRanges(name, new) => add_ranges(table, name, new),
        Verb::DeleteRanges(name, gone) => delete_ranges(table, name, gone),
        Verb::AddMembers(name, members) => add_all(addresses(table, name)?, members),
        Verb::DeleteMembers(name, members) => remove_all(addresses(table, name)?, members),
        Verb::AddKeys(name, kind, new) => add_keys(table, name, *kind, new),
        Verb::DeleteKeys(name, kind, old) => remove_all(keys(table, name, *kind)?, old),
        Verb::AddTimed(name, kind, all) => add_timed(table, name, *kind, all),
        Verb::AddCounter(name) => table.counters.insert(name.clone()).then_some(()).ok_or(EXISTS),
        Verb::DeleteCounter(name) => unused(table, name).and_then(|()| remove_all(&mut table.counters, from_ref(name))),
        Verb::AddMap(name, kind) => fresh(table.maps.insert(name.clone(), Map::new(*kind))),
        Verb::DeleteMap(name) => unused(table, name).and_then(|()| gone(table.maps.remove(name))),
        Verb::AddElements(name, kind, elements) => {
            elements.iter().try_for_each(|(key, element)| add_element(table, name, *kind, *key, element.clone()))
        }
        Verb::DeleteElements(name, kind, keys) => {
            let map = table.maps.get_mut(name).filter(|map| map.kind == *kind).ok_or(MISSING)?;
            keys.iter().try_for_each(|key| gone(map.elements.remove(key)))
        }
        Verb::AddChain(_, Some(hook)) if !hook.is_of(change.family) => Err(UNSUPPORTED),
        Verb::AddChain(name, hook) => {
            fresh(table.chains.insert(name.clone(), Chain { hook: hook.clone(), rules: vec![] }))
        }
        Verb::DeleteChain(name) => unused(table, name).and_then(|()| gone(table.chains.remove(name))),
        Verb::AddRules(name, rules) => add_rules(table, name, rules),
        Verb::FlushRules(name) => table.chains.get_mut(name).map(|chain| chain.rules.clear()).ok_or(MISSING),
    }
}

fn add_all<T: Copy + Ord>(known: &mut BTreeSet<T>, new: &[T]) -> Result<(), &'static str> {
    new.iter().all(|one| known.insert(*one)).then_some(()).ok_or(EXISTS)
}

fn remove_all<T: Ord>(known: &mut BTreeSet<T>, old: &[T]) -> Result<(), &'static str> {
    old.iter().all(|one| known.remove(one)).then_some(()).ok_or(MISSING)
}

fn add_keys(table: &mut Table, name: &Name, kind: SetKeyKind, new: &[SetKey]) -> Result<(), &'static str> {
    if !new.iter().all(|key| key.is_of(kind)) {
        return Err(INVALID);
    }
    add_all(keys(table, name, kind)?, new)
}

/// They pass by themselves, so nothing of them is kept.
fn add_timed(table: &Table, name: &Name, kind: SetKeyKind, all: &[TimedKey]) -> Result<(), &'static str> {
    match table.sets.get(name) {
        Some(Set::Timed(known)) if *known == kind && all.iter().all(|timed| timed.key.is_of(kind)) => Ok(()),
        Some(_) => Err(INVALID),
        None => Err(MISSING),
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
        Some(Set::Addresses(..) | Set::Keys(..) | Set::Timed(_)) => Err(INVALID),
        None => Err(MISSING),
    }
}

fn addresses<'t>(table: &'t mut Table, name: &Name) -> Result<&'t mut BTreeSet<IpAddr>, &'static str> {
    match table.sets.get_mut(name) {
        Some(Set::Addresses(_, addresses)) => Ok(addresses),
        Some(Set::Ranges(..) | Set::Keys(..) | Set::Timed(_)) => Err(INVALID),
        None => Err(MISSING),
    }
}

fn keys<'t>(table: &'t mut Table, name: &Name, kind: SetKeyKind) -> Result<&'t mut BTreeSet<SetKey>, &'static str> {
    match table.sets.get_mut(name) {
        Some(Set::Keys(known, keys)) if *known == kind => Ok(keys),
        Some(_) => Err(INVALID),
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
    rules.iter().try_for_each(|rule| check_rule(table, rule))?;
    let chain = table.chains.get_mut(name).ok_or(MISSING)?;
    let mut statements = rules.iter().flat_map(|rule| &rule.statements);
    let translates_not = chain.hook.as_ref().is_some_and(|hook| hook.kind != ChainKind::Nat);
    if translates_not && statements.any(Statement::translates) {
        return Err(UNSUPPORTED);
    }
    chain.rules.extend(rules.iter().cloned());
    Ok(())
}

/// What a rule names is there, and of the kind that it needs.
fn check_rule(table: &Table, rule: &Rule) -> Result<(), &'static str> {
    let known =
        |name: &Name| [table.sets.contains_key(name), table.maps.contains_key(name), table.chains.contains_key(name)];
    let counters = || rule.statements.iter().filter_map(Statement::counter);
    let named = references(rule).into_iter().filter(|name| !counters().any(|counter| counter == *name));
    let found = named.into_iter().all(|name| known(name).contains(&true));
    if !found || !counters().all(|counter| table.counters.contains(counter)) {
        return Err(MISSING);
    }
    if rule.statements.iter().all(|statement| is_of_kind(table, statement)) { Ok(()) } else { Err(INVALID) }
}

/// Whether the map of a statement leads to what the statement needs.
fn is_of_kind(table: &Table, statement: &Statement) -> bool {
    let leads_to = |map: &Name, data: DataKind| table.maps.get(map).is_some_and(|map| map.kind.data == data);
    match statement {
        Statement::SnatBy(_, map) => leads_to(map, DataKind::Address),
        Statement::VerdictBy(_, map) => leads_to(map, DataKind::Verdict),
        Statement::SetMarkBy(_, map) => leads_to(map, DataKind::Mark),
        Statement::Update(set, ..) => matches!(table.sets.get(set), Some(Set::Timed(_))),
        Statement::Counter
        | Statement::CountIn(_)
        | Statement::Return
        | Statement::Accept
        | Statement::Drop
        | Statement::Jump(_)
        | Statement::Goto(_)
        | Statement::Snat(_)
        | Statement::SnatToPorts(..)
        | Statement::SnatTo(_)
        | Statement::SetMark(..)
        | Statement::SetMarkFromConnection(_)
        | Statement::NoTrack
        | Statement::ClampSegments => true,
    }
}

/// The objects that a rule names.
fn references(rule: &Rule) -> Vec<&Name> {
    let matched = rule.matches.iter().filter_map(Match::set);
    let of = |statement| [Statement::map(statement), Statement::chain(statement), Statement::counter(statement)];
    matched.chain(rule.statements.iter().flat_map(of).flatten()).collect()
}

/// What is referred to cannot be deleted.
fn unused(table: &Table, name: &Name) -> Result<(), &'static str> {
    let by_rules = table.chains.values().flat_map(|chain| &chain.rules).flat_map(references);
    let elements = table.maps.values().flat_map(|map| map.elements.values());
    let by_elements = elements.filter_map(|element| element.target.chain());
    let used: BTreeSet<&Name> = by_rules.chain(by_elements).collect();
    if used.contains(name) { Err(BUSY) } else { Ok(()) }
}
