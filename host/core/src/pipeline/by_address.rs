//! Services by the addresses that they have to do with.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use crate::model::ServiceKey;
use crate::net::AddressRange;

/// The Services of each address, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct ByAddress(BTreeMap<IpAddr, Vec<ServiceKey>>);

impl ByAddress {
    pub(super) fn add(&mut self, address: IpAddr, key: &ServiceKey) {
        // Nearly every address has one.
        let keys = self.0.entry(address).or_insert_with(|| Vec::with_capacity(1));
        if let Err(at) = keys.binary_search(key) {
            keys.insert(at, key.clone());
        }
    }

    pub(super) fn remove(&mut self, address: IpAddr, key: &ServiceKey) {
        let Some(keys) = self.0.get_mut(&address) else { return };
        if let Ok(at) = keys.binary_search(key) {
            keys.remove(at);
        }
        if keys.is_empty() {
            self.0.remove(&address);
        }
    }

    /// Those of one address.
    pub(super) fn of(&self, address: IpAddr) -> &[ServiceKey] {
        self.0.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Those of all addresses of a range.
    pub(super) fn within(&self, range: AddressRange) -> impl Iterator<Item = &ServiceKey> {
        self.0.range(range.first()..=range.last()).flat_map(|(_, keys)| keys)
    }

    /// The addresses behind one, in order.
    pub(super) fn behind(&self, after: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
        self.0.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)).map(|(address, _)| *address)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.0.keys().copied()
    }
}
