//! The fields of a packet that rules match.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Frame, Journey};
use crate::net::{Family, PortRange};
use crate::ruleset::{Bits, Field, Key, MapKey, Mark, Match, SetKey};

impl Journey {
    /// An address; none where the packet has no such field, and then no rule goes on that asks for it.
    pub(super) fn address(&self, field: Field) -> Option<IpAddr> {
        let address = match field {
            Field::Source(_) => self.ip().map(|()| self.packet.source),
            Field::Destination(_) => self.ip().map(|()| self.packet.destination),
            Field::DestinationPrefix(_, bits) => self.ip().map(|()| first_bits(bits, self.packet.destination)),
            Field::OriginalSource(_) => self.tracked().map(|connection| connection.original.0),
            Field::OriginalDestination(_) => self.tracked().map(|connection| connection.original.1),
            Field::ReplySource(_) => self.tracked().map(|connection| connection.reply.0),
            Field::ReplyDestination(_) => self.tracked().map(|connection| connection.reply.1),
            Field::ArpSender => match self.frame {
                Frame::Arp(sender) => Some(sender),
                Frame::Ip | Frame::NeighbourAdvertisement(_) => None,
            },
            Field::NeighbourTarget => match self.frame {
                Frame::NeighbourAdvertisement(target) => Some(target),
                Frame::Ip | Frame::Arp(_) => None,
            },
            Field::Protocol | Field::DestinationPort | Field::Mark => None,
        };
        address.filter(|address| field.family() == Some(Family::of(*address)))
    }

    fn ip(&self) -> Option<()> {
        match self.frame {
            Frame::Ip | Frame::NeighbourAdvertisement(_) => Some(()),
            Frame::Arp(_) => None,
        }
    }

    /// Its connection, if it has one.
    pub(super) fn tracked(&self) -> Option<&super::Connection> {
        Some(&self.connection).filter(|connection| connection.exists())
    }

    pub(super) fn map_key(&self, key: &Key) -> Option<MapKey> {
        let port = || self.packet.transport.map(|(protocol, _, port)| (protocol, port));
        match key.0.as_slice() {
            [pod] => self.address(*pod).map(MapKey::Address),
            [pod, Field::Protocol, Field::DestinationPort] => {
                let pod = self.address(*pod)?;
                port().map(|(protocol, port)| MapKey::Port(pod, protocol, port))
            }
            [pod @ Field::OriginalSource(_), source] => {
                Some(MapKey::AllowedSource(self.address(*pod)?, self.address(*source)?))
            }
            [network, pod] => Some(MapKey::Prefix(self.address(*pod)?, self.address(*network)?)),
            [network, pod, Field::Protocol, Field::DestinationPort] => {
                let (network, pod) = (self.address(*network)?, self.address(*pod)?);
                port().map(|(protocol, port)| MapKey::PrefixPort(pod, network, protocol, port))
            }
            // No map of egressd has another key.
            _ => None,
        }
    }

    pub(super) fn set_key(&self, key: &Key) -> Option<SetKey> {
        match key.0.as_slice() {
            [Field::Mark] => Some(SetKey::Mark(self.mark)),
            [field] => self.address(*field).map(SetKey::Address),
            [one, other] => Some(SetKey::Pair(self.address(*one)?, self.address(*other)?)),
            // No set has another key.
            _ => None,
        }
    }

    /// Whether a condition holds that looks into no set.
    pub(super) fn meets(&self, condition: &Match) -> bool {
        match condition {
            Match::In(..) | Match::NotIn(..) => false,
            Match::Destination(range) => self.ip().is_some() && range.contains(self.packet.destination),
            Match::SourcePort(ports) => self.has_port(*ports, |(_, source, _)| source),
            Match::DestinationPort(ports) => self.has_port(*ports, |(_, _, destination)| destination),
            Match::Protocol(number) => self.protocol() == Some(*number),
            Match::Interface(way, sense, name) => self.device(*way).is_some_and(|device| sense.of(&device, name)),
            Match::Mark(Mark::Packet, bits) => bits.holds(self.mark),
            Match::Mark(Mark::Connection, bits) => self.tracked().is_some_and(|known| bits.holds(known.mark)),
            Match::State(states) => states.contains(self.connection.state),
            Match::Direction(direction) => self.tracked().is_some_and(|known| known.direction == *direction),
            Match::SourceTranslated => self.tracked().is_some_and(super::Connection::is_source_translated),
            Match::ToThisNode => self.own.contains(&self.packet.destination),
            Match::SourceOfOthers => !self.own.contains(&self.packet.source),
            Match::SourceNotBehindDevice => !self.is_behind_its_device(),
            Match::TcpFlags(bits) => self.protocol() == Some(6) && self.tcp_flags_are(*bits),
            Match::NeighbourAdvertisement => matches!(self.frame, Frame::NeighbourAdvertisement(_)),
            Match::Tunnel(id) => self.tunnel == Some(*id),
        }
    }

    /// No device but `lo` leads to the node's own addresses.
    fn is_behind_its_device(&self) -> bool {
        let leads_there = self.source_device.is_none_or(|device| self.came_by == Some(device));
        leads_there && !self.own.contains(&self.packet.source)
    }

    fn has_port(&self, ports: PortRange, of: fn((crate::net::Protocol, u16, u16)) -> u16) -> bool {
        let within = |transport: (crate::net::Protocol, u16, u16)| {
            ports.protocol() == transport.0 && (ports.first()..=ports.last()).contains(&of(transport))
        };
        self.packet.transport.is_some_and(within)
    }

    fn protocol(&self) -> Option<u8> {
        match self.frame {
            Frame::Ip => self.packet.transport.map(|(protocol, ..)| protocol.number()),
            Frame::Arp(_) => None,
            Frame::NeighbourAdvertisement(_) => Some(58),
        }
    }

    fn tcp_flags_are(&self, bits: Bits) -> bool {
        bits.holds(self.tcp_flags)
    }
}

fn first_bits(bits: u8, address: IpAddr) -> IpAddr {
    IpNet::new(address, bits).map_or(address, |network| network.network())
}
