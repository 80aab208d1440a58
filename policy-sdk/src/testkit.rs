//! Services for tests. What is no address panics: a test must not go on with another Service than it says.
//!
//! ```
//! use egressd_policy_sdk::testkit;
//!
//! let service = testkit::load_balancer("shop", "web").address("192.0.2.10").local_endpoint("10.244.1.7").build();
//! assert_eq!(service.local_endpoints(&testkit::context()).count(), 1);
//! ```

use std::net::IpAddr;

use crate::family::Family;
use crate::service::{Context, Endpoint, Service, ServiceKind, TrafficPolicy};

/// The node that [`context`] is about.
pub const THIS_NODE: &str = "node-a";

/// The node of remote endpoints.
pub const OTHER_NODE: &str = "node-b";

/// [`THIS_NODE`], without settings.
pub fn context() -> Context {
    context_with_settings("{}")
}

/// [`THIS_NODE`], with settings as JSON text.
pub fn context_with_settings(settings: &str) -> Context {
    Context { node_name: THIS_NODE.to_owned(), settings: settings.to_owned(), ..Context::default() }
}

/// A Service of type LoadBalancer, with the traffic policy `Local`, without anything else yet.
pub fn load_balancer(namespace: &str, name: &str) -> ServiceBuilder {
    ServiceBuilder(Service {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: format!("uid-of-{name}"),
        kind: ServiceKind::LoadBalancer,
        external_traffic_policy: TrafficPolicy::Local,
        ..Service::default()
    })
}

/// A Service in the making.
#[derive(Clone, Debug)]
pub struct ServiceBuilder(Service);

impl ServiceBuilder {
    /// Of another type.
    #[must_use]
    pub fn kind(mut self, kind: ServiceKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// With a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.0.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With an annotation.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.0.annotations.insert(name.to_owned(), value.to_owned());
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
        self.0.families = families.to_vec();
        self
    }

    /// With another `spec.externalTrafficPolicy`.
    #[must_use]
    pub fn traffic_policy(mut self, policy: TrafficPolicy) -> Self {
        self.0.external_traffic_policy = policy;
        self
    }

    /// With a ready endpoint on [`THIS_NODE`].
    ///
    /// # Panics
    /// When it is no address.
    #[must_use]
    pub fn local_endpoint(self, address: &str) -> Self {
        self.endpoint(Endpoint { node: Some(THIS_NODE.to_owned()), ready: Some(true), ..Endpoint::new(parse(address)) })
    }

    /// With a ready endpoint on [`OTHER_NODE`].
    ///
    /// # Panics
    /// When it is no address.
    #[must_use]
    pub fn remote_endpoint(self, address: &str) -> Self {
        self.endpoint(Endpoint {
            node: Some(OTHER_NODE.to_owned()),
            ready: Some(true),
            ..Endpoint::new(parse(address))
        })
    }

    /// With any endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.0.endpoints.push(endpoint);
        self.0.endpoints.sort_by_key(|endpoint| endpoint.address);
        self
    }

    /// The Service.
    pub fn build(self) -> Service {
        self.0
    }
}

fn parse(address: &str) -> IpAddr {
    address.parse().unwrap_or_else(|_| panic!("{address:?} is not an address"))
}
