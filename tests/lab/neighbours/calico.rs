//! Calico with VXLAN and its nftables mode in both families, as v3.32.1 leaves it on nodes and at the API.
//!
//! - Pods: `cni-plugin/pkg/dataplane/linux/dataplane_linux.go` (`DoNetworking`): no bridge, an address alone in its
//!   network, a way out over 169.254.1.1 that the node answers for, and a route to each pod.
//! - Blocks of a pool for each node, one address of them for the tunnel: `node/pkg/allocateip/allocateip.go`.
//! - Devices and routes: `felix/dataplane/linux/vxlan_mgr.go` (`device`, `tunnelRoute`), `felix/vxlanfdb/vxlan_fdb.go`,
//!   `route_mgr.go` (`blackholeRoutes`).
//! - Rules: `felix/rules/static.go` (`StaticNATPostroutingChains`), `nat.go` (`NATOutgoingChain`), their base chain and
//!   its priority in `felix/nftables/table.go`, their sets in `felix/dataplane/linux/masq_mgr.go`.
//! - Pools and annotations of Nodes: `libcalico-go/config/crd/crd.projectcalico.org_ippools.yaml` and
//!   `libcalico-go/lib/backend/k8s/resources/node.go`.
//!
//! Its chains for network policies are left out: without policies they let everything pass.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::custom;
use super::vxlan::{Tunnel, TunnelEnd};
use crate::addresses::{node_v4, node_v6};
use crate::cluster::Api;
use crate::namespace::{Namespace, output_of};
use crate::topology::{Lab, Node, Pod};

/// Its pool for IPv4. Nodes' `podCIDRs` do not know it.
pub const POOL_V4: &str = "10.200.0.0/16";
/// The same, IPv6.
pub const POOL_V6: &str = "fd00:200::/64";

const TUNNEL_V4: Tunnel = Tunnel { device: "vxlan.calico", number: 4096, port: 4789 };
const TUNNEL_V6: Tunnel = Tunnel { device: "vxlan-v6.calico", number: 4096, port: 4789 };
/// Addresses in a node's block.
const BLOCK: u8 = 64;
/// The gateway that the node answers for on each pod's interface.
const WAY_OUT: &str = "169.254.1.1";

/// Calico on every node of a lab.
#[derive(Debug)]
pub struct Calico;

impl Calico {
    /// Takes over a lab's network: its pods leave the bridge and get addresses of the pools.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn connect(lab: &mut Lab) -> Result<()> {
        lab.rewire_pods(wire)?;
        TUNNEL_V4.connect(&lab.nodes().iter().map(end_v4).collect::<Vec<_>>())?;
        TUNNEL_V6.connect(&lab.nodes().iter().map(end_v6).collect::<Vec<_>>())?;
        for node in lab.nodes() {
            let (v4, v6) = (block_v4(node), block_v6(node));
            node.namespace.ip(&format!("route add blackhole {v4} proto 80\n"))?;
            let (to_v4, to_v6) = (node_v4(node.number), node_v6(node.number));
            lab.outside().namespace.ip(&format!("route add {v4} via {to_v4}\nroute add {v6} via {to_v6}\n"))?;
        }
        Ok(())
    }

    /// Writes its rules on every node, over those of an earlier start.
    ///
    /// # Errors
    /// When `nft` refuses them.
    pub fn write_rules(lab: &Lab) -> Result<()> {
        let rules = rules("ip", "4", POOL_V4, TUNNEL_V4.device) + &rules("ip6", "6", POOL_V6, TUNNEL_V6.device);
        lab.nodes().iter().try_for_each(|node| node.nft(&rules))
    }

    /// Writes its pools, and its annotations to the Nodes.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn write_objects(lab: &Lab, api: &Api) -> Result<()> {
        custom::define(api, &POOLS)?;
        for (name, cidr, size) in [("default-ipv4-ippool", POOL_V4, 26), ("default-ipv6-ippool", POOL_V6, 122)] {
            api.create(&POOLS.collection(), &pool(name, cidr, size))?;
        }
        lab.nodes().iter().try_for_each(|node| {
            let annotations = json!({
                "projectcalico.org/IPv4Address": format!("{}/24", node_v4(node.number)),
                "projectcalico.org/IPv6Address": format!("{}/64", node_v6(node.number)),
                "projectcalico.org/IPv4VXLANTunnelAddr": in_block_v4(node, 0),
                "projectcalico.org/IPv6VXLANTunnelAddr": in_block_v6(node, 0),
            });
            let patch = json!({"metadata": {"annotations": annotations}});
            api.patch(&format!("/api/v1/nodes/{}", node.name()), &patch).map(drop)
        })
    }
}

pub(super) const POOLS: custom::Kind =
    custom::Kind { group: "crd.projectcalico.org", version: "v1", kind: "IPPool", plural: "ippools", namespace: None };

fn pool(name: &str, cidr: &str, size: u8) -> Value {
    json!({
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "IPPool",
        "metadata": {"name": name},
        "spec": {
            "cidr": cidr,
            "blockSize": size,
            "ipipMode": "Never",
            "vxlanMode": "Always",
            "natOutgoing": true,
            "nodeSelector": "all()",
            "allowedUses": ["Workload", "Tunnel"],
        },
    })
}

/// What is left of its table without network policies and floating addresses.
fn rules(ip: &str, number: &str, pool: &str, tunnel: &str) -> String {
    let (table, set) = (format!("table {ip} calico"), format!("type ipv{number}_addr; flags interval;"));
    let (masq, all) = (format!("cali{number}0masq-ipam-pools"), format!("cali{number}0network-ip-pools"));
    format!(
        "{table} {{
           set {masq} {{ {set} }}
           set {all} {{ {set} }}
           chain nat-POSTROUTING {{ type nat hook postrouting priority srcnat + 10; policy accept; }}
           chain nat-cali-POSTROUTING {{ }}
           chain nat-cali-fip-snat {{ }}
           chain nat-cali-nat-outgoing {{ }}
         }}
         flush {table}
         {table} {{
           set {masq} {{ {set} elements = {{ {pool} }}; }}
           set {all} {{ {set} elements = {{ {pool} }}; }}
           chain nat-POSTROUTING {{ counter jump nat-cali-POSTROUTING; }}
           chain nat-cali-POSTROUTING {{
             counter jump nat-cali-fip-snat
             counter jump nat-cali-nat-outgoing
             oifname \"{tunnel}\" fib saddr . oif type != local fib saddr type local counter masquerade fully-random
           }}
           chain nat-cali-nat-outgoing {{
             {ip} saddr @{masq} {ip} daddr != @{all} counter masquerade fully-random
           }}
         }}\n"
    )
}

/// Takes a pod off the bridge and leads to it by routes; its addresses.
fn wire(node: &Node, pod: &Pod) -> Result<[IpAddr; 2]> {
    let (v4, v6) = (in_block_v4(node, pod.number), in_block_v6(node, pod.number));
    let (old, device) = (format!("pod{}", pod.number), format!("cali{}", pod.number));
    node.namespace.ip(&format!("link set {old} down nomaster name {device}\nlink set {device} up\n"))?;
    let (answers, delay) = (format!("ipv4/conf/{device}/proxy_arp"), format!("ipv4/neigh/{device}/proxy_delay"));
    // Otherwise the kernel answers for others after up to 0.8 s.
    node.namespace.sysctl(&[(&answers, "1"), (&delay, "0")])?;
    node.namespace.wait_until_settled()?;
    let inside = &pod.host.namespace;
    inside.ip(&format!(
        "addr flush dev eth0 scope global
         addr add {v4}/32 dev eth0
         addr add {v6}/128 dev eth0 nodad
         route add {WAY_OUT} dev eth0 scope link
         route replace default via {WAY_OUT}
         route replace default via {} dev eth0\n",
        link_local(&node.namespace, &device)?
    ))?;
    node.namespace.ip(&format!("route add {v4} dev {device} scope link\nroute add {v6} dev {device}\n"))?;
    Ok([v4, v6])
}

/// The address of an interface that needs no other.
fn link_local(namespace: &Namespace, device: &str) -> Result<String> {
    let mut command = namespace.command("ip");
    let listing = output_of(command.args(["-json", "-6", "address", "show", "dev", device, "scope", "link"]))?;
    let found: Value = serde_json::from_str(&listing)?;
    let address = found[0]["addr_info"][0]["local"].as_str();
    address.map(str::to_owned).with_context(|| format!("{device} has no link-local address: {listing}"))
}

fn in_block_v4(node: &Node, number: u8) -> IpAddr {
    Ipv4Addr::new(10, 200, 0, (node.number - 1) * BLOCK + number).into()
}

fn in_block_v6(node: &Node, number: u8) -> IpAddr {
    Ipv6Addr::new(0xfd00, 0x200, 0, 0, 0, 0, 0, u16::from((node.number - 1) * BLOCK + number)).into()
}

fn block_v4(node: &Node) -> String {
    format!("{}/26", in_block_v4(node, 0))
}

fn block_v6(node: &Node) -> String {
    format!("{}/122", in_block_v6(node, 0))
}

fn end_v4(node: &Node) -> TunnelEnd<'_> {
    TunnelEnd {
        node,
        underlay: node_v4(node.number),
        address: in_block_v4(node, 0),
        pods: block_v4(node),
        mac: mac(node, 4),
    }
}

fn end_v6(node: &Node) -> TunnelEnd<'_> {
    TunnelEnd {
        node,
        underlay: node_v6(node.number),
        address: in_block_v6(node, 0),
        pods: block_v6(node),
        mac: mac(node, 6),
    }
}

fn mac(node: &Node, family: u8) -> String {
    format!("66:ca:11:00:{family:02x}:{:02x}", node.number)
}
