//! The objects in which load balancers name the nodes that announce addresses, as a source reports them.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::{ByName, ObjectReference, SubjectKey};

/// Seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

/// Which node an object names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedNode {
    /// The name of the node, as written.
    Node(Arc<str>),
    /// None: a Lease that was released, say.
    NoNode,
    /// The field cannot be read, and was never read before: it may be any node.
    Unreadable,
    /// The object was asked for and there is no answer yet: likewise.
    NotRead,
    /// The object is not asked for, because as many are followed as may be: likewise.
    NotFollowed,
}

/// MetalLB's ServiceL2Status: the node whose speaker answers for a Service's addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct L2Status {
    /// `status.node`, else the label `metallb.io/node`.
    pub named: NamedNode,
    /// `metadata.creationTimestamp`: each node that begins to announce makes an object of its own.
    pub since: Option<UnixTime>,
}

/// A Lease (`coordination.k8s.io/v1`) that a load balancer holds for a Service, or for all of them. Its renewals are no
/// part of it: they change nothing until they stay away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// `spec.holderIdentity`.
    pub named: NamedNode,
    /// `spec.acquireTime`, by the clock of the node that holds it.
    pub since: Option<UnixTime>,
    pub term: LeaseTerm,
}

/// Whether a Lease is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseTerm {
    /// It was renewed in time.
    Running,
    /// It was not renewed for longer than it lasts: another node may have taken over.
    Ended,
}

/// Everything that load balancers write about who announces addresses. Empty where none of them is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Announcements {
    /// MetalLB's ServiceL2Statuses: by Service, then by the object's name.
    pub l2_statuses: OrdMap<SubjectKey, ByName<Arc<L2Status>>>,
    /// The Leases of load balancers, by namespace and name.
    pub leases: OrdMap<ObjectReference, Arc<Lease>>,
    /// What may name any node for any Service, since not even the Service can be read; as messages call it:
    /// `ServiceL2Status metallb-system/l2-a`.
    pub unreadable: OrdSet<Arc<str>>,
}

impl Announcements {
    /// Whether nothing of the kind is known.
    pub fn is_empty(&self) -> bool {
        let Self { l2_statuses, leases, unreadable } = self;
        l2_statuses.is_empty() && leases.is_empty() && unreadable.is_empty()
    }
}
