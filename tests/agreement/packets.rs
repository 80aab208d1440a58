//! The tracer's packets as calls of the lab.

use anyhow::{Context, Result};
use egressd_core::net::Protocol;
use egressd_core::ruleset::{Direction, Ruleset, State};
use egressd_core::testkit::{Leaving, Packet, Seen, Universe, leaves, trace};
use lab::{Destination, Lab, Pod};

use crate::universe::{PODS, forwarded};

/// All packets of the universe that the lab can send.
pub(crate) fn sendable(universe: &Universe) -> Vec<Packet> {
    universe.packets().into_iter().filter(|packet| is_sendable(universe, packet)).collect()
}

fn is_sendable(universe: &Universe, packet: &Packet) -> bool {
    let is_forwarded = |port| {
        forwarded(universe).any(|forwarded| forwarded == (packet.original_destination, packet.destination, port))
    };
    match packet.transport {
        Some((_, _, port)) if packet.original_destination != packet.destination => is_forwarded(port),
        None if packet.original_destination != packet.destination => false,
        // A connection from a certain port cannot be repeated before TIME_WAIT is over; datagrams can.
        Some((Protocol::Tcp, from, _)) => !universe.source_ports.contains(&from),
        Some((Protocol::Udp, ..)) | None => true,
        Some((Protocol::Sctp, ..)) => false,
    }
}

/// What becomes of a packet that a pod sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Seen(Seen),
    Dropped,
}

impl Arrival {
    /// What the tracer expects under a ruleset.
    pub(crate) fn expected(ruleset: &Ruleset, packet: &Packet) -> Self {
        let seen = trace(ruleset, packet);
        let source = match seen {
            Seen::As(address) => address,
            Seen::Untranslated => packet.source,
        };
        let leaving = Leaving { packet: *packet, state: State::New, direction: Direction::Original, source };
        if leaves(ruleset, ruleset, &leaving, 0) { Self::Seen(seen) } else { Self::Dropped }
    }
}

/// Sends a packet; returns the source address that its receiver saw. Of a dropped one that takes seconds.
pub(crate) fn send(lab: &Lab, universe: &Universe, packet: &Packet) -> Result<Arrival> {
    let sender = sender(lab, packet)?;
    let (protocol, destination) = match packet.transport {
        None => (lab::Protocol::Icmp, packet.original_destination.into()),
        Some((protocol, from, to)) => {
            let destination = Destination::from((packet.original_destination, to));
            // Any other port will do where rules do not distinguish them.
            let certain = universe.source_ports.contains(&from);
            let destination = if certain { destination.from_port(from) } else { destination };
            (in_the_lab(protocol)?, destination)
        }
    };
    match lab.seen_from(sender, destination, protocol)? {
        lab::Seen::Source(address) if address == packet.source => Ok(Arrival::Seen(Seen::Untranslated)),
        lab::Seen::Source(address) => Ok(Arrival::Seen(Seen::As(address))),
        lab::Seen::Nothing => Ok(Arrival::Dropped),
    }
}

fn sender<'a>(lab: &'a Lab, packet: &Packet) -> Result<&'a Pod> {
    let mut pods = (1..=PODS).map(|number| lab.pod(number));
    pods.find(|pod| pod.like(packet.source) == packet.source).context("no pod has the packet's source")
}

fn in_the_lab(protocol: Protocol) -> Result<lab::Protocol> {
    match protocol {
        Protocol::Tcp => Ok(lab::Protocol::Tcp),
        Protocol::Udp => Ok(lab::Protocol::Udp),
        Protocol::Sctp => anyhow::bail!("the lab does not speak SCTP"),
    }
}
