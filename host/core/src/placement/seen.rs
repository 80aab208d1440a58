//! What of a state says who holds addresses, and of which Service a Lease of Cilium's is. The name of that joins
//! namespace and name by a dash, which both may have: the Leases of `shop/web-x` and of `shop-web/x` are one object.
//! Whoever may make Services in one of these namespaces is not to decide for the other one, so that a Lease that may be
//! of several counts for none of them, with one exception: of Services of which just one has Cilium's class it is that
//! one's.

use std::sync::Arc;

use imbl::OrdMap;

use super::claim::{CILIUM, KUBE_VIP, SYSTEM};
use crate::model::{Announcements, ObjectReference, Service, ServiceType, Snapshot, SubjectKey, UnreadableService};

/// `spec.loadBalancerClass` of Services that Cilium's agents announce
/// (`pkg/k8s/apis/cilium.io/v2alpha1/l2announcement_types.go`).
pub(super) const CILIUM_CLASS: &str = "io.cilium/l2-announcer";

/// What of a state concerns who holds addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PlacementInput {
    pub(super) announced: Announcements,
    pub(super) services: OrdMap<SubjectKey, Arc<Service>>,
    pub(super) unreadable: OrdMap<SubjectKey, UnreadableService>,
}

/// Whether Cilium announces a Service, as far as its class and type say it. Of any type that has addresses: external
/// IPs are announced too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CiliumSelection {
    /// Its class is that of another load balancer, or it has no address at all, being an alias of a name.
    Never,
    /// It has no class: where one of Cilium's own policies selects it.
    WhereSelected,
    /// It has Cilium's class; or it cannot be read, and may have it.
    ByClass,
}

impl CiliumSelection {
    pub(super) fn of(service: &Service) -> Self {
        match (service.kind, service.load_balancer_class.as_deref()) {
            (ServiceType::ExternalName, _) => Self::Never,
            (ServiceType::ClusterIp | ServiceType::NodePort | ServiceType::LoadBalancer, None) => Self::WhereSelected,
            (ServiceType::ClusterIp | ServiceType::NodePort | ServiceType::LoadBalancer, Some(CILIUM_CLASS)) => {
                Self::ByClass
            }
            (ServiceType::ClusterIp | ServiceType::NodePort | ServiceType::LoadBalancer, Some(_)) => Self::Never,
        }
    }
}

impl PlacementInput {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self {
            announced: snapshot.announced.clone(),
            services: snapshot.services.clone(),
            unreadable: snapshot.unreadable.services.clone(),
        }
    }

    /// Another Service that Cilium's Lease of this one may be of as well.
    pub(super) fn other_of(&self, lease: &ObjectReference, service: &Service) -> Option<SubjectKey> {
        let own = CiliumSelection::of(service);
        let may_be = |key: &SubjectKey| *key != service.key && self.by_cilium(key) >= own;
        self.fitting(lease).find(may_be)
    }

    /// The Services that are there whose Lease may be called so, readable or not.
    pub(super) fn fitting(&self, lease: &ObjectReference) -> impl Iterator<Item = SubjectKey> {
        let is_there = |key: &SubjectKey| self.services.contains_key(key) || self.unreadable.contains_key(key);
        names(lease).map(|[namespace, name]| SubjectKey::service(namespace, name)).filter(is_there)
    }

    fn by_cilium(&self, key: &SubjectKey) -> CiliumSelection {
        self.services.get(key).map_or(CiliumSelection::ByClass, |service| CiliumSelection::of(service))
    }
}

/// Whether a Lease of this name is one by which a load balancer chooses the node of a Service.
pub(super) fn is_of_a_service(lease: &ObjectReference) -> bool {
    names(lease).next().is_some()
}

/// Namespace and name of each Service whose Lease may be called so.
fn names(lease: &ObjectReference) -> impl Iterator<Item = [&str; 2]> {
    let kube_vips = lease.name.strip_prefix(KUBE_VIP).map(|name| [&*lease.namespace, name]);
    let ciliums = lease.name.strip_prefix(CILIUM).filter(|_| *lease.namespace == *SYSTEM).unwrap_or_default();
    let split = |(at, _): (usize, &'_ str)| [&ciliums[..at], &ciliums[at + 1..]];
    kube_vips.into_iter().chain(ciliums.match_indices('-').map(split))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::claim::cilium_name;
    use crate::placement::kube_vip_lease;
    use crate::testkit::service;

    fn seen(services: &[[&str; 2]]) -> PlacementInput {
        let keys = services.iter().map(|[namespace, name]| SubjectKey::service(*namespace, *name));
        let of = |key: SubjectKey| (key.clone(), Arc::new(Service { key, ..service("any", &[]) }));
        PlacementInput { services: keys.map(of).collect(), ..PlacementInput::default() }
    }

    #[test]
    fn a_service_is_found_by_each_of_its_leases() {
        for names in [["shop", "web"], ["a-b", "c"], ["a", "b-c"], ["kube-system", "cilium-l2announce-x-y"]] {
            let seen = seen(&[names]);
            let leases = |service: &Service| [Some(cilium_name(&service.key)), kube_vip_lease(service)];
            let is_found = |service: &Service| {
                leases(service).iter().flatten().all(|lease| seen.fitting(lease).eq([service.key.clone()]))
            };
            assert!(seen.services.values().all(|service| is_found(service)), "{names:?}");
        }
    }

    #[test]
    fn of_a_name_that_can_be_split_in_many_ways_the_services_that_are_there_fit() {
        let seen = seen(&[["a", "b-c-d"], ["a-b-c", "d"], ["a", "b"]]);
        let fitting: Vec<_> = seen.fitting(&ObjectReference::new(SYSTEM, "cilium-l2announce-a-b-c-d")).collect();
        assert_eq!(fitting, [SubjectKey::service("a", "b-c-d"), SubjectKey::service("a-b-c", "d")]);
    }

    #[test]
    fn a_lease_of_others_concerns_no_service() {
        let none = ["kube-controller-manager", "cilium-operator-resource-lock", "node-a", ""];
        assert!(none.iter().all(|name| !is_of_a_service(&ObjectReference::new(SYSTEM, *name))));
        let elsewhere = ObjectReference::new("shop", "cilium-l2announce-shop-web");
        assert!(!is_of_a_service(&elsewhere), "who writes in a namespace announces nothing for another one");
    }
}
