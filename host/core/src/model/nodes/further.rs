//! Addresses that nodes have beside those of their Node objects: another address of an interface, a bridge. Each node
//! publishes its own in an EgressNode; on all nodes they count as destinations inside the cluster, and for nothing
//! else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdSet;
use imbl::ordmap::DiffItem;

use super::wrong::{self, FaultCount};
use super::{ListPosition, Nodes};
use crate::finding::Finding;
use crate::model::{EgressNode, MOST_PUBLISHED_ADDRESSES, PublishedNodes, Unusable};

/// The part of what nodes publish that counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedFacts {
    pub(in crate::model) addresses: OrdSet<IpAddr>,
    pub(in crate::model) findings: Vec<Finding>,
}

/// What all nodes publish, at the cost of those that change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedIndex {
    nodes: Nodes,
    published: PublishedNodes,
    /// How many nodes have an address.
    owners: BTreeMap<IpAddr, usize>,
    addresses: OrdSet<IpAddr>,
    without_node: BTreeMap<Arc<str>, ()>,
    unusable: BTreeMap<ListPosition, IpAddr>,
}

/// Whether what counts is what did before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactsChange {
    /// Unchanged.
    Same,
    /// Changed.
    Otherwise,
}

/// What an EgressNode is to others.
#[derive(PartialEq)]
enum Claim<'a> {
    /// These addresses do, as far as a machine can have them.
    Counts(&'a [IpAddr]),
    /// There is no Node of this name.
    WithoutNode,
}

/// Takes what is to be believed from all EgressNodes: the specification of [`PublishedIndex`].
pub(in crate::model) fn further(nodes: &Nodes, published: &PublishedNodes) -> PublishedFacts {
    let (mut without_node, mut unusable) = (FaultCount::default(), FaultCount::default());
    let mut addresses = OrdSet::new();
    for name in published.keys() {
        match claim(nodes, published, name) {
            Some(Claim::Counts(all)) => {
                for address in all.iter().copied() {
                    match Unusable::of(address) {
                        Some(kind) => unusable.add(|| wrong::unusable_address(name, address, kind)),
                        None => drop(addresses.insert(address)),
                    }
                }
            }
            Some(Claim::WithoutNode) => without_node.add(|| wrong::without_node(name)),
            None => {}
        }
    }
    PublishedFacts { addresses, findings: findings(without_node, unusable) }
}

impl PublishedIndex {
    /// The index of these Nodes and EgressNodes.
    pub fn of(nodes: &Nodes, published: &PublishedNodes) -> Self {
        let mut kept = Self::default();
        kept.follow(nodes, published);
        kept
    }

    /// Takes in what there is now; whether something else counts.
    pub fn follow(&mut self, nodes: &Nodes, published: &PublishedNodes) -> FactsChange {
        let before_nodes = std::mem::replace(&mut self.nodes, nodes.clone());
        let before = std::mem::replace(&mut self.published, published.clone());
        let mut result = FactsChange::Same;
        if before.is_empty() && published.is_empty() {
            return result;
        }
        for name in differing(&before_nodes, nodes, &before, published) {
            let [old, new] = [claim(&before_nodes, &before, &name), claim(nodes, published, &name)];
            if old != new {
                self.replace(&Arc::from(&*name), old, new);
                result = FactsChange::Otherwise;
            }
        }
        result
    }

    /// The accepted part.
    pub fn believed(&self) -> PublishedFacts {
        let first = |(name, ()): (&Arc<str>, &())| wrong::without_node(name);
        let without_node = FaultCount::of(self.without_node.len(), self.without_node.first_key_value().map(first));
        let first = self.unusable.first_key_value();
        let first = first.and_then(|(place, address)| Some((place, address, Unusable::of(*address)?)));
        let first = first.map(|(place, address, kind)| wrong::unusable_address(&place.node, *address, kind));
        let unusable = FaultCount::of(self.unusable.len(), first);
        PublishedFacts { addresses: self.addresses.clone(), findings: findings(without_node, unusable) }
    }

    fn replace(&mut self, name: &Arc<str>, old: Option<Claim<'_>>, new: Option<Claim<'_>>) {
        match old {
            Some(Claim::Counts(all)) => places(name, all).for_each(|(place, address)| self.remove(&place, address)),
            Some(Claim::WithoutNode) => drop(self.without_node.remove(name)),
            None => {}
        }
        match new {
            Some(Claim::Counts(all)) => places(name, all).for_each(|(place, address)| self.add(place, address)),
            Some(Claim::WithoutNode) => drop(self.without_node.insert(Arc::clone(name), ())),
            None => {}
        }
    }

    fn add(&mut self, place: ListPosition, address: IpAddr) {
        if Unusable::of(address).is_some() {
            self.unusable.insert(place, address);
            return;
        }
        let owners = self.owners.entry(address).or_default();
        *owners += 1;
        if *owners == 1 {
            self.addresses.insert(address);
        }
    }

    fn remove(&mut self, place: &ListPosition, address: IpAddr) {
        if self.unusable.remove(place).is_some() {
            return;
        }
        match self.owners.get_mut(&address) {
            Some(owners) if *owners > 1 => *owners -= 1,
            Some(_) | None => {
                self.owners.remove(&address);
                self.addresses.remove(&address);
            }
        }
    }
}

/// An EgressNode counts where there is a Node of its name. In files there may be no Nodes at all, and then each counts.
fn claim<'a>(nodes: &Nodes, published: &'a PublishedNodes, name: &str) -> Option<Claim<'a>> {
    let node = published.get(name)?;
    let counts = nodes.is_empty() || nodes.contains_key(name);
    Some(if counts { Claim::Counts(claimed(node)) } else { Claim::WithoutNode })
}

fn claimed(node: &EgressNode) -> &[IpAddr] {
    node.addresses.get(..MOST_PUBLISHED_ADDRESSES).unwrap_or(&node.addresses)
}

fn places(name: &Arc<str>, addresses: &[IpAddr]) -> impl Iterator<Item = (ListPosition, IpAddr)> {
    let place = |number| ListPosition { node: Arc::clone(name), number };
    addresses.iter().enumerate().map(move |(number, address)| (place(number), *address))
}

/// The names of the EgressNodes that may count otherwise than before.
fn differing(before_nodes: &Nodes, nodes: &Nodes, before: &PublishedNodes, now: &PublishedNodes) -> BTreeSet<String> {
    if before_nodes.is_empty() != nodes.is_empty() {
        return before.keys().chain(now.keys()).cloned().collect();
    }
    let of_nodes = before_nodes.diff(nodes).filter_map(|item| match item {
        DiffItem::Add(name, _) | DiffItem::Remove(name, _) => Some(name.clone()),
        DiffItem::Update { .. } => None,
    });
    let published = before.diff(now).map(|item| match item {
        DiffItem::Add(name, _) | DiffItem::Remove(name, _) | DiffItem::Update { new: (name, _), old: _ } => {
            name.clone()
        }
    });
    of_nodes.chain(published).collect()
}

fn findings(without_node: FaultCount, unusable: FaultCount) -> Vec<Finding> {
    let without_node = without_node
        .finding("egress-node-without-node", "its addresses are ignored; delete it, or let the node join the cluster");
    let unusable = unusable.finding(
        "egress-node-address-unusable",
        "the address is ignored; correct the EgressNode, or update egressd on that node",
    );
    without_node.into_iter().chain(unusable).collect()
}
