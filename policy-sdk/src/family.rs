//! The two address families.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// The family of a network.
    pub fn of_network(network: IpNet) -> Self {
        Self::of(network.addr())
    }

    /// Those addresses that are of this family.
    pub fn addresses(self, addresses: impl IntoIterator<Item = IpAddr>) -> impl Iterator<Item = IpAddr> {
        addresses.into_iter().filter(move |address| Self::of(*address) == self)
    }

    /// Those networks that are of this family.
    pub fn networks(self, networks: impl IntoIterator<Item = IpNet>) -> impl Iterator<Item = IpNet> {
        networks.into_iter().filter(move |network| Self::of_network(*network) == self)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}
