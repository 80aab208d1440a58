//! The numbers of gateways that tables have. A table says no address for a mark. But what a pod is diverted for it is
//! translated to as well, by the same key or by the same rule of its chain, and that shows which address a number
//! stands for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Chains;
use crate::net::TunnelMarks;
use crate::plan::IndexesInUse;
use crate::ruleset::{DataKind, Map, MapKey, MapKind, Mark, Name, Rule, Ruleset, Stage, Statement, Table, Target};

/// All numbers that tables have in marks of this kind: in elements, and in rules of chains.
pub fn indexes_in_use(ruleset: &Ruleset, marks: TunnelMarks) -> IndexesInUse {
    let mut in_use = IndexesInUse::default();
    for (family, table) in &ruleset.tables {
        let Some(family) = family.addresses() else { continue };
        for (mark, address) in of_elements(table).into_iter().chain(of_chains(table)).chain(of_rules(&table.chains)) {
            if let Some(index) = marks.gateway_of(mark) {
                in_use.add(family, index, address);
            }
        }
    }
    in_use
}

/// The addresses for which a pod is diverted; none for an element of which that is not known.
pub(super) fn diverted_for(table: &Table, pod: IpAddr) -> BTreeSet<Option<IpAddr>> {
    let mut all = BTreeSet::new();
    for (_, map) in diverting(table) {
        for (key, element) in map.of_pod(pod) {
            match &element.target {
                Target::Mark(_) => {
                    let twin = twin(table, MapKind { data: DataKind::Address, ..map.kind });
                    all.insert(twin.and_then(|twin| translated(twin, key)));
                }
                Target::Jump(chain) => {
                    let twin = twin(table, map.kind).and_then(|twin| twin.elements.get(key)?.target.chain());
                    let found = twin.map(|twin| of_pair(&table.chains, chain, twin)).unwrap_or_default();
                    all.extend(found.iter().map(|(_, address)| *address));
                    all.extend(found.is_empty().then_some(None));
                }
                Target::Address(_) | Target::Nothing => {}
            }
        }
    }
    all
}

/// A mark, and the address that it stands for, where that is known.
type Found = (u32, Option<IpAddr>);

/// The marks of elements, each with the address that the same key is translated to.
fn of_elements(table: &Table) -> Vec<Found> {
    let mut found = Vec::new();
    for (_, map) in diverting(table) {
        let twin = twin(table, MapKind { data: DataKind::Address, ..map.kind });
        for (key, element) in &map.elements {
            if let Target::Mark(mark) = element.target {
                found.push((mark, twin.and_then(|twin| translated(twin, key))));
            }
        }
    }
    found
}

fn translated(map: &Map, key: &MapKey) -> Option<IpAddr> {
    match map.elements.get(key)?.target {
        Target::Address(address) => Some(address),
        Target::Mark(_) | Target::Jump(_) | Target::Nothing => None,
    }
}

/// The marks of the chains of pods that have one at both stages: those have the same rules.
fn of_chains(table: &Table) -> Vec<Found> {
    let mut pairs = BTreeSet::new();
    for (_, map) in diverting(table) {
        let Some(twin) = twin(table, map.kind) else { continue };
        let chains = |(key, _)| Some((map.elements.get(key)?.target.chain()?, twin.elements.get(key)?.target.chain()?));
        pairs.extend(map.elements.iter().filter_map(chains));
    }
    pairs.into_iter().flat_map(|(diverting, translating)| of_pair(&table.chains, diverting, translating)).collect()
}

fn of_pair(chains: &Chains, diverting: &Name, translating: &Name) -> Vec<Found> {
    let [marks, addresses] = [diverting, translating].map(|name| endings(chains, name));
    if marks.len() != addresses.len() {
        return Vec::new();
    }
    let both = marks.into_iter().zip(addresses);
    both.filter_map(|(diverted, translated)| {
        Some((mark(diverted)?, translated.statements.iter().find_map(Statement::source)))
    })
    .collect()
}

/// The rules that decide where packets go, in the order in which they are asked.
fn endings<'a>(chains: &'a Chains, name: &Name) -> Vec<&'a Rule> {
    let mut endings = Vec::new();
    for rule in chains.get(name).into_iter().flat_map(|chain| &chain.rules) {
        match rule.statements.iter().find_map(Statement::chain) {
            Some(next) => endings.extend(self::endings(chains, next)),
            None if rule.statements.contains(&Statement::Return) => {}
            None => endings.push(rule),
        }
    }
    endings
}

/// All others, of which no address is known.
fn of_rules(chains: &Chains) -> impl Iterator<Item = Found> {
    let without_hook = chains.values().filter(|chain| chain.hook.is_none());
    without_hook.flat_map(|chain| &chain.rules).filter_map(mark).map(|mark| (mark, None))
}

fn mark(rule: &Rule) -> Option<u32> {
    rule.statements.iter().find_map(|statement| {
        if let Statement::SetMark(Mark::Packet, change) = statement { Some(change.flip) } else { None }
    })
}

fn diverting(table: &Table) -> impl Iterator<Item = (&Name, &Map)> {
    table.maps.iter().filter(|(name, _)| Stage::of(name) == Stage::Diverting)
}

/// The map of this kind at the other stage.
fn twin(table: &Table, kind: MapKind) -> Option<&Map> {
    let translating = table.maps.iter().filter(|(name, _)| Stage::of(name) == Stage::Translating);
    translating.map(|(_, map)| map).find(|map| map.kind == kind)
}
