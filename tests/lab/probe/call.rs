//! Makes calls.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use socket2::{Domain, Socket, Type};

use super::{Destination, Protocol, Record, Seen, TOKEN_LENGTH, Token, icmp};
use crate::namespace::Namespace;

/// How long an answer may take. TCP repeats a lost SYN after one second; answers here take less than one
/// millisecond, so only calls that are meant to be lost wait so long.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes one call and returns the source address that arrived.
pub(crate) fn call(
    namespace: &Namespace,
    destination: Destination,
    protocol: Protocol,
    record: &Record,
) -> Result<Seen> {
    let token = Token::fresh();
    let answer = namespace.run(|| match protocol {
        Protocol::Tcp => open(destination).and_then(|mut stream| ask(&mut stream, token)),
        Protocol::Udp => call_udp(destination, token),
        Protocol::Icmp => call_icmp(destination, token),
    })?;
    judge(token, answer, record)
}

/// A TCP connection that stays open.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    record: Record,
}

impl Connection {
    pub(crate) fn open(namespace: &Namespace, destination: Destination, record: &Record) -> Result<Self> {
        let stream = namespace.run(|| open(destination))??;
        Ok(Self { stream, record: record.clone() })
    }

    /// The source address that the peer sees, by a new request over this connection.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn seen(&mut self) -> Result<Seen> {
        let token = Token::fresh();
        let answer = ask(&mut self.stream, token);
        judge(token, answer, &self.record)
    }
}

/// One socket from which datagrams go to one destination: to connection tracking all of them are one connection.
#[derive(Debug)]
pub struct Flow {
    socket: UdpSocket,
    record: Record,
}

impl Flow {
    pub(crate) fn open(namespace: &Namespace, destination: Destination, record: &Record) -> Result<Self> {
        let socket = namespace.run(|| open_udp(destination))??;
        Ok(Self { socket, record: record.clone() })
    }

    /// The source address that the peer sees, by a new datagram.
    ///
    /// # Errors
    /// When it arrives and its answer does not.
    pub fn seen(&mut self) -> Result<Seen> {
        let token = Token::fresh();
        judge(token, ask_udp(&self.socket, token), &self.record)
    }
}

/// The result of a call, from its answer, if any, and the receiver's record.
fn judge(token: Token, answer: io::Result<Option<Token>>, record: &Record) -> Result<Seen> {
    match answer {
        Ok(Some(answer)) if answer == token => match record.take(token, CALL_TIMEOUT) {
            Some(source) => Ok(Seen::Source(source)),
            None => bail!("a host outside the lab answered"),
        },
        Ok(_) => bail!("the answer is not to this call"),
        Err(error) if is_silence(error.kind()) => match record.take(token, Duration::ZERO) {
            Some(source) => bail!("arrived with source {source}, but the answer did not come back"),
            None => Ok(Seen::Nothing),
        },
        Err(error) => Err(error).context("cannot call"),
    }
}

/// What a caller notices of a packet that is dropped, or that a router refuses to forward.
fn is_silence(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TimedOut
            | ErrorKind::WouldBlock
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied
    )
}

fn open(destination: Destination) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(destination.socket()), Type::STREAM, None)?;
    // A named port may have been used in the other family a moment ago.
    socket.set_reuse_address(true)?;
    if destination.address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&source(destination).into())?;
    socket.connect_timeout(&destination.socket().into(), CALL_TIMEOUT)?;
    socket.set_read_timeout(Some(CALL_TIMEOUT))?;
    Ok(socket.into())
}

fn ask(stream: &mut TcpStream, token: Token) -> io::Result<Option<Token>> {
    stream.write_all(token.bytes())?;
    let mut answer = [0; TOKEN_LENGTH];
    stream.read_exact(&mut answer)?;
    Ok(Token::read(&answer))
}

fn call_udp(destination: Destination, token: Token) -> io::Result<Option<Token>> {
    ask_udp(&open_udp(destination)?, token)
}

fn open_udp(destination: Destination) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(source(destination))?;
    socket.connect(destination.socket())?;
    socket.set_read_timeout(Some(CALL_TIMEOUT))?;
    Ok(socket)
}

fn ask_udp(socket: &UdpSocket, token: Token) -> io::Result<Option<Token>> {
    socket.send(token.bytes())?;
    let mut answer = [0; TOKEN_LENGTH];
    let length = socket.recv(&mut answer)?;
    Ok(Token::read(&answer[..length]))
}

fn call_icmp(destination: Destination, token: Token) -> io::Result<Option<Token>> {
    let socket = icmp::caller(source(destination))?;
    socket.connect(&SocketAddr::new(destination.address, 0).into())?;
    socket.set_read_timeout(Some(CALL_TIMEOUT))?;
    socket.send(&icmp::echo_request(destination.address, token))?;
    let mut answer = [0; 256];
    let length = (&socket).read(&mut answer)?;
    Ok(icmp::token_of_reply(&answer[..length]))
}

/// Any address, and the wanted port, or one that was not used for long: conntrack remembers callers and their ports,
/// and a call that meets an older one's entry would be translated as that was.
fn source(destination: Destination) -> SocketAddr {
    let any = match destination.address {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(any, destination.source_port.unwrap_or_else(unused_port))
}

/// Goes round through 20000 to 59999, past the ports that hosts of the lab answer on.
fn unused_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    20_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 40_000
}
