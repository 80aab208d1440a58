//! Which Leases are followed: those of the Services that ask for egress, as many as are affordable. Pure.
//!
//! Which Services ask is decided by what their annotations and labels say, before policies answer: a policy's answer would come
//! after the first state, and until then another node's address could be translated to.

use std::collections::{BTreeMap, BTreeSet};

use egressd_core::model::{Interest, ObjectReference, Service, ServiceType, Snapshot, SubjectKey};
use egressd_core::placement::{cilium_lease, kube_vip_lease, services_lease};

/// How many Leases are followed. Each is a connection to the API server, and a message every two seconds.
pub(super) const MAX_FOLLOWED: usize = 256;
/// kube-vip's own prefix of annotations.
const KUBE_VIP: &str = "kube-vip.io/";
/// How an annotation begins, behind a prefix, that asks for egress.
const EGRESS: &str = "egress";
/// What kube-vip writes on every Service that it holds (ARP mode), and keeps, empty, when it lets go.
const VIP_HOST: &str = "vipHost";

/// The Services that ask, and the names of their Leases.
#[derive(Debug, Default)]
pub(super) struct RequestingServices {
    all: BTreeMap<SubjectKey, WantedLeases>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct WantedLeases {
    how: RequestKind,
    created: i64,
    names: Vec<ObjectReference>,
}

/// How surely a Service asks for egress, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RequestKind {
    /// By an annotation that says so.
    Annotated,
    /// By a name that a policy reads.
    Read,
}

/// Which Leases are followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LeaseChoice {
    pub(super) followed: BTreeSet<ObjectReference>,
    /// Those that would be, were there fewer.
    pub(super) beyond: BTreeSet<ObjectReference>,
}

impl RequestingServices {
    /// Takes in the newest state of a Service; whether that is something else here.
    pub(super) fn look_at(&mut self, snapshot: &Snapshot, key: &SubjectKey, interest: &Interest) -> bool {
        let wants = snapshot.services.get(key).and_then(|service| WantedLeases::of(service, interest));
        let is_other = wants.as_ref() != self.all.get(key);
        match wants {
            Some(wants) => drop(self.all.insert(key.clone(), wants)),
            None => drop(self.all.remove(key)),
        }
        is_other
    }

    /// Takes in all Services.
    pub(super) fn look_at_all(&mut self, snapshot: &Snapshot, interest: &Interest) {
        self.all.clear();
        for key in snapshot.services.keys() {
            self.look_at(snapshot, key, interest);
        }
    }

    /// Of each namespace in turn the oldest Service: one with many of them takes nothing from others. In a namespace a new one
    /// takes nothing from an older one.
    pub(super) fn choose(&self) -> LeaseChoice {
        let mut choice = LeaseChoice::default();
        for wants in self.in_order() {
            let new = wants.names.iter().filter(|name| !choice.followed.contains(*name)).cloned();
            let new: Vec<ObjectReference> = new.collect();
            if choice.followed.len() + new.len() <= MAX_FOLLOWED {
                choice.followed.extend(new);
            } else {
                choice.beyond.extend(new);
            }
        }
        let LeaseChoice { followed, beyond } = &mut choice;
        beyond.retain(|name| !followed.contains(name));
        choice
    }

    fn in_order(&self) -> Vec<&WantedLeases> {
        let mut by_namespace: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (key, wants) in &self.all {
            by_namespace.entry(&key.namespace).or_default().push((wants.how, wants.created, key, wants));
        }
        let mut all = Vec::with_capacity(self.all.len());
        for services in by_namespace.values_mut() {
            services.sort_by_key(|(how, created, key, _)| (*how, *created, *key));
            let places = services.iter().enumerate();
            all.extend(places.map(|(place, (how, created, key, wants))| ((place, *how, *created, *key), *wants)));
        }
        all.sort_by_key(|(order, _)| *order);
        all.into_iter().map(|(_, wants)| wants).collect()
    }
}

impl WantedLeases {
    fn of(service: &Service, interest: &Interest) -> Option<Self> {
        let how = asks(service, interest).filter(|_| service.kind == ServiceType::LoadBalancer)?;
        let mut names: Vec<_> = cilium_lease(service).into_iter().collect();
        if service.annotations.keys().any(|name| behind_prefix(name) == VIP_HOST) {
            names.extend(kube_vip_lease(service));
            names.push(services_lease());
        }
        Some(Self { how, created: service.created, names })
    }
}

fn asks(service: &Service, interest: &Interest) -> Option<RequestKind> {
    let says_so = |name: &&str| behind_prefix(name).starts_with(EGRESS);
    if service.annotations.keys().filter(|name| interest.shows_annotation(name)).any(|name| says_so(&name)) {
        return Some(RequestKind::Annotated);
    }
    let by_annotation = |name: &str| interest.shows_annotation(name) && !is_a_load_balancers(name, interest);
    let is_read = service.annotations.keys().any(by_annotation)
        || service.labels.keys().any(|name| interest.depends_on_label(name));
    is_read.then_some(RequestKind::Read)
}

/// Whether an annotation is about the load balancer alone: the host reads those too.
fn is_a_load_balancers(name: &str, interest: &Interest) -> bool {
    let is_ours = interest.spelled().is_some_and(|prefix| name.starts_with(&prefix.name("")));
    name.starts_with(KUBE_VIP) || is_ours
}

fn behind_prefix(name: &str) -> &str {
    name.split_once('/').map_or("", |(_, name)| name)
}

#[cfg(test)]
#[path = "asking_tests.rs"]
mod tests;
