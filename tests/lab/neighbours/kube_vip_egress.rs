//! kube-vip's own egress of one Service and one pod, as v1.2.3 leaves it on a node.
//!
//! - One base chain a Service, at the priority of masquerades, and one rule without lists:
//!   `pkg/nftables/nftables.go` (`ApplySNATWithTable`, `GetSNatChainForTable`, `CreateRuleForTable`).
//! - The table's name, with its instance's name or without: the same file (`EgressTableBaseNameForInstance`).
//! - Pods and ClusterIPs are no destinations of it: `pkg/services/egress.go` (`configureEgress`).

use std::net::IpAddr;

use anyhow::Result;

use crate::topology::Node;

/// Pods and ClusterIPs, as the ranges that kube-vip makes of `egress_podcidr` and `egress_servicecidr`.
const INTERNAL_V4: [&str; 2] = ["10.0.0.0-10.0.255.255", "10.96.0.0-10.111.255.255"];
/// The same, IPv6.
const INTERNAL_V6: [&str; 2] = ["fd00:10:244::-fd00:10:244:ffff:ffff:ffff:ffff:ffff", "fd00:10:96::-fd00:10:96::ffff"];

/// kube-vip's egress for a Service.
#[derive(Clone, Debug)]
pub struct KubeVipEgress {
    uid: String,
    instance: Option<String>,
}

impl KubeVipEgress {
    /// Of the Service with this uid.
    pub fn of(uid: &str) -> Self {
        Self { uid: uid.to_owned(), instance: None }
    }

    /// Of a kube-vip that has an `instance_name`.
    pub fn instance(self, name: &str) -> Self {
        Self { instance: Some(name.to_owned()), ..self }
    }

    /// Translates a pod of a node to an address of the same family: the one that kube-vip chose as `active-endpoint`.
    ///
    /// # Errors
    /// When the kernel refuses, as it does when another program owns the table.
    pub fn translate(&self, node: &Node, pod: IpAddr, address: IpAddr) -> Result<()> {
        let (table, chain) = (self.table(pod), self.chain());
        let (ip, [pods, services]) = if pod.is_ipv4() { ("ip", INTERNAL_V4) } else { ("ip6", INTERNAL_V6) };
        // The table and the chain come first, in a batch of their own.
        node.nft(&format!(
            "table {table} {{ chain {chain} {{ type nat hook postrouting priority srcnat; policy accept; }}; }}\n"
        ))?;
        node.nft(&format!(
            "add rule {table} {chain} {ip} saddr {{ {pod} }} {ip} daddr != {pods} {ip} daddr != {services} \
             snat to {address}\n"
        ))
    }

    /// Takes its chain away, as at the end of the Service. The table stays.
    ///
    /// # Errors
    /// When there is none.
    pub fn stop(&self, node: &Node, like: IpAddr) -> Result<()> {
        node.nft(&format!("delete chain {} {}\n", self.table(like), self.chain()))
    }

    /// The table of an address's family.
    pub fn table(&self, like: IpAddr) -> String {
        let base = self.instance.as_ref().map_or_else(|| "kube_vip".to_owned(), |name| format!("kube_vip_{name}"));
        if like.is_ipv4() { format!("ip {base}_v4") } else { format!("ip6 {base}_v6") }
    }

    fn chain(&self) -> String {
        format!("kube_vip_snat_{}", self.uid)
    }
}
