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
use crate::ruleset::{Element, MapKey, MapKind, Name, Ruleset, Statement, Table, Target};

/// The Services whose part of the kernel's tables stays.
pub type Kept = BTreeMap<Uid, Own>;

/// Takes over from `applied` what is there for these Services. What is known goes first: no packet that the ruleset
/// translates sees anything else. So what would be asked before another Service's elements for the same pod (chains come
/// before ports, and ports before plain Services) does not stay for this pod.
pub fn keep(ruleset: &mut Ruleset, applied: &Ruleset, kept: &Kept) {
    if kept.is_empty() {
        return;
    }
    for (family, table) in &mut ruleset.tables {
        if let Some(applied) = applied.tables.get(family) {
            Keeping { family: *family, applied, kept }.add_to(table);
        }
    }
}

struct Keeping<'a> {
    family: Family,
    applied: &'a Table,
    kept: &'a Kept,
}

impl Keeping<'_> {
    fn add_to(&self, table: &mut Table) {
        let known = [MapKind::Addresses, MapKind::Ports].map(|kind| pods(table, kind));
        let [plain, ports] = &known;
        for (name, map) in &self.applied.maps {
            for (key, element) in &map.elements {
                let pod = key.address();
                match (&element.target, map.kind) {
                    (Target::Address(address), MapKind::Addresses) if self.stays(element, pod, *address) => {
                        fill(table, name, *key, element);
                    }
                    (Target::Address(address), MapKind::Ports)
                        if !plain.contains(&pod) && self.stays(element, pod, *address) =>
                    {
                        fill(table, name, *key, element);
                    }
                    (Target::Jump(chain), MapKind::Chains) if !plain.contains(&pod) && !ports.contains(&pod) => {
                        self.jump(table, name, (pod, chain));
                    }
                    (Target::Address(_) | Target::Jump(_), _) => {}
                }
            }
        }
    }

    fn stays(&self, element: &Element, pod: IpAddr, address: IpAddr) -> bool {
        let uid = element.comment.as_deref().and_then(uid_of_comment);
        let own = uid.and_then(|uid| self.kept.get(&uid));
        own.is_some_and(|own| own.pods.contains(&pod) && own.addresses.contains(&address))
    }

    /// The chains that a pod has today, and after them those that stay.
    fn jump(&self, table: &mut Table, map: &Name, (pod, chain): (IpAddr, &Name)) {
        let today = table.maps.get(map).and_then(|map| map.elements.get(&MapKey::Address(pod))).cloned();
        let (mut all, names) = today.as_ref().map(|element| leads_to(&table.chains, element)).unwrap_or_default();
        let mut names: Vec<String> = names.into_iter().collect();
        for part in parts(&self.applied.chains, chain) {
            let Some(own) = self.owner(pod, &part).filter(|_| !all.contains(&part)) else { continue };
            copy(&self.applied.chains, &mut table.chains, &part);
            all.push(part);
            names.push(own.key.to_string());
        }
        let target = match all.as_slice() {
            [] => return,
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

    /// Whose chain it is, if it stays for this pod.
    fn owner(&self, pod: IpAddr, chain: &Name) -> Option<&Own> {
        let own = self.kept.get(&uid_of_chain(chain)?)?;
        let mut addresses = BTreeSet::new();
        walk(&self.applied.chains, chain, &mut |statement| {
            if let Statement::Snat(address) = statement {
                addresses.insert(*address);
            }
        });
        // A chain may translate nothing, so that it names no address that could be another's.
        let is_own = !own.addresses.is_empty() && addresses.is_subset(&own.addresses);
        (own.pods.contains(&pod) && is_own).then_some(own)
    }
}

/// Those that have an element in maps of this kind.
fn pods(table: &Table, kind: MapKind) -> BTreeSet<IpAddr> {
    let maps = table.maps.values().filter(|map| map.kind == kind);
    maps.flat_map(|map| map.elements.keys()).map(|key| key.address()).collect()
}

/// The chains of single Services to which an element of today leads, and their names for people.
fn leads_to(chains: &Chains, element: &Element) -> (Vec<Name>, Option<String>) {
    let parts = match &element.target {
        Target::Jump(chain) => parts(chains, chain),
        Target::Address(_) => Vec::new(),
    };
    let comment = element.comment.as_deref();
    let names =
        comment.map(|text| uid_of_comment(text).and_then(|_| text.rsplit_once(' ')).map_or(text, |(name, _)| name));
    (parts, names.map(str::to_owned))
}

/// The chains of single Services in a merged one, or the one itself.
fn parts(chains: &Chains, chain: &Name) -> Vec<Name> {
    if uid_of_chain(chain).is_some() {
        return vec![chain.clone()];
    }
    let rules = chains.get(chain).into_iter().flat_map(|chain| &chain.rules);
    let jump = |statement: &Statement| match statement {
        Statement::Jump(part) => Some(part.clone()),
        Statement::Return
        | Statement::Snat(_)
        | Statement::SnatByAddress(_)
        | Statement::SnatByPort(_)
        | Statement::JumpByAddress(_) => None,
    };
    rules.filter_map(|rule| jump(&rule.statement)).collect()
}

/// A chain with all that it leads to.
fn copy(from: &Chains, to: &mut Chains, name: &Name) {
    let mut names = vec![name.clone()];
    walk(from, name, &mut |statement| {
        if let Statement::Jump(next) = statement {
            names.push(next.clone());
        }
    });
    for name in names {
        if let Some(chain) = from.get(&name) {
            to.entry(name).or_insert_with(|| chain.clone());
        }
    }
}

/// Everything that a chain does. The kernel takes no chains that lead back to themselves.
fn walk(chains: &Chains, name: &Name, each: &mut dyn FnMut(&Statement)) {
    for rule in chains.get(name).into_iter().flat_map(|chain| &chain.rules) {
        each(&rule.statement);
        if let Statement::Jump(next) = &rule.statement {
            walk(chains, next, each);
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
