//! ctnetlink's bytes → entries, and what asks for them or deletes one. Numbers are those of
//! `linux/netfilter/nfnetlink_conntrack.h`.

use std::net::IpAddr;

use egressd_core::flows::{Filter, Flow, FlowId, Zone};
use egressd_core::net::{Family, Protocol};

use crate::kernel::netlink::{Attributes, Flags, Header, Message, Writer, array};

/// `NFNL_SUBSYS_CTNETLINK`, and in it `IPCTNL_MSG_CT_GET` and `IPCTNL_MSG_CT_DELETE`.
const GET: u16 = 0x0101;
const DELETE: u16 = 0x0102;

/// `struct nfgenmsg`: family, version, a number that means nothing here.
pub(super) const FIXED: usize = 4;

const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ID: u16 = 12;
const ZONE: u16 = 18;
const FILTER: u16 = 25;

/// In a tuple.
const TUPLE_IP: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const TUPLE_ZONE: u16 = 3;

/// In its addresses: `CTA_IP_V4_SRC`, `CTA_IP_V4_DST`, and the same of IPv6.
const IPV4: [u16; 2] = [1, 2];
const IPV6: [u16; 2] = [3, 4];

/// In its protocol.
const NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;

/// In a filter: which fields of the original tuple count, and of the reply's.
const FILTER_ORIGINAL: u16 = 1;
const FILTER_REPLY: u16 = 2;
/// The source address (`CTA_IP_SRC` of the kernel's own list).
const BY_SOURCE: u32 = 1;

/// An entry, and what the kernel knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFlow {
    pub flow: Flow,
    /// The attributes that name it: its tuple, which differs by protocol, its number and its zone.
    pub(super) name: Box<[u8]>,
}

/// Asks for entries. A kernel before 5.8 does not look at a filter, and gives all.
pub(super) fn ask(filter: Filter) -> (Header, [u8; FIXED], impl FnOnce(&mut Writer)) {
    let header = Header { kind: GET, flags: Flags::DUMP, sequence: 0 };
    let (family, source) = match filter {
        Filter::From(address) => (Some(Family::of(address)), Some(address)),
        Filter::Family(family) => (family, None),
    };
    (header, fixed(family), move |writer: &mut Writer| {
        if let Some(source) = source {
            by_source(writer, source);
        }
    })
}

fn by_source(writer: &mut Writer, source: IpAddr) {
    writer.nest(FILTER, |writer| {
        writer.bytes(FILTER_ORIGINAL, &BY_SOURCE.to_ne_bytes());
        writer.bytes(FILTER_REPLY, &0_u32.to_ne_bytes());
    });
    writer.nest(TUPLE_ORIGINAL, |writer| {
        writer.nest(TUPLE_IP, |writer| match source {
            IpAddr::V4(address) => writer.bytes(IPV4[0], &address.octets()),
            IpAddr::V6(address) => writer.bytes(IPV6[0], &address.octets()),
        });
    });
}

/// Deletes an entry, unless another has its tuple by now: the kernel compares the number.
pub(super) fn delete(writer: &mut Writer, found: &FoundFlow, sequence: u32) {
    let header = Header { kind: DELETE, flags: Flags::REQUEST, sequence };
    writer.frame(header, &fixed(Some(Family::of(found.flow.source))), |writer| writer.raw(&found.name));
}

fn fixed(family: Option<Family>) -> [u8; FIXED] {
    let number = match family {
        None => libc::AF_UNSPEC,
        Some(Family::Ipv4) => libc::AF_INET,
        Some(Family::Ipv6) => libc::AF_INET6,
    };
    [number as u8, 0, 0, 0]
}

/// The entry that a message of a dump is about; none where it lacks what every entry has.
pub(super) fn read(message: &Message<'_>) -> Option<FoundFlow> {
    let attributes = message.attributes_behind(FIXED)?;
    let original = attributes.nest(TUPLE_ORIGINAL);
    let (source, called) = addresses(original)?;
    let (destination, seen_as) = addresses(attributes.nest(TUPLE_REPLY))?;
    let id = FlowId(u32::from_be_bytes(array(attributes.get(ID)?, 0)?));
    let flow =
        Flow { source, called, destination, seen_as, transport: transport(attributes), id, zone: zone(attributes) };
    Some(FoundFlow { flow, name: name(attributes)? })
}

/// An entry that is in another zone in one direction alone has it in the tuple.
fn zone(attributes: Attributes<'_>) -> Zone {
    let of_tuple = |kind| attributes.nest(kind).get(TUPLE_ZONE);
    let zones = [attributes.get(ZONE), of_tuple(TUPLE_ORIGINAL), of_tuple(TUPLE_REPLY)];
    let is_default = |zone: &[u8]| zone.iter().all(|byte| *byte == 0);
    if zones.into_iter().flatten().all(is_default) { Zone::Default } else { Zone::Other }
}

/// Who sends, and whom.
fn addresses(tuple: Attributes<'_>) -> Option<(IpAddr, IpAddr)> {
    let addresses = tuple.nest(TUPLE_IP);
    let v4 = |kind| Some(IpAddr::from(array::<4>(addresses.get(kind)?, 0)?));
    let v6 = |kind| Some(IpAddr::from(array::<16>(addresses.get(kind)?, 0)?));
    v4(IPV4[0]).zip(v4(IPV4[1])).or_else(|| v6(IPV6[0]).zip(v6(IPV6[1])))
}

/// The source port is the sender's own, and the destination port the one behind DNAT, as rules at postrouting see both.
fn transport(attributes: Attributes<'_>) -> Option<(Protocol, u16, u16)> {
    let port = |of: Attributes<'_>, kind| Some(u16::from_be_bytes(array(of.get(kind)?, 0)?));
    let original = attributes.nest(TUPLE_ORIGINAL).nest(TUPLE_PROTOCOL);
    let reply = attributes.nest(TUPLE_REPLY).nest(TUPLE_PROTOCOL);
    let protocol = Protocol::from_number(*original.get(NUMBER)?.first()?)?;
    Some((protocol, port(original, SOURCE_PORT)?, port(reply, SOURCE_PORT)?))
}

/// What names an entry in a deletion, as the kernel wrote it.
fn name(attributes: Attributes<'_>) -> Option<Box<[u8]>> {
    let mut writer = Writer::default();
    let nested = |kind| kind | libc::NLA_F_NESTED as u16;
    writer.bytes(nested(TUPLE_ORIGINAL), attributes.get(TUPLE_ORIGINAL)?);
    writer.bytes(ID, attributes.get(ID)?);
    if let Some(zone) = attributes.get(ZONE) {
        writer.bytes(ZONE, zone);
    }
    writer.framed().ok().map(Into::into)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
