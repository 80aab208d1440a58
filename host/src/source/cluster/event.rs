//! What a follower of one kind of objects reports, in the words of the core: nothing of Kubernetes is left in it.

use std::fmt;

use egressd_core::model::ObjectReference;

use super::super::documents::Object;

/// A kind of objects that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All Services.
    Services,
    /// All EndpointSlices.
    Slices,
    /// All Nodes.
    Nodes,
    /// All Namespaces.
    Namespaces,
    /// All ServiceCIDRs, where the server has such objects.
    ServiceNetworks,
    /// The ConfigMaps of our own namespace that are policies.
    Policies,
    /// The pods of this node, where they are wanted.
    Pods,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Services,
        Self::Slices,
        Self::Nodes,
        Self::Namespaces,
        Self::ServiceNetworks,
        Self::Policies,
        Self::Pods,
    ];
}

/// As `kubectl` and the server's own messages call it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Services => "services",
            Self::Slices => "endpointslices.discovery.k8s.io",
            Self::Nodes => "nodes",
            Self::Namespaces => "namespaces",
            Self::ServiceNetworks => "servicecidrs.networking.k8s.io",
            Self::Policies => "configmaps",
            Self::Pods => "pods",
        })
    }
}

/// One object as the server told it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Its name; the namespace is empty where the kind needs none to tell objects apart.
    pub name: ObjectReference,
    /// The identity of this life of it.
    pub uid: Option<String>,
    /// What it says.
    pub content: Content,
}

/// What an object says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// This.
    Object(Object),
    /// Nothing that matters here: an EndpointSlice of no Service, say.
    Nothing,
    /// Something that cannot be read, and why.
    Unreadable(String),
}

/// What happened to the objects of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A list of everything begins; what was known stays until it is complete.
    Begin,
    /// An object in the list.
    Listed(Reading),
    /// The list is complete: what was not in it is gone.
    Complete,
    /// An object came or changed.
    Changed(Reading),
    /// An object is gone.
    Gone(ObjectReference),
}
