//! The Services that a changed claim of a load balancer affects, found by the names of the changed objects: the cost is
//! that of the change, and only existing Services are kept, however many a name may stand for.

use std::collections::BTreeSet;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use super::claim::{cilium_name, services_lease};
use super::seen::{PlacementInput, is_of_a_service};
use crate::model::{ObjectReference, SubjectKey};

/// What is other between two states of what load balancers write.
#[derive(Debug, Default)]
pub(crate) struct ClaimChanges {
    /// Services that may be concerned.
    pub(crate) services: BTreeSet<SubjectKey>,
    /// Whether all Services are, or all of kube-vip.
    pub(crate) for_all: CommonChanges,
}

/// Whether what counts for many Services is another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CommonChanges {
    #[default]
    Same,
    /// kube-vip's Lease for all its Services is.
    OfKubeVip,
    /// What may be about any Service is.
    OfAny,
}

impl ClaimChanges {
    pub(crate) fn between(before: &PlacementInput, now: &PlacementInput) -> Self {
        let mut differ = Self::default();
        differ.services.extend(keys(&before.announced.l2_statuses, &now.announced.l2_statuses));
        for lease in keys(&before.announced.leases, &now.announced.leases) {
            if lease == services_lease() {
                differ.for_all = CommonChanges::OfKubeVip;
            }
            differ.services.extend(now.fitting(&lease));
        }
        if before.announced.unreadable.get_min() != now.announced.unreadable.get_min() {
            differ.for_all = CommonChanges::OfAny;
        }
        differ.services.extend(namesakes(before, now));
        differ
    }
}

/// Services whose Lease may be of one more or one fewer than before.
fn namesakes(before: &PlacementInput, now: &PlacementInput) -> impl Iterator<Item = SubjectKey> {
    let leases = &now.announced.leases;
    let others = (!leases.is_empty()).then(|| {
        let others = keys(&before.services, &now.services).chain(keys(&before.unreadable, &now.unreadable));
        let shared = others.map(|key| cilium_name(&key)).filter(|lease| leases.contains_key(lease));
        shared.flat_map(|lease| now.fitting(&lease).collect::<Vec<_>>())
    });
    others.into_iter().flatten()
}

fn keys<K: Ord + Clone, T: PartialEq>(before: &OrdMap<K, T>, now: &OrdMap<K, T>) -> impl Iterator<Item = K> {
    let differences = (!before.ptr_eq(now)).then(|| before.diff(now));
    differences.into_iter().flatten().map(|item| match item {
        DiffItem::Add(key, _) | DiffItem::Remove(key, _) | DiffItem::Update { new: (key, _), old: _ } => key.clone(),
    })
}

/// Whether a Lease of this name is one by which a load balancer chooses nodes.
pub fn is_of_a_load_balancer(lease: &ObjectReference) -> bool {
    *lease == services_lease() || is_of_a_service(lease)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Lease, LeaseTerm, NamedNode, Service};
    use crate::testkit::service;

    fn leases(names: impl IntoIterator<Item = String>) -> PlacementInput {
        let lease = Arc::new(Lease { named: NamedNode::NoNode, since: None, term: LeaseTerm::Running });
        let all = names.into_iter().map(|name| (ObjectReference::new("kube-system", name), Arc::clone(&lease)));
        let mut seen = PlacementInput::default();
        seen.announced.leases.extend(all);
        seen
    }

    fn and(mut seen: PlacementInput, namespace: &str, name: &str) -> PlacementInput {
        let key = SubjectKey::service(namespace, name);
        seen.services.insert(key.clone(), Arc::new(Service { key, ..service("any", &[]) }));
        seen
    }

    #[test]
    fn leases_of_services_that_are_not_there_concern_none() {
        let name = |number: usize| format!("cilium-l2announce-{}{number}", "a-".repeat(110));
        let differ = ClaimChanges::between(&PlacementInput::default(), &leases((0..100).map(name)));
        assert!(differ.services.is_empty() && differ.for_all == CommonChanges::Same, "{differ:?}");
    }

    #[test]
    fn a_service_that_comes_or_goes_concerns_those_that_have_the_same_lease() {
        let one = and(leases(["cilium-l2announce-shop-web-x".to_owned()]), "shop-web", "x");
        let both = and(one.clone(), "shop", "web-x");
        let keys = [SubjectKey::service("shop", "web-x"), SubjectKey::service("shop-web", "x")];
        assert_eq!(ClaimChanges::between(&one, &both).services, keys.clone().into());
        assert_eq!(ClaimChanges::between(&both, &one).services, [keys[1].clone()].into());
        assert!(ClaimChanges::between(&both, &both).services.is_empty());
    }
}
