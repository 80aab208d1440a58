//! Sets, maps and their elements: the messages that `rustables` lacks.

use std::{iter::Peekable, net::IpAddr};

use egressd_core::{
    diff::Change,
    net::{AddressRange, Family},
    ruleset::{Element, MapKey, MapKind, Name, SetKind, Target},
};
use rustables::sys;

use super::{
    describe::Origin,
    rule::{address_bytes, address_length},
    transaction::Transaction,
    wire::{Flags, Header, Writer},
};

/// An element list is closed when it gets longer than this. No entry is longer than a kilobyte, so the list stays
/// under the 64 KiB that its length field can say.
const LONGEST_LIST: usize = 48 * 1024;

/// The data types of nft (`enum datatypes` of its `datatype.h`): how `nft list` knows what the bytes mean.
pub(super) mod datatype {
    use egressd_core::{net::Family, ruleset::MapKind};

    const IPADDR: u32 = 7;
    const IP6ADDR: u32 = 8;
    const INET_PROTOCOL: u32 = 12;
    const INET_SERVICE: u32 = 13;

    /// `TYPE_BITS`: a concatenation is its types, six bits each.
    const BITS: u32 = 6;

    /// `ipv4_addr`, `ipv6_addr`.
    pub(in crate::nft) fn address(family: Family) -> u32 {
        match family {
            Family::Ipv4 => IPADDR,
            Family::Ipv6 => IP6ADDR,
        }
    }

    /// The keys of a map.
    pub(in crate::nft) fn key(family: Family, kind: MapKind) -> u32 {
        match kind {
            MapKind::Addresses | MapKind::Chains => address(family),
            MapKind::Ports => ((address(family) << BITS | INET_PROTOCOL) << BITS) | INET_SERVICE,
        }
    }
}

/// The user data of nft (`libnftnl/udata.h`): a list of type, length, value.
pub(super) mod userdata {
    /// `NFTNL_UDATA_SET_ELEM_COMMENT`, `NFTNL_UDATA_TABLE_COMMENT`.
    const COMMENT: u8 = 0;
    /// `NFTNL_UDATA_SET_KEYBYTEORDER`.
    const KEY_BYTE_ORDER: u8 = 0;
    /// `NFTNL_UDATA_SET_DATABYTEORDER`.
    const DATA_BYTE_ORDER: u8 = 1;
    /// `BYTEORDER_BIG_ENDIAN` of nft's `datatype.h`.
    const BIG_ENDIAN: u32 = 2;

    /// A comment, with its final NUL. It is cut where nft would not read on.
    pub(in crate::nft) fn comment(text: &str) -> Vec<u8> {
        let length = text.floor_char_boundary(egressd_core::ruleset::LONGEST_COMMENT);
        let text = &text.as_bytes()[..length];
        let length = u8::try_from(text.len() + 1).unwrap_or(u8::MAX);
        [&[COMMENT, length], text, &[0]].concat()
    }

    /// The comment in some user data.
    pub(in crate::nft) fn read_comment(mut list: &[u8]) -> Option<&str> {
        while let [kind, length, rest @ ..] = list {
            let (value, rest) = rest.split_at_checked(usize::from(*length))?;
            if *kind == COMMENT {
                return crate::nft::attributes::text(value);
            }
            list = rest;
        }
        None
    }

    /// Keys and data are in network order; without this, nft prints ranges of addresses backwards.
    pub(in crate::nft) fn byte_orders() -> Vec<u8> {
        let entry = |kind: u8| [&[kind, 4][..], &BIG_ENDIAN.to_ne_bytes()].concat();
        [entry(KEY_BYTE_ORDER), entry(DATA_BYTE_ORDER)].concat()
    }
}

/// Where a change happens: it names the message's table, and where in the batch the message comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The change.
    pub(super) change: &'a Change,
    /// Its number in the batch.
    pub(super) index: usize,
}

impl Place<'_> {
    fn header(&self, message: u32, flags: Flags) -> Header {
        Header::nftables(message, flags, Some(self.change.family))
    }
}

/// Creates a set of addresses.
pub(super) fn add_set(transaction: &mut Transaction, place: Place<'_>, set: &Name, kind: SetKind) {
    let flags = match kind {
        SetKind::Ranges => sys::NFT_SET_INTERVAL,
        SetKind::Addresses => 0,
    };
    transaction.message(place.header(sys::NFT_MSG_NEWSET, Flags::CREATE), |w| {
        let family = place.change.family;
        write_set(w, place, set, flags, (datatype::address(family), address_length(family)));
        Origin::whole(place.index)
    });
}

/// Creates a map. Its elements get a counter each, because the map has one (Linux 5.7).
pub(super) fn add_map(transaction: &mut Transaction, place: Place<'_>, map: &Name, kind: MapKind) {
    transaction.message(place.header(sys::NFT_MSG_NEWSET, Flags::CREATE), |w| {
        let family = place.change.family;
        write_set(w, place, map, sys::NFT_SET_MAP, (datatype::key(family, kind), key_length(family, kind)));
        write_data_type(w, family, kind);
        w.nest(sys::NFTA_SET_EXPR, |w| {
            w.text(sys::NFTA_EXPR_NAME, "counter");
            w.nest(sys::NFTA_EXPR_DATA, |_| {});
        });
        Origin::whole(place.index)
    });
}

/// Deletes a set or map.
pub(super) fn delete_set(transaction: &mut Transaction, place: Place<'_>, set: &Name) {
    transaction.message(place.header(sys::NFT_MSG_DELSET, Flags::REQUEST), |w| {
        w.text(sys::NFTA_SET_TABLE, place.change.table.as_str());
        w.text(sys::NFTA_SET_NAME, set.as_str());
        Origin::whole(place.index)
    });
}

/// Empties an interval set and fills it.
pub(super) fn refill_set(transaction: &mut Transaction, place: Place<'_>, set: &Name, ranges: &[AddressRange]) {
    // Without a list of elements it means all of them.
    transaction.message(place.header(sys::NFT_MSG_DELSETELEM, Flags::REQUEST), |w| {
        write_list_head(w, place, set);
        Origin::whole(place.index)
    });
    add_ranges(transaction, place, set, ranges);
}

/// Adds ranges to an interval set.
pub(super) fn add_ranges(transaction: &mut Transaction, place: Place<'_>, set: &Name, ranges: &[AddressRange]) {
    add_entries(transaction, place, set, (2, ranges), |w, range| write_range(w, *range));
}

/// Deletes ranges from an interval set. The kernel finds both ends of each.
pub(super) fn delete_ranges(transaction: &mut Transaction, place: Place<'_>, set: &Name, ranges: &[AddressRange]) {
    let header = place.header(sys::NFT_MSG_DELSETELEM, Flags::REQUEST);
    entries(transaction, place, (header, set), (2, ranges), |w, range| write_range(w, *range));
}

/// Adds addresses to a set of addresses.
pub(super) fn add_members(transaction: &mut Transaction, place: Place<'_>, set: &Name, members: &[IpAddr]) {
    add_entries(transaction, place, set, (1, members), write_member);
}

/// Deletes addresses from a set of addresses.
pub(super) fn delete_members(transaction: &mut Transaction, place: Place<'_>, set: &Name, members: &[IpAddr]) {
    let header = place.header(sys::NFT_MSG_DELSETELEM, Flags::REQUEST);
    entries(transaction, place, (header, set), (1, members), write_member);
}

fn write_member(w: &mut Writer, member: &IpAddr) {
    w.nest(sys::NFTA_LIST_ELEM, |w| write_key(w, &address_bytes(*member)));
}

/// Adds elements to a map.
pub(super) fn add_elements(transaction: &mut Transaction, place: Place<'_>, map: &Name, all: &[(MapKey, Element)]) {
    add_entries(transaction, place, map, (1, all), |w, (key, element)| write_element(w, *key, element));
}

/// Deletes elements from a map.
pub(super) fn delete_elements(transaction: &mut Transaction, place: Place<'_>, map: &Name, keys: &[MapKey]) {
    let header = place.header(sys::NFT_MSG_DELSETELEM, Flags::REQUEST);
    entries(transaction, place, (header, map), (1, keys), |w, key| {
        w.nest(sys::NFTA_LIST_ELEM, |w| write_key(w, &key_bytes(*key)));
    });
}

/// The length of a key in bytes.
pub(super) fn key_length(family: Family, kind: MapKind) -> u32 {
    match kind {
        MapKind::Addresses | MapKind::Chains => address_length(family),
        MapKind::Ports => address_length(family) + 4 + 4,
    }
}

/// The parts of a concatenated key begin at multiples of four bytes.
pub(super) fn key_bytes(key: MapKey) -> Vec<u8> {
    let mut bytes = address_bytes(key.address());
    if let MapKey::Port(_, protocol, port) = key {
        bytes.extend_from_slice(&[protocol.number(), 0, 0, 0]);
        bytes.extend_from_slice(&port.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
    }
    bytes
}

fn add_entries<T>(
    transaction: &mut Transaction,
    place: Place<'_>,
    set: &Name,
    items: (usize, &[T]),
    write: impl Fn(&mut Writer, &T),
) {
    entries(transaction, place, (place.header(sys::NFT_MSG_NEWSETELEM, Flags::CREATE), set), items, write);
}

/// One message for as many items as fit.
fn entries<T>(
    transaction: &mut Transaction,
    place: Place<'_>,
    (header, set): (Header, &Name),
    (entries_per_item, items): (usize, &[T]),
    write: impl Fn(&mut Writer, &T),
) {
    let mut rest = items.iter().enumerate().peekable();
    while let Some((first, _)) = rest.peek().copied() {
        transaction.message(header, |w| {
            write_list_head(w, place, set);
            w.nest(sys::NFTA_SET_ELEM_LIST_ELEMENTS, |w| write_some(w, &mut rest, &write));
            let next = rest.peek().map_or(items.len(), |(next, _)| *next);
            Origin { entries_per_item, ..Origin::items(place.index, first..next) }
        });
    }
}

fn write_some<'a, T: 'a>(
    w: &mut Writer,
    rest: &mut Peekable<impl Iterator<Item = (usize, &'a T)>>,
    write: impl Fn(&mut Writer, &T),
) {
    let start = w.len();
    while w.len() - start < LONGEST_LIST
        && let Some((_, item)) = rest.next()
    {
        write(w, item);
    }
}

fn write_set(w: &mut Writer, place: Place<'_>, set: &Name, flags: u32, (key_type, key_length): (u32, u32)) {
    w.text(sys::NFTA_SET_TABLE, place.change.table.as_str());
    w.text(sys::NFTA_SET_NAME, set.as_str());
    w.number(sys::NFTA_SET_FLAGS, flags);
    w.number(sys::NFTA_SET_KEY_TYPE, key_type);
    w.number(sys::NFTA_SET_KEY_LEN, key_length);
    // The kernel wants one, though nothing refers to it.
    w.number(sys::NFTA_SET_ID, u32::try_from(place.index + 1).unwrap_or(u32::MAX));
    w.bytes(sys::NFTA_SET_USERDATA, &userdata::byte_orders());
}

fn write_data_type(w: &mut Writer, family: Family, kind: MapKind) {
    match kind {
        MapKind::Addresses | MapKind::Ports => {
            w.number(sys::NFTA_SET_DATA_TYPE, datatype::address(family));
            w.number(sys::NFTA_SET_DATA_LEN, address_length(family));
        }
        MapKind::Chains => w.number(sys::NFTA_SET_DATA_TYPE, sys::NFT_DATA_VERDICT),
    }
}

fn write_list_head(w: &mut Writer, place: Place<'_>, set: &Name) {
    w.text(sys::NFTA_SET_ELEM_LIST_TABLE, place.change.table.as_str());
    w.text(sys::NFTA_SET_ELEM_LIST_SET, set.as_str());
}

/// An interval is its first address and, flagged, the first address behind it. Behind the very last address there
/// is none.
fn write_range(w: &mut Writer, range: AddressRange) {
    w.nest(sys::NFTA_LIST_ELEM, |w| write_key(w, &address_bytes(range.first())));
    if let Some(behind) = successor(address_bytes(range.last())) {
        w.nest(sys::NFTA_LIST_ELEM, |w| {
            write_key(w, &behind);
            w.number(sys::NFTA_SET_ELEM_FLAGS, sys::NFT_SET_ELEM_INTERVAL_END);
        });
    }
}

/// The number after this one, if it is as long.
fn successor(mut number: Vec<u8>) -> Option<Vec<u8>> {
    let last = number.iter().rposition(|byte| *byte != u8::MAX)?;
    number[last] += 1;
    number[last + 1..].fill(0);
    Some(number)
}

fn write_element(w: &mut Writer, key: MapKey, element: &Element) {
    w.nest(sys::NFTA_LIST_ELEM, |w| {
        write_key(w, &key_bytes(key));
        w.nest(sys::NFTA_SET_ELEM_DATA, |w| write_target(w, &element.target));
        if let Some(comment) = &element.comment {
            w.bytes(sys::NFTA_SET_ELEM_USERDATA, &userdata::comment(comment));
        }
    });
}

fn write_key(w: &mut Writer, key: &[u8]) {
    w.nest(sys::NFTA_SET_ELEM_KEY, |w| w.bytes(sys::NFTA_DATA_VALUE, key));
}

fn write_target(w: &mut Writer, target: &Target) {
    match target {
        Target::Address(address) => w.bytes(sys::NFTA_DATA_VALUE, &address_bytes(*address)),
        Target::Jump(chain) => w.nest(sys::NFTA_DATA_VERDICT, |w| {
            w.number(sys::NFTA_VERDICT_CODE, sys::NFT_JUMP.cast_unsigned());
            w.text(sys::NFTA_VERDICT_CHAIN, chain.as_str());
        }),
    }
}
