//! What a policy is shown: one Service with its endpoints, and the node it is evaluated on.

use std::fmt;
use std::net::IpAddr;

use crate::Extra;
use crate::Family;
use crate::Protocol;
use crate::labels::Labels;

/// What is the same for every Service of one node.
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

/// `spec.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKind {
    /// Inside the cluster only (the default of Kubernetes).
    #[default]
    ClusterIp,
    /// On a port of every node.
    NodePort,
    /// With addresses of its own.
    LoadBalancer,
    /// A DNS alias.
    ExternalName,
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalName => "ExternalName",
        })
    }
}

/// `spec.externalTrafficPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrafficPolicy {
    /// Any endpoint may answer (the default of Kubernetes).
    #[default]
    Cluster,
    /// Only endpoints of the node that was asked.
    Local,
}

/// One Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// The labels of its namespace.
    pub namespace_labels: Labels,
    /// Its name.
    pub name: String,
    /// The identity of this life of it.
    pub uid: String,
    /// `spec.type`.
    pub kind: ServiceKind,
    /// Labels with a prefix that the policy asked for.
    pub labels: Labels,
    /// Annotations with a prefix that the policy asked for.
    pub annotations: Labels,
    /// `spec.loadBalancerClass`.
    pub load_balancer_class: Option<String>,
    /// Its own addresses in the order of preference: a rule may translate to these and to no other.
    pub addresses: Vec<IpAddr>,
    /// `spec.clusterIPs`.
    pub cluster_addresses: Vec<IpAddr>,
    /// `spec.externalTrafficPolicy`.
    pub external_traffic_policy: TrafficPolicy,
    /// `spec.ipFamilies`; empty when unknown.
    pub families: Vec<Family>,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
    /// On all nodes, sorted by address, without host-network ones: those are never a source.
    pub endpoints: Vec<Endpoint>,
    /// What later hosts add.
    pub extra: Extra,
}

impl Service {
    /// The endpoints that run on the context's node.
    pub fn local_endpoints(&self, context: &Context) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().filter(|endpoint| endpoint.is_on(&context.node_name))
    }
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

/// One address behind a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Where its packets come from.
    pub address: IpAddr,
    /// The node it runs on, if Kubernetes says.
    pub node: Option<String>,
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
        Self { address, node: None, pod: None, ready: None, serving: None, terminating: None, extra }
    }

    /// Whether it runs on this node.
    pub fn is_on(&self, node_name: &str) -> bool {
        self.node.as_deref() == Some(node_name)
    }
}
