//! What is believed of Node objects. A node's kubelet writes its Node, and what one Node claims counts on all nodes: so
//! each is believed about itself, within bounds, and what one claims of another is not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;
use ipnet::IpNet;

use super::{Before, Node};
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

/// The part of all Nodes' claims that counts.
#[derive(Debug, Default)]
pub(super) struct Believed {
    /// The addresses of all nodes.
    pub(super) addresses: BTreeSet<IpAddr>,
    /// The networks of all nodes' pods, each with a Node that has it.
    pub(super) pod_networks: Vec<(IpNet, String)>,
    /// What does not count, one finding for each reason.
    pub(super) findings: Vec<Finding>,
}

/// Takes what is to be believed from all Nodes.
pub(super) fn believed(nodes: &Nodes) -> Believed {
    let mut believed = Believed::default();
    let (mut many, mut of_pods, mut twice) = <(Cases, Cases, Cases)>::default();
    let (networks, findings) = PodNetworks::of(nodes);
    let mut claimed: BTreeMap<IpAddr, &str> = BTreeMap::new();
    for (name, node) in nodes {
        if node.addresses.len() > MOST_NODE_ADDRESSES {
            many.add(|| format!("Node {name} lists {} addresses", node.addresses.len()));
        }
        for address in own_addresses(node) {
            if let Some((network, owner)) = networks.of_another(address, name) {
                of_pods.add(|| {
                    format!("Node {name} lists {address}, which lies in {network}, the pod network of Node {owner}")
                });
                continue;
            }
            if let Some(other) = claimed.insert(address, name).filter(|other| *other != name) {
                twice.add(|| format!("Nodes {other} and {name} both list {address}"));
            }
            believed.addresses.insert(address);
        }
    }
    believed.pod_networks = networks.all();
    let of_addresses = [
        many.finding("node-addresses-too-many", &format!("the first {MOST_NODE_ADDRESSES} count as a node's")),
        of_pods.finding("node-address-in-pod-network", "it does not count as a node's address"),
        twice
            .finding("node-address-twice", "it counts as a node's address, and one of the two is wrong or out of date"),
    ];
    believed.findings = findings.into_iter().chain(of_addresses.into_iter().flatten()).collect();
    believed
}

/// The first address of each family of a Node: what a CNI's masquerade translates to. Further ones may be a load balancer's,
/// which a node has for a while.
pub(super) fn primary_addresses(node: &Node) -> impl Iterator<Item = IpAddr> {
    let of = |family| own_addresses(node).find(move |address| Family::of(*address) == family);
    Family::ALL.into_iter().filter_map(of)
}

/// The networks of a Node's pods that count.
pub(super) fn own_pod_networks(node: &Node) -> impl Iterator<Item = IpNet> {
    let before = node.before.pod_networks.iter().take(MOST_NETWORKS_BEFORE);
    node.pod_networks.iter().take(MOST_NODE_NETWORKS).chain(before).copied()
}

/// The addresses of a Node that count.
fn own_addresses(node: &Node) -> impl Iterator<Item = IpAddr> {
    let before = node.before.addresses.iter().take(MOST_ADDRESSES_BEFORE);
    node.addresses.iter().take(MOST_NODE_ADDRESSES).chain(before).copied()
}

impl Node {
    /// The same, of which a part cannot be read, with what counted of it before: what is inside does not shrink by that.
    #[must_use]
    pub fn keeping_inside(self, known: &Self) -> Self {
        let counted = known.addresses.iter().take(MOST_NODE_ADDRESSES);
        let addresses = known.before.addresses.iter().chain(counted).chain(&self.before.addresses);
        let counted = known.pod_networks.iter().take(MOST_NODE_NETWORKS);
        let pod_networks = known.before.pod_networks.iter().chain(counted).chain(&self.before.pod_networks);
        let before = Before {
            addresses: first(MOST_ADDRESSES_BEFORE, addresses, &self.addresses, MOST_NODE_ADDRESSES),
            pod_networks: first(MOST_NETWORKS_BEFORE, pod_networks, &self.pod_networks, MOST_NODE_NETWORKS),
        };
        Self { before, completeness: self.completeness.min(known.completeness), ..self }
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

/// The pod networks by prefix, to be found in as many steps as there are lengths of prefixes: there may be thousands.
#[derive(Default)]
struct PodNetworks<'a> {
    owners: BTreeMap<IpNet, Vec<&'a str>>,
    lengths: BTreeSet<u8>,
}

impl<'a> PodNetworks<'a> {
    /// Those that count, and what does not.
    fn of(nodes: &'a Nodes) -> (Self, Vec<Finding>) {
        let (mut networks, mut wide, mut many) = <(Self, Cases, Cases)>::default();
        for (name, node) in nodes {
            if node.pod_networks.len() > MOST_NODE_NETWORKS {
                many.add(|| format!("Node {name} has {} podCIDRs", node.pod_networks.len()));
            }
            for network in own_pod_networks(node) {
                if is_too_wide(network) {
                    wide.add(|| format!("Node {name} has the podCIDR {network}"));
                    continue;
                }
                networks.lengths.insert(network.prefix_len());
                networks.owners.entry(network.trunc()).or_default().push(name);
            }
        }
        let wide = wide.finding(
            "node-network-too-wide",
            "so wide a network does not count as a pod network; correct spec.podCIDRs",
        );
        let first = format!("the first {MOST_NODE_NETWORKS} count, one of each family is what a Node may have");
        let findings = [wide, many.finding("node-networks-too-many", &first), networks.shared()];
        (networks, findings.into_iter().flatten().collect())
    }

    fn all(&self) -> Vec<(IpNet, String)> {
        let first = |owners: &Vec<&str>| owners.first().copied().unwrap_or_default().to_owned();
        self.owners.iter().map(|(network, owners)| (*network, first(owners))).collect()
    }

    /// Networks that lie in one of another Node: whoever claims it may mean the other's pods.
    fn shared(&self) -> Option<Finding> {
        let mut shared = Cases::default();
        for (network, owners) in &self.owners {
            for owner in owners {
                if let Some((around, other)) = self.around(network.addr(), owner, network.prefix_len()) {
                    shared.add(|| format!("the podCIDR {network} of Node {owner} lies in {around} of Node {other}"));
                }
            }
        }
        let consequence = "both count as pod networks, and one of them is wrong or out of date";
        shared.finding("node-network-twice", consequence)
    }

    /// The network with this address that another node has, whoever else claims it.
    fn of_another(&self, address: IpAddr, name: &str) -> Option<(IpNet, &'a str)> {
        self.around(address, name, u8::MAX)
    }

    /// The same, with a prefix of so many bits at most.
    fn around(&self, address: IpAddr, name: &str, longest: u8) -> Option<(IpNet, &'a str)> {
        let around = |length: &u8| IpNet::new(address, *length).ok().map(|network| network.trunc());
        let mut networks = self.lengths.range(..=longest).filter_map(around);
        networks.find_map(|network| {
            let owner = self.owners.get(&network)?.iter().find(|owner| **owner != name)?;
            Some((network, *owner))
        })
    }
}

pub(super) fn is_too_wide(network: IpNet) -> bool {
    let widest = match network {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    network.prefix_len() < widest
}

/// Objects with the same thing wrong: the first in full, the others as a number, however many there are.
#[derive(Default)]
struct Cases {
    first: Option<String>,
    count: usize,
}

impl Cases {
    fn add(&mut self, sentence: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(sentence);
    }

    fn finding(self, code: &str, consequence: &str) -> Option<Finding> {
        let first = self.first?;
        let more = match self.count {
            1 => String::new(),
            count => format!(" (and {} more such cases)", count - 1),
        };
        Some(Finding::warning(code, format!("{first}{more}: {consequence}")))
    }
}
