//! Ports and the protocols that have them.

use std::fmt;

/// A transport protocol with ports that nftables and Kubernetes both know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// IP protocol 6.
    Tcp,
    /// IP protocol 17.
    Udp,
    /// IP protocol 132.
    Sctp,
}

impl Protocol {
    /// The number in the IP header.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    /// The protocol with this number in the IP header, if it is one of ours.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp].into_iter().find(|p| p.number() == number)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// Ports `first..=last` of one protocol; never port 0, never backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortMatch {
    protocol: Protocol,
    first: u16,
    last: u16,
}

/// Why a range of ports is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortMatchError {
    /// Port 0 cannot be sent to.
    #[error("port 0 is not a port; ports are 1 to 65535")]
    Zero,
    /// Written backwards.
    #[error("range {first}-{last} is backwards; write {last}-{first}")]
    Backwards {
        /// The larger end, written first.
        first: u16,
        /// The smaller end, written last.
        last: u16,
    },
}

impl PortMatch {
    /// Ports `first..=last`.
    ///
    /// # Errors
    /// When `first` is 0 or greater than `last`.
    pub fn new(protocol: Protocol, first: u16, last: u16) -> Result<Self, PortMatchError> {
        if first == 0 {
            return Err(PortMatchError::Zero);
        }
        if first > last {
            return Err(PortMatchError::Backwards { first, last });
        }
        Ok(Self { protocol, first, last })
    }

    /// The protocol.
    pub fn protocol(self) -> Protocol {
        self.protocol
    }

    /// The smallest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The largest port.
    pub fn last(self) -> u16 {
        self.last
    }

    /// The port, when it is only one.
    pub fn exact(self) -> Option<u16> {
        (self.first == self.last).then_some(self.first)
    }
}

impl fmt::Display for PortMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exact() {
            Some(port) => write!(f, "{}:{port}", self.protocol),
            None => write!(f, "{}:{}-{}", self.protocol, self.first, self.last),
        }
    }
}
