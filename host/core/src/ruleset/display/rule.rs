//! Rules as nft text.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::Family;
use crate::ruleset::{Field, Hook, Interface, Key, Mark, Match, Rule, Statement};

/// The keyword of a header.
pub(super) fn header(family: Family) -> &'static str {
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
        write!(f, "type {} hook {}", self.kind.keyword(), self.point.keyword())?;
        let devices: Vec<String> = self.devices.iter().map(|device| format!("\"{device}\"")).collect();
        match devices.as_slice() {
            [] => {}
            [one] => write!(f, " device {one}")?,
            several => write!(f, " devices = {{ {} }}", several.join(", "))?,
        }
        write!(f, " priority {}; policy {};", self.priority, self.policy.keyword())
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let matches = self.matches.iter().map(Match::to_string);
        let statements = self.statements.iter().map(Statement::to_string);
        let tag = self.tag.iter().map(|tag| format!("comment \"{tag}\""));
        f.write_str(&matches.chain(statements).chain(tag).collect::<Vec<_>>().join(" "))
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
            Self::OriginalSource(family) => write!(f, "ct original {} saddr", header(*family)),
            Self::ReplySource(family) => write!(f, "ct reply {} saddr", header(*family)),
            Self::ReplyDestination(family) => write!(f, "ct reply {} daddr", header(*family)),
            Self::Protocol => f.write_str("meta l4proto"),
            Self::DestinationPort => f.write_str("th dport"),
            Self::Mark => f.write_str(Mark::Packet.keyword()),
            Self::ArpSender => f.write_str("arp saddr ip"),
            Self::NeighbourTarget => f.write_str("@th,64,128"),
        }
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(Field::to_string).collect();
        f.write_str(&texts.join(" . "))
    }
}

/// A device as `nft` wants it between quotes.
pub(super) struct Quoted(pub(super) Interface);

impl Display for Quoted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}
