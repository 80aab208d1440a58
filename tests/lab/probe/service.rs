//! Answers calls: one thread per host, which waits on all its sockets at once.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::net::{RecvFlags, recvfrom};
use socket2::Socket;

use super::{Record, TOKEN_LENGTH, Token, icmp};
use crate::addresses::PORTS;
use crate::namespace::Namespace;

/// Answers on all ports of all its addresses until it is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts to answer; when it returns, every socket is open.
    pub(crate) fn start(namespace: &Namespace, addresses: &[IpAddr], record: &Record) -> Result<Self> {
        let sockets = namespace.run(|| open_all(addresses))?.context("cannot open sockets to answer calls")?;
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let mut server = Server { sockets, record: record.clone(), stop: Arc::clone(&stop) };
        let thread = thread::spawn(move || server.serve());
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if rustix::io::write(&*self.stop, &1u64.to_ne_bytes()).is_ok() {
            self.thread.take().map(JoinHandle::join);
        }
    }
}

/// A socket on which something may happen.
enum ServerSocket {
    Tcp(TcpListener),
    Talk(TcpStream),
    Udp(UdpSocket),
    Icmp(Socket),
}

/// Whether a socket is of further use.
#[derive(PartialEq, Eq)]
enum SocketUse {
    Keep,
    Close,
}

struct Server {
    sockets: Vec<ServerSocket>,
    record: Record,
    stop: Arc<OwnedFd>,
}

impl Server {
    fn serve(&mut self) {
        while let Ok(Some(ready)) = self.wait() {
            // From the back, so that removing one does not move those that are still to be handled.
            for index in ready.into_iter().rev() {
                self.handle(index);
            }
        }
    }

    /// The sockets on which something happened; none when it is time to stop.
    fn wait(&self) -> io::Result<Option<Vec<usize>>> {
        let mut polled: Vec<PollFd<'_>> =
            self.sockets.iter().map(|socket| PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)).collect();
        polled.push(PollFd::new(&*self.stop, PollFlags::IN));
        while let Err(error) = poll(&mut polled, None) {
            if error != rustix::io::Errno::INTR {
                return Err(error.into());
            }
        }
        let ready: Vec<usize> =
            polled.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty()).map(|(index, _)| index).collect();
        Ok((ready.last() != Some(&self.sockets.len())).then_some(ready))
    }

    /// A caller that breaks off is no concern of ours; a call that cannot be answered is noted all the same.
    fn handle(&mut self, index: usize) {
        let socket_use = match &mut self.sockets[index] {
            ServerSocket::Tcp(listener) => match accept(listener) {
                Ok(stream) => {
                    self.sockets.push(ServerSocket::Talk(stream));
                    SocketUse::Keep
                }
                Err(_) => SocketUse::Keep,
            },
            ServerSocket::Talk(stream) => answer_stream(stream, &self.record).unwrap_or(SocketUse::Close),
            ServerSocket::Udp(socket) => answer_datagram(socket, &self.record).unwrap_or(SocketUse::Keep),
            ServerSocket::Icmp(socket) => note_echo(socket, &self.record).unwrap_or(SocketUse::Keep),
        };
        if socket_use == SocketUse::Close {
            self.sockets.swap_remove(index);
        }
    }
}

impl AsFd for ServerSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Talk(socket) => socket.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
            Self::Icmp(socket) => socket.as_fd(),
        }
    }
}

/// One socket for each address, not one for all: an answer must leave with the address that was called.
fn open_all(addresses: &[IpAddr]) -> io::Result<Vec<ServerSocket>> {
    let mut sockets = Vec::new();
    for address in addresses {
        for port in PORTS {
            sockets.push(ServerSocket::Tcp(TcpListener::bind((*address, port))?));
            sockets.push(ServerSocket::Udp(UdpSocket::bind((*address, port))?));
        }
    }
    let families: BTreeSet<bool> = addresses.iter().map(IpAddr::is_ipv4).collect();
    for family in families {
        if let Some(address) = addresses.iter().find(|address| address.is_ipv4() == family) {
            sockets.push(ServerSocket::Icmp(icmp::listener(*address)?));
        }
    }
    for socket in &sockets {
        rustix::io::ioctl_fionbio(socket.as_fd(), true)?;
    }
    Ok(sockets)
}

fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn answer_stream(stream: &mut TcpStream, record: &Record) -> io::Result<SocketUse> {
    let mut message = [0; TOKEN_LENGTH];
    // Tokens are far smaller than any segment: they come whole or not at all.
    let length = match stream.read(&mut message) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(SocketUse::Keep),
        result => result?,
    };
    let Some(token) = Token::read(&message[..length]) else { return Ok(SocketUse::Close) };
    record.note(token, stream.peer_addr()?.ip());
    stream.write_all(token.bytes())?;
    Ok(SocketUse::Keep)
}

fn answer_datagram(socket: &UdpSocket, record: &Record) -> io::Result<SocketUse> {
    let mut message = [0; TOKEN_LENGTH];
    let (length, from) = socket.recv_from(&mut message)?;
    if let Some(token) = Token::read(&message[..length]) {
        record.note(token, from.ip());
        socket.send_to(token.bytes(), from)?;
    }
    Ok(SocketUse::Keep)
}

/// The kernel answers echo requests; here they are only noted.
fn note_echo(socket: &Socket, record: &Record) -> io::Result<SocketUse> {
    let mut packet = [0; 256];
    let (_, length, from) = recvfrom(socket, packet.as_mut_slice(), RecvFlags::empty())?;
    if let Some(from) = from.and_then(|from| SocketAddr::try_from(from).ok())
        && let Some(token) = icmp::token_of_request(&packet[..length], from.ip())
    {
        record.note(token, from.ip());
    }
    Ok(SocketUse::Keep)
}
