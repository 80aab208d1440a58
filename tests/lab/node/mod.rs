//! A cluster of real nodes: kubelet, containerd, runc, CNI plugins, kube-proxy, and the whole control plane. What
//! [`crate::cluster`] writes on behalf of a kubelet is here done by one, and egressd runs in a container.
//!
//! ```text
//!  node-1: a machine of its own                          the outside host
//!    containerd, kubelet, kube-proxy                       etcd, API server, controllers, scheduler
//!    cni0: pods 10.0.0.0/24, fd00:10:244::/64              records callers (`Outside`)
//!    up0: 192.168.0.200, fd00:192::200 ─────────── lan0 ── 192.168.0.250, fd00:192::250
//!  node-2: the same, .201, 10.0.1.0/24 ──────────────┘     lo: 172.18.0.1, ...
//! ```
//!
//! A machine (`machine.rs`) is a set of namespaces: network, mounts, host name, processes. All that a node writes is in
//! memory, in mounts of its own. So a node ends with one process, and nothing is left behind, also when the test is
//! killed: only empty control groups (`cgroups.rs`) and the directory of logs stay then, and the next lab removes them.
//!
//! What differs from a node in production: the disk is memory; load-balancer addresses are put on by the test
//! ([`Node::hold`]); kernel settings that belong to all are files that look alike; limits of conntrack are left alone.

mod balancer;
mod cgroups;
mod circumstances;
mod image;
mod kubectl;
mod leftovers;
mod machine;
#[expect(clippy::module_inception, reason = "one node, of the lab of real nodes")]
mod node;
mod objects;
mod outside;
mod plane;
mod pods;
mod programs;
mod servers;
mod settings;
mod wires;

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow};
use serde_json::json;

pub use image::{EGRESSD, Egressd, PROBE, egressd_of};
pub use node::Node;
pub use objects::{App, Policy, service};
pub use outside::{Answer, Arrival, Outside, Role};
pub use pods::Pod;
pub use programs::{ready, versions};
pub use servers::{NodeServer, ProxyMode};

use crate::addresses::{pod_v4_on, pod_v6_on};
use crate::cluster::Api;
use crate::cluster::control_plane::START_TIMEOUT;
use crate::wait::wait_until;
use cgroups::Cgroups;
use machine::Machine;
use plane::NodeControlPlane;

/// Two real nodes and their control plane. Dropping it leaves nothing.
#[derive(Debug)]
pub struct Cluster {
    /// A client with the administrator's rights.
    pub api: Api,
    // In this order they are dropped: control groups are empty when the nodes are gone.
    nodes: Vec<Node>,
    plane: NodeControlPlane,
    /// The hosts outside the cluster.
    pub outside: Outside,
    egressd: PathBuf,
    _cgroups: Cgroups,
}

impl Cluster {
    /// Builds it, and an image of this egressd, which the nodes do not have yet; both nodes are ready when this
    /// returns. It lives as long as the thread that builds it.
    ///
    /// # Errors
    /// When something does not start; the error has the ends of the logs of what did.
    pub fn start(egressd: Egressd) -> Result<Self> {
        let network = wires::outside()?;
        let (plane, api) = NodeControlPlane::start(&network)?;
        let cgroups = Cgroups::new(&[node::name(1), node::name(2)])?;
        let build = |number| {
            let machine =
                Machine::new(wires::node(number, 3 - number, &network)?, node::name(number), plane.directory())?;
            let node = Node::new(number, machine, &cgroups.of(node::name(number)), plane.directory())?;
            node.introduce(plane.directory())?;
            Ok(node)
        };
        let nodes = [1, 2].into_iter().map(build).collect::<Result<Vec<_>>>()?;
        let egressd = egressd.archive(plane.directory())?;
        let mut cluster = Self { api, nodes, plane, outside: Outside::new(network)?, egressd, _cgroups: cgroups };
        cluster.import_probe()?;
        cluster.admit()?;
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Node number `number`, from 1.
    ///
    /// # Panics
    /// When there is none.
    pub fn node(&self, number: u8) -> &Node {
        &self.nodes[usize::from(number) - 1]
    }

    /// The same, to stop and start what runs there.
    ///
    /// # Panics
    /// When there is none.
    pub fn node_mut(&mut self, number: u8) -> &mut Node {
        &mut self.nodes[usize::from(number) - 1]
    }

    pub fn image(&self) -> &Path {
        &self.egressd
    }

    /// Waits until both kubelets say that their nodes are ready.
    ///
    /// # Errors
    /// When they do not.
    pub fn wait_until_ready(&self) -> Result<()> {
        let mut last = String::new();
        let waited = wait_until("both nodes are ready", START_TIMEOUT, || {
            let nodes = self.api.list("/api/v1/nodes", "")?;
            let conditions = nodes.iter().map(|node| &node["status"]["conditions"]);
            last = conditions.clone().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            Ok(conditions.filter(|conditions| is_ready(conditions)).count() == self.nodes.len())
        });
        waited.with_context(|| format!("{last}\n{}", self.log_tail()))
    }

    /// The ends of all nodes' logs.
    pub fn log_tail(&self) -> String {
        self.nodes.iter().map(Node::log_tail).collect()
    }

    /// Both nodes at once, since importing is mostly waiting.
    fn import_probe(&self) -> Result<()> {
        let archive = image::probe(self.plane.directory())?;
        thread::scope(|scope| {
            let all: Vec<_> = self.nodes.iter().map(|node| scope.spawn(|| node.import(&archive))).collect();
            all.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a thread ended"))?)
        })
        .with_context(|| self.log_tail())
    }

    /// The administrator assigns the pod networks; kubelets do the rest.
    fn admit(&mut self) -> Result<()> {
        let subjects = json!([{"kind": "User", "name": "system:kube-proxy"}]);
        let role =
            json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-proxier"});
        let binding = json!({"metadata": {"name": "kube-proxy"}, "roleRef": role, "subjects": subjects});
        self.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding)?;
        for node in &mut self.nodes {
            let number = node.number();
            let networks = [format!("{}/24", pod_v4_on(number, 0)), format!("{}/64", pod_v6_on(number, 0))];
            let spec = json!({"podCIDR": networks[0], "podCIDRs": networks});
            self.api.create("/api/v1/nodes", &json!({"metadata": {"name": node.name()}, "spec": spec}))?;
            node.start(NodeServer::Kubelet)?;
            node.start(NodeServer::Proxy)?;
        }
        Ok(())
    }
}

fn is_ready(conditions: &serde_json::Value) -> bool {
    let conditions = conditions.as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
