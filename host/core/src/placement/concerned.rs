//! Which Services another claim of a load balancer concerns, found by the names of what is other: the cost is that of the change.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use super::claim::{CILIUM, KUBE_VIP, SYSTEM, services_lease};
use crate::model::{Announced, ObjectReference, SubjectKey};

/// What is other between two states of what load balancers write.
#[derive(Debug, Default)]
pub(crate) struct Differ {
    /// Services that may be concerned, whether or not they are there.
    pub(crate) services: BTreeSet<SubjectKey>,
    /// Whether all Services of kube-vip are.
    pub(crate) for_all: ForAll,
}

/// Whether the Lease for all Services of kube-vip is another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ForAll {
    #[default]
    Same,
    Differs,
}

impl Differ {
    pub(crate) fn between(before: &Announced, now: &Announced) -> Self {
        let mut services: BTreeSet<SubjectKey> = keys(&before.l2_statuses, &now.l2_statuses).collect();
        let mut for_all = ForAll::Same;
        for lease in keys(&before.leases, &now.leases) {
            if lease == services_lease() {
                for_all = ForAll::Differs;
            }
            services.extend(services_of(&lease));
        }
        Self { services, for_all }
    }
}

fn keys<K: Ord + Clone, T: PartialEq>(before: &OrdMap<K, T>, now: &OrdMap<K, T>) -> impl Iterator<Item = K> {
    before.diff(now).map(|item| match item {
        DiffItem::Add(key, _) | DiffItem::Remove(key, _) | DiffItem::Update { new: (key, _), old: _ } => key.clone(),
    })
}

/// The Services whose Lease may be called so. Cilium joins namespace and name by a dash, which both may have.
pub(super) fn services_of(lease: &ObjectReference) -> Vec<SubjectKey> {
    let kube_vips =
        lease.name.strip_prefix(KUBE_VIP).map(|name| SubjectKey::service(Arc::clone(&lease.namespace), name));
    let ciliums = lease.name.strip_prefix(CILIUM).filter(|_| *lease.namespace == *SYSTEM).unwrap_or_default();
    let split = |(at, _): (usize, &str)| SubjectKey::service(&ciliums[..at], &ciliums[at + 1..]);
    kube_vips.into_iter().chain(ciliums.match_indices('-').map(split)).collect()
}

/// Whether a Lease of this name is one by which a load balancer chooses nodes.
pub fn is_of_a_load_balancer(lease: &ObjectReference) -> bool {
    *lease == services_lease() || !services_of(lease).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::{cilium_lease, kube_vip_lease};
    use crate::testkit::service;

    #[test]
    fn a_service_is_found_by_each_of_its_leases() {
        for (namespace, name) in [("shop", "web"), ("a-b", "c"), ("a", "b-c"), ("kube-system", "cilium-l2announce-x-y")]
        {
            let mut one = service("any", &[]);
            one.key = SubjectKey::service(namespace, name);
            let leases = [Some(cilium_lease(&one.key)), kube_vip_lease(&one)];
            assert!(leases.iter().flatten().all(|lease| services_of(lease).contains(&one.key)), "{namespace}/{name}");
        }
    }

    #[test]
    fn a_lease_of_others_concerns_no_service() {
        let none = ["kube-controller-manager", "cilium-operator-resource-lock", "node-a", ""];
        assert!(none.iter().all(|name| services_of(&ObjectReference::new(SYSTEM, *name)).is_empty()));
        let elsewhere = ObjectReference::new("shop", "cilium-l2announce-shop-web");
        assert!(services_of(&elsewhere).is_empty(), "who writes in a namespace announces nothing for another one");
    }
}
