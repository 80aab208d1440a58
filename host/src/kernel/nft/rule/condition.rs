//! Conditions as instructions.

use egressd_core::{
    net::{AddressRange, Family, PortRange},
    ruleset::{Bits, Interface, InterfaceDirection, Mark, Match, MatchOperator},
};

use super::{
    DESTINATION_PORT, ICMP_TYPE, ICMPV6, LOCAL, NEIGHBOUR_ADVERTISEMENT, Network, Program, SOURCE_PORT,
    SOURCE_TRANSLATED, TCP, TCP_FLAGS, address_bytes, destination_address,
};
use crate::kernel::nft::expression::{
    Comparison, ConnectionKey, Expression, Field, LookupResult, MetaKey, RouteQuestion, Source, direction_byte,
};

/// `IFNAMSIZ`: nft compares all of it.
const INTERFACE_LENGTH: usize = 16;

impl Program {
    pub(super) fn condition(&mut self, condition: &Match) {
        match condition {
            Match::In(key, set) => self.look_up(key, set, LookupResult::Member),
            Match::NotIn(key, set) => self.look_up(key, set, LookupResult::Absent),
            Match::Destination(range) => self.destination(*range),
            Match::SourcePort(ports) => self.port(SOURCE_PORT, *ports),
            Match::DestinationPort(ports) => self.port(DESTINATION_PORT, *ports),
            Match::Protocol(number) => {
                self.transport = None;
                self.need_transport(*number);
            }
            Match::Interface(way, sense, name) => self.interface(*way, *sense, *name),
            Match::Mark(mark, bits) => self.mark(*mark, *bits),
            Match::State(states) => self.any_bit(ConnectionKey::State, states.bits()),
            Match::Direction(direction) => {
                self.load(Source::Connection(ConnectionKey::Direction));
                self.equals([direction_byte(*direction)]);
            }
            Match::SourceTranslated => self.any_bit(ConnectionKey::Status, SOURCE_TRANSLATED),
            Match::ToThisNode => {
                self.load(Source::Route(RouteQuestion::DestinationKind));
                self.equals(LOCAL.to_ne_bytes());
            }
            Match::SourceOfOthers => {
                self.load(Source::Route(RouteQuestion::SourceKind));
                self.push(Expression::Compare(Comparison::NotEqual, LOCAL.to_ne_bytes().to_vec()));
            }
            Match::SourceNotBehindDevice => {
                self.load(Source::Route(RouteQuestion::SourceBehindDevice));
                self.equals([0; 4]);
            }
            Match::TcpFlags(bits) => self.tcp_flags(*bits),
            Match::NeighbourAdvertisement => self.neighbour_advertisement(),
            Match::Tunnel(id) => {
                self.load(Source::Tunnel);
                self.equals(id.to_ne_bytes());
            }
        }
    }

    fn neighbour_advertisement(&mut self) {
        self.need_network(Network::Ip(Family::Ipv6));
        self.need_transport(ICMPV6);
        self.load(Source::Packet(ICMP_TYPE));
        self.equals([NEIGHBOUR_ADVERTISEMENT]);
    }

    /// The cheapest test that nft prints as it would have been written.
    fn destination(&mut self, range: AddressRange) {
        self.need_network(Network::Ip(range.family()));
        self.load(Source::Packet(destination_address(range.family())));
        let (first, last) = (address_bytes(range.first()), address_bytes(range.last()));
        match range.network() {
            _ if first == last => self.equals(first),
            // nft cannot print a comparison under an empty mask.
            Some(network) if network.prefix_len() > 0 => {
                let mask = address_bytes(network.netmask());
                self.push(Expression::Mask(mask.clone(), vec![0; mask.len()]));
                self.equals(first);
            }
            Some(_) | None => self.push(Expression::Range(first, last)),
        }
    }

    fn port(&mut self, field: Field, ports: PortRange) {
        self.need_transport(ports.protocol().number());
        self.load(Source::Packet(field));
        let (first, last) = (ports.first().to_be_bytes(), ports.last().to_be_bytes());
        match ports.exact() {
            Some(_) => self.equals(first),
            None => self.push(Expression::Range(first.to_vec(), last.to_vec())),
        }
    }

    fn interface(&mut self, way: InterfaceDirection, sense: MatchOperator, name: Interface) {
        let mut padded = name.as_str().as_bytes().to_vec();
        padded.resize(INTERFACE_LENGTH, 0);
        self.load(Source::Meta(MetaKey::Interface(way)));
        self.push(Expression::Compare(comparison(sense), padded));
    }

    fn mark(&mut self, mark: Mark, bits: Bits) {
        self.load(mark);
        if bits.mask != u32::MAX {
            self.push(Expression::Mask(bits.mask.to_ne_bytes().to_vec(), vec![0; 4]));
        }
        self.push(Expression::Compare(comparison(bits.sense), bits.value.to_ne_bytes().to_vec()));
    }

    /// One of some bits is set.
    fn any_bit(&mut self, key: ConnectionKey, bits: u32) {
        self.load(Source::Connection(key));
        self.push(Expression::Mask(bits.to_ne_bytes().to_vec(), vec![0; 4]));
        self.push(Expression::Compare(Comparison::NotEqual, vec![0; 4]));
    }

    fn tcp_flags(&mut self, bits: Bits) {
        self.need_transport(TCP);
        self.load(Source::Packet(TCP_FLAGS));
        let byte = |number: u32| number as u8;
        if bits.mask != u32::MAX {
            self.push(Expression::Mask(vec![byte(bits.mask)], vec![0]));
        }
        self.push(Expression::Compare(comparison(bits.sense), vec![byte(bits.value)]));
    }
}

fn comparison(sense: MatchOperator) -> Comparison {
    match sense {
        MatchOperator::Is => Comparison::Equal,
        MatchOperator::IsNot => Comparison::NotEqual,
    }
}
