//! Why a tunnel end is not accepted, and how that is reported: one finding for each kind of fault, with the first address
//! in full and the others as a number.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::super::wrong::FaultCount;
use super::super::{Nodes, own_addresses};
use crate::finding::Finding;
use crate::model::Unusable;

/// An address that the EgressNode of a node names in `spec.tunnels`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NamedAddress {
    pub(super) node: Arc<str>,
    pub(super) address: IpAddr,
}

/// The first condition that it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EndFault {
    /// There is no Node of the EgressNode's name.
    WithoutNode,
    /// No interface can have it.
    Unusable(Unusable),
    /// The Node does not list it as an `InternalIP`.
    NotInternal,
    /// It lies in the pod network of a Node.
    OfPods { network: IpNet, owner: Arc<str> },
    /// Another object claims it.
    Claimed(Claimant),
}

/// Another object that has the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claimant {
    /// A Node that lists it.
    Node(Arc<str>),
    /// An EgressNode that names it in `spec.tunnels`.
    EgressNode(Arc<str>),
}

/// The kinds of faults, in the order in which they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FaultKind {
    WithoutNode,
    Unusable,
    NotInternal,
    OfPods,
    Claimed,
}

/// What is not accepted, by kind of fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EndFaults(BTreeMap<FaultKind, BTreeMap<NamedAddress, EndFault>>);

impl EndFaults {
    /// Takes in what is wrong with an address now.
    pub(super) fn set(&mut self, of: NamedAddress, fault: Option<EndFault>) {
        self.remove(&of);
        if let Some(fault) = fault {
            self.0.entry(fault.kind()).or_default().insert(of, fault);
        }
    }

    /// Takes in that nothing is.
    pub(super) fn remove(&mut self, of: &NamedAddress) {
        self.0.retain(|_, faults| {
            faults.remove(of);
            !faults.is_empty()
        });
    }

    /// Whether something is wrong with an address.
    pub(super) fn has(&self, of: &NamedAddress) -> bool {
        self.0.values().any(|faults| faults.contains_key(of))
    }

    /// One finding for each kind of fault.
    pub(super) fn findings(&self, nodes: &Nodes) -> Vec<Finding> {
        let finding = |(kind, faults): (&FaultKind, &BTreeMap<NamedAddress, EndFault>)| {
            let first = faults.first_key_value().map(|(of, fault)| sentence(of, fault, nodes));
            kind.finding(FaultCount::of(faults.len(), first))
        };
        self.0.iter().filter_map(finding).collect()
    }
}

impl EndFault {
    fn kind(&self) -> FaultKind {
        match self {
            Self::WithoutNode => FaultKind::WithoutNode,
            Self::Unusable(_) => FaultKind::Unusable,
            Self::NotInternal => FaultKind::NotInternal,
            Self::OfPods { .. } => FaultKind::OfPods,
            Self::Claimed(_) => FaultKind::Claimed,
        }
    }
}

impl FaultKind {
    fn finding(self, count: FaultCount) -> Option<Finding> {
        match self {
            Self::WithoutNode => count.finding(
                "tunnel-end-without-node",
                "no tunnel leads there; delete the EgressNode, or let the node join the cluster",
            ),
            Self::Unusable => count.finding(
                "tunnel-end-unusable",
                "no tunnel leads there; correct the EgressNode, or update egressd on that node",
            ),
            Self::NotInternal => count.finding(
                "tunnel-end-not-of-node",
                "no tunnel leads there; a tunnel end has to be an InternalIP in status.addresses of the Node of its name",
            ),
            Self::OfPods => count.finding(
                "tunnel-end-in-pod-network",
                "no tunnel leads there, since a pod could have the address; correct the EgressNode, or spec.podCIDRs of \
                 that Node",
            ),
            Self::Claimed => count.finding(
                "tunnel-end-duplicate",
                "no tunnel leads there until one node alone has the address; one of the two is wrong or outdated",
            ),
        }
    }
}

fn sentence(of: &NamedAddress, fault: &EndFault, nodes: &Nodes) -> String {
    let NamedAddress { node, address } = of;
    let what = match fault {
        EndFault::WithoutNode => "and has no Node".to_owned(),
        EndFault::Unusable(kind) => format!("which is {kind}"),
        EndFault::NotInternal => format!("which is no InternalIP of its Node ({})", internal(node, nodes)),
        EndFault::OfPods { network, owner } => {
            format!("which lies in {network}, the pod network of Node {owner}")
        }
        EndFault::Claimed(claimant) => format!("which {claimant} has as well"),
    };
    format!("EgressNode {node} names {address} in spec.tunnels, {what}")
}

/// What would be right: the addresses of which one of each family would be accepted.
fn internal(name: &str, nodes: &Nodes) -> String {
    let node = nodes.get(name).map(|node| &**node);
    let internal = node.into_iter().flat_map(|node| own_addresses(node).filter(|one| node.has_internal(*one)));
    let texts: Vec<String> = internal.take(2).map(|address| address.to_string()).collect();
    if texts.is_empty() { "it has none".to_owned() } else { format!("it has {}", texts.join(" and ")) }
}

/// As in "the address that ... has".
impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => write!(f, "Node {name}"),
            Self::EgressNode(name) => write!(f, "EgressNode {name}"),
        }
    }
}
