//! The rtnetlink socket: questions, answers and news.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with, sockopt,
};

use super::Error;

/// What a socket hears about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Groups {
    /// Links, for their names, and addresses of both families.
    Interfaces,
    /// Routes of both families, and next hops.
    Routes,
    /// Nothing but answers.
    None,
}

/// `RTNLGRP_NEXTHOP`, the 32nd (linux/rtnetlink.h), as a bit.
const NEXTHOP: u32 = 1 << 31;

/// The kernel puts at most 32 KiB into one datagram of a dump.
const RECEIVE_CHUNK: usize = 64 << 10;

/// Room for some thousands of news; what does not fit is lost, and everything is read again.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Room for some hundreds of news about routes. There may be millions of them, and what is lost puts all in doubt, as the first
/// few hundred mostly do.
const SMALL_BUFFER: usize = 128 << 10;

/// Whether questions are looked at as a whole (linux/netlink.h).
const NETLINK_GET_STRICT_CHK: libc::c_int = 12;

/// `struct rtmsg`.
pub(super) const ROUTE_HEADER: usize = 12;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// All interfaces.
    Links,
    /// All addresses.
    Addresses,
    /// The IPv4 routes of all tables by which packets leave by this interface; all routes of kernels before 4.20.
    RoutesV4(u32),
    /// The same, IPv6.
    RoutesV6(u32),
}

impl Groups {
    fn bits(self) -> u32 {
        match self {
            Self::Interfaces => {
                (libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR).cast_unsigned()
            }
            Self::Routes => (libc::RTMGRP_IPV4_ROUTE | libc::RTMGRP_IPV6_ROUTE).cast_unsigned() | NEXTHOP,
            Self::None => 0,
        }
    }

    fn buffer(self) -> usize {
        match self {
            Self::Interfaces => RECEIVE_BUFFER,
            Self::Routes | Self::None => SMALL_BUFFER,
        }
    }
}

/// What came.
#[derive(Debug)]
pub(super) enum Received<'a> {
    /// Whole messages.
    Bytes(&'a [u8]),
    /// There is nothing now.
    Nothing,
    /// The kernel had to drop something.
    Gap,
}

/// A socket of the network namespace of the thread that opened it.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens it; from then on it hears what changes.
    ///
    /// # Errors
    /// When the kernel forbids it.
    pub(super) fn open(groups: Groups) -> Result<Self, Error> {
        let opening = |errno: Errno| Error::Open(errno.into());
        // NETLINK_ROUTE is protocol 0, which is what none means.
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None).map_err(opening)?;
        // A smaller buffer does too.
        let _ = sockopt::set_socket_recv_buffer_size_force(&fd, groups.buffer())
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&fd, groups.buffer()));
        if groups == Groups::None {
            // Without it, a kernel passes over what it does not look at in a question, and answers with more.
            let _ = enable(&fd, NETLINK_GET_STRICT_CHK);
        }
        bind(&fd, &SocketAddrNetlink::new(0, groups.bits())).map_err(opening)?;
        Ok(Self { fd, buffer: vec![0; RECEIVE_CHUNK] })
    }

    /// Asks for all things of a kind. The answers end with a message that says so; until then nothing else may be
    /// asked.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(super) fn ask(&self, question: Question) -> Result<(), Error> {
        let (kind, header, family) = match question {
            Question::Links => (libc::RTM_GETLINK, size_of::<libc::ifinfomsg>(), libc::AF_UNSPEC),
            Question::Addresses => (libc::RTM_GETADDR, size_of::<libc::ifaddrmsg>(), libc::AF_UNSPEC),
            Question::RoutesV4(_) => (libc::RTM_GETROUTE, ROUTE_HEADER, libc::AF_INET),
            Question::RoutesV6(_) => (libc::RTM_GETROUTE, ROUTE_HEADER, libc::AF_INET6),
        };
        let filter = match question {
            Question::Links | Question::Addresses => vec![],
            Question::RoutesV4(index) | Question::RoutesV6(index) => leaving_by(index),
        };
        let length = 16 + header + filter.len();
        let mut bytes = Vec::with_capacity(length);
        bytes.extend(u32::try_from(length).map_err(|_| Error::Garbled)?.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        // No sequence, no port, and a header of zeros behind the family: all of them. There is never a second question in the
        // air.
        bytes.resize(16, 0);
        bytes.push(u8::try_from(family).map_err(|_| Error::Garbled)?);
        bytes.resize(16 + header, 0);
        bytes.extend(filter);
        send(&self.fd, &bytes, SendFlags::empty()).map_err(failed)?;
        Ok(())
    }

    /// Waits for the next datagram.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub(super) fn receive(&mut self) -> Result<Received<'_>, Error> {
        self.receive_with(RecvFlags::empty())
    }

    /// The next datagram, if there is one.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub(super) fn receive_if_any(&mut self) -> Result<Received<'_>, Error> {
        self.receive_with(RecvFlags::DONTWAIT)
    }

    fn receive_with(&mut self, flags: RecvFlags) -> Result<Received<'_>, Error> {
        loop {
            match recv(&self.fd, &mut self.buffer[..], flags) {
                Ok((length, _)) => return Ok(Received::Bytes(&self.buffer[..length])),
                Err(Errno::WOULDBLOCK) => return Ok(Received::Nothing),
                Err(Errno::NOBUFS) => return Ok(Received::Gap),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
    }
}

/// Waits until there is something to receive at one of these, or until the time is over.
///
/// # Errors
/// When the kernel refuses to wait.
pub(super) fn wait<'a>(sockets: impl IntoIterator<Item = &'a Socket>, limit: Option<Duration>) -> Result<(), Error> {
    let mut waited: Vec<PollFd<'a>> =
        sockets.into_iter().map(|socket| PollFd::new(&socket.fd, PollFlags::IN)).collect();
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut waited, limit.as_ref()) {
        // Whoever waits looks for itself what there is.
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(failed(errno)),
    }
}

/// `RTA_OIF`.
fn leaving_by(index: u32) -> Vec<u8> {
    [&8_u16.to_ne_bytes()[..], &libc::RTA_OIF.to_ne_bytes(), &index.to_ne_bytes()].concat()
}

/// Switches a `SOL_NETLINK` option on. `rustix` does not know them.
fn enable(fd: &OwnedFd, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the descriptor is open, and the kernel reads `length` bytes of `on` before the call returns.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const on).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn failed(errno: Errno) -> Error {
    Error::Read(io::Error::from(errno))
}
