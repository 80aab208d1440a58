//! Pods, as a kubelet reports them.

use std::net::IpAddr;

use super::{Manifest, Yaml};
use crate::addresses::NODE_NAME;

/// A pod of a namespace that runs on the lab's node with these addresses.
pub fn pod(namespace: &str, name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> PodObject {
    PodObject { namespace: namespace.to_owned(), name: name.to_owned(), addresses: addresses.into_iter().collect() }
}

#[derive(Clone, Debug)]
pub struct PodObject {
    namespace: String,
    name: String,
    addresses: Vec<IpAddr>,
}

impl Manifest for PodObject {
    fn file_name(&self) -> String {
        format!("{}-{}-pod.yaml", self.namespace, self.name)
    }

    fn yaml(&self) -> Yaml {
        let addresses = self.addresses.iter().map(|a| Yaml::map([("ip", a.to_string().as_str().into())])).collect();
        Yaml::map([
            ("apiVersion", "v1".into()),
            ("kind", "Pod".into()),
            (
                "metadata",
                Yaml::map([("name", self.name.as_str().into()), ("namespace", self.namespace.as_str().into())]),
            ),
            ("spec", Yaml::map([("nodeName", NODE_NAME.into())])),
            ("status", Yaml::map([("phase", "Running".into()), ("podIPs", Yaml::List(addresses))])),
        ])
    }
}
