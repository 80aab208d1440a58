//! The rtnetlink socket: questions, answers and news.

use std::io;
use std::os::fd::OwnedFd;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with, sockopt,
};

use super::Error;

/// What we want to hear about: links, for their names, and addresses of both families.
const GROUPS: u32 = (libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR) as u32;

/// The kernel puts at most 32 KiB into one datagram of a dump.
const RECEIVE_CHUNK: usize = 64 << 10;

/// Room for some thousands of news; what does not fit is lost, and everything is read again.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// All interfaces.
    Links,
    /// All addresses.
    Addresses,
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
    pub(super) fn open() -> Result<Self, Error> {
        let opening = |errno: Errno| Error::Open(errno.into());
        // NETLINK_ROUTE is protocol 0, which is what none means.
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None).map_err(opening)?;
        // A smaller buffer does too.
        let _ = sockopt::set_socket_recv_buffer_size_force(&fd, RECEIVE_BUFFER)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&fd, RECEIVE_BUFFER));
        bind(&fd, &SocketAddrNetlink::new(0, GROUPS)).map_err(opening)?;
        Ok(Self { fd, buffer: vec![0; RECEIVE_CHUNK] })
    }

    /// Asks for all things of a kind. The answers end with a message that says so; until then nothing else may be
    /// asked.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(super) fn ask(&self, question: Question) -> Result<(), Error> {
        let (kind, header) = match question {
            Question::Links => (libc::RTM_GETLINK, size_of::<libc::ifinfomsg>()),
            Question::Addresses => (libc::RTM_GETADDR, size_of::<libc::ifaddrmsg>()),
        };
        let length = 16 + header;
        let mut bytes = Vec::with_capacity(length);
        bytes.extend(u32::try_from(length).map_err(|_| Error::Garbled)?.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        // No sequence, no port, and a header of zeros: all of them. There is never a second question in the air.
        bytes.resize(length, 0);
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

    /// Waits until there is something to receive.
    ///
    /// # Errors
    /// When the kernel refuses to wait.
    pub(super) fn ready(&self) -> Result<(), Error> {
        loop {
            match poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], None) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
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

fn failed(errno: Errno) -> Error {
    Error::Read(io::Error::from(errno))
}
