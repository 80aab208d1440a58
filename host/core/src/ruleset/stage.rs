//! The two stages at which the elements of a pod are looked up: before a packet is routed it may be diverted to another
//! node, and behind that it may be translated here.

use super::{NETWORKS, Name};

/// Where elements are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// In prerouting: maps lead to marks, and marks to nodes.
    Diverting,
    /// In postrouting: maps lead to addresses.
    Translating,
}

/// The map of this node's pods of which packets may be diverted.
pub const DIVERTED: Name = Name::literal("egress_diverted");

/// The map of pods of other nodes whose answers go back through the tunnel.
pub const HOMES: Name = Name::literal("egress_homes");

/// The chain that looks into the maps by prefixes that lead to marks.
pub const GATEWAY_NETWORKS: Name = Name::literal("egress_gateway_networks");

/// How the names of all maps begin that lead to marks, and of what belongs to them.
pub(crate) const GATEWAYS: &str = "egress_gateway";

impl Stage {
    /// In the order of a packet.
    pub const ALL: [Self; 2] = [Self::Diverting, Self::Translating];

    /// The stage at which a map is looked up.
    pub fn of(map: &Name) -> Self {
        let is_diverting = *map == DIVERTED || map.as_str().starts_with(GATEWAYS);
        if is_diverting { Self::Diverting } else { Self::Translating }
    }

    /// The chain that looks into its maps by prefixes.
    pub fn networks(self) -> Name {
        match self {
            Self::Diverting => GATEWAY_NETWORKS,
            Self::Translating => NETWORKS,
        }
    }

    /// Whether a chain is one that looks into maps by prefixes.
    pub fn looks_into_prefixes(chain: &Name) -> bool {
        Self::ALL.into_iter().any(|stage| stage.networks() == *chain)
    }
}
