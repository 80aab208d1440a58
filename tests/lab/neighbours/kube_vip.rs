//! kube-vip as a load balancer in ARP mode with an election for each Service (`vip_arp`, `svc_election`), as v1.2.3
//! leaves it on nodes and at the API. Its egress is in [`kube_vip_egress`](super::KubeVipEgress).
//!
//! - The address: `pkg/vip/address.go` (alone in its network, deprecated, so that the node does not use it as a source);
//!   announced: `pkg/arp/arp.go` (`ensureIPAndSendGratuitous`).
//! - The Lease: `pkg/lease/lease.go` (`SubjectName`), `pkg/election/election.go`
//!   (`runKubernetesLeaderElectionOrDie`), which is client-go's lock: released when it goes.
//! - `vipHost` and the Service's status, in this order, as whole objects: `pkg/services/services.go` (`updateStatus`).
//! - `active-endpoint`: `pkg/endpoints/providers/endpointslices.go` (`UpdateServiceAnnotation`).

use std::net::IpAddr;

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::announce::announce;
use super::link::Link;
use crate::cluster::{Api, SERVICES};
use crate::topology::{Lab, Node, host_network};
use crate::wait::{DEADLINE, wait_until};

/// `vip_interface`.
const INTERFACE: &str = "up0";
/// The field manager, from client-go's user agent.
const MANAGER: &str = "kube-vip";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
/// `vip_leaseduration`.
const LEASE_SECONDS: u32 = 15;

/// kube-vip with one Service in the namespace `default`.
#[derive(Clone, Debug)]
pub struct KubeVip {
    service: String,
    addresses: Vec<IpAddr>,
}

impl KubeVip {
    /// For a Service and its addresses. From now on the outside learns from announcements where they are.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn of(lab: &Lab, service: &str, addresses: &[IpAddr]) -> Result<Self> {
        addresses.iter().try_for_each(|address| lab.look_on_the_link_for(*address))?;
        Ok(Self { service: service.to_owned(), addresses: addresses.to_vec() })
    }

    /// Puts the addresses on a node and announces them.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn assign_to(&self, node: &Node) -> Result<()> {
        let link = Link::of(node, INTERFACE)?;
        for address in &self.addresses {
            let network = host_network(*address);
            node.namespace.ip(&format!("addr replace {network} dev {INTERFACE} preferred_lft 0 valid_lft forever"))?;
        }
        node.namespace.wait_until_settled()?;
        self.addresses.iter().try_for_each(|address| announce(&link, *address))
    }

    /// Takes the addresses from a node.
    ///
    /// # Errors
    /// When they are not there.
    pub fn remove_from(&self, node: &Node) -> Result<()> {
        self.addresses.iter().try_for_each(|address| node.release(*address, INTERFACE))
    }

    /// A node becomes the Service's leader: Lease, addresses, then the annotation and status of the Service.
    ///
    /// # Errors
    /// When the kernel or the server refuses.
    pub fn lead(&self, api: &Api, node: &Node) -> Result<()> {
        self.take_lease(api, node.name())?;
        self.assign_to(node)?;
        self.write_service(api, node.name())
    }

    /// The leader stops: its addresses are removed, then its Lease. The Service still names it.
    ///
    /// # Errors
    /// When the kernel or the server refuses.
    pub fn stop_leading(&self, api: &Api, node: &Node) -> Result<()> {
        self.remove_from(node)?;
        let released = json!({"spec": {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": now()}});
        api.patch(&self.lease(), &released).map(drop)
    }

    /// The node that holds the Service's Lease; none when it is released or was never taken.
    pub fn leader(&self, api: &Api) -> Option<String> {
        let lease = api.get(&self.lease()).ok()?;
        lease["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty()).map(str::to_owned)
    }

    /// What its egress writes, with or without rules of its own: the pod of each family that it would translate.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn write_active_endpoint(&self, api: &Api, v4: &str, v6: &str) -> Result<()> {
        self.rewrite(api, |service| {
            service["metadata"]["annotations"]["kube-vip.io/active-endpoint"] = json!(v4);
            service["metadata"]["annotations"]["kube-vip.io/active-endpoint-ipv6"] = json!(v6);
        })
    }

    fn take_lease(&self, api: &Api, holder: &str) -> Result<()> {
        let spec = json!({
            "holderIdentity": holder,
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": now(),
            "renewTime": now(),
        });
        if api.get(&self.lease()).is_ok() {
            return api.patch(&self.lease(), &json!({"spec": spec})).map(drop);
        }
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.lease_name()},
            "spec": spec,
        });
        api.create(LEASES, &lease).map(drop)
    }

    fn write_service(&self, api: &Api, node: &str) -> Result<()> {
        self.rewrite(api, |service| service["metadata"]["annotations"]["kube-vip.io/vipHost"] = json!(node))?;
        let port = |port: &Value| json!({"port": port["port"], "protocol": port["protocol"]});
        Self::retry_on_conflict(|| {
            let mut service = api.get(&self.path())?;
            let ports: Vec<Value> = service["spec"]["ports"].as_array().into_iter().flatten().map(port).collect();
            let ingress = self.addresses.iter().map(|address| json!({"ip": address, "ports": ports}));
            service["status"] = json!({"loadBalancer": {"ingress": ingress.collect::<Vec<_>>()}});
            api.replace_status_as(MANAGER, &self.path(), &service)
        })
    }

    /// Reads the Service, changes it and writes the whole of it.
    fn rewrite(&self, api: &Api, change: impl Fn(&mut Value)) -> Result<()> {
        Self::retry_on_conflict(|| {
            let mut service = api.get(&self.path())?;
            change(&mut service);
            api.replace_as(MANAGER, &self.path(), &service)
        })
    }

    /// Reads and writes again after a conflict with another writer.
    fn retry_on_conflict(write: impl Fn() -> Result<Value>) -> Result<()> {
        wait_until("kube-vip has written the Service", DEADLINE, || match write() {
            Ok(_) => Ok(true),
            Err(error) if format!("{error:#}").contains("the object has been modified") => Ok(false),
            Err(error) => Err(error),
        })
    }

    fn path(&self) -> String {
        format!("{SERVICES}/{}", self.service)
    }

    fn lease_name(&self) -> String {
        format!("kubevip-{}", self.service)
    }

    fn lease(&self) -> String {
        format!("{LEASES}/{}", self.lease_name())
    }
}

/// As the API has it for Leases: with six digits of a second.
fn now() -> String {
    format!("{:.6}", Timestamp::now())
}
