//! What a policy is shown: one subject with its endpoints, and the node it is evaluated on.

use std::net::IpAddr;

use egressd_vocabulary::{Extra, Family, Protocol, ServiceType, TrafficPolicy};

use crate::labels::Labels;

/// What is the same for every subject of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// The node's name.
    pub node_name: String,
    /// The node's labels.
    pub node_labels: Labels,
    /// What later hosts add.
    pub extra: Extra,
}

/// The kind of a subject that is a Service.
pub const SERVICE: &str = "Service";

/// What asks for egress: a Service, or an object of another kind that selects pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// The kind of the object, as Kubernetes calls it: [`SERVICE`]. One of those in
    /// [`Description::subject_kinds`](crate::Description::subject_kinds).
    pub kind: String,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: String,
    /// The identity of this life of it.
    pub uid: String,
    /// Labels with a prefix that the policy asked for.
    pub labels: Labels,
    /// Annotations with a prefix that the policy asked for.
    pub annotations: Labels,
    /// Its own addresses in the order of preference: a rule may translate to these and to no other.
    pub addresses: Vec<IpAddr>,
    /// Sorted by address, without host-network ones, which are never a source: those on the node of the context, or all
    /// of them where the description asks for all.
    pub endpoints: Vec<Endpoint>,
    /// How many endpoints there are beside those, on other nodes.
    pub endpoints_not_shown: usize,
    /// Where it is a Service: what only a Service has.
    pub service: Option<Service>,
    /// What later hosts add.
    pub extra: Extra,
}

/// A namespace, as far as the policy sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// All of its labels.
    pub labels: Labels,
    /// Annotations with a prefix that the policy asked for.
    pub annotations: Labels,
}

impl Subject {
    /// The endpoints on the context's node: the only ones that may be sources of rules.
    pub fn local_endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().filter(|endpoint| endpoint.here)
    }

    /// How many endpoints there are on other nodes, shown or not.
    pub fn endpoints_elsewhere(&self) -> usize {
        self.endpoints.iter().filter(|endpoint| !endpoint.here).count() + self.endpoints_not_shown
    }

    /// The type of the Service; none where it is not a Service.
    pub fn service_type(&self) -> Option<ServiceType> {
        self.service.as_ref().map(|service| service.service_type)
    }

    /// `spec.ipFamilies` of the Service; empty where that is unknown, and where it is not a Service.
    pub fn families(&self) -> &[Family] {
        self.service.as_ref().map_or(&[], |service| &service.families)
    }
}

/// What only a Service has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// `spec.type`.
    pub service_type: ServiceType,
    /// `spec.loadBalancerClass`.
    pub load_balancer_class: Option<String>,
    /// `spec.clusterIPs`.
    pub cluster_addresses: Vec<IpAddr>,
    /// `spec.externalTrafficPolicy`.
    pub external_traffic_policy: TrafficPolicy,
    /// `spec.ipFamilies`; empty when unknown.
    pub families: Vec<Family>,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
}

/// One entry of `spec.ports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its protocol.
    pub protocol: Protocol,
    /// The port of the Service (not of the pod).
    pub port: u16,
}

/// Another object by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// One address behind a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Where its packets come from.
    pub address: IpAddr,
    /// The node that it is on, if Kubernetes says.
    pub node: Option<String>,
    /// Whether it is on the context's node.
    pub here: bool,
    /// The pod, if it is one.
    pub pod: Option<ObjectReference>,
    /// `conditions.ready`; none is unknown.
    pub ready: Option<bool>,
    /// `conditions.serving`; none is unknown.
    pub serving: Option<bool>,
    /// `conditions.terminating`; none is unknown.
    pub terminating: Option<bool>,
    /// What later hosts add.
    pub extra: Extra,
}

impl Endpoint {
    /// An endpoint of which nothing is known but its address.
    pub fn new(address: IpAddr) -> Self {
        let extra = Extra::new();
        Self { address, node: None, here: false, pod: None, ready: None, serving: None, terminating: None, extra }
    }
}
