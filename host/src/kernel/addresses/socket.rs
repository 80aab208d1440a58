//! The rtnetlink sockets: what they receive, and what can be asked.

use std::ops::ControlFlow;

use super::Error;
use crate::kernel::netlink::{self, Flags, Header, Message, Setup, Switch, Writer};
pub(super) use crate::kernel::netlink::{Received, Socket, wait};

/// The multicast groups of a socket.
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

/// Room for some thousands of notifications; what does not fit is lost, and everything is read again.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Room for some hundreds of notifications about routes. There may be millions of them, and what is lost puts all in doubt,
/// as the first few hundred mostly do.
const SMALL_BUFFER: usize = 128 << 10;

/// `struct rtmsg`.
pub(super) const ROUTE_HEADER: usize = 12;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Links,
    Addresses,
    /// The IPv4 routes of all tables by which packets leave by this interface; all routes of kernels before 4.20.
    RoutesV4(u32),
    /// The same, IPv6.
    RoutesV6(u32),
}

impl Groups {
    fn setup(self) -> Setup {
        let (groups, receive_buffer) = match self {
            Self::Interfaces => {
                (libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR, RECEIVE_BUFFER)
            }
            Self::Routes => (libc::RTMGRP_IPV4_ROUTE | libc::RTMGRP_IPV6_ROUTE, SMALL_BUFFER),
            Self::None => (0, SMALL_BUFFER),
        };
        let next_hops = if self == Self::Routes { NEXTHOP } else { 0 };
        let switches: &[Switch] = match self {
            Self::Interfaces | Self::Routes => &[Switch::Explanations],
            Self::None => &[Switch::Explanations, Switch::StrictQuestions],
        };
        Setup { protocol: None, groups: groups.cast_unsigned() | next_hops, receive_buffer, switches }
    }
}

impl Question {
    fn header(self) -> Header {
        let kind = match self {
            Self::Links => libc::RTM_GETLINK,
            Self::Addresses => libc::RTM_GETADDR,
            Self::RoutesV4(_) | Self::RoutesV6(_) => libc::RTM_GETROUTE,
        };
        Header { kind, flags: Flags::DUMP, sequence: 0 }
    }

    /// The fixed header: a family, and zeros for all of them.
    fn fixed(self) -> Vec<u8> {
        let (family, length) = match self {
            Self::Links => (libc::AF_UNSPEC, size_of::<libc::ifinfomsg>()),
            Self::Addresses => (libc::AF_UNSPEC, size_of::<libc::ifaddrmsg>()),
            Self::RoutesV4(_) => (libc::AF_INET, ROUTE_HEADER),
            Self::RoutesV6(_) => (libc::AF_INET6, ROUTE_HEADER),
        };
        let mut fixed = vec![0; length];
        fixed[0] = family as u8;
        fixed
    }

    fn filter(self, writer: &mut Writer) {
        match self {
            Self::Links | Self::Addresses => {}
            Self::RoutesV4(index) | Self::RoutesV6(index) => writer.bytes(libc::RTA_OIF, &index.to_ne_bytes()),
        }
    }
}

/// Opens a socket; from then on it receives what changes.
///
/// # Errors
/// When the kernel forbids it.
pub(super) fn open(groups: Groups) -> Result<Socket, Error> {
    Ok(Socket::open(&groups.setup())?)
}

/// Asks for all things of a kind, and gives the number by which the end of the answers is known. They come among the
/// notifications; until their end nothing else may be asked.
///
/// # Errors
/// When it cannot be sent.
pub(super) fn ask(socket: &mut Socket, question: Question) -> Result<u32, Error> {
    let fixed = question.fixed();
    Ok(socket.request(question.header(), &fixed, |writer| question.filter(writer))?)
}

/// Asks a socket that hears no notifications, and gives every answer to `each` until that breaks off.
///
/// # Errors
/// Where the kernel does not answer, or not with all of one moment.
pub(super) fn each_answer<B>(
    socket: &mut Socket,
    question: Question,
    each: impl FnMut(&Message<'_>) -> ControlFlow<B>,
) -> Result<ControlFlow<B>, netlink::Error> {
    let fixed = question.fixed();
    socket.dump(question.header(), &fixed, |writer| question.filter(writer), each)
}
