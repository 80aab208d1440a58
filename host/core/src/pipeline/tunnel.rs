//! The tunnel between nodes: what its ends and the addresses that nodes hold come to for subjects.

use super::Pipeline;

impl Pipeline {
    /// Takes in what nodes say of tunnels now, with the Nodes that were looked at last.
    pub(super) fn take_tunnels(&mut self) {
        self.tunnels.follow(&self.nodes, &self.newest.egress_nodes.by_name);
    }
}
