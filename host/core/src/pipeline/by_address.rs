//! Services by the addresses that they depend on.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::audit::behind;
use crate::model::SubjectKey;
use crate::net::{AddressRange, without};

/// The Services of each address, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ByAddress(BTreeMap<IpAddr, SubjectSet>);

/// At least one. Nearly every address has exactly one, which then takes no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SubjectSet {
    One(SubjectKey),
    #[expect(
        clippy::box_collection,
        reason = "nearly no address has several, and each entry of the map would be larger"
    )]
    More(Box<Vec<SubjectKey>>),
}

impl SubjectSet {
    fn as_slice(&self) -> &[SubjectKey] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::More(keys) => keys,
        }
    }

    /// In place: thousands may have one address.
    fn add(&mut self, key: &SubjectKey) {
        let Err(at) = self.as_slice().binary_search(key) else { return };
        match self {
            Self::One(known) => {
                let mut keys = vec![known.clone()];
                keys.insert(at, key.clone());
                *self = Self::More(Box::new(keys));
            }
            Self::More(keys) => keys.insert(at, key.clone()),
        }
    }

    /// Whether any is left.
    fn remove(&mut self, key: &SubjectKey) -> bool {
        match self {
            Self::One(known) => return known != key,
            Self::More(keys) => {
                if let Ok(at) = keys.binary_search(key) {
                    keys.remove(at);
                }
                if let [last] = keys.as_slice() {
                    *self = Self::One(last.clone());
                }
            }
        }
        true
    }
}

impl ByAddress {
    pub(super) fn add(&mut self, address: IpAddr, key: &SubjectKey) {
        self.0.entry(address).and_modify(|keys| keys.add(key)).or_insert_with(|| SubjectSet::One(key.clone()));
    }

    pub(super) fn remove(&mut self, address: IpAddr, key: &SubjectKey) {
        if self.0.get_mut(&address).is_some_and(|keys| !keys.remove(key)) {
            self.0.remove(&address);
        }
    }

    /// Takes in that a Service has other addresses than before; both are sorted.
    pub(super) fn replace(&mut self, key: &SubjectKey, before: &[IpAddr], after: &[IpAddr]) {
        without(before, after).for_each(|gone| self.remove(*gone, key));
        without(after, before).for_each(|new| self.add(*new, key));
    }

    /// The subjects of one address.
    pub(super) fn of(&self, address: IpAddr) -> &[SubjectKey] {
        self.0.get(&address).map_or(&[], SubjectSet::as_slice)
    }

    /// Those of all addresses of a range.
    pub(super) fn within(&self, range: AddressRange) -> impl Iterator<Item = &SubjectKey> {
        self.0.range(range.first()..=range.last()).flat_map(|(_, keys)| keys.as_slice())
    }

    /// The addresses behind one, in order.
    pub(super) fn behind(&self, after: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
        self.0.range(behind(after)).map(|(address, _)| *address)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.0.keys().copied()
    }
}
