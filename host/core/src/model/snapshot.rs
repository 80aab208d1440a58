//! The newest state of everything a source watches, as persistent maps: a clone costs nothing, so a source
//! hands over whole snapshots, with the keys to look at again.

use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;
use ipnet::IpNet;

use super::{
    Announcements, ByName, ClusterNetworks, EgressNodes, EgressPolicy, Endpoint, KnownPods, Labels, Namespace,
    ObjectReference, PolicyObject, Service, SubjectKey, SubjectKind, SubjectObject, Uid, Unreadable,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The Service it belongs to (label `kubernetes.io/service-name`).
    pub service: SubjectKey,
    pub made_by: ManagedBy,
    /// Its endpoints. Shared with the views that have just these.
    pub endpoints: Arc<[Endpoint]>,
}

/// The slices of one Service, by name.
pub type Slices = ByName<Arc<Slice>>;

/// Who made a slice, by the label `endpointslice.kubernetes.io/managed-by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManagedBy {
    /// Kubernetes' endpoint-slice controller, from the pods that a Service selects.
    Controller,
    /// Another program, or a person.
    Other,
}

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// `status.addresses` that are addresses: internal and external.
    pub addresses: Vec<IpAddr>,
    /// Those of its addresses, the earlier ones included, that are no `InternalIP`: few nodes have any.
    pub external: Vec<IpAddr>,
    /// `spec.podCIDRs`.
    pub pod_networks: Vec<IpNet>,
    /// Whether all its addresses and networks could be read.
    pub completeness: Completeness,
    /// What it had before, as long as a part of it cannot be read.
    pub before: EarlierNodeData,
    /// Its identity, where a server gave it one.
    pub uid: Option<Uid>,
    pub labels: Labels,
    /// The condition `Ready`.
    pub readiness: Readiness,
}

/// What a Node had and has no more, where that may only be because a part of it cannot be read: it stays inside, the
/// oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierNodeData {
    pub addresses: Vec<IpAddr>,
    /// Its pods' networks.
    pub pod_networks: Vec<IpNet>,
}

/// How much of what an object says about networks is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Completeness {
    #[default]
    Whole,
    /// Something could not be read, and is not known from before either: pods may be anywhere.
    Partial,
}

/// `status.conditions` of type `Ready`. A node that says nothing, as in manifests, never had a kubelet that could
/// be missed, and counts as ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Readiness {
    /// It is `True`, or absent.
    #[default]
    Ready,
    /// It is `False` or `Unknown`.
    NotReady,
}

/// Everything a source knows at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub services: OrdMap<SubjectKey, Arc<Service>>,
    /// All EndpointSlices: by Service, then by the slice's name.
    pub slices: OrdMap<SubjectKey, Slices>,
    /// All EgressPolicies, with what was worked out for them. No source reports any yet.
    pub egress_policies: OrdMap<SubjectKey, Arc<EgressPolicy>>,
    pub nodes: OrdMap<String, Arc<Node>>,
    /// What nodes publish about themselves.
    pub egress_nodes: EgressNodes,
    pub namespaces: OrdMap<String, Arc<Namespace>>,
    /// The networks of all ServiceCIDR objects, by name.
    pub service_networks: OrdMap<String, Arc<Vec<IpNet>>>,
    /// What network plugins and installers say, by what says it: `IPPool default-ipv4-ippool`.
    pub cluster_networks: OrdMap<String, Arc<ClusterNetworks>>,
    /// The ConfigMaps that are policies, by name.
    pub policies: OrdMap<String, Arc<PolicyObject>>,
    pub pods: KnownPods,
    /// What load balancers write about the nodes that announce addresses.
    pub announced: Announcements,
    /// What is there and cannot be read, where nothing is known from before.
    pub unreadable: Unreadable,
}

impl Snapshot {
    /// The object of this kind and name.
    pub fn object(&self, key: &SubjectKey) -> Option<SubjectObject> {
        match key.kind {
            SubjectKind::Service => self.services.get(key).cloned().map(SubjectObject::Service),
            SubjectKind::EgressPolicy => self.egress_policies.get(key).cloned().map(SubjectObject::EgressPolicy),
        }
    }

    /// All that can be subjects, by kind.
    pub fn subjects(&self) -> impl Iterator<Item = &SubjectKey> {
        self.services.keys().chain(self.egress_policies.keys())
    }

    /// Those of a namespace, by kind.
    pub fn subjects_of(&self, namespace: &str) -> impl Iterator<Item = &SubjectKey> {
        let first = || SubjectKey::first_of(namespace)..;
        let of_it = |key: &&SubjectKey| *key.namespace == *namespace;
        let services = self.services.range(first()).map(|(key, _)| key).take_while(of_it);
        services.chain(self.egress_policies.range(first()).map(|(key, _)| key).take_while(of_it))
    }
}

/// What a source says to look at again, with the snapshot in which it is new or a later one that was not handed over
/// yet. Keys carry no news of their own: values are read from the newest snapshot, so a doubled key cannot matter. What
/// has none is noticed with the next key that is about it, or by the audit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKey {
    /// A Service or one of its EndpointSlices, or a subject of another kind.
    Subject(SubjectKey),
    /// A namespace's labels.
    Namespace(String),
    /// Nodes or service networks: the facts that hold for all Services.
    Cluster,
    /// What nodes publish about themselves. Most of it is about addresses that they hold, of which nothing follows for
    /// others.
    EgressNodes,
    /// A policy's ConfigMap.
    Policy(String),
    /// An address that a pod of this node has or had.
    Pod(IpAddr),
    /// A pod of this node that has no address, or had none: only what announces its addresses is about it.
    PodWithoutAddress(ObjectReference),
    /// How much is known of the pods of this node.
    Pods,
    /// What load balancers write about the nodes that announce addresses: which Services that concerns is found by the
    /// difference.
    Announced,
}
