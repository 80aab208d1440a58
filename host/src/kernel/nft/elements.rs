//! Sets, maps and their elements: the messages that `rustables` lacks.

use std::{iter::Peekable, net::IpAddr};

use egressd_core::{
    diff::Change,
    net::{AddressRange, Protocol},
    ruleset::{DataKind, Element, KeyKind, MapKey, MapKind, Name, SetKind, Target},
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
    use egressd_core::{
        net::Family,
        ruleset::{KeyKind, MapKind},
    };

    const IPADDR: u32 = 7;
    const IP6ADDR: u32 = 8;
    const INET_PROTOCOL: u32 = 12;
    const INET_SERVICE: u32 = 13;

    /// `TYPE_BITS`: a concatenation is its types, six bits each.
    const BITS: u32 = 6;

    /// `ipv4_addr`, `ipv6_addr`.
    pub(in crate::kernel::nft) fn address(family: Family) -> u32 {
        match family {
            Family::Ipv4 => IPADDR,
            Family::Ipv6 => IP6ADDR,
        }
    }

    /// The keys of a map.
    pub(in crate::kernel::nft) fn key(kind: MapKind) -> u32 {
        let address = address(kind.family);
        match kind.key {
            KeyKind::Address => address,
            KeyKind::Port => joined([address, INET_PROTOCOL, INET_SERVICE]),
            KeyKind::Prefix(_) => joined([address, address]),
            KeyKind::PrefixPort(_) => joined([address, address, INET_PROTOCOL, INET_SERVICE]),
        }
    }

    fn joined<const N: usize>(types: [u32; N]) -> u32 {
        types.into_iter().fold(0, |all, one| all << BITS | one)
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
    /// `NFTNL_UDATA_SET_COMMENT`.
    const SET_COMMENT: u8 = 7;
    /// `BYTEORDER_BIG_ENDIAN` of nft's `datatype.h`.
    const BIG_ENDIAN: u32 = 2;

    /// A comment, with its final NUL. It is cut where nft would not read on.
    pub(in crate::kernel::nft) fn comment(text: &str) -> Vec<u8> {
        text_entry(COMMENT, text)
    }

    fn text_entry(kind: u8, text: &str) -> Vec<u8> {
        let length = text.floor_char_boundary(egressd_core::ruleset::LONGEST_COMMENT);
        let text = &text.as_bytes()[..length];
        let length = u8::try_from(text.len() + 1).unwrap_or(u8::MAX);
        [&[kind, length], text, &[0]].concat()
    }

    /// The comment in some user data.
    pub(in crate::kernel::nft) fn read_comment(list: &[u8]) -> Option<&str> {
        read_text(list, COMMENT)
    }

    fn read_text(mut list: &[u8], wanted: u8) -> Option<&str> {
        while let [kind, length, rest @ ..] = list {
            let (value, rest) = rest.split_at_checked(usize::from(*length))?;
            if *kind == wanted {
                return crate::kernel::nft::attributes::text(value);
            }
            list = rest;
        }
        None
    }

    /// Keys and data are in network order; without this, nft prints ranges of addresses backwards.
    pub(in crate::kernel::nft) fn of_set(comment: Option<&str>) -> Vec<u8> {
        let entry = |kind: u8| [&[kind, 4][..], &BIG_ENDIAN.to_ne_bytes()].concat();
        let comment = comment.map(|text| text_entry(SET_COMMENT, text)).unwrap_or_default();
        [entry(KEY_BYTE_ORDER), entry(DATA_BYTE_ORDER), comment].concat()
    }

    /// The comment of a set.
    pub(in crate::kernel::nft) fn read_set_comment(list: &[u8]) -> Option<&str> {
        read_text(list, SET_COMMENT)
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
    let (flags, family) = match kind {
        SetKind::Ranges(family) => (sys::NFT_SET_INTERVAL, family),
        SetKind::Addresses(family) => (0, family),
    };
    transaction.message(place.header(sys::NFT_MSG_NEWSET, Flags::CREATE), |w| {
        let (key_type, key_length) = (datatype::address(family), address_length(family));
        write_set(w, place, set, Head { flags, key_type, key_length, comment: None });
        Origin::whole(place.index)
    });
}

/// Creates a map. Its elements get a counter each, because the map has one (Linux 5.7); what leads to nothing counts
/// nothing.
pub(super) fn add_map(transaction: &mut Transaction, place: Place<'_>, map: &Name, kind: MapKind) {
    transaction.message(place.header(sys::NFT_MSG_NEWSET, Flags::CREATE), |w| {
        let (key_type, key_length) = (datatype::key(kind), key_length(kind));
        write_set(w, place, map, Head { flags: map_flags(kind), key_type, key_length, comment: kind.comment() });
        match kind.data {
            DataKind::Nothing => {}
            DataKind::Address | DataKind::Verdict => write_data(w, kind),
        }
        Origin::whole(place.index)
    });
}

/// What a set is, by what its keys lead to.
pub(super) fn map_flags(kind: MapKind) -> u32 {
    match kind.data {
        DataKind::Nothing => 0,
        DataKind::Address | DataKind::Verdict => sys::NFT_SET_MAP,
    }
}

/// The type of what keys lead to, and that each counts.
fn write_data(w: &mut Writer, kind: MapKind) {
    w.number(sys::NFTA_SET_DATA_TYPE, data_type(kind));
    if kind.data == DataKind::Address {
        w.number(sys::NFTA_SET_DATA_LEN, address_length(kind.family));
    }
    w.nest(sys::NFTA_SET_EXPR, |w| {
        w.text(sys::NFTA_EXPR_NAME, "counter");
        w.nest(sys::NFTA_EXPR_DATA, |_| {});
    });
}

/// The type of what the keys of a map lead to.
pub(super) fn data_type(kind: MapKind) -> u32 {
    match kind.data {
        DataKind::Nothing => 0,
        DataKind::Address => datatype::address(kind.family),
        DataKind::Verdict => sys::NFT_DATA_VERDICT,
    }
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
pub(super) fn key_length(kind: MapKind) -> u32 {
    let address = address_length(kind.family);
    match kind.key {
        KeyKind::Address => address,
        KeyKind::Port => address + 4 + 4,
        KeyKind::Prefix(_) => address + address,
        KeyKind::PrefixPort(_) => address + address + 4 + 4,
    }
}

/// The parts of a concatenated key begin at multiples of four bytes.
pub(super) fn key_bytes(key: MapKey) -> Vec<u8> {
    match key {
        MapKey::Address(pod) => address_bytes(pod),
        MapKey::Port(pod, protocol, port) => [address_bytes(pod), port_bytes(protocol, port)].concat(),
        MapKey::Prefix(pod, network) => [address_bytes(network), address_bytes(pod)].concat(),
        MapKey::PrefixPort(pod, network, protocol, port) => {
            [address_bytes(network), address_bytes(pod), port_bytes(protocol, port)].concat()
        }
    }
}

fn port_bytes(protocol: Protocol, port: u16) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    vec![protocol.number(), 0, 0, 0, high, low, 0, 0]
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

/// What is written about a set whatever it leads to.
struct Head {
    flags: u32,
    key_type: u32,
    key_length: u32,
    comment: Option<String>,
}

fn write_set(w: &mut Writer, place: Place<'_>, set: &Name, head: Head) {
    let Head { flags, key_type, key_length, comment } = head;
    w.text(sys::NFTA_SET_TABLE, place.change.table.as_str());
    w.text(sys::NFTA_SET_NAME, set.as_str());
    w.number(sys::NFTA_SET_FLAGS, flags);
    w.number(sys::NFTA_SET_KEY_TYPE, key_type);
    w.number(sys::NFTA_SET_KEY_LEN, key_length);
    // The kernel wants one, though nothing refers to it.
    w.number(sys::NFTA_SET_ID, u32::try_from(place.index + 1).unwrap_or(u32::MAX));
    w.bytes(sys::NFTA_SET_USERDATA, &userdata::of_set(comment.as_deref()));
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
        write_target(w, &element.target);
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
        Target::Nothing => {}
        Target::Address(address) => {
            w.nest(sys::NFTA_SET_ELEM_DATA, |w| w.bytes(sys::NFTA_DATA_VALUE, &address_bytes(*address)));
        }
        Target::Jump(chain) => w.nest(sys::NFTA_SET_ELEM_DATA, |w| {
            w.nest(sys::NFTA_DATA_VERDICT, |w| {
                w.number(sys::NFTA_VERDICT_CODE, sys::NFT_JUMP.cast_unsigned());
                w.text(sys::NFTA_VERDICT_CHAIN, chain.as_str());
            });
        }),
    }
}
