//! Ports and the protocols that have them.

use std::fmt;

/// A transport protocol with ports that nftables and Kubernetes both know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
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
pub struct PortRange {
    protocol: Protocol,
    first: u16,
    last: u16,
}

/// Why a range of ports is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRangeError {
    /// Port 0 cannot be sent to.
    Zero,
    /// Written backwards.
    Backwards {
        /// The larger end, written first.
        first: u16,
        /// The smaller end, written last.
        last: u16,
    },
}

impl PortRange {
    /// Ports `first..=last`.
    ///
    /// # Errors
    /// When `first` is 0 or greater than `last`.
    pub fn new(protocol: Protocol, first: u16, last: u16) -> Result<Self, PortRangeError> {
        if first == 0 {
            return Err(PortRangeError::Zero);
        }
        if first > last {
            return Err(PortRangeError::Backwards { first, last });
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
}

/// As in kube-vip's annotations: `tcp:80`, or `tcp:80-90`.
impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol, self.first)?;
        if self.first == self.last { Ok(()) } else { write!(f, "-{}", self.last) }
    }
}

impl fmt::Display for PortRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("port 0 is not a port; ports are 1 to 65535"),
            Self::Backwards { first, last } => write!(f, "range {first}-{last} is backwards; write {last}-{first}"),
        }
    }
}

impl std::error::Error for PortRangeError {}

#[cfg(test)]
mod tests {
    use super::{PortRange, PortRangeError, Protocol};

    #[test]
    fn a_range_prints_as_it_is_written() {
        let printed = |first, last| PortRange::new(Protocol::Tcp, first, last).map(|range| range.to_string());
        assert_eq!(printed(80, 80), Ok("tcp:80".to_owned()));
        assert_eq!(printed(1, 65535), Ok("tcp:1-65535".to_owned()));
    }

    #[test]
    fn a_range_needs_real_ports_in_order() {
        assert_eq!(PortRange::new(Protocol::Udp, 0, 80), Err(PortRangeError::Zero));
        assert_eq!(PortRange::new(Protocol::Udp, 90, 80), Err(PortRangeError::Backwards { first: 90, last: 80 }));
    }
}
