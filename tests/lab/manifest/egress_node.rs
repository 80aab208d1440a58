//! What a node publishes about itself.

use std::net::IpAddr;

use super::{Manifest, Yaml};

/// An EgressNode of this name with these addresses.
pub fn egress_node(name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> EgressNode {
    EgressNode { name: name.to_owned(), addresses: addresses.into_iter().collect() }
}

#[derive(Clone, Debug)]
pub struct EgressNode {
    name: String,
    addresses: Vec<IpAddr>,
}

impl Manifest for EgressNode {
    fn file_name(&self) -> String {
        format!("egress-{}.yaml", self.name)
    }

    fn yaml(&self) -> Yaml {
        let spec = [("version", "0.1.0".into()), ("addresses", Yaml::texts(&self.addresses))];
        Yaml::map([
            ("apiVersion", "egressd.io/v1alpha1".into()),
            ("kind", "EgressNode".into()),
            ("metadata", Yaml::map([("name", self.name.as_str().into())])),
            ("spec", Yaml::map(spec)),
        ])
    }
}
