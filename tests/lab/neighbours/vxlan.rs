//! Nodes connected by VXLAN without learning, as flannel and Calico do it alike: on each node one device, and for each
//! other node a route to its pods through that node's end, a permanent neighbour entry for the end, and a forwarding
//! entry that leads to the end's Ethernet address.

use std::fs;
use std::net::IpAddr;

use anyhow::{Context, Result};

use crate::namespace::Namespace;
use crate::topology::{Node, host_network};

/// The settings common to all nodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tunnel {
    pub(super) device: &'static str,
    /// VXLAN's network identifier.
    pub(super) number: u32,
    /// The UDP port.
    pub(super) port: u16,
}

/// The settings of one node.
#[derive(Clone, Debug)]
pub(super) struct TunnelEnd<'lab> {
    pub(super) node: &'lab Node,
    /// The node's address on the network below.
    pub(super) underlay: IpAddr,
    /// The address of the tunnel device, a network of its own.
    pub(super) address: IpAddr,
    /// The node's pods.
    pub(super) pods: String,
    pub(super) mac: String,
}

impl Tunnel {
    /// Makes the device on each node, and the way to each other.
    pub(super) fn connect(&self, ends: &[TunnelEnd<'_>]) -> Result<()> {
        for end in ends {
            self.add_device(end).with_context(|| format!("cannot make {} on {}", self.device, end.node.name()))?;
            for other in ends.iter().filter(|other| other.node.number != end.node.number) {
                self.lead_to(&end.node.namespace, other)?;
            }
        }
        Ok(())
    }

    fn add_device(&self, end: &TunnelEnd<'_>) -> Result<()> {
        let Self { device, number, port } = self;
        let nodad = if end.address.is_ipv6() { "nodad" } else { "" };
        end.node.namespace.ip(&format!(
            "link add {device} mtu 1450 address {} type vxlan id {number} local {} dev up0 dstport {port} nolearning
             addr add {} dev {device} {nodad}
             link set {device} up\n",
            end.mac,
            end.underlay,
            host_network(end.address)
        ))
    }

    fn lead_to(&self, namespace: &Namespace, other: &TunnelEnd<'_>) -> Result<()> {
        let (device, TunnelEnd { underlay, address, pods, mac, .. }) = (self.device, other);
        namespace.bridge(&format!("fdb replace {mac} dev {device} dst {underlay} self permanent\n"))?;
        namespace.ip(&format!(
            "neigh replace {address} lladdr {mac} dev {device} nud permanent
             route replace {pods} via {address} dev {device} onlink\n"
        ))
    }
}

impl Node {
    /// How many packets came in through a device of the node's.
    ///
    /// # Errors
    /// When there is no such device.
    pub fn packets_from(&self, device: &str) -> Result<u64> {
        let table = self.namespace.run(|| fs::read_to_string("/proc/thread-self/net/dev"))??;
        let line = table.lines().find_map(|line| line.trim_start().strip_prefix(device)?.strip_prefix(':'));
        let counts = line.with_context(|| format!("there is no {device} on {}", self.name()))?;
        // Bytes, then packets.
        counts.split_whitespace().nth(1).context("a device counts packets")?.parse().context("of a device")
    }
}
