//! Which Services an address concerns: as an endpoint that a slice lists, or as one of their own. So what changes for an
//! address costs its own size.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::by_address::ByAddress;
use crate::model::ServiceKey;
use crate::net::AddressRange;

/// The Services of each address.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    services: ByAddress,
    addresses: BTreeMap<ServiceKey, Box<[IpAddr]>>,
}

impl Places {
    /// Takes in all addresses of a Service; none where it is gone.
    pub(super) fn put(&mut self, key: &ServiceKey, addresses: BTreeSet<IpAddr>) {
        let addresses: Box<[IpAddr]> = addresses.into_iter().collect();
        let before = match addresses.is_empty() {
            true => self.addresses.remove(key),
            false => self.addresses.insert(key.clone(), addresses.clone()),
        };
        let before = before.unwrap_or_default();
        for gone in before.iter().filter(|address| addresses.binary_search(address).is_err()) {
            self.services.remove(*gone, key);
        }
        for new in addresses.iter().filter(|address| before.binary_search(address).is_err()) {
            self.services.add(*new, key);
        }
    }

    /// The Services that an address concerns.
    pub(super) fn of(&self, address: IpAddr) -> &[ServiceKey] {
        self.services.of(address)
    }

    /// Makes it wrong for tests: a Service is not found by its first address.
    #[cfg(feature = "testkit")]
    pub(super) fn lose(&mut self, key: &ServiceKey) -> Option<()> {
        let first = *self.addresses.get(key)?.first()?;
        self.services.remove(first, key);
        Some(())
    }

    /// The addresses of each Service, in order.
    pub(super) fn by_service(&self) -> &BTreeMap<ServiceKey, Box<[IpAddr]>> {
        &self.addresses
    }

    /// The addresses behind one, in order.
    pub(super) fn behind(&self, after: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
        self.services.behind(after)
    }

    /// The Services that an address of this range concerns.
    pub(super) fn within(&self, range: AddressRange) -> impl Iterator<Item = &ServiceKey> {
        self.services.within(range)
    }
}
