//! The accepted part of Node objects. A node's kubelet writes its Node, and the claims of one Node count on all nodes:
//! so each is trusted about itself, within bounds, and not about others.

mod ends;
#[cfg(test)]
mod ends_tests;
mod further;
#[cfg(test)]
mod further_tests;
mod kept;
#[cfg(test)]
mod kept_tests;
mod networks;
mod wrong;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use ipnet::IpNet;

pub use self::ends::{AcceptedEnds, TunnelFacts, TunnelIndex};
pub(super) use self::further::further;
pub use self::further::{FactsChange, PublishedFacts, PublishedIndex};
pub use self::kept::KeptNodes;
use self::networks::PodNetworks;
use self::wrong::NodeFaults;
use super::{Completeness, EarlierNodeData, Node, Readiness};
use crate::finding::Finding;
use crate::net::Family;

/// How many addresses of one Node count. Nodes have a few, and each one becomes an element of a set.
pub const MOST_NODE_ADDRESSES: usize = 16;
/// How many pod networks of one Node count: one of each family, as the API server has it.
pub(super) const MOST_NODE_NETWORKS: usize = 2;
/// The same of what a Node had before, while a part of it cannot be read: what it has does not count less for it.
pub const MOST_ADDRESSES_BEFORE: usize = 16;
/// Networks, likewise. A Node has the same ones for life; a few more are for what is corrected by and by.
pub const MOST_NETWORKS_BEFORE: usize = 8;
/// The widest network of one node's pods. A wider one would declare much of the world a part of the cluster.
const WIDEST_V4: u8 = 8;
/// The same, IPv6.
const WIDEST_V6: u8 = 16;

/// Nodes by name, as a snapshot has them.
type Nodes = OrdMap<String, Arc<Node>>;

/// The networks of all nodes' pods of one family, each with a Node that has it.
pub(super) type NodeNetworks = OrdMap<IpNet, Arc<str>>;

/// The part of all Nodes' claims that counts. What two of them have in common they share, so that they are compared and
/// copied at the cost of what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    pub(super) addresses: OrdSet<IpAddr>,
    pub(super) pod_networks: BTreeMap<Family, NodeNetworks>,
    /// The first Node of which a part is not known.
    pub(super) partial: Option<Arc<str>>,
    /// The first Node that is ready and has no pod network.
    pub(super) lacking: Option<Arc<str>>,
    /// What does not count, one finding for each reason.
    pub(super) findings: Vec<Finding>,
}

/// One of the things that a Node lists; in the order in which all Nodes are gone through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ListPosition {
    node: Arc<str>,
    number: usize,
}

/// Takes what is to be believed from all Nodes: the specification of [`KeptNodes`].
pub(super) fn believed(nodes: &Nodes) -> NodeFacts {
    let mut wrong = NodeFaults::default();
    let networks = pod_networks(nodes, &mut wrong);
    let mut pod_networks: BTreeMap<Family, NodeNetworks> = BTreeMap::new();
    for (network, owner) in networks.all() {
        pod_networks.entry(Family::of_network(network)).or_default().insert(network, Arc::clone(owner));
    }
    let addresses = addresses(nodes, &networks, &mut wrong);
    let first = |is: fn(&Node) -> bool| nodes.iter().find(|(_, node)| is(node)).map(|(name, _)| Arc::from(&**name));
    NodeFacts {
        addresses,
        pod_networks,
        partial: first(is_partial),
        lacking: first(lacks_networks),
        findings: wrong.findings(),
    }
}

fn pod_networks(nodes: &Nodes, wrong: &mut NodeFaults) -> PodNetworks {
    let mut networks = PodNetworks::default();
    for (name, node) in nodes {
        if node.pod_networks.len() > MOST_NODE_NETWORKS {
            wrong.many_networks.add(|| wrong::many_networks(name, node.pod_networks.len()));
        }
        let owner = Arc::from(&**name);
        for network in own_pod_networks(node) {
            if is_too_wide(network) {
                wrong.wide_networks.add(|| wrong::wide_network(name, network));
            } else {
                networks.insert(network.trunc(), &owner);
            }
        }
    }
    for (network, _) in networks.all() {
        for (owner, (around, other)) in networks.shared(network) {
            wrong.shared_networks.add(|| wrong::shared_network(owner, network, around, other));
        }
    }
    networks
}

fn addresses(nodes: &Nodes, networks: &PodNetworks, wrong: &mut NodeFaults) -> OrdSet<IpAddr> {
    let mut claimed: BTreeMap<IpAddr, &str> = BTreeMap::new();
    for (name, node) in nodes {
        if node.addresses.len() > MOST_NODE_ADDRESSES {
            wrong.many_addresses.add(|| wrong::many_addresses(name, node.addresses.len()));
        }
        for address in own_addresses(node) {
            if let Some((network, owner)) = networks.of_another(address, name) {
                wrong.addresses_of_pods.add(|| wrong::address_of_pods(name, address, network, owner));
                continue;
            }
            if let Some(other) = claimed.insert(address, name).filter(|other| *other != name) {
                wrong.shared_addresses.add(|| wrong::shared_address(name, address, other));
            }
        }
    }
    claimed.into_keys().collect()
}

/// Whether it is not known of a Node where all of its pods live.
fn is_partial(node: &Node) -> bool {
    node.completeness == Completeness::Partial
}

/// One that only joins gets its network before it is ready.
fn lacks_networks(node: &Node) -> bool {
    node.readiness == Readiness::Ready && own_pod_networks(node).next().is_none()
}

/// The first address of each family of a Node: what a CNI's masquerade translates to. Further ones may be a load
/// balancer's, which a node has for a while.
pub(super) fn primary_addresses(node: &Node) -> impl Iterator<Item = IpAddr> {
    let first_of = |family| own_addresses(node).find(move |address| Family::of(*address) == family);
    Family::ALL.into_iter().filter_map(first_of)
}

/// The networks of a Node's pods, as many as count.
fn own_pod_networks(node: &Node) -> impl Iterator<Item = IpNet> {
    let before = node.before.pod_networks.iter().take(MOST_NETWORKS_BEFORE);
    node.pod_networks.iter().take(MOST_NODE_NETWORKS).chain(before).copied()
}

/// The same, without those that are too wide to count.
pub(crate) fn believed_pod_networks(node: &Node) -> impl Iterator<Item = IpNet> {
    own_pod_networks(node).filter(|network| !is_too_wide(*network))
}

/// The addresses of a Node that count.
fn own_addresses(node: &Node) -> impl Iterator<Item = IpAddr> {
    let before = node.before.addresses.iter().take(MOST_ADDRESSES_BEFORE);
    node.addresses.iter().take(MOST_NODE_ADDRESSES).chain(before).copied()
}

impl Node {
    /// The same, of which a part cannot be read, with what counted of it before: what is inside does not shrink by
    /// that.
    #[must_use]
    pub fn keeping_inside(self, known: &Self) -> Self {
        let counted = known.addresses.iter().take(MOST_NODE_ADDRESSES);
        let addresses = known.before.addresses.iter().chain(counted).chain(&self.before.addresses);
        let counted = known.pod_networks.iter().take(MOST_NODE_NETWORKS);
        let pod_networks = known.before.pod_networks.iter().chain(counted).chain(&self.before.pod_networks);
        let before = EarlierNodeData {
            addresses: first(MOST_ADDRESSES_BEFORE, addresses, &self.addresses, MOST_NODE_ADDRESSES),
            pod_networks: first(MOST_NETWORKS_BEFORE, pod_networks, &self.pod_networks, MOST_NODE_NETWORKS),
        };
        // What lists the address and is newer says of which type it is.
        let lists = |address: &IpAddr| own_addresses(&self).any(|own| own == *address);
        let is_internal = |address: &IpAddr| if lists(address) { &self } else { known }.has_internal(*address);
        let all = self.addresses.iter().take(MOST_NODE_ADDRESSES).chain(&before.addresses).copied();
        let external = all.filter(|address| !is_internal(address)).collect();
        Self { before, external, completeness: self.completeness.min(known.completeness), ..self }
    }

    /// Whether an address is an `InternalIP` of the node: one that counts, or one that did while it cannot be read.
    pub fn has_internal(&self, address: IpAddr) -> bool {
        !self.external.contains(&address) && own_addresses(self).any(|own| own == address)
    }
}

/// So many of all, each once, without those that count anyway: so many of what a Node has.
fn first<'a, T>(most: usize, all: impl Iterator<Item = &'a T>, has: &[T], counted: usize) -> Vec<T>
where
    T: Copy + PartialEq + 'a,
{
    let mut first = Vec::new();
    for one in all {
        if first.len() < most && !has.iter().take(counted).any(|has| has == one) && !first.contains(one) {
            first.push(*one);
        }
    }
    first
}

fn is_too_wide(network: IpNet) -> bool {
    let widest = match network {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    network.prefix_len() < widest
}
