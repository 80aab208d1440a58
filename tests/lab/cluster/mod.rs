//! A cluster: the lab's nodes and pods, known to a real API server, with EndpointSlices from the real
//! controller. Objects of a kubelet and a load balancer are simulated.
//!
//! The control plane lives on the outside host and dies with the test.

mod access;
mod audit;
mod bulk;
mod client;
mod container;
pub(crate) mod control_plane;
mod deployed;
mod kernel;
mod kubectl;
mod objects;
mod overlay;
pub(crate) mod process;
pub(crate) mod programs;

use std::net::IpAddr;

use anyhow::{Context, Result};
use serde_json::Value;

pub use audit::{Decision, Request, USER};
pub use bulk::{NewObject, Session, endpoints, slice};
pub use client::Api;
pub use control_plane::PORT;
pub use deployed::{DeployedPod, environment};
pub use objects::{EGRESS_NODES, PODS, POLICIES, SERVICES, SLICES, balanced, json_of, served_egress_node, service};
pub use overlay::{CLONE, Overlay, beside_a_clone, copy};
pub use programs::{kubectl, kubectl_ready, ready};

use crate::topology::{self, Lab, Pod};
use crate::wait::{DEADLINE, wait_until};
use control_plane::{ADMIN_TOKEN, ControlPlane, ServerVersion};

/// Nodes with pods, and the API server that knows them.
#[derive(Debug)]
pub struct Cluster {
    /// A client with the administrator's rights.
    pub api: Api,
    plane: ControlPlane,
    /// The network of the cluster.
    pub lab: Lab,
}

/// Options of a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    lab: topology::Builder,
    age: ServerVersion,
}

impl Builder {
    pub fn two_nodes(self) -> Self {
        Self { lab: self.lab.two_nodes(), ..self }
    }

    /// With an API that has no ServiceCIDRs and no streaming lists, for the programs under test.
    pub fn older(self) -> Self {
        Self { age: ServerVersion::Older, ..self }
    }

    /// With an API server that is as old as today's binary can be.
    pub fn oldest(self) -> Self {
        Self { age: ServerVersion::Oldest, ..self }
    }

    /// With an API server that does not stream lists, and is today's otherwise.
    pub fn without_streaming_lists(self) -> Self {
        Self { age: ServerVersion::Paged, ..self }
    }

    /// Builds it; its nodes are registered when this returns.
    ///
    /// # Errors
    /// When the lab cannot be built or the control plane does not come up.
    pub fn build(self) -> Result<Cluster> {
        let lab = self.lab.build()?;
        let outside = &lab.outside().namespace;
        let plane = ControlPlane::start(outside.try_clone()?, self.age)?;
        let api = Api::new(outside.try_clone()?, plane.kubeconfig(plane.port_for(ADMIN_TOKEN), ADMIN_TOKEN))?;
        plane.wait_until_answers(|| api.is_ready())?;
        plane.start_manager()?;
        let mut cluster = Cluster { api, plane, lab };
        cluster.register_nodes().context("cannot register the nodes")?;
        cluster.apply_kustomization("deploy").context("cannot deploy egressd")?;
        cluster.wait_for_egress_nodes()?;
        if self.age == ServerVersion::Older {
            cluster.plane.start_older()?;
            let older = cluster.as_egressd()?;
            cluster.plane.wait_until_answers(|| older.is_ready())?;
        }
        Ok(cluster)
    }
}

impl Cluster {
    /// One node with three pods by default.
    pub fn builder() -> Builder {
        Builder { lab: Lab::builder(), age: ServerVersion::Today }
    }

    /// Waits until the server serves a newly defined kind: egressd checks for it only every few minutes.
    fn wait_for_egress_nodes(&self) -> Result<()> {
        wait_until("EgressNodes are served", DEADLINE, || Ok(self.api.list(EGRESS_NODES, "").is_ok()))
    }

    /// Creates a pod of the lab that the Service of this name selects, with its addresses of both families.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn create_pod(&self, name: &str, app: &str, pod: &Pod) -> Result<()> {
        self.create_pod_at(name, app, pod.node, &[pod.v4(), pod.v6()])
    }

    /// A pod that is an address and no more.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn create_pod_at(&self, name: &str, app: &str, node: u8, addresses: &[IpAddr]) -> Result<()> {
        let node = self.lab.nodes()[usize::from(node) - 1].name();
        self.api.create(PODS, &objects::pod(name, app, node))?;
        self.api.patch_status(&format!("{PODS}/{name}"), &objects::running(addresses)).map(drop)
    }

    /// A pod goes, and nothing of it stays.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete_pod(&self, name: &str) -> Result<()> {
        self.api.delete(&format!("{PODS}/{name}"))
    }

    /// Creates a Service, and gives it addresses as its load balancer does.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn create_service(&self, service: &Value, addresses: &[IpAddr]) -> Result<()> {
        let mut created = Value::Null;
        // A server that has just come up may not know yet which ClusterIPs are free.
        wait_until("the API server takes the Service", DEADLINE, || match self.api.create(SERVICES, service) {
            Ok(object) => {
                created = object;
                Ok(true)
            }
            Err(error) if format!("{error:#}").contains("failed to allocate a serviceIP") => Ok(false),
            Err(error) => Err(error),
        })?;
        let name = created["metadata"]["name"].as_str().unwrap_or_default();
        self.api.patch_status(&format!("{SERVICES}/{name}"), &balanced(addresses)).map(drop)
    }

    /// The addresses in a Service's EndpointSlices, sorted.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn endpoints(&self, service: &str) -> Result<Vec<IpAddr>> {
        let slices = self.api.list(SLICES, &format!("kubernetes.io/service-name={service}"))?;
        let endpoints = slices.iter().filter_map(|slice| slice["endpoints"].as_array()).flatten();
        let texts = endpoints.filter_map(|endpoint| endpoint["addresses"][0].as_str());
        let mut addresses: Vec<IpAddr> = texts.map(str::parse).collect::<Result<_, _>>()?;
        addresses.sort();
        Ok(addresses)
    }

    /// Waits until the controller has written exactly these endpoints, in any order.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_for_endpoints(&self, service: &str, expected: &[IpAddr]) -> Result<()> {
        let (mut expected, mut last) = (expected.to_vec(), Vec::new());
        expected.sort();
        let waited = wait_until("the controller has written the EndpointSlices", DEADLINE, || {
            last = self.endpoints(service)?;
            Ok(last == expected)
        });
        waited.with_context(|| format!("Service {service} has the endpoints {last:?}, not {expected:?}"))
    }

    /// The resourceVersions of all Services but the API server's own, which comes when it comes.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn versions(&self) -> Result<Vec<(String, String)>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version =
            |service: &Value| (text(&service["metadata"]["name"]), text(&service["metadata"]["resourceVersion"]));
        let versions = self.api.list(SERVICES, "")?.iter().map(version).collect::<Vec<_>>();
        Ok(versions.into_iter().filter(|(name, _)| name != "kubernetes").collect())
    }

    /// `kill -9` of the API server alone; etcd keeps running.
    pub fn kill_api_server(&self) {
        self.plane.kill_server();
    }

    /// Starts the API server again on the same data.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart_api_server(&self) -> Result<()> {
        self.plane.start_server()?;
        self.plane.wait_until_answers(|| self.api.is_ready())?;
        self.plane.start_manager()
    }

    /// Makes etcd forget every revision but the newest, so that a watch that is behind has to start over.
    ///
    /// # Errors
    /// When etcd refuses.
    pub fn compact(&self) -> Result<()> {
        self.plane.compact()
    }

    fn register_nodes(&self) -> Result<()> {
        for node in self.lab.nodes() {
            self.api.create("/api/v1/nodes", &objects::node(node))?;
            self.api.patch_status(&format!("/api/v1/nodes/{}", node.name()), &objects::ready_node(node.number))?;
        }
        Ok(())
    }
}
