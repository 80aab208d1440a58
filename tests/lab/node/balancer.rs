//! The actions of a load balancer: it assigns an address to a node, and announces it to the neighbours.

use std::net::IpAddr;

use anyhow::Result;

use super::Cluster;
use crate::topology::host_network;

impl Cluster {
    /// Puts an address on node number `node`, from 1.
    ///
    /// # Errors
    /// When it is there already.
    pub fn assign_address(&self, address: IpAddr, node: u8) -> Result<()> {
        let [v4, v6] = self.node(node).addresses();
        let via = if address.is_ipv4() { v4 } else { v6 };
        self.node(node).hold(address)?;
        self.outside.namespace.ip(&format!("route replace {} via {via}\n", host_network(address)))
    }

    /// Takes an address from whichever node has it.
    ///
    /// # Errors
    /// When none has it.
    pub fn take(&self, address: IpAddr) -> Result<()> {
        self.outside.namespace.ip(&format!("route del {}\n", host_network(address)))?;
        self.node(1).release(address).or_else(|_| self.node(2).release(address))
    }
}
