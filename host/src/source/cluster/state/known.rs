//! What is known of objects, by kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use egressd_core::model::{ObjectReference, Snapshot};

use super::{State, reference};
use crate::source::claims::{self, Claim};
use crate::source::documents::Object;
use crate::source::kind::{ClaimKind, Kind};
use crate::source::networks;

impl State {
    /// What is known of an object whose facts protect traffic inside the cluster.
    pub(super) fn known(&self, object: &Object) -> Option<Object> {
        let Snapshot { services, nodes, egress_nodes, service_networks, cluster_networks, .. } = &self.snapshot;
        match object {
            Object::Service(service) => services.get(&service.key).cloned().map(Object::Service),
            Object::Node(name, ..) => {
                let node = nodes.get(name)?;
                Some(Object::Node(name.clone(), Arc::clone(node), networks::arguments(&self.snapshot, name)))
            }
            Object::EgressNode(name, _) => {
                let node = egress_nodes.by_name.get(name)?;
                Some(Object::EgressNode(name.clone(), Arc::clone(node)))
            }
            Object::Pod(pod) => self.pods.get(&pod.name).map(|known| Object::Pod(Arc::new(known.clone()))),
            Object::ServiceNetworks(name, _) => {
                let networks = service_networks.get(name)?;
                Some(Object::ServiceNetworks(name.clone(), Arc::clone(networks)))
            }
            Object::Networks(identity, _) => {
                let networks = cluster_networks.get(&networks::title(identity.0, &identity.1))?;
                Some(Object::Networks(identity.clone(), Arc::clone(networks)))
            }
            Object::Claim(identity, claim) => {
                let known = self.known_claim(claim, &identity.1)?;
                Some(Object::Claim(identity.clone(), Box::new(known)))
            }
            Object::Slice(..)
            | Object::Namespace(..)
            | Object::Policy(..)
            | Object::PodElsewhere(_)
            | Object::Endpoints(_) => None,
        }
    }

    fn known_claim(&self, claim: &Claim, name: &ObjectReference) -> Option<Claim> {
        match claim {
            Claim::L2Status(..) | Claim::OfAnyService(_) => {
                claims::known_status(&self.snapshot, self.statuses.get(name)?.as_ref(), name)
            }
            Claim::Lease(_) => claims::known_lease(&self.snapshot, name),
        }
    }

    /// Everything of a kind that is known, readable or not.
    pub(super) fn names(&self, kind: Kind) -> BTreeSet<ObjectReference> {
        let plain = |name: &String| ObjectReference::new("", name.as_str());
        let Snapshot { services, nodes, egress_nodes, namespaces, service_networks, policies, .. } = &self.snapshot;
        let mut names: BTreeSet<ObjectReference> = match kind {
            Kind::Services => services.keys().map(reference).collect(),
            Kind::Slices => self.slices.keys().cloned().collect(),
            Kind::Nodes => nodes.keys().map(plain).collect(),
            Kind::EgressNodes => egress_nodes.by_name.keys().map(plain).collect(),
            Kind::Namespaces => namespaces.keys().map(plain).collect(),
            Kind::ServiceNetworks => service_networks.keys().map(plain).collect(),
            Kind::Policies => policies.keys().map(plain).collect(),
            Kind::Pods => self.pods.names().cloned().collect(),
            Kind::Networks(kind) => networks::names(&self.snapshot, kind).into_iter().collect(),
            Kind::Claims(ClaimKind::L2Statuses) => self.statuses.keys().cloned().collect(),
            Kind::Claims(ClaimKind::Leases) => self.snapshot.announced.leases.keys().cloned().collect(),
            Kind::Endpoints => BTreeSet::new(),
        };
        names.extend(self.unreadable.keys().filter(|(of, _)| *of == kind).map(|(_, name)| name.clone()));
        names
    }
}
