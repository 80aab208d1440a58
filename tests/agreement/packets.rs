//! The tracer's packets as calls of the lab.

use anyhow::{Context, Result};
use egressd_core::net::Protocol;
use egressd_core::testkit::{Packet, Seen, Universe};
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

/// Sends a packet; returns the source address that its receiver saw.
pub(crate) fn send(lab: &Lab, universe: &Universe, packet: &Packet) -> Result<Seen> {
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
        lab::Seen::Source(address) if address == packet.source => Ok(Seen::Untranslated),
        lab::Seen::Source(address) => Ok(Seen::As(address)),
        lab::Seen::Nothing => anyhow::bail!("it did not arrive"),
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
