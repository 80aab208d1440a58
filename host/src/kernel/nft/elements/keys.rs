//! Sets that hold for all pods: what they are, and the keys of those that are no ranges.

use egressd_core::{
    net::Family,
    ruleset::{Name, SetKey, SetKeyKind, SetKind, TimedKey},
};
use rustables::sys;

use super::{
    ChangeOrigin, List, SetHeader, datatype,
    userdata::{self, Order},
    write_key, write_set,
};
use crate::kernel::nft::{
    describe::Origin,
    rule::{address_bytes, address_length},
    transaction::Transaction,
    wire::{Flags, Writer},
};

/// The length of a mark in bytes.
pub(in crate::kernel::nft) const MARK_LENGTH: u32 = 4;

/// The flags of a set of passing elements: rules may add to it, and each element has its time.
pub(in crate::kernel::nft) const TIMED: u32 = sys::NFT_SET_EVAL | sys::NFT_SET_TIMEOUT;

pub(in crate::kernel::nft) fn add_set(
    transaction: &mut Transaction,
    place: ChangeOrigin<'_>,
    set: &Name,
    kind: SetKind,
) {
    transaction.message(place.header(sys::NFT_MSG_NEWSET, Flags::CREATE), |w| {
        let key = of_set(kind);
        let order = if key == SetKeyKind::Mark { Order::Machine } else { Order::Network };
        let mut userdata = userdata::of_set(order, Order::Network, None);
        if key == SetKeyKind::NeighbourTarget {
            userdata.extend(userdata::type_of_neighbour_target());
        }
        let (key_type, key_length) = (datatype::set_key(key), length(key));
        write_set(w, place, set, SetHeader { flags: flags(kind), key_type, key_length, userdata });
        Origin::whole(place.index)
    });
}

pub(in crate::kernel::nft) fn flags(kind: SetKind) -> u32 {
    match kind {
        SetKind::Ranges(_) => sys::NFT_SET_INTERVAL,
        SetKind::Addresses(_) | SetKind::Keys(_) => 0,
        SetKind::Timed(_) => TIMED,
    }
}

pub(in crate::kernel::nft) fn of_set(kind: SetKind) -> SetKeyKind {
    match kind {
        SetKind::Ranges(family) | SetKind::Addresses(family) => SetKeyKind::Address(family),
        SetKind::Keys(key) | SetKind::Timed(key) => key,
    }
}

/// The length of a key in bytes.
pub(in crate::kernel::nft) fn length(kind: SetKeyKind) -> u32 {
    match kind {
        SetKeyKind::Address(family) => address_length(family),
        SetKeyKind::Pair(family) => 2 * address_length(family),
        SetKeyKind::Mark => MARK_LENGTH,
        SetKeyKind::NeighbourTarget => address_length(Family::Ipv6),
    }
}

fn bytes(key: SetKey) -> Vec<u8> {
    match key {
        SetKey::Address(address) => address_bytes(address),
        SetKey::Pair(one, other) => [address_bytes(one), address_bytes(other)].concat(),
        SetKey::Mark(mark) => mark.to_ne_bytes().to_vec(),
    }
}

/// Adds keys to a set.
pub(in crate::kernel::nft) fn add_keys(
    transaction: &mut Transaction,
    place: ChangeOrigin<'_>,
    set: &Name,
    keys: &[SetKey],
) {
    List::added(place, set).write(transaction, keys, write_member);
}

/// Deletes keys from a set.
pub(in crate::kernel::nft) fn delete_keys(t: &mut Transaction, place: ChangeOrigin<'_>, set: &Name, keys: &[SetKey]) {
    List::deleted(place, set).write(t, keys, write_member);
}

fn write_member(w: &mut Writer, key: &SetKey) {
    w.nest(sys::NFTA_LIST_ELEM, |w| write_key(w, &bytes(*key)));
}

/// Adds keys that pass by themselves. One may be there still, so this is not exclusive.
pub(in crate::kernel::nft) fn add_timed(t: &mut Transaction, place: ChangeOrigin<'_>, set: &Name, all: &[TimedKey]) {
    List::kept(place, set).write(t, all, |w, timed| {
        w.nest(sys::NFTA_LIST_ELEM, |w| {
            write_key(w, &bytes(timed.key));
            w.bytes(sys::NFTA_SET_ELEM_TIMEOUT, &u64::from(timed.timeout.milliseconds()).to_be_bytes());
            if let Some(left) = timed.expires {
                w.bytes(sys::NFTA_SET_ELEM_EXPIRATION, &u64::from(left.milliseconds()).to_be_bytes());
            }
        });
    });
}
