//! Destinations that are private to an organisation, where pods of an unknown network may be.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{AddressRange, Family, merge_ranges};

/// RFC 1918; carrier-grade NAT (RFC 6598), which clouds give to pods; benchmarking (RFC 2544) and class E (RFC 1112), which
/// some give to them, too.
const IPV4: [&str; 6] =
    ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "240.0.0.0/4"];
/// Unique local addresses (RFC 4193).
const IPV6: [&str; 1] = ["fc00::/7"];

/// The private destinations of a family: sorted, merged. The broadcast address, which lies in one of them, is no
/// destination to translate to either.
pub fn private_destinations(family: Family) -> Vec<AddressRange> {
    let networks: &[&str] = match family {
        Family::Ipv4 => &IPV4,
        Family::Ipv6 => &IPV6,
    };
    merge_ranges(networks.iter().filter_map(|text| text.parse::<IpNet>().ok()).map(AddressRange::from))
}

/// Whether an address is a private destination.
pub fn is_private(address: IpAddr) -> bool {
    private_destinations(Family::of(address)).iter().any(|range| range.contains(address))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_private_destination_is_one_that_no_public_route_leads_to() {
        for address in
            ["10.0.0.1", "172.31.255.255", "192.168.0.0", "100.127.0.1", "198.19.0.1", "240.0.0.1", "fd00::1"]
        {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in ["9.255.255.255", "11.0.0.0", "172.32.0.0", "100.128.0.0", "198.20.0.0", "2001:db8::1", "fe00::"]
        {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}
