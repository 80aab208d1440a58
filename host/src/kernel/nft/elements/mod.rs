//! Sets, maps and their elements: the messages that `rustables` lacks.

pub(super) mod datatype;
pub(super) mod keys;
mod list;
pub(super) mod userdata;

use std::net::IpAddr;

use egressd_core::{
    diff::Change,
    net::{AddressRange, Protocol},
    ruleset::{DataKind, Element, KeyKind, MapKey, MapKind, Name, Target},
};
use rustables::sys;

use list::{List, write_list_head};
use userdata::Order;

use super::{
    describe::Origin,
    rule::{address_bytes, address_length},
    transaction::Transaction,
    wire::{Flags, Header, Writer},
};

/// Where a change happens: it names the message's table, and where in the batch the message comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChangeOrigin<'a> {
    pub(super) change: &'a Change,
    /// Its number in the batch.
    pub(super) index: usize,
}

impl ChangeOrigin<'_> {
    pub(super) fn header(&self, message: u32, flags: Flags) -> Header {
        Header::nftables(message, flags, Some(self.change.family))
    }
}

/// Creates a map. Where it has a counter its elements get one each (Linux 5.7).
pub(super) fn add_map(transaction: &mut Transaction, place: ChangeOrigin<'_>, map: &Name, kind: MapKind) {
    transaction.message(place.header(sys::NFT_MSG_NEWSET, Flags::CREATE), |w| {
        let (key_type, key_length) = (datatype::key(kind), key_length(kind));
        let data = if kind.data == DataKind::Mark { Order::Machine } else { Order::Network };
        let userdata = userdata::of_set(Order::Network, data, kind.comment().as_deref());
        write_set(w, place, map, SetHeader { flags: map_flags(kind), key_type, key_length, userdata });
        match kind.data {
            DataKind::Nothing => {}
            DataKind::Address | DataKind::Verdict | DataKind::Mark => write_data(w, kind),
        }
        if kind.counts() {
            write_counter(w);
        }
        Origin::whole(place.index)
    });
}

/// What a set is, by what its keys lead to.
pub(super) fn map_flags(kind: MapKind) -> u32 {
    match kind.data {
        DataKind::Nothing => 0,
        DataKind::Address | DataKind::Verdict | DataKind::Mark => sys::NFT_SET_MAP,
    }
}

/// The type of what keys lead to.
fn write_data(w: &mut Writer, kind: MapKind) {
    w.number(sys::NFTA_SET_DATA_TYPE, data_type(kind));
    match kind.data {
        DataKind::Nothing | DataKind::Verdict => {}
        DataKind::Address => w.number(sys::NFTA_SET_DATA_LEN, address_length(kind.family)),
        DataKind::Mark => w.number(sys::NFTA_SET_DATA_LEN, keys::MARK_LENGTH),
    }
}

/// That each element counts.
fn write_counter(w: &mut Writer) {
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
        DataKind::Mark => datatype::MARK,
    }
}

/// Deletes a set or map.
pub(super) fn delete_set(transaction: &mut Transaction, place: ChangeOrigin<'_>, set: &Name) {
    transaction.message(place.header(sys::NFT_MSG_DELSET, Flags::REQUEST), |w| {
        w.text(sys::NFTA_SET_TABLE, place.change.table.as_str());
        w.text(sys::NFTA_SET_NAME, set.as_str());
        Origin::whole(place.index)
    });
}

/// Empties an interval set and fills it.
pub(super) fn refill_set(transaction: &mut Transaction, place: ChangeOrigin<'_>, set: &Name, ranges: &[AddressRange]) {
    // Without a list of elements it means all of them.
    transaction.message(place.header(sys::NFT_MSG_DELSETELEM, Flags::REQUEST), |w| {
        write_list_head(w, place, set);
        Origin::whole(place.index)
    });
    add_ranges(transaction, place, set, ranges);
}

/// Adds ranges to an interval set.
pub(super) fn add_ranges(transaction: &mut Transaction, place: ChangeOrigin<'_>, set: &Name, ranges: &[AddressRange]) {
    List::added(place, set).of_ranges().write(transaction, ranges, |w, range| write_range(w, *range));
}

/// Deletes ranges from an interval set. The kernel finds both ends of each.
pub(super) fn delete_ranges(
    transaction: &mut Transaction,
    place: ChangeOrigin<'_>,
    set: &Name,
    ranges: &[AddressRange],
) {
    List::deleted(place, set).of_ranges().write(transaction, ranges, |w, range| write_range(w, *range));
}

/// Adds addresses to a set of addresses.
pub(super) fn add_members(transaction: &mut Transaction, place: ChangeOrigin<'_>, set: &Name, members: &[IpAddr]) {
    List::added(place, set).write(transaction, members, write_member);
}

/// Deletes addresses from a set of addresses.
pub(super) fn delete_members(transaction: &mut Transaction, place: ChangeOrigin<'_>, set: &Name, members: &[IpAddr]) {
    List::deleted(place, set).write(transaction, members, write_member);
}

fn write_member(w: &mut Writer, member: &IpAddr) {
    w.nest(sys::NFTA_LIST_ELEM, |w| write_key(w, &address_bytes(*member)));
}

/// Adds elements to a map.
pub(super) fn add_elements(
    transaction: &mut Transaction,
    place: ChangeOrigin<'_>,
    map: &Name,
    all: &[(MapKey, Element)],
) {
    List::added(place, map).write(transaction, all, |w, (key, element)| write_element(w, *key, element));
}

/// Deletes elements from a map.
pub(super) fn delete_elements(transaction: &mut Transaction, place: ChangeOrigin<'_>, map: &Name, keys: &[MapKey]) {
    List::deleted(place, map).write(transaction, keys, |w, key| {
        w.nest(sys::NFTA_LIST_ELEM, |w| write_key(w, &key_bytes(*key)));
    });
}

/// The length of a key in bytes.
pub(super) fn key_length(kind: MapKind) -> u32 {
    let address = address_length(kind.family);
    match kind.key {
        KeyKind::Address | KeyKind::Elsewhere | KeyKind::Guarded | KeyKind::KnownPod => address,
        KeyKind::Port => address + 4 + 4,
        KeyKind::Prefix(_) | KeyKind::AllowedSource => address + address,
        KeyKind::PrefixPort(_) => address + address + 4 + 4,
    }
}

/// The parts of a concatenated key begin at multiples of four bytes.
pub(super) fn key_bytes(key: MapKey) -> Vec<u8> {
    match key {
        MapKey::Address(pod) => address_bytes(pod),
        MapKey::Port(pod, protocol, port) => [address_bytes(pod), port_bytes(protocol, port)].concat(),
        MapKey::Prefix(pod, network) => [address_bytes(network), address_bytes(pod)].concat(),
        MapKey::AllowedSource(pod, source) => [address_bytes(pod), address_bytes(source)].concat(),
        MapKey::PrefixPort(pod, network, protocol, port) => {
            [address_bytes(network), address_bytes(pod), port_bytes(protocol, port)].concat()
        }
    }
}

fn port_bytes(protocol: Protocol, port: u16) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    vec![protocol.number(), 0, 0, 0, high, low, 0, 0]
}

/// What is written about a set whatever it leads to.
struct SetHeader {
    flags: u32,
    key_type: u32,
    key_length: u32,
    userdata: Vec<u8>,
}

fn write_set(w: &mut Writer, place: ChangeOrigin<'_>, set: &Name, head: SetHeader) {
    let SetHeader { flags, key_type, key_length, userdata } = head;
    w.text(sys::NFTA_SET_TABLE, place.change.table.as_str());
    w.text(sys::NFTA_SET_NAME, set.as_str());
    w.number(sys::NFTA_SET_FLAGS, flags);
    w.number(sys::NFTA_SET_KEY_TYPE, key_type);
    w.number(sys::NFTA_SET_KEY_LEN, key_length);
    // The kernel wants one, though nothing refers to it.
    w.number(sys::NFTA_SET_ID, u32::try_from(place.index + 1).unwrap_or(u32::MAX));
    w.bytes(sys::NFTA_SET_USERDATA, &userdata);
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
        Target::Mark(mark) => {
            w.nest(sys::NFTA_SET_ELEM_DATA, |w| w.bytes(sys::NFTA_DATA_VALUE, &mark.to_ne_bytes()));
        }
        Target::Jump(chain) => w.nest(sys::NFTA_SET_ELEM_DATA, |w| {
            w.nest(sys::NFTA_DATA_VERDICT, |w| {
                w.number(sys::NFTA_VERDICT_CODE, sys::NFT_JUMP.cast_unsigned());
                w.text(sys::NFTA_VERDICT_CHAIN, chain.as_str());
            });
        }),
    }
}
