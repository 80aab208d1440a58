//! Connection tracking of a node: entries are deleted, since conntrack translates a flow as it did the first time, whatever
//! the rules say since; many are made, as a busy node has them; and they are counted.

use std::io;
use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::topology::Node;

// linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h
const AF_NETLINK: i32 = 16;
const NETLINK_NETFILTER: i32 = 12;
const IPCTNL_MSG_CT_NEW: u16 = 0x0100;
const IPCTNL_MSG_CT_DELETE: u16 = 0x0102;
const NLM_F_REQUEST_AND_ACK: u16 = 0x0005;
const NLM_F_REQUEST_AND_CREATE: u16 = 0x0601;
const NESTED: u16 = 0x8000;
/// `CTA_TUPLE_ORIG`, `CTA_TUPLE_REPLY`, `CTA_STATUS`, `CTA_TIMEOUT`.
const TUPLES: [u16; 2] = [1, 2];
const STATUS: u16 = 3;
const TIMEOUT: u16 = 7;
/// `IPS_CONFIRMED` and `IPS_ASSURED`.
const ASSURED: u32 = 0x0c;
const UDP: u8 = 17;
/// Longer than any test takes.
const SECONDS: u32 = 3_600;
/// Messages in one call.
const BATCH: u32 = 500;
/// The ports of one pair of addresses.
const PORTS: u32 = 50_000;

impl Node {
    /// Forgets all connections, so that the next packet of each is a first one again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn forget_connections(&self) -> Result<()> {
        self.namespace.run(flush)?.context("cannot forget the node's connections")
    }

    /// Makes so many entries of UDP connections between hosts of 198.18.0.0/16, which are no part of the lab.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn make_connections(&self, count: u32) -> Result<()> {
        self.namespace.run(|| make(count))?.context("cannot make connections")
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn connections(&self) -> Result<usize> {
        let text = self.namespace.run(|| std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count"))??;
        text.trim().parse().context("the number of connections")
    }
}

fn socket() -> io::Result<Socket> {
    Socket::new(Domain::from(AF_NETLINK), Type::RAW, Some(Protocol::from(NETLINK_NETFILTER)))
}

fn message(kind: u16, flags: u16, family: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(20 + attributes.len()).unwrap_or(u32::MAX);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([family, 0, 0, 0]);
    message.extend(attributes);
    message
}

/// Without an attribute it means every entry.
fn flush() -> io::Result<()> {
    let socket = socket()?;
    socket.send(&message(IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST_AND_ACK, 0, &[]))?;
    answered(&socket)
}

/// `nlmsgerr`: its number comes right after the header, negative.
fn answered(socket: &Socket) -> io::Result<()> {
    let mut answer = [0; 256];
    io::Read::read(&mut &*socket, &mut answer)?;
    match i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

fn make(count: u32) -> io::Result<()> {
    let socket = socket()?;
    let entry = |number: u32, flags| message(IPCTNL_MSG_CT_NEW, flags, 2, &entry(number));
    for first in (0..count).step_by(BATCH as usize) {
        let last = (first + BATCH).min(count) - 1;
        let mut bytes: Vec<u8> = (first..last).flat_map(|number| entry(number, NLM_F_REQUEST_AND_CREATE)).collect();
        // The answer to the last one comes after those before it.
        bytes.extend(entry(last, NLM_F_REQUEST_AND_CREATE | NLM_F_REQUEST_AND_ACK));
        socket.send(&bytes)?;
        answered(&socket)?;
    }
    Ok(())
}

fn entry(number: u32) -> Vec<u8> {
    let host = |last: u8| Ipv4Addr::new(198, 18, (number / PORTS) as u8, last);
    let port = 10_000 + (number % PORTS) as u16;
    let [one, other] = [(host(1), port), (host(2), 53)];
    let directions = [(one, other), (other, one)];
    let tuples = TUPLES.into_iter().zip(directions).flat_map(|(kind, (from, to))| tuple(kind, from, to));
    let numbers = [(STATUS, ASSURED), (TIMEOUT, SECONDS)];
    tuples.chain(numbers.into_iter().flat_map(|(kind, value)| attribute(kind, &value.to_be_bytes()))).collect()
}

fn tuple(kind: u16, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<u8> {
    let addresses = [attribute(1, &from.0.octets()), attribute(2, &to.0.octets())].concat();
    let ports = [attribute(1, &[UDP]), attribute(2, &from.1.to_be_bytes()), attribute(3, &to.1.to_be_bytes())].concat();
    let parts = [attribute(1 | NESTED, &addresses), attribute(2 | NESTED, &ports)].concat();
    attribute(kind | NESTED, &parts)
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut attribute = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}
