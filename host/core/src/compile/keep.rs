//! What the kernel has for a Service stays in a ruleset, where it is unknown what that follows from: an earlier process
//! remembered it in a form that this one does not know. As everywhere, only what is the Service's own today stays (P1).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::names::{self, uid_of_chain, uid_of_comment};
use super::{Chains, chains};
use crate::model::Uid;
use crate::net::Family;
use crate::plan::Own;
use crate::ruleset::{Chain, Element, MapKey, MapKind, Name, Ruleset, Statement, Table, Target, copy_reachable};

/// The Services whose part of the kernel's tables stays.
pub type Kept = BTreeMap<Uid, Own>;

/// Takes over from `applied` what is there for these Services. What is known goes first: no packet that the ruleset
/// translates sees anything else. So what would be asked before another Service's elements for the same pod (chains come
/// before ports, and ports before plain Services) does not stay for this pod. Where something of these Services does not
/// stay for a pod, nothing does that was asked after it: a packet is as it was or untranslated, and never falls to another
/// of them.
pub fn keep(ruleset: &mut Ruleset, applied: &Ruleset, kept: &Kept) {
    if kept.is_empty() {
        return;
    }
    for family in Family::ALL {
        let tables = (ruleset.tables.get_mut(&family.into()), applied.tables.get(&family.into()));
        if let (Some(table), Some(applied)) = tables {
            Keeping { family, applied, kept }.add_to(table);
        }
    }
}

struct Keeping<'a> {
    family: Family,
    applied: &'a Table,
    kept: &'a Kept,
}

impl Keeping<'_> {
    /// In the order in which the kernel asks.
    fn add_to(&self, table: &mut Table) {
        let [plain, ports] = [MapKind::addresses, MapKind::ports].map(|kind| pods(table, kind(self.family)));
        let ended = self.chains(table, &(&plain | &ports));
        let ended = self.elements(table, MapKind::ports(self.family), &ended | &plain);
        self.elements(table, MapKind::addresses(self.family), ended);
    }

    /// Of each pod the chains that stay. Returns the pods of which one does not: all for which something is `known` that
    /// would be asked later.
    fn chains(&self, table: &mut Table, known: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        let mut ended = BTreeSet::new();
        for (map, key, element) in self.applied_elements(MapKind::chains(self.family)) {
            let pod = key.address();
            let mut parts = leads_to(&self.applied.chains, element);
            parts.retain(|part| self.of_chain(part).is_some());
            let stay = |part: &Name| !known.contains(&pod) && self.chain_stays(pod, part);
            let staying = parts.iter().take_while(|part| stay(part)).count();
            if staying < parts.len() {
                ended.insert(pod);
            }
            parts.truncate(staying);
            self.jump(table, map, pod, parts);
        }
        ended
    }

    /// The elements that stay, for pods that have not `ended`. Returns those and the pods of which one does not stay.
    fn elements(&self, table: &mut Table, kind: MapKind, ended: BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        let mut all_ended = ended.clone();
        for (map, key, element) in self.applied_elements(kind) {
            let Some(own) = self.of_element(element) else { continue };
            let pod = key.address();
            if !ended.contains(&pod) && is_own(own, pod, &element.target) {
                fill(table, map, key, element);
            } else {
                all_ended.insert(pod);
            }
        }
        all_ended
    }

    fn applied_elements(&self, kind: MapKind) -> impl Iterator<Item = (&Name, MapKey, &Element)> {
        let maps = self.applied.maps.iter().filter(move |(_, map)| map.kind == kind);
        maps.flat_map(|(name, map)| map.elements.iter().map(move |(key, element)| (name, *key, element)))
    }

    fn of_element(&self, element: &Element) -> Option<&Own> {
        self.kept.get(&element.comment.as_deref().and_then(uid_of_comment)?)
    }

    fn of_chain(&self, chain: &Name) -> Option<&Own> {
        self.kept.get(&uid_of_chain(chain)?)
    }

    /// The chains that a pod has today, and after them those that stay.
    fn jump(&self, table: &mut Table, map: &Name, pod: IpAddr, staying: Vec<Name>) {
        if staying.is_empty() {
            return;
        }
        let today = table.maps.get(map).and_then(|map| map.elements.get(&MapKey::Address(pod))).cloned();
        let mut all = today.as_ref().map(|element| leads_to(&table.chains, element)).unwrap_or_default();
        let mut names: Vec<String> = today.as_ref().and_then(name_of).map(str::to_owned).into_iter().collect();
        for part in staying {
            copy_reachable(&self.applied.chains, vec![part.clone()], &mut table.chains);
            names.extend(self.of_chain(&part).map(|own| own.key.to_string()));
            all.push(part);
        }
        let target = match all.as_slice() {
            [only] => only.clone(),
            several => chains::merged(table, self.family, several),
        };
        let comment = match uid_of_chain(&target) {
            Some(uid) => format!("{} {uid}", names.join(" ")),
            None => names.join(" "),
        };
        let element = Element { target: Target::Jump(target), comment: Some(Arc::from(names::cut(&comment))) };
        insert(table, map, MapKey::Address(pod), element);
    }

    /// Whether all that a chain does is its Service's own for this pod.
    fn chain_stays(&self, pod: IpAddr, chain: &Name) -> bool {
        let mut addresses = BTreeSet::new();
        walk(&self.applied.chains, chain, &mut |statement| {
            if let Statement::Snat(address) = statement {
                addresses.insert(*address);
            }
        });
        // A chain may translate nothing, so that it names no address that could be another's.
        let is_own = |own: &Own| !own.addresses.is_empty() && addresses.is_subset(&own.addresses);
        self.of_chain(chain).is_some_and(|own| own.pods.contains(&pod) && is_own(own))
    }
}

fn is_own(own: &Own, pod: IpAddr, target: &Target) -> bool {
    match target {
        Target::Address(address) => own.pods.contains(&pod) && own.addresses.contains(address),
        Target::Jump(_) | Target::Nothing => false,
    }
}

/// Those that have an element in maps of this kind.
fn pods(table: &Table, kind: MapKind) -> BTreeSet<IpAddr> {
    let maps = table.maps.values().filter(|map| map.kind == kind);
    maps.flat_map(|map| map.elements.keys()).map(|key| key.address()).collect()
}

/// The chains of single Services to which an element leads, in order.
fn leads_to(chains: &Chains, element: &Element) -> Vec<Name> {
    element.target.chain().map(|chain| parts(chains, chain)).unwrap_or_default()
}

/// Of which Services an element is, for people.
fn name_of(element: &Element) -> Option<&str> {
    let text = element.comment.as_deref()?;
    Some(uid_of_comment(text).and_then(|_| text.rsplit_once(' ')).map_or(text, |(name, _)| name))
}

/// The chains of single Services in a merged one, or the one itself.
fn parts(chains: &Chains, chain: &Name) -> Vec<Name> {
    if uid_of_chain(chain).is_some() {
        return vec![chain.clone()];
    }
    chains.get(chain).into_iter().flat_map(Chain::jumps).cloned().collect()
}

/// Everything that a chain does. The kernel takes no chains that lead back to themselves.
fn walk(chains: &Chains, name: &Name, each: &mut dyn FnMut(&Statement)) {
    for rule in chains.get(name).into_iter().flat_map(|chain| &chain.rules) {
        for statement in &rule.statements {
            each(statement);
            if let Some(next) = statement.chain() {
                walk(chains, next, each);
            }
        }
    }
}

/// The first to take a key keeps it.
fn fill(table: &mut Table, map: &Name, key: MapKey, element: &Element) {
    if let Some(map) = table.maps.get_mut(map) {
        map.elements.entry(key).or_insert_with(|| element.clone());
    }
}

fn insert(table: &mut Table, map: &Name, key: MapKey, element: Element) {
    if let Some(map) = table.maps.get_mut(map) {
        map.elements.insert(key, element);
    }
}
