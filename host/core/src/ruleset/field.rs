//! The fields that are looked up in sets and maps.

use super::{KeyKind, MapKind};
use crate::net::Family;

/// What of a packet or its connection is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `ip saddr`.
    Source(Family),
    /// `ip daddr`.
    Destination(Family),
    /// `ip daddr & 255.255.255.0`: its first so many bits, at least one and not all.
    DestinationPrefix(Family, u8),
    /// `ct original ip daddr`: where the sender wanted to go, before any DNAT.
    OriginalDestination(Family),
    /// `ct original ip saddr`: who began the connection.
    OriginalSource(Family),
    /// `ct reply ip saddr`: who answers, after any DNAT.
    ReplySource(Family),
    /// `ct reply ip daddr`: whom the answers go to, which is the translated source.
    ReplyDestination(Family),
    /// `meta l4proto`.
    Protocol,
    /// `th dport`.
    DestinationPort,
    /// `meta mark`.
    Mark,
    /// `arp saddr ip`: whose hardware address an ARP packet says.
    ArpSender,
    /// `@th,64,128`: the target of a neighbour solicitation or advertisement.
    NeighbourTarget,
}

impl Field {
    /// The family of an address.
    pub fn family(self) -> Option<Family> {
        match self {
            Self::Source(family)
            | Self::Destination(family)
            | Self::DestinationPrefix(family, _)
            | Self::OriginalDestination(family)
            | Self::OriginalSource(family)
            | Self::ReplySource(family)
            | Self::ReplyDestination(family) => Some(family),
            Self::ArpSender => Some(Family::Ipv4),
            Self::NeighbourTarget => Some(Family::Ipv6),
            Self::Protocol | Self::DestinationPort | Self::Mark => None,
        }
    }

    /// The first so many bits of the destination, at least one.
    pub fn destination_bits(family: Family, bits: u8) -> Self {
        if bits < family.bits() { Self::DestinationPrefix(family, bits) } else { Self::Destination(family) }
    }
}

/// What is looked up in a set or map: one field, or several joined by `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub Vec<Field>);

impl Key {
    /// The key of a map of this kind, for the packet at hand.
    pub fn of(kind: MapKind) -> Self {
        let family = kind.family;
        let pod = Field::Source(family);
        let port = [Field::Protocol, Field::DestinationPort];
        let network = |bits| Field::destination_bits(family, bits);
        Self(match kind.key {
            KeyKind::Address | KeyKind::Elsewhere => vec![pod],
            KeyKind::Port => [&[pod][..], &port].concat(),
            KeyKind::Prefix(bits) => vec![network(bits), pod],
            KeyKind::PrefixPort(bits) => [&[network(bits), pod][..], &port].concat(),
            // After every source NAT the pod is no longer the packet's source.
            KeyKind::Guarded | KeyKind::KnownPod => vec![Field::OriginalSource(family)],
            KeyKind::AllowedSource => vec![Field::OriginalSource(family), pod],
        })
    }

    /// The family of the addresses in it; none where there is none.
    pub fn family(&self) -> Option<Family> {
        self.0.iter().find_map(|field| field.family())
    }
}

impl From<Field> for Key {
    fn from(field: Field) -> Self {
        Self(vec![field])
    }
}
