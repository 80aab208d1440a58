//! What load balancers write about the nodes that announce addresses: how a snapshot takes it in.

use std::sync::Arc;
use std::time::Duration;

use egressd_core::model::{ChangeKey, L2Status, Lease, LeaseTerm, NamedNode, ObjectReference, Snapshot, SubjectKey};
use egressd_core::placement::{LeaseRecord, is_of_a_load_balancer};
use egressd_core::text::Text;

use super::kind::{ClaimKind, Kind};
use super::networks;

/// MetalLB's own namespace. Who may write in another one is not MetalLB, and is not believed about others' Services.
pub const METALLB: &str = "metallb-system";

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// MetalLB's ServiceL2Status, and the Service that it is about.
    L2Status(SubjectKey, L2Status),
    /// One of which it cannot be read which Service it is about.
    OfAnyService(ClaimKind),
    /// A Lease by which nodes choose the one that announces.
    Lease(LeaseRecord),
}

impl Claim {
    /// What is known of one that cannot be read, and never could; none where it is not a load balancer's.
    pub fn unread(kind: ClaimKind, name: &ObjectReference) -> Option<Self> {
        if !is_name(&name.namespace) || !is_name(&name.name) {
            return Some(Self::OfAnyService(kind));
        }
        match kind {
            ClaimKind::L2Statuses => (*name.namespace == *METALLB).then_some(Self::OfAnyService(kind)),
            ClaimKind::Leases => is_of_a_load_balancer(name).then_some(Self::Lease(LeaseRecord {
                named: NamedNode::Unreadable,
                acquired: None,
                renewed: None,
                duration: Duration::ZERO,
            })),
        }
    }

    /// Whether it names a node, so that it goes on to count while the object cannot be read.
    pub fn names_a_node(&self) -> bool {
        let named = match self {
            Self::L2Status(_, L2Status { named, .. }) | Self::Lease(LeaseRecord { named, .. }) => named,
            Self::OfAnyService(_) => return false,
        };
        matches!(named, NamedNode::Node(_))
    }

    /// The same, where it cannot be read which node is named, or for which Service, with what was read before.
    #[must_use]
    pub fn keeping_node(self, before: &Self) -> Self {
        match (self, before) {
            (Self::L2Status(service, new), Self::L2Status(of, old)) if service == *of => {
                Self::L2Status(service, L2Status { named: readable(new.named, &old.named), ..new })
            }
            (Self::OfAnyService(_), _) if before.names_a_node() => before.clone(),
            (Self::Lease(new), Self::Lease(old)) => {
                Self::Lease(LeaseRecord { named: readable(new.named, &old.named), ..new })
            }
            (other, _) => other,
        }
    }
}

/// What API servers take as names of namespaces and of these objects.
fn is_name(text: &str) -> bool {
    text.bytes().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || matches!(sign, b'-' | b'.'))
}

/// Where none was named before, something is there now that may be any node.
fn readable(new: NamedNode, old: &NamedNode) -> NamedNode {
    match (new, old) {
        (NamedNode::Unreadable, NamedNode::Node(_)) => old.clone(),
        (new, _) => new,
    }
}

/// Takes in what an object says; the key where that changed. A Lease counts as it is written: who lets it end is another room.
pub fn set(snapshot: &mut Snapshot, name: &ObjectReference, claim: &Claim) -> Option<ChangeKey> {
    let announced = &mut snapshot.announced;
    let is_news = match claim {
        Claim::OfAnyService(kind) => announced.unreadable.insert(title(*kind, name)).is_none(),
        Claim::L2Status(service, status) => {
            let statuses = announced.l2_statuses.entry(service.clone()).or_default();
            let is_known = statuses.get(&name.name).is_some_and(|known| **known == *status);
            if !is_known {
                statuses.insert(Arc::clone(&name.name), Arc::new(status.clone()));
            }
            !is_known
        }
        Claim::Lease(LeaseRecord { named, acquired, .. }) => {
            let lease = Lease { named: named.clone(), since: *acquired, term: LeaseTerm::Running };
            let is_known = announced.leases.get(name).is_some_and(|known| **known == lease);
            if !is_known {
                announced.leases.insert(name.clone(), Arc::new(lease));
            }
            !is_known
        }
    };
    is_news.then_some(ChangeKey::Announced)
}

/// What messages call an object.
fn title(kind: ClaimKind, name: &ObjectReference) -> Arc<str> {
    Text::new(networks::title(Kind::Claims(kind), name)).as_str().into()
}

/// Takes a ServiceL2Status away, which is about this Service or, without one, about any; the key where it was there.
pub fn remove_status(
    snapshot: &mut Snapshot,
    service: Option<&SubjectKey>,
    name: &ObjectReference,
) -> Option<ChangeKey> {
    let Some(service) = service else {
        return snapshot.announced.unreadable.remove(&title(ClaimKind::L2Statuses, name)).map(|_| ChangeKey::Announced);
    };
    let all = &mut snapshot.announced.l2_statuses;
    let statuses = all.get_mut(service)?;
    let removed = statuses.remove(&name.name);
    if statuses.is_empty() {
        all.remove(service);
    }
    removed.map(|_| ChangeKey::Announced)
}

/// What is known of a ServiceL2Status that is about this Service or, without one, about any.
pub fn known_status(snapshot: &Snapshot, service: Option<&SubjectKey>, name: &ObjectReference) -> Option<Claim> {
    let Some(service) = service else { return Some(Claim::OfAnyService(ClaimKind::L2Statuses)) };
    let status = snapshot.announced.l2_statuses.get(service)?.get(&name.name)?;
    Some(Claim::L2Status(service.clone(), L2Status::clone(status)))
}

pub fn known_lease(snapshot: &Snapshot, name: &ObjectReference) -> Option<Claim> {
    let Lease { named, since, term: _ } = Lease::clone(snapshot.announced.leases.get(name)?);
    Some(Claim::Lease(LeaseRecord { named, acquired: since, renewed: None, duration: Duration::ZERO }))
}
