//! The node that performs SNAT to a Service's address: the one that holds it, since replies are routed to that node.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// The code of the finding that another node holds an address, or none does.
pub const HELD_ELSEWHERE: &str = "held-elsewhere";

/// How a node knows that it holds an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// What load balancers claim decides, then `vipHost`, then the interfaces of this node ([`crate::placement`]).
    #[default]
    Auto,
    /// The address is on an interface of this node, whatever `vipHost` says.
    Address,
    /// `vipHost` names this node: for load balancers that answer for addresses which are on no interface.
    VipHost,
    /// Every node holds every address: for a single box.
    Any,
}

impl Owner {
    /// Whether it depends on what is on this node's interfaces.
    pub fn looks_at_interfaces(self) -> bool {
        match self {
            Self::Auto | Self::Address => true,
            Self::VipHost | Self::Any => false,
        }
    }
}

/// Whether other nodes may hold an address that this node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderCount {
    /// This node alone: the one that has it, or that is named.
    Alone,
    /// Nothing was looked at, as if there were no other node.
    Assumed,
    /// Any number of nodes.
    Shared,
}

/// How an address stands on this node, from bad to good: where several interfaces have it, the best counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressState {
    /// Another machine answered for it (RFC 4862, 5.4.5), so the kernel does not use it.
    Duplicate,
    /// The kernel still looks whether another machine has it, and does not use it yet.
    Tentative,
    /// The kernel answers for it.
    Usable,
}

/// The addresses of this node's interfaces; what every node has does not belong here (loopback, `kube-ipvs0`).
pub type LocalAddresses = BTreeMap<IpAddr, AddressState>;
