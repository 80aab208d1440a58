//! Addresses that no single machine has: no pod has one, and none can be a source after SNAT.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Why an address is no pod's and no Service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unusable {
    /// `0.0.0.0/8` (RFC 1122, 3.2.1.3), `::`.
    Unspecified,
    /// `127.0.0.0/8`, `::1`.
    Loopback,
    /// `169.254.0.0/16`, `fe80::/10`: of one link, and not routed.
    LinkLocal,
    /// `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// `::ffff:0:0/96` (RFC 4291, 2.5.5.2): an IPv4 address in the form of IPv6, which no packet has.
    Mapped,
}

impl Unusable {
    /// What is wrong with an address; none when a machine can have it.
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(v4) if v4.octets()[0] == 0 => Some(Self::Unspecified),
            IpAddr::V4(v4) if v4.is_loopback() => Some(Self::Loopback),
            IpAddr::V4(v4) if v4.is_link_local() => Some(Self::LinkLocal),
            IpAddr::V4(v4) if v4.is_multicast() => Some(Self::Multicast),
            IpAddr::V4(v4) => v4.is_broadcast().then_some(Self::Broadcast),
            IpAddr::V6(v6) => Self::of_ipv6(v6),
        }
    }

    fn of_ipv6(address: Ipv6Addr) -> Option<Self> {
        match address {
            _ if address.is_unspecified() => Some(Self::Unspecified),
            _ if address.is_loopback() => Some(Self::Loopback),
            _ if address.is_unicast_link_local() => Some(Self::LinkLocal),
            _ if address.is_multicast() => Some(Self::Multicast),
            _ => address.to_ipv4_mapped().map(|_| Self::Mapped),
        }
    }
}

/// As in "it is ...".
impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Mapped => "an IPv4 address mapped to IPv6",
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn no_machine_has_an_address_of_these_kinds() {
        let rows = [
            (Unusable::Unspecified, ["0.0.0.0", "0.1.2.3", "::"].as_slice()),
            (Unusable::Loopback, &["127.0.0.1", "127.255.255.254", "::1"]),
            (Unusable::LinkLocal, &["169.254.0.0", "169.254.169.254", "fe80::", "febf::1"]),
            (Unusable::Multicast, &["224.0.0.0", "239.255.255.255", "ff00::", "ff02::1"]),
            (Unusable::Broadcast, &["255.255.255.255"]),
            (Unusable::Mapped, &["::ffff:10.0.0.1", "::ffff:0.0.0.0", "::ffff:255.255.255.255"]),
        ];
        for (expected, addresses) in rows {
            for address in addresses {
                assert_eq!(Unusable::of(address.parse().unwrap()), Some(expected), "{address}");
            }
        }
    }

    #[test]
    fn what_lies_beside_these_kinds_is_used() {
        let beside = ["1.0.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255"];
        let more = ["240.0.0.1", "255.255.255.254", "::2", "fe7f::1", "fec0::1", "feff::1", "::fffe:10.0.0.1"];
        for address in beside.into_iter().chain(more) {
            assert_eq!(Unusable::of(address.parse().unwrap()), None, "{address}");
        }
    }
}
