//! Addresses that Services of several namespaces have. Which Services may share one is the load balancer's decision; but
//! then the pods of two tenants leave with one source, which both should know.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::finding::Finding;
use crate::model::{ServiceKey, ServiceKind, ServiceView};

/// What to do with an address that Services of several namespaces have (`--shared-addresses`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SharedAddresses {
    /// Each is translated to it.
    #[default]
    Allow,
    /// Only Services of the namespace whose Service is the oldest are.
    Oldest,
}

/// A Service's age and name: the smaller is the older.
type Age<'a> = (i64, &'a ServiceKey);

/// The oldest Service with an address in one namespace, and the oldest in all others.
#[derive(Clone, Copy, Debug)]
struct Sharers<'a> {
    first: Age<'a>,
    other: Option<Age<'a>>,
}

/// Which Services have which addresses, on all nodes.
#[derive(Clone, Debug, Default)]
pub struct Sharing<'a> {
    mode: SharedAddresses,
    addresses: BTreeMap<IpAddr, Sharers<'a>>,
}

impl<'a> Sharing<'a> {
    /// Of all Services that can have addresses and ask for egress.
    pub fn of(mode: SharedAddresses, views: impl IntoIterator<Item = &'a ServiceView>) -> Self {
        let mut sharing = Self { mode, addresses: BTreeMap::new() };
        for view in views {
            if view.service.kind == ServiceKind::LoadBalancer {
                let age = (view.service.created, &view.service.key);
                view.addresses.iter().for_each(|address| sharing.add(*address, age));
            }
        }
        sharing
    }

    fn add(&mut self, address: IpAddr, age: Age<'a>) {
        let sharers = self.addresses.entry(address).or_insert(Sharers { first: age, other: None });
        let same = |(_, key): Age<'a>| *key.namespace == *age.1.namespace;
        if same(sharers.first) {
            sharers.first = sharers.first.min(age);
        } else if age < sharers.first {
            sharers.other = Some(sharers.first);
            sharers.first = age;
        } else {
            sharers.other = Some(sharers.other.map_or(age, |other| other.min(age)));
        }
    }

    /// Why a Service is not translated to one of its addresses; none when it is.
    pub(super) fn objection(&self, key: &ServiceKey, address: IpAddr) -> Option<Finding> {
        let (first, _) = self.sharers(address)?;
        match self.mode {
            SharedAddresses::Allow => None,
            SharedAddresses::Oldest => (first.namespace != key.namespace).then(|| taken(address, first)),
        }
    }

    /// What is to be known about an address that a Service is translated to.
    pub(super) fn notice(&self, key: &ServiceKey, address: IpAddr) -> Option<Finding> {
        let (first, other) = self.sharers(address)?;
        Some(shared(address, if first.namespace == key.namespace { other } else { first }))
    }

    /// The oldest Service with an address, and the oldest of another namespace.
    fn sharers(&self, address: IpAddr) -> Option<(&'a ServiceKey, &'a ServiceKey)> {
        let Sharers { first: (_, first), other } = *self.addresses.get(&address)?;
        other.map(|(_, other)| (first, other))
    }
}

fn shared(address: IpAddr, with: &ServiceKey) -> Finding {
    let message = format!(
        "{address} is an address of Service {with}, too, so pods of two namespaces leave with one source address; have the \
         load balancer give each its own, or set --shared-addresses"
    );
    Finding::warning("shared-address", message)
}

fn taken(address: IpAddr, by: &ServiceKey) -> Finding {
    let message = format!(
        "nothing is translated to {address}: the older Service {by} of another namespace has it, too, and \
         --shared-addresses=oldest leaves it to that namespace"
    );
    Finding::error("shared-address-taken", message)
}
