//! The routes that lead to other nodes.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::net::{Family, GatewayIndex};

/// A table of routes that is egressd's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelTable(u8);

impl TunnelTable {
    /// Routes to pods of other nodes, for answers.
    pub const HOMES: Self = Self(0x7e);

    /// Where the numbers of the tables begin: "EGp" and a number of seven bits.
    const FIRST: u32 = 0x4547_0000;

    /// The table of one gateway.
    pub fn of(gateway: GatewayIndex) -> Self {
        Self(gateway.number())
    }

    /// Every table there can be.
    pub fn all() -> impl Iterator<Item = Self> {
        let gateways = GatewayIndex::all();
        gateways.map(Self::of).chain([Self::HOMES])
    }

    /// As the kernel numbers it.
    pub fn number(self) -> u32 {
        Self::FIRST + u32::from(self.0)
    }

    /// None when the table is not egressd's.
    pub fn numbered(number: u32) -> Option<Self> {
        let own = u8::try_from(number.checked_sub(Self::FIRST)?).ok()?;
        let table = Self(own);
        (table == Self::HOMES || GatewayIndex::new(own).is_some()).then_some(table)
    }
}

/// By what the kernel distinguishes routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutePlace {
    pub table: TunnelTable,
    pub destination: IpNet,
    /// The smallest counts, of those to one destination.
    pub metric: u32,
}

impl RoutePlace {
    pub fn family(&self) -> Family {
        Family::of(self.destination.addr())
    }
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// Nowhere: packets are refused, and the sender learns of it.
    Unreachable,
    /// Into the tunnel.
    Encapsulated {
        /// The other end: an address of a node, of either family whatever the packets are of.
        to: IpAddr,
        /// The number of the virtual network.
        id: u32,
    },
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelRoute {
    pub place: RoutePlace,
    pub kind: RouteKind,
}
