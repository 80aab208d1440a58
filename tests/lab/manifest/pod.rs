//! Pods, as a kubelet reports them.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{Manifest, Yaml};
use crate::addresses::NODE_NAME;

/// A pod of a namespace that runs on the lab's node with these addresses.
pub fn pod(namespace: &str, name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> PodObject {
    PodObject {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        node: NODE_NAME.to_owned(),
        labels: Vec::new(),
        addresses: addresses.into_iter().collect(),
        started: None,
    }
}

#[derive(Clone, Debug)]
pub struct PodObject {
    namespace: String,
    name: String,
    node: String,
    labels: Vec<(String, String)>,
    addresses: Vec<IpAddr>,
    started: Option<Timestamp>,
}

impl PodObject {
    pub fn on_node(self, node: &str) -> Self {
        Self { node: node.to_owned(), ..self }
    }

    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    /// When its kubelet took it on, which the manifest does not say otherwise.
    pub fn started(self, at: Timestamp) -> Self {
        Self { started: Some(at), ..self }
    }
}

impl Manifest for PodObject {
    fn file_name(&self) -> String {
        format!("{}-{}-pod.yaml", self.namespace, self.name)
    }

    fn yaml(&self) -> Yaml {
        let addresses = self.addresses.iter().map(|a| Yaml::map([("ip", a.to_string().as_str().into())])).collect();
        let mut metadata = vec![
            ("name".to_owned(), self.name.as_str().into()),
            ("namespace".to_owned(), self.namespace.as_str().into()),
        ];
        if !self.labels.is_empty() {
            metadata.push(("labels".to_owned(), Yaml::table(&self.labels)));
        }
        let mut status = vec![("phase".to_owned(), "Running".into()), ("podIPs".to_owned(), Yaml::List(addresses))];
        status.extend(self.started.map(|at| ("startTime".to_owned(), format!("{at:.0}").as_str().into())));
        Yaml::map([
            ("apiVersion", "v1".into()),
            ("kind", "Pod".into()),
            ("metadata", Yaml::Map(metadata)),
            ("spec", Yaml::map([("nodeName", self.node.as_str().into())])),
            ("status", Yaml::Map(status)),
        ])
    }
}
