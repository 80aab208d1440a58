//! The parts of Nodes that are not accepted: one finding per reason.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{MOST_NODE_ADDRESSES, MOST_NODE_NETWORKS};
use crate::finding::Finding;
use crate::model::Unusable;

/// The faults in the addresses and networks of all Nodes.
#[derive(Debug, Default)]
pub(super) struct NodeFaults {
    pub(super) wide_networks: FaultCount,
    pub(super) many_networks: FaultCount,
    pub(super) shared_networks: FaultCount,
    pub(super) many_addresses: FaultCount,
    pub(super) addresses_of_pods: FaultCount,
    pub(super) shared_addresses: FaultCount,
}

impl NodeFaults {
    /// One finding per kind of fault.
    pub(super) fn findings(self) -> Vec<Finding> {
        let networks = format!("the first {MOST_NODE_NETWORKS} count, one of each family is what a Node may have");
        let findings = [
            self.wide_networks.finding(
                "node-network-too-wide",
                "a network this wide is not used as a pod network; delete the Node, and let it join again with a \
                 narrower one",
            ),
            self.many_networks.finding("node-networks-too-many", &networks),
            self.shared_networks
                .finding("node-network-overlap", "both are used as pod networks; one of them is wrong or outdated"),
            self.many_addresses
                .finding("node-addresses-too-many", &format!("the first {MOST_NODE_ADDRESSES} count as a node's")),
            self.addresses_of_pods.finding("node-address-in-pod-network", "it is not used as a node address"),
            self.shared_addresses.finding(
                "node-address-duplicate",
                "it is used as a node address; one of the two Nodes is wrong or outdated",
            ),
        ];
        findings.into_iter().flatten().collect()
    }
}

/// Objects with the same thing wrong: the first in full, the others as a number, however many there are.
#[derive(Debug, Default)]
pub(super) struct FaultCount {
    first: Option<String>,
    count: usize,
}

impl FaultCount {
    /// So many, with a sentence about the first.
    pub(super) fn of(count: usize, first: Option<String>) -> Self {
        Self { first, count }
    }

    /// Counts one more.
    pub(super) fn add(&mut self, sentence: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(sentence);
    }

    pub(super) fn finding(self, code: &str, consequence: &str) -> Option<Finding> {
        let first = self.first?;
        let more = match self.count {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        Some(Finding::warning(code, format!("{first}{more}: {consequence}")))
    }
}

pub(super) fn wide_network(node: &str, network: IpNet) -> String {
    format!("Node {node} has the podCIDR {network}")
}

pub(super) fn many_networks(node: &str, count: usize) -> String {
    format!("Node {node} has {count} podCIDRs")
}

pub(super) fn shared_network(node: &str, network: IpNet, around: IpNet, other: &str) -> String {
    format!("the podCIDR {network} of Node {node} lies in {around} of Node {other}")
}

pub(super) fn many_addresses(node: &str, count: usize) -> String {
    format!("Node {node} lists {count} addresses")
}

pub(super) fn address_of_pods(node: &str, address: IpAddr, network: IpNet, owner: &str) -> String {
    format!("Node {node} lists {address}, which lies in {network}, the pod network of Node {owner}")
}

pub(super) fn shared_address(node: &str, address: IpAddr, other: &str) -> String {
    format!("Nodes {other} and {node} both list {address}")
}

pub(super) fn without_node(name: &str) -> String {
    format!("EgressNode {name} has no Node")
}

pub(super) fn unusable_address(node: &str, address: IpAddr, kind: Unusable) -> String {
    format!("EgressNode {node} lists {address}, which is {kind}")
}
