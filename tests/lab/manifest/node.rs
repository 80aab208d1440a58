//! The objects that egressd learns the cluster's networks from: Nodes and ServiceCIDRs.

use std::net::IpAddr;

use super::{Manifest, Yaml};
use crate::addresses::{
    NODE_NAME, NODE_PODS_V4, NODE_PODS_V6, NODE_V4, NODE_V6, SECOND_NODE_NAME, SERVICE_NETWORK_V4, SERVICE_NETWORK_V6,
    node_v4, node_v6, pod_v4_on, pod_v6_on,
};

/// The lab's node, with the pod networks and addresses that it really has.
pub fn node() -> Node {
    Node {
        name: NODE_NAME.to_owned(),
        pod_networks: [NODE_PODS_V4, NODE_PODS_V6].map(str::to_owned).to_vec(),
        addresses: vec![NODE_V4, NODE_V6],
    }
}

/// The second node, with its real networks and addresses.
pub fn second_node() -> Node {
    Node {
        name: SECOND_NODE_NAME.to_owned(),
        pod_networks: vec![format!("{}/24", pod_v4_on(2, 0)), format!("{}/64", pod_v6_on(2, 0))],
        addresses: vec![node_v4(2), node_v6(2)],
    }
}

#[derive(Clone, Debug)]
pub struct Node {
    name: String,
    pod_networks: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Node {
    pub fn name(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub fn pod_networks(self, networks: &[&str]) -> Self {
        Self { pod_networks: networks.iter().map(|&network| network.to_owned()).collect(), ..self }
    }

    pub fn addresses(self, addresses: &[IpAddr]) -> Self {
        Self { addresses: addresses.to_vec(), ..self }
    }
}

impl Manifest for Node {
    fn file_name(&self) -> String {
        format!("{}.yaml", self.name)
    }

    fn yaml(&self) -> Yaml {
        let address = |address: &IpAddr| {
            Yaml::map([("type", "InternalIP".into()), ("address", address.to_string().as_str().into())])
        };
        let addresses = Yaml::List(self.addresses.iter().map(address).collect());
        Yaml::map([
            ("apiVersion", "v1".into()),
            ("kind", "Node".into()),
            ("metadata", Yaml::map([("name", self.name.as_str().into())])),
            ("spec", Yaml::map([("podCIDRs", Yaml::texts(&self.pod_networks))])),
            ("status", Yaml::map([("addresses", addresses)])),
        ])
    }
}

/// The ClusterIP networks of the lab.
pub fn service_networks() -> ServiceNetworks {
    ServiceNetworks { networks: [SERVICE_NETWORK_V4, SERVICE_NETWORK_V6].map(str::to_owned).to_vec() }
}

#[derive(Clone, Debug)]
pub struct ServiceNetworks {
    networks: Vec<String>,
}

impl Manifest for ServiceNetworks {
    fn file_name(&self) -> String {
        "service-networks.yaml".to_owned()
    }

    fn yaml(&self) -> Yaml {
        Yaml::map([
            ("apiVersion", "networking.k8s.io/v1".into()),
            ("kind", "ServiceCIDR".into()),
            ("metadata", Yaml::map([("name", "kubernetes".into())])),
            ("spec", Yaml::map([("cidrs", Yaml::texts(&self.networks))])),
        ])
    }
}
