//! Destinations that are private to an organisation, where pods of an unknown network may be.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;

use super::{AddressRange, Family, merge_ranges};

/// RFC 1918; carrier-grade NAT (RFC 6598), which clouds give to pods; benchmarking (RFC 2544) and class E (RFC 1112),
/// which some give to them, too.
static IPV4: LazyLock<Vec<AddressRange>> = LazyLock::new(|| {
    ranges(&["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "240.0.0.0/4"])
});
/// Unique local addresses (RFC 4193).
static IPV6: LazyLock<Vec<AddressRange>> = LazyLock::new(|| ranges(&["fc00::/7"]));

fn ranges(networks: &[&str]) -> Vec<AddressRange> {
    merge_ranges(networks.iter().filter_map(|text| text.parse::<IpNet>().ok()).map(AddressRange::from))
}

/// The private destinations of a family: sorted, merged. The broadcast address, which lies in one of them, is no
/// destination to translate to either.
pub fn private_destinations(family: Family) -> &'static [AddressRange] {
    match family {
        Family::Ipv4 => &IPV4,
        Family::Ipv6 => &IPV6,
    }
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
