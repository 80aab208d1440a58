//! What MetalLB writes about the node that announces a Service's addresses, as `neighbours/metallb.rs` has it.

use super::{Manifest, Yaml};

/// The speaker of a node answers for a Service of the namespace `default`.
pub fn l2_status(service: &str, node: &str) -> L2Status {
    L2Status { service: service.to_owned(), node: node.to_owned(), number: 0 }
}

#[derive(Clone, Debug)]
pub struct L2Status {
    service: String,
    node: String,
    number: usize,
}

impl L2Status {
    /// With a creation time that is so many objects later.
    pub fn number(self, number: usize) -> Self {
        Self { number, ..self }
    }
}

impl Manifest for L2Status {
    fn file_name(&self) -> String {
        format!("l2-{}.yaml", self.number)
    }

    fn yaml(&self) -> Yaml {
        let name = format!("l2-{}", self.number);
        let created = format!("2026-03-01T10:{:02}:00Z", self.number);
        let metadata = Yaml::map([
            ("name", name.as_str().into()),
            ("namespace", "metallb-system".into()),
            ("creationTimestamp", created.as_str().into()),
        ]);
        let status = Yaml::map([
            ("node", self.node.as_str().into()),
            ("serviceName", self.service.as_str().into()),
            ("serviceNamespace", "default".into()),
        ]);
        Yaml::map([
            ("apiVersion", "metallb.io/v1beta1".into()),
            ("kind", "ServiceL2Status".into()),
            ("metadata", metadata),
            ("status", status),
        ])
    }
}
