//! Conditions from instructions.

use egressd_core::{
    net::{AddressRange, Family, PortRange, Protocol},
    ruleset::{Bits, Direction, Interface, Mark, Match, MatchOperator, States},
};
use ipnet::IpNet;

use super::{
    Decoder, address,
    statement::{number, port_number},
};
use crate::kernel::nft::{
    expression::{
        Base,
        Comparison::{AtLeast, AtMost, Equal, NotEqual},
        ConnectionKey,
        Expression::{self, Compare, Load, Lookup, Mask, Range},
        Field, LookupResult, MetaKey, RouteQuestion, Slot, Source, direction_byte,
    },
    rule::{
        DESTINATION_PORT, ICMP_TYPE, ICMPV6, LOCAL, NEIGHBOUR_ADVERTISEMENT, Network, SOURCE_PORT, SOURCE_TRANSLATED,
        TCP, TCP_FLAGS, destination_address,
    },
};

/// nft compares both ports at once when a rule names one of each.
pub(super) const BOTH_PORTS: Field = Field { length: SOURCE_PORT.length + DESTINATION_PORT.length, ..SOURCE_PORT };

/// A test of the value that was loaded.
#[derive(Clone, Copy)]
enum Test<'a> {
    /// Both ends included.
    Between(&'a [u8], &'a [u8]),
    /// It is another.
    Unlike(&'a [u8]),
    /// Under a mask it is this, or is not.
    Masked(&'a [u8], MatchOperator, &'a [u8]),
}

impl<'a> Decoder<'a> {
    /// Takes one condition off the front.
    pub(super) fn condition(&mut self) -> Option<()> {
        if let Some((key, [Lookup(set, outcome), rest @ ..])) = self.key() {
            self.need_key(&key)?;
            return match outcome {
                LookupResult::Member => self.found(Match::In(key, set.clone()), rest),
                LookupResult::Absent => self.found(Match::NotIn(key, set.clone()), rest),
                LookupResult::Data | LookupResult::Verdict => None,
            };
        }
        match self.rest {
            [Load(Source::Meta(MetaKey::TransportProtocol), Slot::FIRST), Compare(Equal, value), rest @ ..] => {
                self.transport_test(value, rest)
            }
            [Load(Source::Packet(BOTH_PORTS), Slot::FIRST), Compare(Equal, ports), rest @ ..] => {
                let (source, destination) = ports.split_at_checked(2)?;
                let (source, destination) = (self.ports(source, source)?, self.ports(destination, destination)?);
                self.matches.push(Match::SourcePort(source));
                self.found(Match::DestinationPort(destination), rest)
            }
            [Load(source, Slot::FIRST), rest @ ..] => {
                let (test, rest) = test(rest)?;
                let matched = self.of_source(*source, test)?;
                self.found(matched, rest)
            }
            _ => None,
        }
    }

    /// Before the test of a part of the transport header it is no condition of its own.
    fn transport_test(&mut self, value: &[u8], rest: &'a [Expression]) -> Option<()> {
        let [number] = *value else { return None };
        self.transport = Some(number);
        let precedes = match rest {
            [Load(Source::Packet(field), Slot::FIRST), Compare(..) | Range(..) | Mask(..), ..] => {
                field.base == Base::Transport
            }
            _ => false,
        };
        if precedes {
            self.rest = rest;
            return Some(());
        }
        self.found(Match::Protocol(number), rest)
    }

    fn of_source(&mut self, source: Source, test: Test<'_>) -> Option<Match> {
        match source {
            Source::Packet(field) => self.packet(field, test),
            Source::Meta(MetaKey::Mark) => bits(test).map(|bits| Match::Mark(Mark::Packet, bits)),
            Source::Meta(MetaKey::Interface(way)) => {
                let (sense, name) = interface(test)?;
                Some(Match::Interface(way, sense, name))
            }
            Source::Connection(ConnectionKey::Mark) => bits(test).map(|bits| Match::Mark(Mark::Connection, bits)),
            Source::Connection(ConnectionKey::State) => States::of_bits(any_bit(test)?).map(Match::State),
            Source::Connection(ConnectionKey::Status) => {
                (any_bit(test)? == SOURCE_TRANSLATED).then_some(Match::SourceTranslated)
            }
            Source::Connection(ConnectionKey::Direction) => direction(equal(test)?).map(Match::Direction),
            Source::Route(question) => route(question, test),
            Source::Tunnel => number(equal(test)?).map(Match::Tunnel),
            Source::Meta(MetaKey::EtherType | MetaKey::NetworkProtocol | MetaKey::TransportProtocol)
            | Source::Tuple(..)
            | Source::SegmentSize => None,
        }
    }

    fn packet(&mut self, field: Field, test: Test<'_>) -> Option<Match> {
        match (field, test) {
            (SOURCE_PORT, Test::Between(first, last)) => self.ports(first, last).map(Match::SourcePort),
            (DESTINATION_PORT, Test::Between(first, last)) => self.ports(first, last).map(Match::DestinationPort),
            (TCP_FLAGS, test) if self.transport == Some(TCP) => flags(test).map(Match::TcpFlags),
            (ICMP_TYPE, test) if self.transport == Some(ICMPV6) => {
                self.need(Some(Network::Ip(Family::Ipv6)))?;
                (equal(test)? == [NEIGHBOUR_ADVERTISEMENT]).then_some(Match::NeighbourAdvertisement)
            }
            (field, test) => {
                let Some(Network::Ip(family)) = self.network else { return None };
                self.need(Some(Network::Ip(family)))?;
                destinations(family, field, test).map(Match::Destination)
            }
        }
    }

    /// Ports are of the protocol that was tested before.
    fn ports(&self, first: &[u8], last: &[u8]) -> Option<PortRange> {
        let protocol = Protocol::from_number(self.transport?)?;
        PortRange::new(protocol, port_number(first)?, port_number(last)?).ok()
    }
}

fn destinations(family: Family, field: Field, test: Test<'_>) -> Option<AddressRange> {
    let whole = destination_address(family);
    let begins = (field.base, field.offset) == (whole.base, whole.offset);
    if !begins || field.length > whole.length {
        return None;
    }
    match test {
        Test::Between(first, last) if field == whole => {
            AddressRange::new(address(family, first)?, address(family, last)?)
        }
        Test::Between(first, last) if first == last => begins_with(family, first, whole.length),
        Test::Between(..) | Test::Unlike(_) | Test::Masked(_, MatchOperator::IsNot, _) => None,
        Test::Masked(mask, MatchOperator::Is, value) => {
            let network = IpNet::with_netmask(address(family, value)?, address(family, mask)?).ok()?;
            (network.addr() == network.network()).then(|| network.into())
        }
    }
}

/// nft loads only the first bytes of an address when a prefix ends at a byte.
fn begins_with(family: Family, bytes: &[u8], length: u32) -> Option<AddressRange> {
    let mut padded = bytes.to_vec();
    padded.resize(usize::try_from(length).ok()?, 0);
    let bits = u8::try_from(bytes.len() * 8).ok()?;
    IpNet::new(address(family, &padded)?, bits).ok().map(AddressRange::from)
}

fn test(expressions: &[Expression]) -> Option<(Test<'_>, &[Expression])> {
    match expressions {
        [Compare(Equal, value), rest @ ..] => Some((Test::Between(value, value), rest)),
        [Compare(NotEqual, value), rest @ ..] => Some((Test::Unlike(value), rest)),
        [Range(first, last), rest @ ..] => Some((Test::Between(first, last), rest)),
        [Compare(AtLeast, first), Compare(AtMost, last), rest @ ..] => Some((Test::Between(first, last), rest)),
        [Mask(mask, flip), Compare(comparison @ (Equal | NotEqual), value), rest @ ..] => {
            let sense = if *comparison == Equal { MatchOperator::Is } else { MatchOperator::IsNot };
            flip.iter().all(|byte| *byte == 0).then_some((Test::Masked(mask, sense, value), rest))
        }
        _ => None,
    }
}

fn equal(test: Test<'_>) -> Option<&[u8]> {
    match test {
        Test::Between(first, last) if first == last => Some(first),
        Test::Between(..) | Test::Unlike(_) | Test::Masked(..) => None,
    }
}

fn bits(test: Test<'_>) -> Option<Bits> {
    compared(test, number)
}

/// Of one byte.
fn flags(test: Test<'_>) -> Option<Bits> {
    compared(test, |bytes| if let [byte] = bytes { Some(u32::from(*byte)) } else { None })
}

fn compared(test: Test<'_>, number: impl Fn(&[u8]) -> Option<u32>) -> Option<Bits> {
    match test {
        Test::Between(first, last) if first == last => number(first).map(Bits::exactly),
        Test::Between(..) => None,
        Test::Unlike(value) => number(value).map(|value| Bits::exactly(value).negated()),
        Test::Masked(mask, sense, value) => Some(Bits { mask: number(mask)?, sense, value: number(value)? }),
    }
}

/// One of some bits is set.
fn any_bit(test: Test<'_>) -> Option<u32> {
    match test {
        Test::Masked(mask, MatchOperator::IsNot, value) if number(value)? == 0 => number(mask),
        Test::Masked(..) | Test::Between(..) | Test::Unlike(_) => None,
    }
}

fn route(question: RouteQuestion, test: Test<'_>) -> Option<Match> {
    match (question, test) {
        (RouteQuestion::DestinationKind, test) => (number(equal(test)?)? == LOCAL).then_some(Match::ToThisNode),
        (RouteQuestion::SourceKind, Test::Unlike(kind)) => (number(kind)? == LOCAL).then_some(Match::SourceOfOthers),
        (RouteQuestion::SourceKind, Test::Between(..) | Test::Masked(..)) => None,
        (RouteQuestion::SourceBehindDevice, test) => (equal(test)? == [0; 4]).then_some(Match::SourceNotBehindDevice),
    }
}

fn direction(byte: &[u8]) -> Option<Direction> {
    [Direction::Original, Direction::Reply].into_iter().find(|direction| [direction_byte(*direction)] == byte)
}

/// All of a name: a part of it would be what it begins with.
fn interface(test: Test<'_>) -> Option<(MatchOperator, Interface)> {
    let (sense, bytes) = match test {
        Test::Between(first, last) if first == last => (MatchOperator::Is, first),
        Test::Unlike(bytes) => (MatchOperator::IsNot, bytes),
        Test::Between(..) | Test::Masked(..) => return None,
    };
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (name, padding) = bytes.split_at(end);
    let whole = bytes.len() == 16 && padding.iter().all(|byte| *byte == 0);
    Interface::new(str::from_utf8(name).ok()?).ok().filter(|_| whole).map(|name| (sense, name))
}
