//! Defects for tests of the audit.

use std::net::{IpAddr, Ipv4Addr};

use super::{Applied, Object};
use crate::net::Family;
use crate::ruleset::{Element, Map, MapKey, MapKind, TableFamily, Target};

/// What is wrong then, and how that comes: at one of the places where it can be, and not at all where there is none
/// now.
pub type Corruption = (&'static str, fn(&mut Applied, usize) -> Option<()>);

/// One defect of everything that is known of the kernel.
pub const CORRUPTIONS: [Corruption; 6] = [
    ("an element is missing", |applied, which| {
        let (map, key) = applied.element(which)?;
        map.elements.remove(&key).map(drop)
    }),
    ("an element leads somewhere else", |applied, which| {
        let (map, key) = applied.element(which)?;
        let target = Target::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99)));
        map.elements.insert(key, Element { target, comment: None }).map(drop)
    }),
    ("there is an element of a pod that is gone", |applied, _| {
        let is_plain = |map: &&mut Map| map.kind == MapKind::addresses(Family::Ipv4);
        let table = applied.ruleset.tables.get_mut(&TableFamily::Ip)?;
        let pod = MapKey::Address(IpAddr::V4(Ipv4Addr::new(10, 255, 0, 1)));
        let target = Target::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99)));
        let map = table.maps.values_mut().find(is_plain)?;
        map.elements.insert(pod, Element { target, comment: None });
        Some(())
    }),
    ("a rule that all pods share is missing", |applied, which| {
        let tables = applied.ruleset.tables.values_mut();
        let mut hooked: Vec<_> = tables
            .flat_map(|table| table.chains.values_mut())
            .filter(|chain| chain.hook.is_some() && !chain.rules.is_empty())
            .collect();
        let count = hooked.len();
        hooked.get_mut(which.checked_rem(count)?)?.rules.pop().map(drop)
    }),
    ("a chain is used by more", |applied, which| {
        let object = applied.chain(which)?;
        *applied.leads.entry(object).or_default() += 1;
        Some(())
    }),
    ("a chain is used by none", |applied, which| {
        let object = applied.chain(which)?;
        applied.unused.insert(object).then_some(())
    }),
];

impl Applied {
    fn element(&mut self, which: usize) -> Option<(&mut Map, MapKey)> {
        let maps = || self.ruleset.tables.values().flat_map(|table| table.maps.values());
        let count = maps().map(|map| map.elements.len()).sum::<usize>();
        let mut left = which.checked_rem(count)?;
        for map in self.ruleset.tables.values_mut().flat_map(|table| table.maps.values_mut()) {
            match map.elements.keys().nth(left).copied() {
                Some(key) => return Some((map, key)),
                None => left -= map.elements.len(),
            }
        }
        None
    }

    fn chain(&self, which: usize) -> Option<Object> {
        let tables = self.ruleset.tables.iter();
        let chains: Vec<Object> = tables
            .flat_map(|(family, table)| table.chains.iter().map(move |chain| (*family, chain)))
            .filter(|(_, (_, chain))| chain.hook.is_none())
            .map(|(family, (name, _))| (family, name.clone()))
            .collect();
        chains.get(which.checked_rem(chains.len())?).cloned()
    }
}
