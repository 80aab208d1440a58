//! The accepted part of all Nodes, updated at the cost of those that change.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdSet;
use imbl::ordmap::DiffItem;
use ipnet::IpNet;

use super::networks::PodNetworks;
use super::wrong::{self, FaultCount, NodeFaults};
use super::{
    ListPosition, MOST_NODE_ADDRESSES, MOST_NODE_NETWORKS, NodeFacts, NodeNetworks, Nodes, is_partial, is_too_wide,
    lacks_networks, own_addresses, own_pod_networks,
};
use crate::model::Node;
use crate::net::{AddressRange, Family};

/// What all Nodes say, where it is found by a network or an address, and what of it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptNodes {
    nodes: Nodes,
    networks: PodNetworks,
    /// The Nodes that list an address.
    listed: BTreeMap<IpAddr, BTreeSet<ListPosition>>,
    addresses: OrdSet<IpAddr>,
    pod_networks: BTreeMap<Family, NodeNetworks>,
    partial: BTreeMap<Arc<str>, ()>,
    lacking: BTreeMap<Arc<str>, ()>,
    wide_networks: BTreeMap<ListPosition, IpNet>,
    many_networks: BTreeMap<Arc<str>, usize>,
    /// How many of its owners are not alone with a network.
    shared_networks: BTreeMap<IpNet, usize>,
    many_addresses: BTreeMap<Arc<str>, usize>,
    addresses_of_pods: BTreeMap<ListPosition, IpAddr>,
    shared_addresses: BTreeMap<ListPosition, (IpAddr, Arc<str>)>,
}

/// The addresses and networks to decide again.
#[derive(Default)]
struct Touched {
    networks: BTreeSet<IpNet>,
    addresses: BTreeSet<IpAddr>,
}

impl KeptNodes {
    /// The index of these Nodes.
    pub fn of(nodes: &Nodes) -> Self {
        let mut kept = Self::default();
        kept.follow(nodes);
        kept
    }

    /// Updates the index to the newest Nodes.
    pub fn follow(&mut self, nodes: &Nodes) {
        let before = std::mem::replace(&mut self.nodes, nodes.clone());
        let mut touched = Touched::default();
        for item in before.diff(nodes) {
            let (name, old, new) = match item {
                DiffItem::Add(name, new) => (name, None, Some(&**new)),
                DiffItem::Update { old: (_, old), new: (name, new) } => (name, Some(&**old), Some(&**new)),
                DiffItem::Remove(name, old) => (name, Some(&**old), None),
            };
            self.replace(&Arc::from(&**name), old, new, &mut touched);
        }
        self.decide(touched);
    }

    /// The accepted part.
    pub fn believed(&self) -> NodeFacts {
        NodeFacts {
            addresses: self.addresses.clone(),
            pod_networks: self.pod_networks.clone(),
            partial: self.partial.keys().next().cloned(),
            lacking: self.lacking.keys().next().cloned(),
            findings: self.wrong().findings(),
        }
    }

    /// The Nodes that are followed.
    pub(super) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// The pod networks of all Nodes.
    pub(super) fn networks(&self) -> &PodNetworks {
        &self.networks
    }

    /// The first of the other Nodes that list an address.
    pub(super) fn other_lister(&self, address: IpAddr, node: &str) -> Option<&Arc<str>> {
        let places = self.listed.get(&address).into_iter().flatten();
        places.map(|place| &place.node).find(|other| ***other != *node)
    }

    fn wrong(&self) -> NodeFaults {
        let wide = |(place, network): (&ListPosition, &IpNet)| wrong::wide_network(&place.node, *network);
        let shared = |(place, (address, other)): (&ListPosition, &(IpAddr, Arc<str>))| {
            wrong::shared_address(&place.node, *address, other)
        };
        NodeFaults {
            wide_networks: cases(&self.wide_networks, wide),
            many_networks: cases(&self.many_networks, |(node, count)| wrong::many_networks(node, *count)),
            shared_networks: FaultCount::of(self.shared_networks.values().sum(), self.shared_network()),
            many_addresses: cases(&self.many_addresses, |(node, count)| wrong::many_addresses(node, *count)),
            addresses_of_pods: FaultCount::of(self.addresses_of_pods.len(), self.address_of_pods()),
            shared_addresses: cases(&self.shared_addresses, shared),
        }
    }

    fn shared_network(&self) -> Option<String> {
        let network = *self.shared_networks.keys().next()?;
        let (owner, (around, other)) = self.networks.shared(network).next()?;
        Some(wrong::shared_network(owner, network, around, other))
    }

    fn address_of_pods(&self) -> Option<String> {
        let (ListPosition { node, number: _ }, address) = self.addresses_of_pods.first_key_value()?;
        let (network, owner) = self.networks.of_another(*address, node)?;
        Some(wrong::address_of_pods(node, *address, network, owner))
    }

    /// Replaces what is kept of one Node by its new state.
    fn replace(&mut self, name: &Arc<str>, old: Option<&Node>, new: Option<&Node>, touched: &mut Touched) {
        set(&mut self.partial, name, new.filter(|new| is_partial(new)).map(drop));
        set(&mut self.lacking, name, new.filter(|new| lacks_networks(new)).map(drop));
        let networks = new.map(|new| new.pod_networks.len()).filter(|count| *count > MOST_NODE_NETWORKS);
        set(&mut self.many_networks, name, networks);
        let addresses = new.map(|new| new.addresses.len()).filter(|count| *count > MOST_NODE_ADDRESSES);
        set(&mut self.many_addresses, name, addresses);
        self.replace_networks(name, listed(old, own_pod_networks), listed(new, own_pod_networks), touched);
        self.replace_addresses(name, listed(old, own_addresses), listed(new, own_addresses), touched);
    }

    fn replace_networks(&mut self, name: &Arc<str>, old: Vec<IpNet>, new: Vec<IpNet>, touched: &mut Touched) {
        if old == new {
            return;
        }
        for (place, network) in places(name, old) {
            if self.wide_networks.remove(&place).is_none() {
                self.networks.remove(network.trunc(), name);
                touched.networks.insert(network.trunc());
            }
        }
        for (place, network) in places(name, new) {
            if is_too_wide(network) {
                self.wide_networks.insert(place, network);
            } else {
                self.networks.insert(network.trunc(), name);
                touched.networks.insert(network.trunc());
            }
        }
    }

    fn replace_addresses(&mut self, name: &Arc<str>, old: Vec<IpAddr>, new: Vec<IpAddr>, touched: &mut Touched) {
        if old == new {
            return;
        }
        touched.addresses.extend(old.iter().chain(&new));
        for (place, address) in places(name, old) {
            self.addresses_of_pods.remove(&place);
            self.shared_addresses.remove(&place);
            if let Some(places) = self.listed.get_mut(&address) {
                places.remove(&place);
                if places.is_empty() {
                    self.listed.remove(&address);
                }
            }
        }
        for (place, address) in places(name, new) {
            self.listed.entry(address).or_default().insert(place);
        }
    }

    /// What lies in a network depends on who else has it: other networks, and addresses.
    fn decide(&mut self, mut touched: Touched) {
        let within: BTreeSet<IpNet> =
            touched.networks.iter().flat_map(|network| self.networks.within(*network)).collect();
        for network in touched.networks.union(&within) {
            self.decide_network(*network);
        }
        for range in touched.networks.iter().map(|network| AddressRange::from(*network)) {
            let addresses = self.listed.range(range.first()..=range.last());
            touched.addresses.extend(addresses.map(|(address, _)| *address));
        }
        touched.addresses.into_iter().for_each(|address| self.decide_address(address));
    }

    fn decide_network(&mut self, network: IpNet) {
        let shared = self.networks.shared(network).count();
        set(&mut self.shared_networks, &network, Some(shared).filter(|shared| *shared > 0));
        let of_family = self.pod_networks.entry(Family::of_network(network)).or_default();
        match self.networks.owner(network) {
            Some(owner) if of_family.get(&network) == Some(owner) => {}
            Some(owner) => drop(of_family.insert(network, Arc::clone(owner))),
            None => drop(of_family.remove(&network)),
        }
        self.pod_networks.retain(|_, networks| !networks.is_empty());
    }

    fn decide_address(&mut self, address: IpAddr) {
        let mut last: Option<&Arc<str>> = None;
        for place in self.listed.get(&address).into_iter().flatten() {
            let is_of_pods = self.networks.of_another(address, &place.node).is_some();
            let other = last.filter(|other| **other != place.node && !is_of_pods);
            set(&mut self.addresses_of_pods, place, is_of_pods.then_some(address));
            set(&mut self.shared_addresses, place, other.map(|other| (address, Arc::clone(other))));
            last = if is_of_pods { last } else { Some(&place.node) };
        }
        // What stays as it is stays shared with what was given away.
        match (last.is_some(), self.addresses.contains(&address)) {
            (true, false) => drop(self.addresses.insert(address)),
            (false, true) => drop(self.addresses.remove(&address)),
            (true, true) | (false, false) => {}
        }
    }
}

fn cases<K, T>(all: &BTreeMap<K, T>, sentence: impl FnOnce((&K, &T)) -> String) -> FaultCount {
    FaultCount::of(all.len(), all.iter().next().map(sentence))
}

fn listed<'a, T, I: Iterator<Item = T> + 'a>(node: Option<&'a Node>, list: fn(&'a Node) -> I) -> Vec<T> {
    node.into_iter().flat_map(list).collect()
}

fn places<T>(node: &Arc<str>, all: Vec<T>) -> impl Iterator<Item = (ListPosition, T)> {
    all.into_iter().enumerate().map(|(number, one)| (ListPosition { node: Arc::clone(node), number }, one))
}

fn set<K: Ord + Clone, T>(all: &mut BTreeMap<K, T>, key: &K, value: Option<T>) {
    match value {
        Some(value) => drop(all.insert(key.clone(), value)),
        None => drop(all.remove(key)),
    }
}
