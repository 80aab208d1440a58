//! flannel with its VXLAN backend in both families, as v0.28.9 leaves it on nodes and at the API.
//!
//! - Devices, routes, neighbour and forwarding entries: `pkg/backend/vxlan/vxlan.go` (`createVXLANDevice`,
//!   `configureDeviceIPv4IPv6`), `device.go` (`AddFDB`, `AddARP`), `vxlan_network.go` (`handleSubnetEvents`).
//! - Rules, either way: `pkg/trafficmngr/iptables/iptables.go` (`masqRules`, `forwardRules`) and
//!   `pkg/trafficmngr/nftables/nftables.go` (`addMasqRules`, `SetupAndEnsureForwardRules`).
//! - Annotations of its Node: `pkg/subnet/kube/annotations.go`, `kube.go` (`AcquireLease`).

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::vxlan::{Tunnel, TunnelEnd};
use crate::addresses::{POD_NETWORK_V4, POD_NETWORK_V6, node_v4, node_v6, pod_v4_on, pod_v6_on};
use crate::cluster::Api;
use crate::topology::{Lab, Node};

const TUNNEL_V4: Tunnel = Tunnel { device: "flannel.1", number: 1, port: 8472 };
const TUNNEL_V6: Tunnel = Tunnel { device: "flannel-v6.1", number: 1, port: 8472 };

/// flannel's traffic manager (`EnableNFTables`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firewall {
    /// `iptables-nft`: chains in the tables `nat` and `filter` that it shares with others.
    Iptables,
    /// Tables of its own.
    Nftables,
}

impl Firewall {
    pub const ALL: [Self; 2] = [Self::Iptables, Self::Nftables];
}

/// flannel on every node of a lab.
#[derive(Debug)]
pub struct Flannel;

impl Flannel {
    /// Its network: a way from each node's pods to all others, and no rules so far.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn connect(lab: &Lab) -> Result<()> {
        TUNNEL_V4.connect(&lab.nodes().iter().map(end_v4).collect::<Vec<_>>())?;
        TUNNEL_V6.connect(&lab.nodes().iter().map(end_v6).collect::<Vec<_>>())
    }

    /// Writes its rules on every node, over those of an earlier start.
    ///
    /// # Errors
    /// When `nft` refuses them.
    pub fn write_rules(lab: &Lab, firewall: Firewall) -> Result<()> {
        let rules = |family, own: String| match firewall {
            Firewall::Iptables => iptables(family, &own),
            Firewall::Nftables => nftables(family, &own),
        };
        lab.nodes().iter().try_for_each(|node| {
            node.nft(&rules(Family::V4, own_v4(node)))?;
            node.nft(&rules(Family::V6, own_v6(node)))
        })
    }

    /// Writes its annotations to the Nodes.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn write_nodes(lab: &Lab, api: &Api) -> Result<()> {
        lab.nodes().iter().try_for_each(|node| {
            let patch = json!({"metadata": {"annotations": annotations(node)}});
            api.patch(&format!("/api/v1/nodes/{}", node.name()), &patch).map(drop)
        })
    }
}

/// The differences between the rules of the two families.
#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}

impl Family {
    /// The keyword of `nft`, the number, all pods, and multicast.
    fn parts(self) -> [&'static str; 4] {
        match self {
            Self::V4 => ["ip", "4", POD_NETWORK_V4, "224.0.0.0/4"],
            Self::V6 => ["ip6", "6", POD_NETWORK_V6, "ff00::/8"],
        }
    }
}

/// As `iptables-nft` writes them; the tables and hooks are iptables' own and stay when flannel goes.
fn iptables(family: Family, own: &str) -> String {
    let [ip, _, all, multicast] = family.parts();
    format!(
        "table {ip} filter {{
           chain FORWARD {{ type filter hook forward priority filter; policy accept; }}
           chain FLANNEL-FWD {{ }}
         }}
         table {ip} nat {{
           chain POSTROUTING {{ type nat hook postrouting priority srcnat; policy accept; }}
           chain FLANNEL-POSTRTG {{ }}
         }}
         flush table {ip} filter
         flush table {ip} nat
         table {ip} filter {{
           chain FORWARD {{ counter jump FLANNEL-FWD comment \"flanneld forward\"; }}
           chain FLANNEL-FWD {{ {ip} saddr {all} counter accept; {ip} daddr {all} counter accept; }}
         }}
         table {ip} nat {{
           chain POSTROUTING {{ counter jump FLANNEL-POSTRTG comment \"flanneld masq\"; }}
           chain FLANNEL-POSTRTG {{
             meta mark & 0x4000 == 0x4000 counter return
             {ip} saddr {own} {ip} daddr {all} counter return
             {ip} saddr {all} {ip} daddr {own} counter return
             {ip} saddr != {all} {ip} daddr {own} counter return
             {ip} saddr {all} {ip} daddr != {multicast} counter masquerade fully-random
             {ip} saddr != {all} {ip} daddr {all} counter masquerade fully-random
           }}
         }}\n"
    )
}

/// Its fourth rule returns for all of its network, not for the node's part alone as with iptables.
fn nftables(family: Family, own: &str) -> String {
    let [ip, number, all, multicast] = family.parts();
    let table = format!("table {ip} flannel-ipv{number}");
    format!(
        "{table} {{
           comment \"rules for flannel-ipv{number}\";
           chain forward {{ type filter hook forward priority filter; policy accept; }}
           chain postrtg {{ type nat hook postrouting priority srcnat; policy accept; }}
         }}
         flush {table}
         {table} {{
           chain forward {{ {ip} saddr {all} accept; {ip} daddr {all} accept; }}
           chain postrtg {{
             meta mark 0x4000 return
             {ip} saddr {own} {ip} daddr {all} return
             {ip} saddr {all} {ip} daddr {own} return
             {ip} saddr != {own} {ip} daddr {all} return
             {ip} saddr {all} {ip} daddr != {multicast} masquerade fully-random
             {ip} saddr != {all} {ip} daddr {all} masquerade fully-random
           }}
         }}\n"
    )
}

fn own_v4(node: &Node) -> String {
    format!("{}/24", pod_v4_on(node.number, 0))
}

fn own_v6(node: &Node) -> String {
    format!("{}/64", pod_v6_on(node.number, 0))
}

/// The device's address is the first of the node's own network.
fn end_v4(node: &Node) -> TunnelEnd<'_> {
    let (underlay, address) = (node_v4(node.number), pod_v4_on(node.number, 0));
    TunnelEnd { node, underlay, address, pods: own_v4(node), mac: mac(node, 4) }
}

fn end_v6(node: &Node) -> TunnelEnd<'_> {
    let (underlay, address) = (node_v6(node.number), pod_v6_on(node.number, 0));
    TunnelEnd { node, underlay, address, pods: own_v6(node), mac: mac(node, 6) }
}

/// flannel draws one that is locally administered; which one does not matter.
fn mac(node: &Node, family: u8) -> String {
    format!("02:f1:00:00:{family:02x}:{:02x}", node.number)
}

fn annotations(node: &Node) -> Map<String, Value> {
    let data = |family| format!("{{\"VNI\":1,\"VtepMAC\":\"{}\"}}", mac(node, family));
    let pairs = [
        ("backend-type", "vxlan".to_owned()),
        ("backend-data", data(4)),
        ("backend-v6-data", data(6)),
        ("public-ip", node_v4(node.number).to_string()),
        ("public-ipv6", node_v6(node.number).to_string()),
        ("kube-subnet-manager", "true".to_owned()),
    ];
    pairs.into_iter().map(|(name, value)| (format!("flannel.alpha.coreos.com/{name}"), json!(value))).collect()
}
