//! Cilium's L2 announcements, as v1.17 leaves them at the API: the agents choose a node for each Service by a Lease, which is
//! client-go's lock. That node answers ARP as MetalLB's
//! [`Speaker`](super::Speaker) does: the address is on no interface.
//!
//! - The Lease: `pkg/l2announcer/l2announcer.go` (its name, the namespace of the agents, 15 s, renewed every 2 s or so, released
//!   when the agent goes).

use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;

use crate::cluster::Api;
use crate::topology::Node;

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";

/// The election of a node for one Service of the namespace `default`.
#[derive(Clone, Debug)]
pub struct CiliumLease {
    name: String,
    seconds: u32,
}

impl CiliumLease {
    pub fn of(service: &str) -> Self {
        Self { name: format!("cilium-l2announce-default-{service}"), seconds: 15 }
    }

    /// The same with a duration in seconds.
    pub fn lasting(self, seconds: u32) -> Self {
        Self { seconds, ..self }
    }

    /// A node becomes the one that announces.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn take(&self, api: &Api, node: &Node) -> Result<()> {
        let spec = json!({
            "holderIdentity": node.name(),
            "leaseDurationSeconds": self.seconds,
            "acquireTime": now(),
            "renewTime": now(),
            "leaseTransitions": 0,
        });
        if api.get(&self.path()).is_ok() {
            return api.patch(&self.path(), &json!({"spec": spec})).map(drop);
        }
        let metadata = json!({"name": self.name});
        let lease =
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec});
        api.create(LEASES, &lease).map(drop)
    }

    /// Renews the Lease.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn renew(&self, api: &Api) -> Result<()> {
        api.patch(&self.path(), &json!({"spec": {"renewTime": now()}})).map(drop)
    }

    /// The Service has no such Lease any more.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn delete(&self, api: &Api) -> Result<()> {
        api.delete(&self.path()).map(drop)
    }

    fn path(&self) -> String {
        format!("{LEASES}/{}", self.name)
    }
}

/// As the API has it for Leases: with six digits of a second.
fn now() -> String {
    format!("{:.6}", Timestamp::now())
}
