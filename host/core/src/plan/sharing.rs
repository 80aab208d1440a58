//! Addresses that Services of several namespaces have. Which Services may share one is the load balancer's decision;
//! but then the pods of two tenants leave with one source, which both should know.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use crate::finding::Finding;
use crate::model::{ServiceType, SubjectKey, SubjectView};

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
type Age = (i64, SubjectKey);

/// The addresses of one Service, as far as sharing depends on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    created: i64,
    addresses: Box<[IpAddr]>,
}

impl Shares {
    /// Of a subject that asks for egress.
    pub fn of(view: &SubjectView) -> Self {
        match view.subject.service().map(|service| service.kind) {
            Some(ServiceType::LoadBalancer) | None => {
                let addresses: BTreeSet<IpAddr> = view.subject.addresses.iter().copied().collect();
                Self { created: view.subject.created(), addresses: addresses.into_iter().collect() }
            }
            Some(ServiceType::ClusterIp | ServiceType::NodePort | ServiceType::ExternalName) => Self::default(),
        }
    }
}

impl Shares {
    /// Whether this address is among them, of a Service that was made then.
    pub fn have(&self, created: i64, address: IpAddr) -> bool {
        self.created == created && self.addresses.binary_search(&address).is_ok()
    }
}

/// The Services of one namespace that have an address, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OfNamespace {
    name: Arc<str>,
    ages: Vec<Age>,
}

/// The Services that have one address, by namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sharers(Vec<OfNamespace>);

/// Which Services have which addresses, on all nodes. A change of one Service costs its own addresses, and where
/// namespaces share one of them, the Services that are to know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    mode: SharedAddresses,
    addresses: BTreeMap<IpAddr, Sharers>,
}

impl Sharing {
    /// Without a Service.
    pub fn new(mode: SharedAddresses) -> Self {
        Self { mode, addresses: BTreeMap::new() }
    }

    /// Of all Services that can have addresses and ask for egress.
    pub fn of<'a>(mode: SharedAddresses, views: impl IntoIterator<Item = &'a SubjectView>) -> Self {
        let mut sharing = Self::new(mode);
        for view in views {
            sharing.replace(view.subject.key(), &Shares::default(), &Shares::of(view));
        }
        sharing
    }

    /// Takes in that a Service has other addresses than before; returns the Services for which that is news, itself
    /// perhaps among them.
    pub fn replace(&mut self, key: &SubjectKey, before: &Shares, after: &Shares) -> BTreeSet<SubjectKey> {
        if before == after {
            return BTreeSet::new();
        }
        let touched: BTreeSet<IpAddr> = before.addresses.iter().chain(&after.addresses).copied().collect();
        touched.into_iter().flat_map(|address| self.replace_one(key, before, after, address)).collect()
    }

    /// Whether a Service has these addresses here.
    pub fn has(&self, key: &SubjectKey, shares: &Shares) -> bool {
        let age = (shares.created, key.clone());
        shares.addresses.iter().all(|address| self.addresses.get(address).is_some_and(|sharers| sharers.has(&age)))
    }

    /// The addresses behind one, in order.
    pub fn behind(&self, after: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        self.addresses.range(range).map(|(address, _)| *address)
    }

    /// The Services that have an address, each with the second in which it was made.
    pub fn ages(&self, address: IpAddr) -> impl Iterator<Item = &(i64, SubjectKey)> {
        self.addresses.get(&address).into_iter().flat_map(|sharers| sharers.0.iter().flat_map(|one| &one.ages))
    }

    fn replace_one(&mut self, key: &SubjectKey, before: &Shares, after: &Shares, address: IpAddr) -> Vec<SubjectKey> {
        let sharers = self.addresses.entry(address).or_default();
        let known = sharers.oldest();
        if before.addresses.contains(&address) {
            sharers.remove(&(before.created, key.clone()));
        }
        if after.addresses.contains(&address) {
            sharers.add((after.created, key.clone()));
        }
        let is_news = known != sharers.oldest();
        let concerned = if is_news { sharers.all().cloned().collect() } else { Vec::new() };
        if sharers.0.is_empty() {
            self.addresses.remove(&address);
        }
        concerned
    }

    /// Why a Service is not translated to one of its addresses; none when it is.
    pub(super) fn why_not_owner(&self, key: &SubjectKey, address: IpAddr) -> Option<Finding> {
        let (first, _) = self.sharers(address)?;
        match self.mode {
            SharedAddresses::Allow => None,
            SharedAddresses::Oldest => (first.namespace != key.namespace).then(|| taken(address, first)),
        }
    }

    /// What is to be known about an address that a Service is translated to.
    pub(super) fn notice(&self, key: &SubjectKey, address: IpAddr) -> Option<Finding> {
        let (first, other) = self.sharers(address)?;
        Some(shared(address, if first.namespace == key.namespace { other } else { first }))
    }

    /// The oldest Service with an address, and the oldest of another namespace.
    fn sharers(&self, address: IpAddr) -> Option<(&SubjectKey, &SubjectKey)> {
        let (first, other) = self.addresses.get(&address)?.first_two()?;
        Some((first, other?))
    }
}

impl Sharers {
    fn add(&mut self, age: Age) {
        let at = self.0.binary_search_by(|one| one.name.cmp(&age.1.namespace));
        let at = at.unwrap_or_else(|at| {
            self.0.insert(at, OfNamespace { name: Arc::clone(&age.1.namespace), ages: Vec::with_capacity(1) });
            at
        });
        let Some(OfNamespace { ages, .. }) = self.0.get_mut(at) else { return };
        if let Err(at) = ages.binary_search(&age) {
            ages.insert(at, age);
        }
    }

    fn has(&self, age: &Age) -> bool {
        let at = self.0.binary_search_by(|one| one.name.cmp(&age.1.namespace));
        at.ok().and_then(|at| self.0.get(at)).is_some_and(|one| one.ages.binary_search(age).is_ok())
    }

    fn remove(&mut self, age: &Age) {
        let Ok(at) = self.0.binary_search_by(|one| one.name.cmp(&age.1.namespace)) else { return };
        let Some(OfNamespace { ages, .. }) = self.0.get_mut(at) else { return };
        if let Ok(place) = ages.binary_search(age) {
            ages.remove(place);
        }
        if ages.is_empty() {
            self.0.remove(at);
        }
    }

    /// The oldest, and the oldest of another namespace.
    fn first_two(&self) -> Option<(&SubjectKey, Option<&SubjectKey>)> {
        let mut oldest: [Option<&Age>; 2] = [None, None];
        for age in self.0.iter().filter_map(|one| one.ages.first()) {
            let [first, second] = oldest;
            oldest = match (first, second) {
                (Some(first), _) if age < first => [Some(age), Some(first)],
                (Some(first), Some(second)) => [Some(first), Some(second.min(age))],
                (Some(first), None) => [Some(first), Some(age)],
                (None, _) => [Some(age), None],
            };
        }
        let [first, second] = oldest.map(|age| age.map(|(_, key)| key));
        Some((first?, second))
    }

    /// What others are to know about the address: nothing as long as one namespace has it.
    fn oldest(&self) -> Option<(SubjectKey, SubjectKey)> {
        let (first, other) = self.first_two()?;
        Some((first.clone(), other?.clone()))
    }

    fn all(&self) -> impl Iterator<Item = &SubjectKey> {
        self.0.iter().flat_map(|one| one.ages.iter().map(|(_, key)| key))
    }
}

fn shared(address: IpAddr, with: &SubjectKey) -> Finding {
    let message = format!(
        "{address} is also an address of {}, so pods of two namespaces have the same source address; have the load \
         balancer assign each Service its own, or set --shared-addresses",
        with.of_kind()
    );
    Finding::warning("shared-address", message)
}

fn taken(address: IpAddr, by: &SubjectKey) -> Finding {
    let message = format!(
        "nothing is translated to {address}: the older {} of another namespace also has it, and \
         --shared-addresses=oldest reserves it for that namespace; have the load balancer assign \
         each Service its own address",
        by.of_kind()
    );
    Finding::error("shared-address-taken", message)
}
