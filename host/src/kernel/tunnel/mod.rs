//! The tunnel between nodes in the kernel: its device, the rules and the routes that lead into it (rtnetlink). egressd's
//! own are known by the number of their protocol, or group, and a device of the same name that is something else is named and
//! never touched.
//!
//! Only egressd's tables are asked for (`NETLINK_GET_STRICT_CHK` with `RTA_TABLE`): a node may have a million routes. The
//! kernel takes each message by itself and goes on after one that it refuses. It works inside `send`, so all answers are
//! queued when that returns; no change asks for an acknowledgement, and success is silence.

mod commit;
mod device;
mod error;
mod read;
mod route;
mod rule;
#[cfg(test)]
pub(crate) mod testkit;
mod thread;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use egressd_core::net::Family;
use egressd_core::node::{Adapter, Readback, Tunnel, TunnelChange, TunnelMaker};

use self::device::Link;
use super::netlink::{self, Flags, Header, Setup, Socket, Switch};

pub use error::Error;
pub use thread::{TunnelKernel, TunnelThread};

/// Refusals of some thousands of routes fit.
const SETUP: Setup = Setup {
    protocol: None,
    groups: 0,
    receive_buffer: 4 << 20,
    switches: &[Switch::Explanations, Switch::StrictQuestions],
};

/// `struct ifinfomsg`.
const LINK_HEADER: usize = size_of::<libc::ifinfomsg>();

/// The tunnel of one network namespace.
#[derive(Debug)]
pub struct KernelTunnel {
    socket: Socket,
}

impl KernelTunnel {
    /// Opens that of the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel forbids sockets.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { socket: Socket::open(&SETUP)? })
    }

    /// What has the name of the tunnel's device.
    fn link(&mut self) -> Result<Option<Link>, Error> {
        let header = Header { kind: libc::RTM_GETLINK, flags: Flags::REQUEST, sequence: 0 };
        let answer = self.socket.ask(header, &[0; LINK_HEADER], device::by_name, device::read);
        match answer {
            Ok(link) => link.map(Some).ok_or(Error::Malformed),
            Err(netlink::Error::Refused(refused)) if refused.refusal.errno == libc::ENODEV => Ok(None),
            Err(error) => Err(Error::reading("device")(error)),
        }
    }

    /// The index of the tunnel's device, if it is there, whichever egressd made it.
    fn index(&mut self) -> Result<Option<u32>, Error> {
        match self.link()? {
            None => Ok(None),
            Some(Link::Tunnel { index, .. }) => Ok(Some(index)),
            Some(Link::Other(what)) => Err(Error::Occupied { what }),
        }
    }
}

impl Adapter for KernelTunnel {
    type Part = Tunnel;
    type OwnObjects = TunnelMaker;
    type Error = Error;

    /// Nothing of a tunnel has an owner in the kernel.
    fn adopt(&mut self, _: &TunnelMaker) -> Result<(), Error> {
        Ok(())
    }

    fn read(&mut self, ours: &TunnelMaker) -> Result<Readback<Tunnel>, Error> {
        read::read(self, *ours)
    }

    /// Where one operation is refused, the others of rules and routes are carried out nevertheless.
    fn commit(&mut self, change: &TunnelChange) -> Result<(), Error> {
        commit::commit(self, change)
    }
}

/// As the kernel numbers it.
fn number(family: Family) -> u8 {
    match family {
        Family::Ipv4 => libc::AF_INET as u8,
        Family::Ipv6 => libc::AF_INET6 as u8,
    }
}

fn family(number: u8) -> Option<Family> {
    Family::ALL.into_iter().find(|family| self::number(*family) == number)
}

fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
