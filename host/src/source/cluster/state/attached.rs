//! Objects that are kept with the Service that they are about: one that is deleted, or names another, has to be found again.

use std::sync::Arc;

use egressd_core::model::{Announcements, ChangeKey, ObjectReference, Slice, Snapshot, SubjectKey};

use super::State;
use crate::source::claims::{self, Claim};
use crate::source::cluster::leases::{KIND, LeaseReport};
use crate::source::kind::{ClaimKind, Kind};

impl State {
    /// The Services that changed since the last hand-over.
    pub(in crate::source::cluster) fn changed_services(&self) -> impl Iterator<Item = &SubjectKey> {
        self.keys.iter().filter_map(|key| match key {
            ChangeKey::Subject(key) => Some(key),
            ChangeKey::Namespace(_)
            | ChangeKey::Cluster
            | ChangeKey::Policy(_)
            | ChangeKey::Announced
            | ChangeKey::EgressNodes
            | ChangeKey::Pod(_)
            | ChangeKey::PodWithoutAddress(_)
            | ChangeKey::Pods => None,
        })
    }

    pub(in crate::source::cluster) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether a kind is one of claims, of which some were read and count.
    pub(in crate::source::cluster) fn keeps_claims_of(&self, kind: Kind) -> bool {
        let Announcements { l2_statuses, leases, unreadable } = &self.snapshot.announced;
        match kind {
            Kind::Claims(ClaimKind::L2Statuses) => !(l2_statuses.is_empty() && unreadable.is_empty()),
            Kind::Claims(ClaimKind::Leases) => !leases.is_empty(),
            Kind::Services
            | Kind::Slices
            | Kind::Nodes
            | Kind::EgressNodes
            | Kind::Namespaces
            | Kind::ServiceNetworks
            | Kind::Policies
            | Kind::Pods
            | Kind::Networks(_)
            | Kind::Endpoints => false,
        }
    }

    /// Takes in what a Lease means now. It is followed by its name, so that no list of all says whether it is there.
    pub(in crate::source::cluster) fn take_lease(&mut self, name: &ObjectReference, report: &LeaseReport) {
        let (of, LeaseReport { lease, unreadable, faults }) = ((KIND, name.clone()), report);
        self.unreadable.remove(&of);
        self.faults.remove(&of);
        if !faults.is_empty() {
            self.faults.insert(of.clone(), faults.clone());
        }
        self.unreadable.extend(unreadable.iter().map(|why| (of.clone(), why.clone())));
        let leases = &mut self.snapshot.announced.leases;
        if leases.get(name) != lease.as_ref() {
            self.keys.insert(ChangeKey::Announced);
            match lease {
                Some(lease) => drop(leases.insert(name.clone(), Arc::clone(lease))),
                None => drop(leases.remove(name)),
            }
        }
    }

    /// A ServiceL2Status that names another Service than before leaves the old one first.
    pub(super) fn store_claim(&mut self, name: ObjectReference, claim: &Claim) {
        let of = match claim {
            Claim::L2Status(service, _) => Some(Some(service.clone())),
            Claim::OfAnyService(_) => Some(None),
            Claim::Lease(_) => None,
        };
        if let Some(of) = of
            && let Some(before) = self.statuses.insert(name.clone(), of.clone())
            && before != of
        {
            self.keys.extend(claims::remove_status(&mut self.snapshot, before.as_ref(), &name));
        }
        self.keys.extend(claims::set(&mut self.snapshot, &name, claim));
    }

    /// A slice that names another Service than before leaves the old one first.
    pub(super) fn store_slice(&mut self, name: ObjectReference, slice: Arc<Slice>) {
        if self.slices.get(&name).is_some_and(|service| *service != slice.service) {
            self.remove(Kind::Slices, &name);
        }
        let slices = self.snapshot.slices.entry(slice.service.clone()).or_default();
        if slices.get(&name.name) != Some(&slice) {
            self.keys.insert(ChangeKey::Subject(slice.service.clone()));
            self.slices.insert(name.clone(), slice.service.clone());
            slices.insert(name.name, slice);
        }
    }
}

pub(super) fn remove_slice(snapshot: &mut Snapshot, service: &SubjectKey, name: &str) {
    let Some(slices) = snapshot.slices.get_mut(service) else { return };
    slices.remove(name);
    if slices.is_empty() {
        snapshot.slices.remove(service);
    }
}
