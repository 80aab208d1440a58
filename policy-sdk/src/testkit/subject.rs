//! Subjects in the making.

use std::net::IpAddr;

use super::{OTHER_NODE, THIS_NODE};
use crate::Family;
use crate::subject::{Endpoint, Namespace, ObjectReference, SERVICE, Service, Subject};
use crate::{ServiceType, TrafficPolicy};

/// A Service of type LoadBalancer, with the traffic policy `Local`, without anything else yet.
pub fn load_balancer(namespace: &str, name: &str) -> SubjectBuilder {
    let service = Service {
        service_type: ServiceType::LoadBalancer,
        external_traffic_policy: TrafficPolicy::Local,
        ..Service::default()
    };
    subject(SERVICE, namespace, name).service(service)
}

/// A subject of any kind, without anything else yet; what only a Service has comes by [`load_balancer`] alone.
pub fn subject(kind: &str, namespace: &str, name: &str) -> SubjectBuilder {
    SubjectBuilder(Subject {
        kind: kind.to_owned(),
        namespace: Namespace { name: namespace.to_owned(), ..Namespace::default() },
        name: name.to_owned(),
        uid: format!("uid-of-{name}"),
        ..Subject::default()
    })
}

/// A ready endpoint on a node; it is here on [`THIS_NODE`].
///
/// # Panics
/// When it is no address.
pub fn endpoint(address: &str, node: &str) -> Endpoint {
    Endpoint {
        node: Some(node.to_owned()),
        here: node == THIS_NODE,
        ready: Some(true),
        ..Endpoint::new(parse(address))
    }
}

/// A ready endpoint on [`THIS_NODE`] that is a pod, written as `namespace/name`.
///
/// # Panics
/// When it is no address, or the pod has no namespace.
pub fn pod(address: &str, pod: &str) -> Endpoint {
    let (namespace, name) = pod.split_once('/').unwrap_or_else(|| panic!("{pod:?} is not namespace/name"));
    let pod = ObjectReference { namespace: namespace.to_owned(), name: name.to_owned() };
    Endpoint { pod: Some(pod), ..endpoint(address, THIS_NODE) }
}

/// A subject in the making.
#[derive(Clone, Debug)]
pub struct SubjectBuilder(Subject);

impl SubjectBuilder {
    /// A Service of another type.
    #[must_use]
    pub fn service_type(mut self, service_type: ServiceType) -> Self {
        self.0.service.get_or_insert_default().service_type = service_type;
        self
    }

    /// With a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.0.labels.insert(name, value);
        self
    }

    /// With a label on its namespace.
    #[must_use]
    pub fn namespace_label(mut self, name: &str, value: &str) -> Self {
        self.0.namespace.labels.insert(name, value);
        self
    }

    /// With an annotation on its namespace.
    #[must_use]
    pub fn namespace_annotation(mut self, name: &str, value: &str) -> Self {
        self.0.namespace.annotations.insert(name, value);
        self
    }

    /// With an annotation.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.0.annotations.insert(name, value);
        self
    }

    /// With one more own address.
    ///
    /// # Panics
    /// When it is no address.
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        self.0.addresses.push(parse(address));
        self
    }

    /// With `spec.ipFamilies`.
    #[must_use]
    pub fn families(mut self, families: &[Family]) -> Self {
        self.0.service.get_or_insert_default().families = families.to_vec();
        self
    }

    /// With another traffic policy.
    #[must_use]
    pub fn traffic_policy(mut self, policy: TrafficPolicy) -> Self {
        self.0.service.get_or_insert_default().external_traffic_policy = policy;
        self
    }

    /// With a ready endpoint on [`THIS_NODE`].
    ///
    /// # Panics
    /// When it is no address.
    #[must_use]
    pub fn local_endpoint(self, address: &str) -> Self {
        self.endpoint(endpoint(address, THIS_NODE))
    }

    /// With a ready endpoint on [`OTHER_NODE`].
    ///
    /// # Panics
    /// When it is no address.
    #[must_use]
    pub fn remote_endpoint(self, address: &str) -> Self {
        self.endpoint(endpoint(address, OTHER_NODE))
    }

    /// With a ready pod on [`THIS_NODE`], written as `namespace/name`.
    ///
    /// # Panics
    /// When it is no address, or the pod has no namespace.
    #[must_use]
    pub fn local_pod(self, address: &str, name: &str) -> Self {
        self.endpoint(pod(address, name))
    }

    /// With any endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.0.endpoints.push(endpoint);
        self.0.endpoints.sort_by_key(|endpoint| endpoint.address);
        self
    }

    /// With so many more endpoints on other nodes, which are not shown.
    #[must_use]
    pub fn endpoints_not_shown(mut self, count: usize) -> Self {
        self.0.endpoints_not_shown = count;
        self
    }

    /// The subject.
    pub fn build(self) -> Subject {
        self.0
    }

    fn service(mut self, service: Service) -> Self {
        self.0.service = Some(service);
        self
    }
}

pub(super) fn parse(address: &str) -> IpAddr {
    address.parse().unwrap_or_else(|_| panic!("{address:?} is not an address"))
}
