//! Calls, and the source address that the receiver saw.
//!
//! A call carries a token. The receiver ([`Service`]) records the token with the source address that it
//! saw and sends the token back, so that a lost packet is distinguished from a lost answer.

mod call;
mod flood;
mod icmp;
mod record;
mod service;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub use call::{Connection, Flow};
pub use flood::{Flood, MAX_DATAGRAMS as MAX_FLOOD_DATAGRAMS};

pub(crate) use call::call;
pub(crate) use record::{Record, TOKEN_LENGTH, Token};
pub(crate) use service::Service;

use crate::addresses::PORT;

/// The protocol of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Tcp,
    /// One datagram.
    Udp,
    /// One echo request, ICMP or ICMPv6.
    Icmp,
}

impl Protocol {
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Icmp];
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
        })
    }
}

/// The destination of a call, and its source port. An address alone means [`PORT`]; ICMP has no ports and ignores both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    address: IpAddr,
    port: u16,
    source_port: Option<u16>,
}

impl Destination {
    /// The same, from this port.
    pub fn from_port(self, port: u16) -> Self {
        Self { source_port: Some(port), ..self }
    }

    fn socket(self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

impl From<IpAddr> for Destination {
    fn from(address: IpAddr) -> Self {
        (address, PORT).into()
    }
}

impl From<(IpAddr, u16)> for Destination {
    fn from((address, port): (IpAddr, u16)) -> Self {
        Self { address, port, source_port: None }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

/// The source address that the receiver of a call saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// With this source address, and the answer came back.
    Source(IpAddr),
    /// The call did not arrive.
    Nothing,
}

impl From<IpAddr> for Seen {
    fn from(address: IpAddr) -> Self {
        Self::Source(address)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(address) => address.fmt(f),
            Self::Nothing => f.pad("nothing"),
        }
    }
}
