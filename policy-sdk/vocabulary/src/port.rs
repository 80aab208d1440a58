//! Ports and the protocols that have them.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::quote::{clipped, quoted};

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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// The number in the IP header.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    /// The protocol with this number in the IP header; none for a protocol without ports, or another one with them.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.number() == number)
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
pub struct PortRange {
    protocol: Protocol,
    first: u16,
    last: u16,
}

/// Why two numbers are not a range of ports.
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
        in_order(first, last).map(|()| Self { protocol, first, last })
    }

    /// One port alone.
    pub const fn one(protocol: Protocol, port: NonZeroU16) -> Self {
        Self { protocol, first: port.get(), last: port.get() }
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

    /// Whether every port of `other` is in it.
    pub fn contains(self, other: Self) -> bool {
        self.protocol == other.protocol && self.first <= other.first && other.last <= self.last
    }
}

/// As in kube-vip's annotations: `tcp:80`, or `tcp:80-90`.
impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol, PortSpan { first: self.first, last: self.last })
    }
}

/// Ports `first..=last` of any protocol; never port 0, never backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSpan {
    first: u16,
    last: u16,
}

impl PortSpan {
    /// Ports `first..=last`.
    ///
    /// # Errors
    /// When `first` is 0 or greater than `last`.
    pub fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        in_order(first, last).map(|()| Self { first, last })
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

impl fmt::Display for PortSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.first == self.last { Ok(()) } else { write!(f, "-{}", self.last) }
    }
}

fn in_order(first: u16, last: u16) -> Result<(), PortRangeError> {
    match first {
        0 => Err(PortRangeError::Zero),
        _ if first > last => Err(PortRangeError::Backwards { first, last }),
        _ => Ok(()),
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

/// Why text is no range of ports, as one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsePortRangeError(String);

impl fmt::Display for ParsePortRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParsePortRangeError {}

/// As it prints: `tcp:80`, or `tcp:80-90`.
impl FromStr for PortRange {
    type Err = ParsePortRangeError;

    fn from_str(text: &str) -> Result<Self, ParsePortRangeError> {
        let wrong = |what: &str| ParsePortRangeError(format!("{} {what}", quoted(text)));
        let Some((name, ports)) = text.split_once(':') else {
            let port = if is_number(text) { clipped(text) } else { "443".to_owned() };
            return Err(wrong(&format!("has no protocol; write one like tcp:{port} or udp:{port}")));
        };
        let protocol = Protocol::ALL.into_iter().find(|protocol| protocol.to_string() == name);
        let protocol = protocol.ok_or_else(|| wrong("has an unknown protocol; write tcp, udp or sctp"))?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let port = |text: &str| text.parse().ok().filter(|_| is_number(text));
        let (Some(first), Some(last)) = (port(first), port(last)) else {
            return Err(wrong(&format!(
                "is not a range of ports; write one like {protocol}:443 or {protocol}:8000-8999"
            )));
        };
        Self::new(protocol, first, last).map_err(|error| wrong(&format!("cannot be: {error}")))
    }
}

/// Decimal digits as they are printed: `080` and `+80` are accepted by many a parser, and mean octal to others.
fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() && (text == "0" || !text.starts_with('0'))
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for PortRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{PortRange, PortRangeError, PortSpan, Protocol};

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
        assert_eq!(PortSpan::new(0, 80), Err(PortRangeError::Zero));
        assert_eq!(PortSpan::new(1024, 65535).map(|span| span.to_string()), Ok("1024-65535".to_owned()));
    }

    #[test]
    fn a_protocol_is_found_by_its_number() {
        assert_eq!(Protocol::ALL.map(|protocol| Protocol::from_number(protocol.number())), Protocol::ALL.map(Some));
        assert_eq!(Protocol::from_number(1), None);
    }

    #[test]
    fn what_is_printed_is_read_and_all_else_is_refused() {
        for text in ["tcp:80", "udp:1-65535", "sctp:36412"] {
            assert_eq!(text.parse::<PortRange>().map(|range| range.to_string()), Ok(text.to_owned()));
        }
        for (text, part) in [
            ("80", "has no protocol; write one like tcp:80 or udp:80"),
            ("TCP:80", "has an unknown protocol; write tcp, udp or sctp"),
            ("tcp:080", "is not a range of ports; write one like tcp:443"),
            ("tcp:80-", "is not a range of ports"),
            ("tcp:0", "cannot be: port 0 is not a port"),
            ("tcp:90-80", "write 80-90"),
        ] {
            let message = text.parse::<PortRange>().map_or_else(|error| error.to_string(), |_| String::new());
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn a_range_contains_what_lies_inside_it() {
        let contains = |a: &str, b: &str| match (a.parse::<PortRange>(), b.parse()) {
            (Ok(a), Ok(b)) => a.contains(b),
            (_, _) => panic!("{a} and {b} are ranges"),
        };
        assert!(contains("tcp:80-90", "tcp:80") && contains("tcp:80", "tcp:80"));
        assert!(!contains("tcp:80-90", "udp:80") && !contains("tcp:80-90", "tcp:85-91"));
    }
}
