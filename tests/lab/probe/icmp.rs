//! ICMP echo requests: the fields that are used.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::Token;

/// Type, code, checksum, identifier, sequence number.
const HEADER_LENGTH: usize = 8;
const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REQUEST_V6: u8 = 128;

/// A socket that sees all ICMP messages for an address family.
pub(super) fn listener(like: IpAddr) -> io::Result<Socket> {
    let (domain, protocol) = family(like);
    Socket::new(domain, Type::RAW, Some(protocol))
}

/// A socket for one caller. Its port is the identifier of its echo requests, by which NAT distinguishes ICMP
/// callers apart by; the kernel fills in checksums and sorts out answers.
pub(super) fn caller(source: SocketAddr) -> io::Result<Socket> {
    let (domain, protocol) = family(source.ip());
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.bind(&source.into())?;
    Ok(socket)
}

/// An echo request that carries a token.
pub(super) fn echo_request(to: IpAddr, token: Token) -> Vec<u8> {
    let mut message = vec![0; HEADER_LENGTH];
    message[0] = if to.is_ipv4() { ECHO_REQUEST_V4 } else { ECHO_REQUEST_V6 };
    message.extend_from_slice(token.bytes());
    message
}

/// The token of an echo reply, as a [`caller`] receives it.
pub(super) fn token_of_reply(message: &[u8]) -> Option<Token> {
    Token::read(message.get(HEADER_LENGTH..)?)
}

/// The token of an echo request, as a [`listener`] receives it: IPv4 comes with the IP header, IPv6 without.
pub(super) fn token_of_request(packet: &[u8], from: IpAddr) -> Option<Token> {
    let (message, request) = match from {
        IpAddr::V4(_) => (packet.get(usize::from(packet.first()? & 0x0f) * 4..)?, ECHO_REQUEST_V4),
        IpAddr::V6(_) => (packet, ECHO_REQUEST_V6),
    };
    if *message.first()? != request {
        return None;
    }
    Token::read(message.get(HEADER_LENGTH..)?)
}

fn family(like: IpAddr) -> (Domain, Protocol) {
    match like {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    }
}
