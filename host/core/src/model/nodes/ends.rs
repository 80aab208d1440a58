//! Which tunnel ends of nodes are accepted (P18). A node says in its EgressNode where it takes packets; that counts only
//! as far as its Node, which others write too, agrees and no other object contradicts. What is accepted decides to whom
//! packets of pods are sent, and from whom they are taken.

mod fault;
mod scratch;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use self::fault::{Claimant, EndFault, EndFaults, NamedAddress};
use super::kept::KeptNodes;
use super::{Nodes, believed_pod_networks, own_addresses};
use crate::finding::Finding;
use crate::model::{EgressNode, Holding, Node, PublishedNodes, TunnelEnd, TunnelKind, Unusable};
use crate::net::AddressRange;

/// The accepted ends of each node that has any, in the order of kinds. Two maps share what they have in common.
pub type AcceptedEnds = OrdMap<Arc<str>, Arc<[TunnelEnd]>>;

/// What is accepted, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TunnelFacts {
    pub ends: AcceptedEnds,
    /// What is not accepted, one finding for each kind of fault.
    pub findings: Vec<Finding>,
}

/// The tunnel ends of all nodes and the addresses that they hold, at the cost of what changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TunnelIndex {
    nodes: Nodes,
    published: PublishedNodes,
    /// The EgressNodes whose tunnel ends have an address, whether they have a Node or not.
    claimants: BTreeMap<IpAddr, BTreeSet<Arc<str>>>,
    faults: EndFaults,
    accepted: AcceptedEnds,
}

/// What has to be decided again.
#[derive(Default)]
struct Touched {
    addresses: BTreeSet<IpAddr>,
    names: BTreeSet<Arc<str>>,
}

impl TunnelIndex {
    /// The index of these Nodes and EgressNodes.
    pub fn of(nodes: &KeptNodes, published: &PublishedNodes) -> Self {
        let mut index = Self::default();
        index.follow(nodes, published);
        index
    }

    /// Takes in what there is now. The names of the nodes that come or go, of which another end counts, or which hold other
    /// addresses, or may.
    pub fn follow(&mut self, nodes: &KeptNodes, published: &PublishedNodes) -> BTreeSet<Arc<str>> {
        let before_nodes = std::mem::replace(&mut self.nodes, nodes.nodes().clone());
        let before = std::mem::replace(&mut self.published, published.clone());
        let mut touched = Touched::default();
        let mut changed = BTreeSet::new();
        for item in before.diff(published) {
            let (name, old, new) = parts(item);
            self.replace(name, old, new, &mut touched);
            if old.map(|old| &old.held) != new.map(|new| &new.held) {
                changed.insert(Arc::from(&**name));
            }
        }
        for item in before_nodes.diff(nodes.nodes()) {
            let (name, old, new) = parts(item);
            self.touch(name, old, new, &mut touched);
            if old.is_some() != new.is_some() {
                changed.insert(Arc::from(&**name));
            }
        }
        self.decide(nodes, touched, &mut changed);
        changed
    }

    /// All accepted ends, each with the name of its node.
    pub fn tunnel_ends(&self) -> impl Iterator<Item = (&Arc<str>, &TunnelEnd)> {
        self.accepted.iter().flat_map(|(name, ends)| ends.iter().map(move |end| (name, end)))
    }

    /// The accepted end of a node of this kind.
    pub fn tunnel_end(&self, node: &str, kind: TunnelKind) -> Option<&TunnelEnd> {
        self.accepted.get(node)?.iter().find(|end| end.kind() == kind)
    }

    /// The same as a value that shares its parts with those before and after it.
    pub fn accepted(&self) -> &AcceptedEnds {
        &self.accepted
    }

    /// Whether there is a Node of this name.
    pub fn has_node(&self, name: &str) -> bool {
        self.nodes.contains_key(name)
    }

    /// Whether a node holds an address. One without a Node or an EgressNode holds none.
    pub fn holds(&self, node: &str, address: IpAddr) -> Holding {
        let counts = self.published.get(node).filter(|_| self.has_node(node));
        counts.map_or(Holding::HoldsNot, |published| published.held.has(address))
    }

    /// The nodes that hold an address. It looks at all of them: an index by address would take several times the memory of
    /// what it leads to.
    pub fn holders(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        let names = self.published.keys().map(String::as_str);
        names.filter(move |name| self.holds(name, address) == Holding::Holds)
    }

    /// How many published ends have a type that this release does not know, and are passed over.
    pub fn unknown_types(&self) -> usize {
        self.published.values().map(|node| usize::from(node.tunnels.unknown())).sum()
    }

    /// What is not accepted, one finding for each kind of fault.
    pub fn findings(&self) -> Vec<Finding> {
        self.faults.findings(&self.nodes)
    }

    /// Takes in another EgressNode of a name.
    fn replace(&mut self, name: &str, old: Option<&EgressNode>, new: Option<&EgressNode>, touched: &mut Touched) {
        if old.map(|old| &old.tunnels) == new.map(|new| &new.tunnels) {
            return;
        }
        let name: Arc<str> = Arc::from(name);
        for address in addresses(old) {
            self.faults.remove(&NamedAddress { node: Arc::clone(&name), address });
            if let Some(names) = self.claimants.get_mut(&address) {
                names.remove(&name);
                if names.is_empty() {
                    self.claimants.remove(&address);
                }
            }
            touched.addresses.insert(address);
        }
        for address in addresses(new) {
            self.claimants.entry(address).or_default().insert(Arc::clone(&name));
            touched.addresses.insert(address);
        }
        touched.names.insert(name);
    }

    /// Finds what another Node of a name may change.
    fn touch(&self, name: &str, old: Option<&Node>, new: Option<&Node>, touched: &mut Touched) {
        touched.addresses.extend(addresses(self.published.get(name).map(|node| &**node)));
        let both = || old.into_iter().chain(new);
        touched.addresses.extend(both().flat_map(own_addresses));
        let pods = |node: Option<&Node>| node.map(|node| believed_pod_networks(node).collect::<Vec<_>>());
        if pods(old) != pods(new) {
            for range in both().flat_map(believed_pod_networks).map(AddressRange::from) {
                let within = self.claimants.range(range.first()..=range.last());
                touched.addresses.extend(within.map(|(address, _)| *address));
            }
        }
    }

    fn decide(&mut self, nodes: &KeptNodes, touched: Touched, changed: &mut BTreeSet<Arc<str>>) {
        let Touched { addresses, mut names } = touched;
        for address in addresses {
            for node in self.claimants.get(&address).into_iter().flatten() {
                let fault = self.fault(nodes, node, address);
                self.faults.set(NamedAddress { node: Arc::clone(node), address }, fault);
                names.insert(Arc::clone(node));
            }
        }
        for name in names {
            if self.accept(&name) {
                changed.insert(name);
            }
        }
    }

    /// What is wrong with the first of the conditions that an address of a node's tunnel end fails.
    fn fault(&self, nodes: &KeptNodes, name: &Arc<str>, address: IpAddr) -> Option<EndFault> {
        let Some(node) = self.nodes.get(&**name) else { return Some(EndFault::WithoutNode) };
        if let Some(kind) = Unusable::of(address) {
            return Some(EndFault::Unusable(kind));
        }
        if !node.has_internal(address) {
            return Some(EndFault::NotInternal);
        }
        if let Some((network, owner)) = nodes.networks().of_any(address) {
            return Some(EndFault::OfPods { network, owner: Arc::clone(owner) });
        }
        self.other_claimant(nodes, name, address).map(EndFault::Claimed)
    }

    fn other_claimant(&self, nodes: &KeptNodes, name: &Arc<str>, address: IpAddr) -> Option<Claimant> {
        let lister = nodes.other_lister(address, name).map(|other| Claimant::Node(Arc::clone(other)));
        let counts = |other: &&Arc<str>| *other != name && self.nodes.contains_key(&***other);
        let mut claimants = self.claimants.get(&address).into_iter().flatten();
        lister.or_else(|| claimants.find(counts).map(|other| Claimant::EgressNode(Arc::clone(other))))
    }

    /// Takes in what is accepted of a node now; whether that is something else.
    fn accept(&mut self, name: &Arc<str>) -> bool {
        let published = self.published.get(&**name);
        let is_accepted = |address| !self.faults.has(&NamedAddress { node: Arc::clone(name), address });
        let ends: Arc<[TunnelEnd]> =
            published.iter().flat_map(|node| node.tunnels.ends()).filter_map(|end| end.with(is_accepted)).collect();
        let old = if ends.is_empty() {
            self.accepted.remove(name)
        } else {
            self.accepted.insert(Arc::clone(name), Arc::clone(&ends))
        };
        old.as_deref().unwrap_or_default() != &*ends
    }
}

/// The name, what was there and what is there.
fn parts<'a, T>(item: DiffItem<'a, 'a, String, Arc<T>>) -> (&'a String, Option<&'a T>, Option<&'a T>) {
    match item {
        DiffItem::Add(name, new) => (name, None, Some(&**new)),
        DiffItem::Update { old: (_, old), new: (name, new) } => (name, Some(&**old), Some(&**new)),
        DiffItem::Remove(name, old) => (name, Some(&**old), None),
    }
}

/// The addresses of the tunnel ends of an EgressNode.
fn addresses(node: Option<&EgressNode>) -> impl Iterator<Item = IpAddr> {
    node.into_iter().flat_map(|node| node.tunnels.ends()).flat_map(TunnelEnd::addresses)
}
