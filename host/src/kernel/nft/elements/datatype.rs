//! The data types of nft (`enum datatypes` of its `datatype.h`): how `nft list` knows what the bytes mean.

use egressd_core::{
    net::Family,
    ruleset::{KeyKind, MapKind, SetKeyKind},
};

const INTEGER: u32 = 4;
const IPADDR: u32 = 7;
const IP6ADDR: u32 = 8;
const INET_PROTOCOL: u32 = 12;
const INET_SERVICE: u32 = 13;
/// `mark`.
pub(in crate::kernel::nft) const MARK: u32 = 19;

/// `TYPE_BITS`: a concatenation is its types, six bits each.
const BITS: u32 = 6;

/// `ipv4_addr`, `ipv6_addr`.
pub(in crate::kernel::nft) fn address(family: Family) -> u32 {
    match family {
        Family::Ipv4 => IPADDR,
        Family::Ipv6 => IP6ADDR,
    }
}

pub(in crate::kernel::nft) fn key(kind: MapKind) -> u32 {
    let address = address(kind.family);
    match kind.key {
        KeyKind::Address | KeyKind::Elsewhere | KeyKind::Guarded | KeyKind::KnownPod => address,
        KeyKind::Port => joined([address, INET_PROTOCOL, INET_SERVICE]),
        KeyKind::Prefix(_) | KeyKind::AllowedSource => joined([address, address]),
        KeyKind::PrefixPort(_) => joined([address, address, INET_PROTOCOL, INET_SERVICE]),
    }
}

fn joined<const N: usize>(types: [u32; N]) -> u32 {
    types.into_iter().fold(0, |all, one| all << BITS | one)
}

pub(in crate::kernel::nft) fn set_key(kind: SetKeyKind) -> u32 {
    match kind {
        SetKeyKind::Address(family) => address(family),
        SetKeyKind::Pair(family) => joined([address(family), address(family)]),
        SetKeyKind::Mark => MARK,
        // What nft calls a part of the packet that has no name.
        SetKeyKind::NeighbourTarget => INTEGER,
    }
}
