//! What a message says about a route: by which interfaces it leads to a gateway.

use super::socket::ROUTE_HEADER;
use crate::kernel::netlink::{Attributes, array};

/// `struct rtnexthop`: length, flags, hops, interface.
const HOP: usize = 8;
/// Attributes (linux/rtnetlink.h) that `libc` does not name everywhere: a gateway of another family than the route's, and a
/// next hop that is an object of its own.
const RTA_VIA: u16 = 18;
const RTA_NH_ID: u16 = 30;

/// Where a route leads to a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gateways {
    /// By these interfaces, which may be none.
    By(Vec<u32>),
    /// The kernel does not report by which.
    Somewhere,
}

/// What one route or one of its hops says.
#[derive(Debug, Default)]
struct RouteAttributes {
    interface: Option<u32>,
    has_gateway: bool,
    has_object: bool,
    /// The interfaces of those of its hops that are gateways, where it has hops.
    by_hops: Option<Vec<u32>>,
}

/// None when the message is shorter than it must be.
pub(super) fn gateways(payload: &[u8]) -> Option<Gateways> {
    let route = parse(payload.get(ROUTE_HEADER..)?)?;
    let own = route.interface.filter(|_| route.has_gateway);
    // Where the kernel shows what is in an object, it shows an interface (`nexthop_compat_mode`).
    let is_hidden = route.has_object && route.interface.is_none() && route.by_hops.is_none();
    let unnamed = route.has_gateway && route.interface.is_none();
    if is_hidden || unnamed {
        return Some(Gateways::Somewhere);
    }
    Some(Gateways::By(route.by_hops.into_iter().flatten().chain(own).collect()))
}

fn parse(attributes: &[u8]) -> Option<RouteAttributes> {
    let mut route = RouteAttributes::default();
    for (kind, value) in Attributes(attributes) {
        match kind {
            libc::RTA_OIF => route.interface = Some(u32::from_ne_bytes(array(value, 0)?)),
            libc::RTA_GATEWAY | RTA_VIA => route.has_gateway = true,
            libc::RTA_MULTIPATH => route.by_hops = Some(by_hops(value)?),
            RTA_NH_ID => route.has_object = true,
            _ => {}
        }
    }
    Some(route)
}

/// The interfaces of those hops that are gateways.
fn by_hops(mut hops: &[u8]) -> Option<Vec<u32>> {
    let mut interfaces = Vec::new();
    while !hops.is_empty() {
        let length = usize::from(u16::from_ne_bytes(array(hops, 0)?));
        let hop = hops.get(..length)?;
        if parse(hop.get(HOP..)?)?.has_gateway {
            interfaces.push(u32::from_ne_bytes(array(hop, 4)?));
        }
        hops = hops.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(interfaces)
}

#[cfg(test)]
mod tests {
    use super::super::message::testkit::attributes;
    use super::*;

    /// A route with these attributes.
    fn route(of: &[(u16, &[u8])]) -> Option<Gateways> {
        gateways(&[&[0; ROUTE_HEADER][..], &attributes(of)].concat())
    }

    fn hop(interface: u8, of: &[(u16, &[u8])]) -> Vec<u8> {
        let attributes = attributes(of);
        let length = u16::try_from(HOP + attributes.len()).unwrap_or_default().to_ne_bytes();
        [&length[..], &[0, 0, interface, 0, 0, 0], &attributes].concat()
    }

    const ADDRESS: &[u8] = &[10, 0, 0, 1];
    const SECOND: (u16, &[u8]) = (libc::RTA_OIF, &[2, 0, 0, 0]);

    #[test]
    fn a_route_with_a_gateway_leads_there_by_its_interface() {
        for gateway in [libc::RTA_GATEWAY, RTA_VIA] {
            assert_eq!(route(&[(gateway, ADDRESS), SECOND]), Some(Gateways::By(vec![2])));
        }
        assert_eq!(route(&[SECOND]), Some(Gateways::By(vec![])));
        assert_eq!(route(&[]), Some(Gateways::By(vec![])));
    }

    #[test]
    fn of_several_hops_those_count_that_are_gateways() {
        let hops = [hop(2, &[]), hop(3, &[(libc::RTA_GATEWAY, ADDRESS)]), hop(4, &[(RTA_VIA, &[10, 0, 1, 2, 3, 4])])];
        assert_eq!(route(&[(libc::RTA_MULTIPATH, &hops.concat())]), Some(Gateways::By(vec![3, 4])));
    }

    #[test]
    fn a_next_hop_of_its_own_could_be_any_gateway_unless_the_route_says_which() {
        let object = (RTA_NH_ID, &[1, 0, 0, 0][..]);
        assert_eq!(route(&[object]), Some(Gateways::Somewhere));
        assert_eq!(route(&[object, SECOND]), Some(Gateways::By(vec![])));
        assert_eq!(route(&[object, SECOND, (libc::RTA_GATEWAY, ADDRESS)]), Some(Gateways::By(vec![2])));
        assert_eq!(route(&[(libc::RTA_GATEWAY, ADDRESS)]), Some(Gateways::Somewhere));
    }

    #[test]
    fn what_is_cut_off_is_no_route() {
        assert_eq!(gateways(&[0; ROUTE_HEADER - 1]), None);
        assert_eq!(route(&[(libc::RTA_OIF, &[2])]), None);
        let whole = hop(3, &[(libc::RTA_GATEWAY, ADDRESS)]);
        for length in 1..whole.len() {
            assert_eq!(route(&[(libc::RTA_MULTIPATH, &whole[..length])]), None, "{length}");
        }
        let mut endless = whole;
        endless[..2].fill(0);
        assert_eq!(route(&[(libc::RTA_MULTIPATH, &endless)]), None);
    }
}
