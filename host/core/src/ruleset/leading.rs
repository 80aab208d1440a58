//! The addresses that a table has: in sets, and where elements lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Chain, Element, Name, Set, Statement, Table, Target};

impl Table {
    /// What is in a set of addresses; nothing where there is no such set.
    pub fn members(&self, set: &Name) -> BTreeSet<IpAddr> {
        match self.sets.get(set) {
            Some(Set::Addresses(_, addresses)) => addresses.clone(),
            Some(Set::Ranges(..) | Set::Keys(..) | Set::Timed(_)) | None => BTreeSet::new(),
        }
    }

    /// All addresses that anything is translated to.
    pub fn translates_to(&self) -> BTreeSet<IpAddr> {
        let elements = self.maps.values().flat_map(|map| map.elements.values());
        let of_elements = elements.filter_map(|element| match element.target {
            Target::Address(address) => Some(address),
            Target::Jump(_) | Target::Mark(_) | Target::Nothing => None,
        });
        let rules = self.chains.values().flat_map(|chain| &chain.rules);
        of_elements.chain(rules.flat_map(|rule| &rule.statements).filter_map(Statement::source)).collect()
    }

    /// All addresses that a pod may be translated to.
    pub fn translated_to(&self, pod: IpAddr) -> BTreeSet<IpAddr> {
        let elements = self.maps.values().flat_map(|map| map.of_pod(pod));
        elements.flat_map(|(_, element)| addresses(&self.chains, element)).collect()
    }
}

/// The addresses that an element leads to.
fn addresses(chains: &BTreeMap<Name, Chain>, element: &Element) -> BTreeSet<IpAddr> {
    match &element.target {
        Target::Address(address) => BTreeSet::from([*address]),
        Target::Jump(chain) => addresses_of_chain(chains, chain),
        Target::Nothing | Target::Mark(_) => BTreeSet::new(),
    }
}

/// All addresses that a chain translates to.
pub(crate) fn addresses_of_chain(chains: &BTreeMap<Name, Chain>, chain: &Name) -> BTreeSet<IpAddr> {
    let mut addresses = BTreeSet::new();
    walk(chains, chain, &mut |statement| {
        if let Statement::Snat(address) = statement {
            addresses.insert(*address);
        }
    });
    addresses
}

/// Everything that a chain does. The kernel takes no chains that lead back to themselves.
fn walk(chains: &BTreeMap<Name, Chain>, name: &Name, each: &mut dyn FnMut(&Statement)) {
    for rule in chains.get(name).into_iter().flat_map(|chain| &chain.rules) {
        for statement in &rule.statements {
            each(statement);
            if let Some(next) = statement.chain() {
                walk(chains, next, each);
            }
        }
    }
}
