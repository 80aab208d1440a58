//! Rules as nft text.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::{Family, PortMatch};
use crate::ruleset::{Field, Hook, Key, Match, Rule, Statement};

/// The keyword of a header.
fn header(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    }
}

/// The address whose first so many bits are set. nft writes no `/24` in an expression.
pub(crate) fn mask(family: Family, bits: u8) -> IpAddr {
    let ones = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    match family {
        Family::Ipv4 => Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0)).into(),
        Family::Ipv6 => Ipv6Addr::from_bits(ones).into(),
    }
}

impl Display for Hook {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "type nat hook postrouting priority {}; policy accept;", self.priority)
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> =
            self.matches.iter().map(Match::to_string).chain(self.statements.iter().map(Statement::to_string)).collect();
        f.write_str(&texts.join(" "))
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(family) => write!(f, "{} saddr", header(*family)),
            Self::Destination(family) => write!(f, "{} daddr", header(*family)),
            Self::DestinationPrefix(family, bits) => {
                write!(f, "{} daddr & {}", header(*family), mask(*family, *bits))
            }
            Self::OriginalDestination(family) => write!(f, "ct original {} daddr", header(*family)),
            Self::Protocol => f.write_str("meta l4proto"),
            Self::DestinationPort => f.write_str("th dport"),
        }
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(Field::to_string).collect();
        f.write_str(&texts.join(" . "))
    }
}

impl Display for Match {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(key, set) => write!(f, "{key} @{set}"),
            Self::Destination(range) => write!(f, "{} daddr {range}", header(range.family())),
            Self::SourcePort(ports) => write!(f, "{} sport {}", ports.protocol(), Ports(*ports)),
            Self::DestinationPort(ports) => write!(f, "{} dport {}", ports.protocol(), Ports(*ports)),
        }
    }
}

/// `80` or `80-90`.
struct Ports(PortMatch);

impl Display for Ports {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.first(), self.0.last()) {
            (first, last) if first == last => first.fmt(f),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counter => f.write_str("counter"),
            Self::Return => f.write_str("return"),
            Self::Accept => f.write_str("accept"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Snat(address) => write!(f, "snat to {address}"),
            Self::SnatBy(key, map) => write!(f, "snat to {key} map @{map}"),
            Self::VerdictBy(key, map) => write!(f, "{key} vmap @{map}"),
        }
    }
}
