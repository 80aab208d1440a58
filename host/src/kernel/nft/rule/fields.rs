//! Where in a packet its fields are, and which headers they need.

use std::net::IpAddr;

use egressd_core::{
    net::Family,
    ruleset::{self, Direction, Mark, TableFamily},
};

use crate::kernel::nft::expression::{Base, Field, Source, TupleEnd};

pub(in crate::kernel::nft) fn address_bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The length of an address in bytes.
pub(in crate::kernel::nft) fn address_length(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 4,
        Family::Ipv6 => 16,
    }
}

/// `ip saddr`, `ip6 saddr`.
pub(in crate::kernel::nft) fn source_address(family: Family) -> Field {
    let offset = match family {
        Family::Ipv4 => 12,
        Family::Ipv6 => 8,
    };
    Field { base: Base::Network, offset, length: address_length(family) }
}

/// `ip daddr`, `ip6 daddr`: it follows the source in both headers.
pub(in crate::kernel::nft) fn destination_address(family: Family) -> Field {
    let source = source_address(family);
    Field { offset: source.offset + source.length, ..source }
}

/// `arp saddr ip`, in ARP over Ethernet.
pub(in crate::kernel::nft) const ARP_SENDER: Field = Field { base: Base::Network, offset: 14, length: 4 };

/// `@th,64,128`: in a neighbour solicitation or advertisement, the target.
pub(in crate::kernel::nft) const NEIGHBOUR_TARGET: Field = Field { base: Base::Transport, offset: 8, length: 16 };

/// `icmpv6 type`.
pub(in crate::kernel::nft) const ICMP_TYPE: Field = Field { base: Base::Transport, offset: 0, length: 1 };

/// `tcp flags`.
pub(in crate::kernel::nft) const TCP_FLAGS: Field = Field { base: Base::Transport, offset: 13, length: 1 };

/// `th sport`.
pub(in crate::kernel::nft) const SOURCE_PORT: Field = Field { base: Base::Transport, offset: 0, length: 2 };

/// `th dport`.
pub(in crate::kernel::nft) const DESTINATION_PORT: Field = Field { base: Base::Transport, offset: 2, length: 2 };

/// `IPPROTO_ICMPV6`.
pub(in crate::kernel::nft) const ICMPV6: u8 = 58;

/// `IPPROTO_TCP`.
pub(in crate::kernel::nft) const TCP: u8 = 6;

/// `ND_NEIGHBOR_ADVERT`.
pub(in crate::kernel::nft) const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// `RTN_LOCAL`, in the order of the machine's bytes as all numbers that are not from the packet.
pub(in crate::kernel::nft) const LOCAL: u32 = 2;

/// `IPS_SRC_NAT`.
pub(in crate::kernel::nft) const SOURCE_TRANSLATED: u32 = 16;

/// What a packet's network header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) enum Network {
    /// IPv4 or IPv6.
    Ip(Family),
    /// ARP.
    Arp,
}

impl Network {
    pub(in crate::kernel::nft) const ALL: [Self; 3] = [Self::Ip(Family::Ipv4), Self::Ip(Family::Ipv6), Self::Arp];

    /// The one that all packets of a table have; none where they may have any.
    pub(in crate::kernel::nft) fn of_table(table: TableFamily) -> Option<Self> {
        match table {
            TableFamily::Ip => Some(Self::Ip(Family::Ipv4)),
            TableFamily::Ip6 => Some(Self::Ip(Family::Ipv6)),
            TableFamily::Arp => Some(Self::Arp),
            TableFamily::Inet | TableFamily::Netdev => None,
        }
    }

    /// The one that a field is a part of; none for what is of no network header.
    pub(in crate::kernel::nft) fn of_field(field: ruleset::Field) -> Option<Self> {
        use ruleset::Field::{
            ArpSender, Destination, DestinationPort, DestinationPrefix, Mark, NeighbourTarget, OriginalDestination,
            OriginalSource, Protocol, ReplyDestination, ReplySource, Source,
        };
        match field {
            Source(family) | Destination(family) | DestinationPrefix(family, _) => Some(Self::Ip(family)),
            ArpSender => Some(Self::Arp),
            OriginalSource(_)
            | OriginalDestination(_)
            | ReplySource(_)
            | ReplyDestination(_)
            | Protocol
            | DestinationPort
            | Mark
            | NeighbourTarget => None,
        }
    }

    /// Its EtherType, as it stands in the frame.
    pub(in crate::kernel::nft) fn ether_type(self) -> [u8; 2] {
        match self {
            Self::Ip(Family::Ipv4) => [0x08, 0x00],
            Self::Ip(Family::Ipv6) => [0x86, 0xdd],
            Self::Arp => [0x08, 0x06],
        }
    }

    /// `NFPROTO_*`; none for ARP, which tables of both families do not see.
    pub(in crate::kernel::nft) fn number(self) -> Option<u8> {
        match self {
            Self::Ip(family) => Some(crate::kernel::nft::wire::protocol(family.into())),
            Self::Arp => None,
        }
    }
}

/// What loads a field.
pub(in crate::kernel::nft) fn source(field: ruleset::Field) -> Source {
    use egressd_core::ruleset::Field as F;
    match field {
        F::Source(family) => Source::Packet(source_address(family)),
        F::Destination(family) | F::DestinationPrefix(family, _) => Source::Packet(destination_address(family)),
        F::OriginalSource(family) => Source::Tuple(Direction::Original, TupleEnd::Source, family),
        F::OriginalDestination(family) => Source::Tuple(Direction::Original, TupleEnd::Destination, family),
        F::ReplySource(family) => Source::Tuple(Direction::Reply, TupleEnd::Source, family),
        F::ReplyDestination(family) => Source::Tuple(Direction::Reply, TupleEnd::Destination, family),
        F::Protocol => Source::Meta(crate::kernel::nft::expression::MetaKey::TransportProtocol),
        F::DestinationPort => Source::Packet(DESTINATION_PORT),
        F::Mark => Source::from(Mark::Packet),
        F::ArpSender => Source::Packet(ARP_SENDER),
        F::NeighbourTarget => Source::Packet(NEIGHBOUR_TARGET),
    }
}

/// In bytes.
pub(in crate::kernel::nft) fn length(field: ruleset::Field) -> u32 {
    use ruleset::Field::{DestinationPort, Mark, Protocol};
    match (field, field.family()) {
        (_, Some(family)) => address_length(family),
        (Protocol, None) => 1,
        (DestinationPort, None) => 2,
        (Mark, None) => 4,
        // All others have addresses.
        (_, None) => 0,
    }
}

/// So many ones, and zeros.
pub(in crate::kernel::nft) fn prefix_mask(family: Family, bits: u8) -> Vec<u8> {
    let of_byte = |index: u32| (0xff00_u16 >> u32::from(bits).saturating_sub(index * 8).min(8)) as u8;
    (0..address_length(family)).map(of_byte).collect()
}
