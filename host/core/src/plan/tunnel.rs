//! What leads through the tunnel between nodes: to the node that holds an address, and back to pods of other nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU16;

use crate::decision::Rule;
use crate::model::TunnelKind;
use crate::net::{GatewayIndex, PortRange, TunnelMarks};

/// What is set for the tunnel between nodes, the same on all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelSettings {
    /// Of which kind the ends are.
    pub kind: TunnelKind,
    /// The UDP port that packets go to; an end with another port is none.
    pub port: NonZeroU16,
    pub marks: TunnelMarks,
}

/// The part of this node in the tunnel between nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelPlan {
    /// The one UDP port that the tunnel's packets go to.
    pub port: PortRange,
    /// What packets are marked with.
    pub marks: TunnelMarks,
    /// The ends of the tunnel on all nodes, of both families, this one's among them.
    pub nodes: BTreeSet<IpAddr>,
    /// The addresses that this node holds, and translates pods of other nodes to.
    pub held: BTreeSet<IpAddr>,
    /// The pods of other nodes that this node translates, and the end of the tunnel on the node of each.
    pub homes: BTreeMap<IpAddr, IpAddr>,
    /// The addresses of rules that this node does not hold. All others of rules are here.
    pub gateways: BTreeMap<IpAddr, Gateway>,
}

/// Where packets go that are to leave with an address that another node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gateway {
    /// The number of the address on this node; none where packets to it go nowhere now.
    pub index: Option<GatewayIndex>,
    /// The end of the tunnel on the node that holds the address; none while that is not known.
    pub end: Option<IpAddr>,
}

impl TunnelPlan {
    /// What leads to the node that holds an address; none for one that this node holds.
    pub fn mark(&self, address: IpAddr) -> Option<u32> {
        let gateway = self.gateways.get(&address)?;
        Some(gateway.index.map_or(self.marks.nowhere(), |index| self.marks.to(index)))
    }

    /// Whether another node holds the address of one of these rules.
    pub fn diverts<'r>(&self, rules: impl IntoIterator<Item = &'r Rule>) -> bool {
        rules.into_iter().any(|rule| self.gateways.contains_key(&rule.address()))
    }
}
