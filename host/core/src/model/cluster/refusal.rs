//! Addresses that no packet may get as its source.

use std::net::IpAddr;

use super::ClusterFacts;
use crate::finding::{Finding, Severity};
use crate::model::Unusable;
use crate::net::is_within;

impl ClusterFacts {
    /// Why no packet of this node may get this address as its source, whoever gave it to a Service; none when one may.
    pub fn refusal(&self, address: IpAddr) -> Option<Finding> {
        if let Some(unusable) = Unusable::of(address) {
            return Some(refused("address-unusable", address, &format!("it is {unusable}")));
        }
        if is_within(&self.named_networks, address) {
            let because = "it lies in spec.podCIDRs of this Node or in a ServiceCIDR, so replies would not come back to \
                           this node; use an address outside of these networks";
            return Some(refused("address-in-cluster-network", address, because));
        }
        let because = "it is this node's own address, which masquerade usually gives to packets of its pods already";
        let is_a_nodes = self.primary_addresses.contains(&address);
        let finding = || Finding::new(Severity::Info, "address-of-this-node", not_translated(address, because));
        is_a_nodes.then(finding)
    }
}

fn refused(code: &'static str, address: IpAddr, because: &str) -> Finding {
    Finding::error(code, not_translated(address, because))
}

fn not_translated(address: IpAddr, because: &str) -> String {
    format!("nothing is translated to {address}: {because}")
}
