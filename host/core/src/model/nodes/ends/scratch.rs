//! What is accepted of all tunnel ends, looked up among all Nodes and EgressNodes: the specification of [`TunnelIndex`].

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

#[cfg(doc)]
use super::TunnelIndex;
use super::fault::{Claimant, EndFault, EndFaults, NamedAddress};
use super::{TunnelFacts, addresses};
use crate::model::nodes::{Nodes, believed_pod_networks, own_addresses};
use crate::model::{PublishedNodes, TunnelEnd, Unusable};

/// All objects of one moment.
struct Cluster<'a> {
    nodes: &'a Nodes,
    published: &'a PublishedNodes,
}

impl TunnelFacts {
    /// What of these tunnel ends is accepted.
    pub fn of(nodes: &Nodes, published: &PublishedNodes) -> Self {
        let cluster = Cluster { nodes, published };
        let (mut facts, mut faults) = (Self::default(), EndFaults::default());
        for (name, node) in published {
            let is_accepted = |address| cluster.fault(name, address).is_none();
            let ends: Arc<[TunnelEnd]> = node.tunnels.ends().iter().filter_map(|end| end.with(is_accepted)).collect();
            if !ends.is_empty() {
                facts.ends.insert(Arc::from(&**name), ends);
            }
            for address in addresses(Some(node)) {
                faults.set(NamedAddress { node: Arc::from(&**name), address }, cluster.fault(name, address));
            }
        }
        Self { findings: faults.findings(nodes), ..facts }
    }
}

impl Cluster<'_> {
    fn fault(&self, name: &str, address: IpAddr) -> Option<EndFault> {
        let Some(node) = self.nodes.get(name) else { return Some(EndFault::WithoutNode) };
        if let Some(kind) = Unusable::of(address) {
            return Some(EndFault::Unusable(kind));
        }
        if !node.has_internal(address) {
            return Some(EndFault::NotInternal);
        }
        if let Some((network, owner)) = self.pod_network(address) {
            return Some(EndFault::OfPods { network, owner: Arc::from(owner) });
        }
        self.other_claimant(name, address).map(EndFault::Claimed)
    }

    /// The widest network with an address, and the first of its owners.
    fn pod_network(&self, address: IpAddr) -> Option<(IpNet, &str)> {
        let networks = self.nodes.iter().flat_map(|(owner, node)| {
            believed_pod_networks(node).map(move |network| (network.trunc(), owner.as_str()))
        });
        let around = networks.filter(|(network, _)| network.contains(&address));
        around.min_by_key(|(network, owner)| (network.prefix_len(), *owner))
    }

    fn other_claimant(&self, name: &str, address: IpAddr) -> Option<Claimant> {
        let others = || self.nodes.iter().filter(|(other, _)| *other != name);
        let mut listers = others().filter(|(_, node)| own_addresses(node).any(|own| own == address));
        if let Some((other, _)) = listers.next() {
            return Some(Claimant::Node(Arc::from(&**other)));
        }
        let claims = |other: &str| addresses(self.published.get(other).map(|node| &**node)).any(|own| own == address);
        let mut claimants = others().filter(|(other, _)| claims(other));
        claimants.next().map(|(other, _)| Claimant::EgressNode(Arc::from(&**other)))
    }
}
