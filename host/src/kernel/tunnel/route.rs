//! rtnetlink's bytes → routes into the tunnel, and routes → bytes (linux/rtnetlink.h, linux/lwtunnel.h).

use std::net::IpAddr;

use egressd_core::node::{RouteKind, RoutePlace, Tunnel, TunnelRoute, TunnelTable};
use ipnet::IpNet;

use super::{family, number};
use crate::kernel::netlink::{Attributes, Flags, Header, Message, Writer, array};

/// `struct rtmsg`: family, dst_len, src_len, tos, table, protocol, scope, type (1 byte each), flags (4 bytes).
pub(super) const ROUTE_HEADER: usize = 12;
const DESTINATION_LENGTH: usize = 1;
const SOURCE_LENGTH: usize = 2;
const TOS: usize = 3;
const PROTOCOL: usize = 5;
const SCOPE: usize = 6;
const TYPE: usize = 7;
const ROUTE_FLAGS: usize = 8;

/// `RTA_ENCAP_TYPE`, `RTA_ENCAP`, and others that say where a route leads: several next hops, a gateway of another family, a
/// next hop that is an object.
const ENCAPSULATION_KIND: u16 = 21;
const ENCAPSULATION: u16 = 22;
const OTHER_WAYS: [u16; 5] = [libc::RTA_GATEWAY, libc::RTA_METRICS, libc::RTA_MULTIPATH, 18, 30];

/// `LWTUNNEL_ENCAP_IP`, `LWTUNNEL_ENCAP_IP6`.
const IN_IPV4: u16 = 2;
const IN_IPV6: u16 = 4;

/// `LWTUNNEL_IP_*` and `LWTUNNEL_IP6_*`, which are numbered alike: the number of the network, the other end, and what is
/// written there beside: our own end, hop limit, traffic class.
const ID: u16 = 1;
const END: u16 = 2;
const OWN_END: u16 = 3;
const HOP_LIMIT: u16 = 4;
const CLASS: u16 = 5;
const TUNNEL_FLAGS: u16 = 6;

/// `TUNNEL_CSUM`: outer packets have a UDP checksum. In IPv6 the other end drops those without one.
const CHECKSUM: u16 = 1;

/// A route that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Ours(TunnelRoute),
    /// It is in no table of egressd's, or nothing that was added.
    Unrelated,
    /// It is in one, and egressd makes no such route.
    Foreign(Option<RoutePlace>),
}

/// What becomes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Replace,
}

/// One message that adds a route. `device` is the index of the tunnel's.
pub(super) fn write(writer: &mut Writer, verb: Verb, route: &TunnelRoute, device: u32, sequence: u32) {
    let flags = match verb {
        Verb::Add => Flags::CREATE,
        Verb::Replace => Flags(Flags::UPDATE.0 | libc::NLM_F_REPLACE as u16),
    };
    let mut fixed = header(&route.place);
    fixed[PROTOCOL] = Tunnel::PROTOCOL;
    // An unreachable route of IPv4 has the scope of everything.
    fixed[SCOPE] = libc::RT_SCOPE_UNIVERSE;
    fixed[TYPE] = libc::RTN_UNREACHABLE;
    if let RouteKind::Encapsulated { .. } = route.kind {
        fixed[SCOPE] = libc::RT_SCOPE_LINK;
        fixed[TYPE] = libc::RTN_UNICAST;
    }
    writer.frame(Header { kind: libc::RTM_NEWROUTE, flags, sequence }, &fixed, |writer| {
        place(writer, &route.place);
        match route.kind {
            RouteKind::Unreachable => {}
            RouteKind::Encapsulated { to, id } => {
                writer.bytes(libc::RTA_OIF, &device.to_ne_bytes());
                encapsulation(writer, to, id);
            }
        }
    });
}

/// One message that deletes whatever is at a place.
pub(super) fn write_deletion(writer: &mut Writer, at: &RoutePlace, sequence: u32) {
    let mut fixed = header(at);
    fixed[SCOPE] = libc::RT_SCOPE_NOWHERE;
    let header = Header { kind: libc::RTM_DELROUTE, flags: Flags::REQUEST, sequence };
    writer.frame(header, &fixed, |writer| place(writer, at));
}

fn header(place: &RoutePlace) -> [u8; ROUTE_HEADER] {
    let mut header = [0; ROUTE_HEADER];
    header[0] = number(place.family());
    header[DESTINATION_LENGTH] = place.destination.prefix_len();
    header
}

fn place(writer: &mut Writer, place: &RoutePlace) {
    writer.bytes(libc::RTA_TABLE, &place.table.number().to_ne_bytes());
    writer.bytes(libc::RTA_PRIORITY, &place.metric.to_ne_bytes());
    if place.destination.prefix_len() > 0 {
        address(writer, libc::RTA_DST, place.destination.addr());
    }
}

fn address(writer: &mut Writer, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => writer.bytes(kind, &address.octets()),
        IpAddr::V6(address) => writer.bytes(kind, &address.octets()),
    }
}

fn encapsulation(writer: &mut Writer, to: IpAddr, id: u32) {
    let kind = if to.is_ipv4() { IN_IPV4 } else { IN_IPV6 };
    writer.bytes(ENCAPSULATION_KIND, &kind.to_ne_bytes());
    writer.nest(ENCAPSULATION, |writer| {
        writer.bytes(ID, &u64::from(id).to_be_bytes());
        address(writer, END, to);
        if to.is_ipv6() {
            writer.bytes(TUNNEL_FLAGS, &CHECKSUM.to_be_bytes());
        }
    });
}

/// What a message of a dump is about; none when it is shorter than it must be.
pub(super) fn read(message: &Message<'_>, device: Option<u32>) -> Option<Found> {
    let header: [u8; ROUTE_HEADER] = array(message.payload(), 0)?;
    let attributes = message.attributes_behind(ROUTE_HEADER)?;
    let is_copy = u32::from_ne_bytes(array(&header, ROUTE_FLAGS)?) & libc::RTM_F_CLONED != 0;
    let table = attributes.get(libc::RTA_TABLE).and_then(|value| array(value, 0)).map(u32::from_ne_bytes);
    let table = table.and_then(TunnelTable::numbered).filter(|_| !is_copy);
    let Some(table) = table else { return Some(Found::Unrelated) };
    let Some(place) = read_place(&header, attributes, table) else { return Some(Found::Foreign(None)) };
    let kind = own(&header, attributes, device);
    Some(kind.map_or(Found::Foreign(Some(place)), |kind| Found::Ours(TunnelRoute { place, kind })))
}

/// Its place, if it can be deleted by that.
fn read_place(header: &[u8; ROUTE_HEADER], attributes: Attributes<'_>, table: TunnelTable) -> Option<RoutePlace> {
    let metric = attributes.get(libc::RTA_PRIORITY).and_then(|value| array(value, 0)).map(u32::from_ne_bytes)?;
    let family = family(header[0])?;
    let address = match attributes.get(libc::RTA_DST) {
        Some(value) => read_address(value)?,
        None => super::unspecified(family),
    };
    let destination = IpNet::new(address, header[DESTINATION_LENGTH]).ok()?;
    let is_plain = header[SOURCE_LENGTH] == 0 && header[TOS] == 0;
    is_plain.then_some(RoutePlace { table, destination, metric })
}

fn read_address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => array::<4>(value, 0).map(IpAddr::from),
        16 => array::<16>(value, 0).map(IpAddr::from),
        _ => None,
    }
}

/// Where it leads, if egressd makes such routes.
fn own(header: &[u8; ROUTE_HEADER], attributes: Attributes<'_>, device: Option<u32>) -> Option<RouteKind> {
    let is_ours = header[PROTOCOL] == Tunnel::PROTOCOL;
    let leads_elsewhere = OTHER_WAYS.into_iter().any(|kind| attributes.get(kind).is_some());
    match header[TYPE] {
        _ if !is_ours || leads_elsewhere => None,
        libc::RTN_UNREACHABLE => Some(RouteKind::Unreachable),
        libc::RTN_UNICAST => {
            let by = attributes.get(libc::RTA_OIF).and_then(|value| array(value, 0)).map(u32::from_ne_bytes);
            (by.is_some() && by == device).then(|| encapsulated(attributes)).flatten()
        }
        _ => None,
    }
}

fn encapsulated(attributes: Attributes<'_>) -> Option<RouteKind> {
    let kind = u16::from_ne_bytes(array(attributes.get(ENCAPSULATION_KIND)?, 0)?);
    let inner = attributes.nest(ENCAPSULATION);
    let id = u32::try_from(u64::from_be_bytes(array(inner.get(ID)?, 0)?)).ok()?;
    let to = read_address(inner.get(END)?)?;
    let is_plain = |kind| inner.get(kind).is_none_or(|value| value.iter().all(|byte| *byte == 0));
    let flags = inner.get(TUNNEL_FLAGS).and_then(|value| array(value, 0)).map_or(0, u16::from_be_bytes);
    let is_right = match to {
        IpAddr::V4(_) => kind == IN_IPV4,
        IpAddr::V6(_) => kind == IN_IPV6 && flags & CHECKSUM != 0,
    };
    (is_right && [OWN_END, HOP_LIMIT, CLASS].into_iter().all(is_plain)).then_some(RouteKind::Encapsulated { to, id })
}
