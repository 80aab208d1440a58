//! What load balancers write about the nodes that announce addresses: how a snapshot takes it in.

use std::sync::Arc;
use std::time::Duration;

use egressd_core::model::{Key, L2Status, Lease, Named, ObjectReference, Snapshot, SubjectKey, Term};
use egressd_core::placement::Record;

/// MetalLB's own namespace. Who may write in another one is not MetalLB, and is not believed about others' Services.
pub const METALLB: &str = "metallb-system";

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// MetalLB's ServiceL2Status, and the Service that it is about.
    L2Status(SubjectKey, L2Status),
    /// A Lease by which nodes choose the one that announces.
    Lease(Record),
}

impl Claim {
    /// The same, where it cannot be read which node is named, with the one that was named before.
    #[must_use]
    pub fn keeping_node(self, before: &Self) -> Self {
        match (self, before) {
            (Self::L2Status(service, new), Self::L2Status(of, old)) if service == *of => {
                Self::L2Status(service, L2Status { named: readable(new.named, &old.named), ..new })
            }
            (Self::Lease(new), Self::Lease(old)) => {
                Self::Lease(Record { named: readable(new.named, &old.named), ..new })
            }
            (other, _) => other,
        }
    }
}

/// Where none was named before, something is there now that may be any node.
fn readable(new: Named, old: &Named) -> Named {
    match (new, old) {
        (Named::Unreadable, Named::Node(_)) => old.clone(),
        (new, _) => new,
    }
}

/// Takes in what an object says; the key where that is news. A Lease counts as it is written: who lets it end is another room.
pub fn set(snapshot: &mut Snapshot, name: &ObjectReference, claim: &Claim) -> Option<Key> {
    let announced = &mut snapshot.announced;
    let is_news = match claim {
        Claim::L2Status(service, status) => {
            let statuses = announced.l2_statuses.entry(service.clone()).or_default();
            let is_known = statuses.get(&name.name).is_some_and(|known| **known == *status);
            if !is_known {
                statuses.insert(Arc::clone(&name.name), Arc::new(status.clone()));
            }
            !is_known
        }
        Claim::Lease(Record { named, acquired, .. }) => {
            let lease = Lease { named: named.clone(), since: *acquired, term: Term::Running };
            let is_known = announced.leases.get(name).is_some_and(|known| **known == lease);
            if !is_known {
                announced.leases.insert(name.clone(), Arc::new(lease));
            }
            !is_known
        }
    };
    is_news.then_some(Key::Announced)
}

/// Takes a ServiceL2Status away; the key where it was there.
pub fn remove_status(snapshot: &mut Snapshot, service: &SubjectKey, name: &str) -> Option<Key> {
    let all = &mut snapshot.announced.l2_statuses;
    let statuses = all.get_mut(service)?;
    let removed = statuses.remove(name);
    if statuses.is_empty() {
        all.remove(service);
    }
    removed.map(|_| Key::Announced)
}

/// What is known of an object, and of a ServiceL2Status the Service that it is about.
pub fn known(snapshot: &Snapshot, service: Option<&SubjectKey>, name: &ObjectReference) -> Option<Claim> {
    let announced = &snapshot.announced;
    if let Some(service) = service {
        let status = announced.l2_statuses.get(service)?.get(&name.name)?;
        return Some(Claim::L2Status(service.clone(), L2Status::clone(status)));
    }
    let Lease { named, since, term: _ } = Lease::clone(announced.leases.get(name)?);
    Some(Claim::Lease(Record { named, acquired: since, renewed: None, duration: Duration::ZERO }))
}
