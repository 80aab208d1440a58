//! What can be loaded: parts of the packet, and what the kernel knows about it.

use egressd_core::{
    net::Family,
    ruleset::{Direction, InterfaceDirection, Mark},
};
use rustables::sys;

/// Something to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) enum Source {
    /// Bytes of the packet.
    Packet(Field),
    /// What the kernel knows about the packet.
    Meta(MetaKey),
    /// What it knows about its connection.
    Connection(ConnectionKey),
    /// An address of its connection.
    Tuple(Direction, TupleEnd, Family),
    /// What the node's routes say.
    Route(RouteQuestion),
    /// The largest segment that the route takes.
    SegmentSize,
    /// The id of the tunnel that it came out of.
    Tunnel,
}

/// Bytes of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) struct Field {
    /// What the offset counts from.
    pub(in crate::kernel::nft) base: Base,
    /// In bytes.
    pub(in crate::kernel::nft) offset: u32,
    /// In bytes.
    pub(in crate::kernel::nft) length: u32,
}

/// A header of the packet (`enum nft_payload_bases`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) enum Base {
    /// IPv4, IPv6 or ARP.
    Network,
    /// TCP, UDP, SCTP or ICMPv6.
    Transport,
}

/// What the kernel knows about a packet (`enum nft_meta_keys`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) enum MetaKey {
    /// The EtherType: two bytes in network order.
    EtherType,
    /// IPv4 or IPv6: one byte.
    NetworkProtocol,
    /// The number in the IP header: one byte.
    TransportProtocol,
    Mark,
    /// The name of a device: sixteen bytes.
    Interface(InterfaceDirection),
}

/// What the kernel knows about a connection (`enum nft_ct_keys`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) enum ConnectionKey {
    /// A bit.
    State,
    /// One byte.
    Direction,
    /// Bits.
    Status,
    Mark,
}

/// What the node's routes are asked (`fib`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) enum RouteQuestion {
    /// Of what kind the destination is.
    DestinationKind,
    /// Of what kind the source is.
    SourceKind,
    /// Whether the device that it came by leads to its source: a one or a zero, of which nft compares four bytes.
    SourceBehindDevice,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) enum TupleEnd {
    /// Who sends in this direction.
    Source,
    /// Whom it is sent to.
    Destination,
}

impl Base {
    /// `NFT_PAYLOAD_*_HEADER`.
    pub(in crate::kernel::nft) fn number(self) -> u32 {
        match self {
            Self::Network => sys::NFT_PAYLOAD_NETWORK_HEADER,
            Self::Transport => sys::NFT_PAYLOAD_TRANSPORT_HEADER,
        }
    }
}

impl MetaKey {
    pub(in crate::kernel::nft) const ALL: [Self; 6] = [
        Self::EtherType,
        Self::NetworkProtocol,
        Self::TransportProtocol,
        Self::Mark,
        Self::Interface(InterfaceDirection::In),
        Self::Interface(InterfaceDirection::Out),
    ];

    /// `NFT_META_*`.
    pub(in crate::kernel::nft) fn number(self) -> u32 {
        match self {
            Self::EtherType => sys::NFT_META_PROTOCOL,
            Self::NetworkProtocol => sys::NFT_META_NFPROTO,
            Self::TransportProtocol => sys::NFT_META_L4PROTO,
            Self::Mark => sys::NFT_META_MARK,
            Self::Interface(InterfaceDirection::In) => sys::NFT_META_IIFNAME,
            Self::Interface(InterfaceDirection::Out) => sys::NFT_META_OIFNAME,
        }
    }
}

impl ConnectionKey {
    pub(in crate::kernel::nft) const ALL: [Self; 4] = [Self::State, Self::Direction, Self::Status, Self::Mark];

    /// `NFT_CT_*`.
    pub(in crate::kernel::nft) fn number(self) -> u32 {
        match self {
            Self::State => sys::NFT_CT_STATE,
            Self::Direction => sys::NFT_CT_DIRECTION,
            Self::Status => sys::NFT_CT_STATUS,
            Self::Mark => sys::NFT_CT_MARK,
        }
    }
}

impl RouteQuestion {
    pub(in crate::kernel::nft) const ALL: [Self; 3] =
        [Self::DestinationKind, Self::SourceKind, Self::SourceBehindDevice];

    /// `NFT_FIB_RESULT_*`.
    pub(in crate::kernel::nft) fn result(self) -> u32 {
        match self {
            Self::DestinationKind | Self::SourceKind => sys::NFT_FIB_RESULT_ADDRTYPE,
            Self::SourceBehindDevice => sys::NFT_FIB_RESULT_OIF,
        }
    }

    /// `NFTA_FIB_F_*`.
    pub(in crate::kernel::nft) fn flags(self) -> u32 {
        match self {
            Self::DestinationKind => sys::NFTA_FIB_F_DADDR,
            Self::SourceKind => sys::NFTA_FIB_F_SADDR,
            Self::SourceBehindDevice => sys::NFTA_FIB_F_SADDR | sys::NFTA_FIB_F_IIF | sys::NFTA_FIB_F_PRESENT,
        }
    }
}

impl From<Mark> for Source {
    fn from(mark: Mark) -> Self {
        match mark {
            Mark::Packet => Self::Meta(MetaKey::Mark),
            Mark::Connection => Self::Connection(ConnectionKey::Mark),
        }
    }
}

/// `enum ip_conntrack_dir` of `linux/netfilter/nf_conntrack_tuple_common.h`.
pub(in crate::kernel::nft) fn direction_byte(direction: Direction) -> u8 {
    match direction {
        Direction::Original => 0,
        Direction::Reply => 1,
    }
}

/// These keys are of one family each. The older `NFT_CT_DST` is of the family of the packet, and nft prints it
/// without `ip` or `ip6`.
pub(in crate::kernel::nft) fn tuple_key(end: TupleEnd, family: Family) -> u32 {
    match (end, family) {
        (TupleEnd::Source, Family::Ipv4) => sys::NFT_CT_SRC_IP,
        (TupleEnd::Source, Family::Ipv6) => sys::NFT_CT_SRC_IP6,
        (TupleEnd::Destination, Family::Ipv4) => sys::NFT_CT_DST_IP,
        (TupleEnd::Destination, Family::Ipv6) => sys::NFT_CT_DST_IP6,
    }
}
