//! The family of a table: which packets its chains can see.

use std::fmt;
use std::net::IpAddr;

use crate::net::Family;

/// The family of a table, as `nft` writes it before the table's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableFamily {
    /// `ip`: IPv4.
    Ip,
    /// `ip6`: IPv6.
    Ip6,
    /// `inet`: both.
    Inet,
    /// `arp`.
    Arp,
    /// `netdev`: every frame of a device.
    Netdev,
}

impl TableFamily {
    /// All, in the order in which rulesets are printed and changed.
    pub const ALL: [Self; 5] = [Self::Ip, Self::Ip6, Self::Inet, Self::Arp, Self::Netdev];

    /// The family of the table that has the elements of this pod.
    pub fn of(address: IpAddr) -> Self {
        Family::of(address).into()
    }

    pub fn keyword(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
            Self::Arp => "arp",
            Self::Netdev => "netdev",
        }
    }

    /// The one family of addresses that its packets have; none where they may have either, or no address at all.
    pub fn addresses(self) -> Option<Family> {
        match self {
            Self::Ip => Some(Family::Ipv4),
            Self::Ip6 => Some(Family::Ipv6),
            Self::Inet | Self::Arp | Self::Netdev => None,
        }
    }
}

impl From<Family> for TableFamily {
    fn from(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::Ip,
            Family::Ipv6 => Self::Ip6,
        }
    }
}

impl fmt::Display for TableFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.keyword())
    }
}
