//! A Service and its endpoints, with the fields that egress needs.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{KubeVipEndpoint, Labels, Selection, ServiceType, SubjectKey, TrafficPolicy};
use crate::net::{Family, Protocol};

/// The identity of one life of an object. It becomes a part of chain names, so it is short and plain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(Arc<str>);

/// Why a text is no uid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("uid {0:?} is not 1 to 64 letters, digits or dashes")]
pub struct UidError(String);

impl Uid {
    /// Kubernetes promises no form for uids; UUIDs have 36 characters.
    const MAX_UID_LENGTH: usize = 64;

    /// A uid of 1 to 64 letters, digits or dashes.
    ///
    /// # Errors
    /// When it is anything else: it could not be part of a chain's name.
    pub fn new(text: impl Into<String>) -> Result<Self, UidError> {
        let text = text.into();
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if text.is_empty() || text.len() > Self::MAX_UID_LENGTH || !plain {
            return Err(UidError(text));
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of `spec.ports`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServicePort {
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    pub protocol: Protocol,
    /// The port of the Service (not of the pod).
    pub port: u16,
}

/// A Service as its source reports it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    pub key: SubjectKey,
    /// The identity of this life of it.
    pub uid: Uid,
    /// Seconds since 1970; 0 when the source does not say. The older of two Services wins (P13).
    pub created: i64,
    /// `spec.type`.
    pub kind: ServiceType,
    pub labels: Labels,
    pub annotations: Labels,
    /// `spec.loadBalancerClass`.
    pub load_balancer_class: Option<Arc<str>>,
    /// `status.loadBalancer.ingress[].ip`, in order.
    pub status_addresses: Vec<IpAddr>,
    /// `status.loadBalancer.ingress[].hostname`, in order: nothing can be translated to a name.
    pub status_hostnames: Vec<String>,
    /// `spec.loadBalancerIP`, as written.
    pub spec_address: Option<String>,
    /// `spec.clusterIPs` without `None`.
    pub cluster_addresses: Vec<IpAddr>,
    /// `spec.selector`.
    pub selection: Selection,
    /// `spec.externalTrafficPolicy`.
    pub traffic_policy: TrafficPolicy,
    /// `spec.ipFamilies`.
    pub families: Vec<Family>,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
    /// What `metadata.managedFields` says about the active endpoint.
    pub kube_vip_wrote: Option<KubeVipEndpoint>,
}

/// Another object by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectReference {
    /// Its namespace. Shared, as far as many have it.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl ObjectReference {
    /// The object `namespace/name`.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Before all Services of a namespace, in their order, and after those of all namespaces before it.
    pub fn first_of(namespace: impl Into<Arc<str>>) -> Self {
        Self::new(namespace, "")
    }
}

/// One address behind a Service. Endpoints order by address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Where it answers, and where its packets come from.
    pub address: IpAddr,
    /// The node it runs on, if Kubernetes says. Shared, as far as many have it.
    pub node: Option<Arc<str>>,
    /// The pod, if it is one.
    pub pod: Option<ObjectReference>,
    /// `conditions.ready`.
    pub ready: Option<bool>,
    /// `conditions.serving`.
    pub serving: Option<bool>,
    /// `conditions.terminating`.
    pub terminating: Option<bool>,
}

impl Endpoint {
    /// Whether it runs on the node of this name.
    pub fn is_on(&self, node: &str) -> bool {
        self.node.as_deref() == Some(node)
    }
}
