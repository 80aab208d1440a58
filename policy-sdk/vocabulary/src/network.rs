//! Networks as text.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::quote::quoted;

/// A network as people write it in settings: `192.0.2.0/24`, `2001:db8::/32`, or an address alone. It is what its
/// prefix says: bits behind the prefix are refused and not cut off, because it is unknown which of both was meant.
///
/// ```
/// use egressd_vocabulary::Network;
///
/// let wrong = "10.0.0.1/8".parse::<Network>().map_err(|error| error.to_string());
/// let sentence = "\"10.0.0.1/8\" has host bits set; write 10.0.0.0/8, or 10.0.0.1 for a single address";
/// assert_eq!(wrong, Err(sentence.to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

/// Why text is no network, as one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError(String);

impl From<Network> for IpNet {
    fn from(network: Network) -> Self {
        network.0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let network: IpNet = match text.parse::<IpAddr>() {
            Ok(address) => address.into(),
            Err(_) => text.parse().map_err(|_| {
                NetworkError(format!("{} is not a network; write one like 192.0.2.0/24 or 2001:db8::/32", quoted(text)))
            })?,
        };
        if network.trunc() != network {
            let (right, address) = (network.trunc(), network.addr());
            let what = "has host bits set";
            return Err(NetworkError(format!(
                "{} {what}; write {right}, or {address} for a single address",
                quoted(text)
            )));
        }
        not_mapped(text, network).map(|()| Self(network))
    }
}

/// `::ffff:192.0.2.1` is an IPv4 address in IPv6's clothes: no packet carries it.
fn not_mapped(text: &str, network: IpNet) -> Result<(), NetworkError> {
    let IpAddr::V6(address) = network.addr() else { return Ok(()) };
    match address.to_ipv4_mapped() {
        Some(v4) => Err(NetworkError(format!("{} is IPv4-mapped, which no packet carries; write {v4}", quoted(text)))),
        None => Ok(()),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NetworkError {}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn networks_and_addresses_are_read() {
        for (text, meaning) in
            [("192.0.2.0/24", "192.0.2.0/24"), ("192.0.2.7", "192.0.2.7/32"), ("::/0", "::/0"), ("::1", "::1/128")]
        {
            assert_eq!(text.parse::<Network>().map(|network| network.to_string()), Ok(meaning.to_owned()));
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_would_be_right() {
        for (text, part) in [
            ("", "is not a network; write one like 192.0.2.0/24"),
            ("10.0.0.0/33", "is not a network"),
            ("2001:db8::1/32", "write 2001:db8::/32, or 2001:db8::1"),
            ("::ffff:192.0.2.1", "is IPv4-mapped, which no packet carries; write 192.0.2.1"),
        ] {
            let message = text.parse::<Network>().map_or_else(|error| error.to_string(), |_| String::new());
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
