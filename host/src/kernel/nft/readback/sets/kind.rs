//! What a set is, by its types.

use egressd_core::{
    net::Family,
    ruleset::{MapKind, SetKeyKind, SetKind, TableFamily},
};
use rustables::sys;

use crate::kernel::nft::{
    attributes::Attributes,
    elements::{data_type, datatype, key_length, keys, map_flags, userdata},
};

/// What a set is.
pub(in crate::kernel::nft::readback) enum Kind {
    /// A set that holds for all pods.
    Set(SetKind),
    /// A map of ours.
    Map(MapKind),
    /// Part of a rule, which is foreign then, and goes with it.
    Anonymous,
    /// Not in our vocabulary.
    Other,
}

/// A set with our comment is one of pods. Without it, it is one that holds for all.
pub(super) fn kind(table: TableFamily, set: Attributes<'_>) -> Kind {
    let flags = set.number(sys::NFTA_SET_FLAGS).unwrap_or_default();
    if flags & sys::NFT_SET_ANONYMOUS != 0 {
        return Kind::Anonymous;
    }
    let families = table.addresses().map_or(Family::ALL.to_vec(), |family| vec![family]);
    let comment = set.get(sys::NFTA_SET_USERDATA).and_then(userdata::read_set_comment);
    let mut maps = families.iter().flat_map(|family| MapKind::all(*family, comment));
    if let Some(kind) = maps.find(|kind| is_map(*kind, flags, set)) {
        return Kind::Map(kind);
    }
    let found = families.iter().flat_map(|family| of_family(*family)).find(|kind| is_set(*kind, flags, set));
    match found {
        Some(kind @ SetKind::Ranges(_)) => Kind::Set(kind),
        Some(kind @ (SetKind::Addresses(_) | SetKind::Keys(_) | SetKind::Timed(_))) if comment.is_none() => {
            Kind::Set(kind)
        }
        Some(_) | None => Kind::Other,
    }
}

fn of_family(family: Family) -> impl Iterator<Item = SetKind> {
    let others = [SetKeyKind::Pair(family), SetKeyKind::Mark, SetKeyKind::NeighbourTarget];
    let timed = [SetKeyKind::Address(family)].into_iter().chain(others).map(SetKind::Timed);
    let keys = others.into_iter().map(SetKind::Keys);
    [SetKind::Ranges(family), SetKind::Addresses(family)].into_iter().chain(keys).chain(timed)
}

fn is_map(kind: MapKind, flags: u32, set: Attributes<'_>) -> bool {
    flags == map_flags(kind)
        && set.number(sys::NFTA_SET_KEY_TYPE) == Some(datatype::key(kind))
        && set.number(sys::NFTA_SET_KEY_LEN) == Some(key_length(kind))
        && set.number(sys::NFTA_SET_DATA_TYPE).unwrap_or_default() == data_type(kind)
}

fn is_set(kind: SetKind, flags: u32, set: Attributes<'_>) -> bool {
    let key = keys::of_set(kind);
    flags == keys::flags(kind)
        && set.number(sys::NFTA_SET_KEY_TYPE) == Some(datatype::set_key(key))
        && set.number(sys::NFTA_SET_KEY_LEN) == Some(keys::length(key))
        && set.get(sys::NFTA_SET_TIMEOUT).is_none()
}
