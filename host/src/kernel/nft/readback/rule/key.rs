//! The fields of a key.

use egressd_core::{
    net::Family,
    ruleset::{self, Direction, Key},
};

use super::Decoder;
use crate::kernel::nft::{
    expression::{
        Expression::{self, Load, Mask},
        MetaKey, Slot, Source, TupleEnd,
    },
    rule::{
        ARP_SENDER, DESTINATION_PORT, NEIGHBOUR_TARGET, Network, destination_address, length, prefix_mask,
        source_address,
    },
};

impl<'a> Decoder<'a> {
    /// The fields that are loaded one behind the other, from the first register on; none where there is none.
    pub(super) fn key(&self) -> Option<(Key, &'a [Expression])> {
        let mut rest = self.rest;
        let mut fields = Vec::new();
        let mut next = Slot::FIRST;
        while let Some((field, behind)) = self.field(next, rest) {
            next = Slot(next.0 + length(field).div_ceil(4));
            fields.push(field);
            rest = behind;
        }
        (!fields.is_empty()).then_some((Key(fields), rest))
    }

    /// Takes in that a key was read.
    pub(super) fn need_key(&mut self, key: &Key) -> Option<()> {
        key.0.iter().try_for_each(|field| self.need(Network::of_field(*field)))
    }

    fn field<'e>(&self, slot: Slot, rest: &'e [Expression]) -> Option<(ruleset::Field, &'e [Expression])> {
        let [Load(source, at), rest @ ..] = rest else { return None };
        let field = self.loaded(*source).filter(|_| *at == slot)?;
        match (field, rest) {
            (ruleset::Field::Destination(family), [Mask(mask, flip), rest @ ..]) if slot == Slot::FIRST => {
                let bits = (1..family.bits()).find(|bits| prefix_mask(family, *bits) == *mask)?;
                let plain = flip.iter().all(|byte| *byte == 0);
                plain.then_some((ruleset::Field::DestinationPrefix(family, bits), rest))
            }
            (field, rest) => Some((field, rest)),
        }
    }

    fn loaded(&self, source: Source) -> Option<ruleset::Field> {
        use ruleset::Field::{OriginalDestination, OriginalSource, ReplyDestination, ReplySource};
        match source {
            Source::Packet(field) => self.of_packet(field),
            Source::Meta(MetaKey::TransportProtocol) => Some(ruleset::Field::Protocol),
            Source::Tuple(Direction::Original, TupleEnd::Source, family) => Some(OriginalSource(family)),
            Source::Tuple(Direction::Original, TupleEnd::Destination, family) => Some(OriginalDestination(family)),
            Source::Tuple(Direction::Reply, TupleEnd::Source, family) => Some(ReplySource(family)),
            Source::Tuple(Direction::Reply, TupleEnd::Destination, family) => Some(ReplyDestination(family)),
            Source::Meta(MetaKey::Mark) => Some(ruleset::Field::Mark),
            Source::Meta(MetaKey::EtherType | MetaKey::NetworkProtocol | MetaKey::Interface(_))
            | Source::Connection(_)
            | Source::Route(_)
            | Source::SegmentSize
            | Source::Tunnel => None,
        }
    }

    /// The same bytes are other fields under another header.
    fn of_packet(&self, field: crate::kernel::nft::expression::Field) -> Option<ruleset::Field> {
        let of_family = |family: Family| {
            [
                (source_address(family), ruleset::Field::Source(family)),
                (destination_address(family), ruleset::Field::Destination(family)),
            ]
        };
        let of_network = match self.network {
            Some(Network::Ip(family)) => of_family(family).to_vec(),
            Some(Network::Arp) => vec![(ARP_SENDER, ruleset::Field::ArpSender)],
            None => vec![],
        };
        let of_transport =
            [(DESTINATION_PORT, ruleset::Field::DestinationPort), (NEIGHBOUR_TARGET, ruleset::Field::NeighbourTarget)];
        of_network.into_iter().chain(of_transport).find_map(|(bytes, known)| (bytes == field).then_some(known))
    }
}
