//! Devices that carry what a node sends to the outside, other than the cable of [`crate::topology`].

use std::fmt;

use anyhow::{Context, Error, Result};

use crate::addresses::{LOAD_BALANCER_NETWORK_V4, LOAD_BALANCER_NETWORK_V6, NEIGHBOUR_V4, NODE_V4};
use crate::addresses::{NODE_PODS_V4, NODE_PODS_V6};
use crate::harness::Unsupported;
use crate::namespace::{Namespace, output_of};
use crate::topology::Lab;

/// The ends of the new way: the node's, and the outside host's.
const NODE_END: &str = "over0";
const OUTSIDE_END: &str = "over1";
const NODE_ENDS: [&str; 2] = ["192.168.7.200", "fd00:7::200"];
const OUTSIDE_ENDS: [&str; 2] = ["192.168.7.250", "fd00:7::250"];

/// A kind of device.
#[derive(Clone, Copy, Debug)]
pub enum Uplink {
    Vlan,
    Bond,
    WireGuard,
}

impl fmt::Display for Uplink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Vlan => "VLAN",
            Self::Bond => "bond",
            Self::WireGuard => "WireGuard",
        })
    }
}

impl Lab {
    /// From now on what leaves the first node goes through such a device, and so does what comes back. The cable stays.
    ///
    /// # Errors
    /// With [`Unsupported`] where the kernel has no such device.
    pub fn lead_over(&self, uplink: Uplink) -> Result<()> {
        let node = &self.node().namespace;
        let outside = &self.outside().namespace;
        let added = match uplink {
            Uplink::Vlan => vlan(node, "up0", NODE_END),
            Uplink::Bond => node.ip(&format!("link add {NODE_END} type bond mode active-backup miimon 100\n")),
            Uplink::WireGuard => node.ip(&format!("link add {NODE_END} type wireguard\n")),
        };
        added.map_err(|error| Unsupported(format!("no {uplink}: {}", first_line(&error))))?;
        match uplink {
            Uplink::Vlan => vlan(outside, "node1", OUTSIDE_END)?,
            Uplink::Bond => enslave(node, outside)?,
            Uplink::WireGuard => wireguard(node, outside)?,
        }
        address(node, NODE_END, NODE_ENDS)?;
        address(outside, OUTSIDE_END, OUTSIDE_ENDS)?;
        lead(node, ["default", "default"], OUTSIDE_ENDS)?;
        lead(outside, [LOAD_BALANCER_NETWORK_V4, LOAD_BALANCER_NETWORK_V6], NODE_ENDS)?;
        lead(outside, [NODE_PODS_V4, NODE_PODS_V6], NODE_ENDS)?;
        node.wait_until_settled()?;
        outside.wait_until_settled()
    }
}

fn first_line(error: &Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}

fn vlan(namespace: &Namespace, below: &str, name: &str) -> Result<()> {
    namespace.ip(&format!("link add link {below} name {name} type vlan id 7\n"))
}

/// Of one cable on the node's side; the other side sees an ordinary one.
fn enslave(node: &Namespace, outside: &Namespace) -> Result<()> {
    node.veth("leg0", outside, OUTSIDE_END)?;
    node.ip(&format!("link set leg0 master {NODE_END}\n"))
}

fn wireguard(node: &Namespace, outside: &Namespace) -> Result<()> {
    const PORT: u16 = 51_820;
    let ends = [(node, NODE_END), (outside, OUTSIDE_END)];
    let mut public = Vec::new();
    outside.ip(&format!("link add {OUTSIDE_END} type wireguard\n"))?;
    for (namespace, name) in ends {
        let set = format!("wg genkey | wg set {name} listen-port {PORT} private-key /dev/stdin");
        output_of(namespace.command("sh").args(["-ec", &set]))?;
        public.push(output_of(namespace.command("wg").args(["show", name, "public-key"]))?);
    }
    let peers = [(&public[1], NEIGHBOUR_V4), (&public[0], NODE_V4)];
    for ((namespace, name), (key, endpoint)) in ends.into_iter().zip(peers) {
        let endpoint = format!("{endpoint}:{PORT}");
        let arguments = ["set", name, "peer", key.trim(), "endpoint", &endpoint, "allowed-ips", "0.0.0.0/0,::/0"];
        output_of(namespace.command("wg").args(arguments)).context("cannot name the peer")?;
    }
    Ok(())
}

fn address(namespace: &Namespace, device: &str, [v4, v6]: [&str; 2]) -> Result<()> {
    namespace.ip(&format!(
        "addr add {v4}/24 dev {device}
         addr add {v6}/64 dev {device} nodad
         link set {device} up\n"
    ))
}

fn lead(namespace: &Namespace, [v4, v6]: [&str; 2], [via_v4, via_v6]: [&str; 2]) -> Result<()> {
    namespace.ip(&format!(
        "route replace {v4} via {via_v4}
         route replace {v6} via {via_v6}\n"
    ))
}
