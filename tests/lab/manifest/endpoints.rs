//! EndpointSlices: which pods stand behind a Service.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Manifest, Yaml};
use crate::addresses::NODE_NAME;

/// The endpoints of a Service in the namespace `default`, on the lab's node, all of one family.
pub fn endpoints(service: &str, addresses: impl IntoIterator<Item = IpAddr>) -> EndpointSlice {
    EndpointSlice {
        service: service.to_owned(),
        namespace: "default".to_owned(),
        node: NODE_NAME.to_owned(),
        addresses: addresses.into_iter().collect(),
        targets: BTreeMap::new(),
        managed_by: None,
    }
}

#[derive(Clone, Debug)]
pub struct EndpointSlice {
    service: String,
    namespace: String,
    node: String,
    addresses: Vec<IpAddr>,
    targets: BTreeMap<IpAddr, (String, String)>,
    managed_by: Option<&'static str>,
}

impl EndpointSlice {
    pub fn namespace(self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self }
    }

    pub fn on_node(self, node: &str) -> Self {
        Self { node: node.to_owned(), ..self }
    }

    /// As the endpoint-slice controller marks its own.
    pub fn by_controller(self) -> Self {
        Self { managed_by: Some("endpointslice-controller.k8s.io"), ..self }
    }

    /// With a `targetRef` for one of its endpoints, correct or not.
    pub fn naming(mut self, address: IpAddr, namespace: &str, pod: &str) -> Self {
        self.targets.insert(address, (namespace.to_owned(), pod.to_owned()));
        self
    }

    fn endpoint(&self, address: IpAddr) -> Yaml {
        let target = self.targets.get(&address).map_or(Yaml::Map(Vec::new()), |(namespace, name)| {
            let target = [("kind", "Pod"), ("namespace", namespace), ("name", name)];
            Yaml::map(target.map(|(key, value)| (key, value.into())))
        });
        Yaml::map([
            ("addresses", Yaml::texts([address])),
            ("nodeName", self.node.as_str().into()),
            ("targetRef", target),
        ])
    }

    fn family(&self) -> &'static str {
        if self.addresses.iter().any(IpAddr::is_ipv6) { "IPv6" } else { "IPv4" }
    }

    fn name(&self) -> String {
        let name = format!("{}-{}", self.service, self.family().to_lowercase());
        // So that a Service can have endpoints on both nodes.
        if self.node == NODE_NAME { name } else { format!("{name}-{}", self.node) }
    }
}

impl Manifest for EndpointSlice {
    fn file_name(&self) -> String {
        format!("{}-{}-endpoints.yaml", self.namespace, self.name())
    }

    fn yaml(&self) -> Yaml {
        let labels = [
            ("kubernetes.io/service-name", self.service.as_str().into()),
            ("endpointslice.kubernetes.io/managed-by", self.managed_by.unwrap_or_default().into()),
        ];
        let metadata = Yaml::map([
            ("name", self.name().as_str().into()),
            ("namespace", self.namespace.as_str().into()),
            ("labels", Yaml::map(labels)),
        ]);
        Yaml::map([
            ("apiVersion", "discovery.k8s.io/v1".into()),
            ("kind", "EndpointSlice".into()),
            ("metadata", metadata),
            ("addressType", self.family().into()),
            ("endpoints", Yaml::List(self.addresses.iter().map(|address| self.endpoint(*address)).collect())),
        ])
    }
}
