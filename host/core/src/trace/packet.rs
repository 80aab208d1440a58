//! Packets to trace through a ruleset.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::net::Protocol;
use crate::ruleset::{Bits, Direction, Interface, Name, SetKey, State};

/// The first packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    pub source: IpAddr,
    /// Where it goes, after any DNAT.
    pub destination: IpAddr,
    /// Where the sender sent it.
    pub original_destination: IpAddr,
    /// Protocol, source port and destination port; none for what has no ports.
    pub transport: Option<(Protocol, u16, u16)>,
}

impl Packet {
    /// From `source` to `destination`, without DNAT and without ports.
    pub fn new(source: IpAddr, destination: IpAddr) -> Self {
        Self { source, destination, original_destination: destination, transport: None }
    }

    /// The same with ports.
    #[must_use]
    pub fn port(self, protocol: Protocol, destination_port: u16) -> Self {
        Self { transport: Some((protocol, 40_000, destination_port)), ..self }
    }

    /// The same from a source port.
    #[must_use]
    pub fn from_port(self, source_port: u16) -> Self {
        Self { transport: self.transport.map(|(protocol, _, port)| (protocol, source_port, port)), ..self }
    }

    /// The same, sent to `original` and DNATed to where it goes now.
    #[must_use]
    pub fn sent_to(self, original: IpAddr) -> Self {
        Self { original_destination: original, ..self }
    }
}

/// Which source the receiver sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The sender's own (or a later chain's, such as a CNI's masquerade).
    Untranslated,
    /// This one.
    As(IpAddr),
}

/// A packet on its whole way through a node, with all that rules can look at.
#[derive(Clone, Debug)]
pub struct Journey {
    pub packet: Packet,
    /// What kind of packet it is.
    pub frame: Frame,
    /// The device that it comes by; none where the node itself sends it.
    pub came_by: Option<Interface>,
    /// The device that leads to its source; none where that is the one that it comes by.
    pub source_device: Option<Interface>,
    /// Where it goes from here, as the first of these says whose bits its mark has.
    pub routes: Vec<Route>,
    /// The route without a matching mark.
    pub hop: Hop,
    pub mark: u32,
    pub connection: Connection,
    /// The flags of its TCP header.
    pub tcp_flags: u32,
    /// The tunnel that it came out of.
    pub tunnel: Option<u32>,
    /// The addresses of the node.
    pub own: BTreeSet<IpAddr>,
    /// What is in the sets whose elements pass by themselves.
    pub passing: BTreeSet<(Name, SetKey)>,
}

/// What kind of packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// IPv4 or IPv6, by its addresses.
    Ip,
    /// ARP, in which the sender says that this address is its own.
    Arp(IpAddr),
    /// A neighbour advertisement for this address.
    NeighbourAdvertisement(IpAddr),
}

/// A rule of routing: packets with such a mark go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which mark.
    pub mark: Bits,
    /// Where they go.
    pub hop: Hop,
}

/// Where a packet goes from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// To a process of the node.
    Here,
    /// Out by a device.
    Device(Interface),
    /// Nowhere: its sender gets an error.
    Unreachable,
}

/// The conntrack entry of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `ct state`. What is [`State::Invalid`] or [`State::Untracked`] has no connection.
    pub state: State,
    /// `ct direction`.
    pub direction: Direction,
    /// `ct mark`.
    pub mark: u32,
    /// Who began it, and whom that one called.
    pub original: (IpAddr, IpAddr),
    /// Who answers, and whom the answers go to: another than the sender where its source is translated.
    pub reply: (IpAddr, IpAddr),
    /// What is translated of the port that its packets come from.
    pub source_port: SourcePort,
}

/// The port that the packets of a connection come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourcePort {
    /// As the sender has it.
    Own,
    /// Another one, since its own was taken at this address.
    Other,
}

impl Connection {
    /// Whether there is one.
    pub fn exists(&self) -> bool {
        !matches!(self.state, State::Invalid | State::Untracked)
    }

    /// `ct status snat`.
    pub fn is_source_translated(&self) -> bool {
        self.reply.1 != self.original.0 || self.source_port == SourcePort::Other
    }
}

impl Journey {
    /// The first packet of a connection, which goes on by `hop`.
    pub fn new(packet: Packet, hop: Hop) -> Self {
        let original = (packet.source, packet.original_destination);
        let reply = (packet.destination, packet.source);
        let (state, direction) = (State::New, Direction::Original);
        Self {
            packet,
            frame: Frame::Ip,
            came_by: None,
            source_device: None,
            routes: Vec::new(),
            hop,
            mark: 0,
            connection: Connection { state, direction, mark: 0, original, reply, source_port: SourcePort::Own },
            tcp_flags: 0,
            tunnel: None,
            own: BTreeSet::new(),
            passing: BTreeSet::new(),
        }
    }

    /// The same, coming by a device.
    #[must_use]
    pub fn by(self, device: Interface) -> Self {
        Self { came_by: Some(device), ..self }
    }
}
