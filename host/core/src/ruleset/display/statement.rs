//! Statements as nft text.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use crate::ruleset::{Mark, MarkChange, Statement};

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counter => f.write_str("counter"),
            Self::CountIn(counter) => write!(f, "counter name \"{counter}\""),
            Self::Return => f.write_str("return"),
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::Snat(address) => write!(f, "snat to {address}"),
            Self::SnatToPorts(address, ports) => write!(f, "snat to {}:{ports}", Bracketed(*address)),
            Self::SnatTo(field) => write!(f, "snat to {field}"),
            Self::SnatBy(key, map) => write!(f, "snat to {key} map @{map}"),
            Self::VerdictBy(key, map) => write!(f, "{key} vmap @{map}"),
            Self::SetMark(mark, change) => write!(f, "{} set {}", mark.keyword(), Changed(*mark, *change)),
            Self::SetMarkFromConnection(bits) => {
                let [packet, connection] = [Mark::Packet, Mark::Connection].map(Mark::keyword);
                write!(f, "{packet} set {connection} & {bits:#010x}")
            }
            Self::SetMarkBy(key, map) => write!(f, "{} set {key} map @{map}", Mark::Packet.keyword()),
            Self::Update(set, key, timeout) => write!(f, "update @{set} {{ {key} timeout {timeout} }}"),
            Self::NoTrack => f.write_str("notrack"),
            Self::ClampSegments => f.write_str("tcp option maxseg size set rt mtu"),
        }
    }
}

/// An address before a port.
struct Bracketed(IpAddr);

impl Display for Bracketed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// A changed mark, in the operations that nft makes of a mask and what is turned round: bits that are there whatever
/// they were come last.
struct Changed(Mark, MarkChange);

impl Display for Changed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(mark, MarkChange { keep, flip }) = self;
        if *keep == 0 {
            return write!(f, "{flip:#010x}");
        }
        let (turned, set) = (flip & keep, flip & !keep);
        f.write_str(mark.keyword())?;
        let kept = keep | set;
        for (operator, bits, idle) in [('&', kept, u32::MAX), ('^', turned, 0), ('|', set, 0)] {
            if bits != idle {
                write!(f, " {operator} {bits:#010x}")?;
            }
        }
        Ok(())
    }
}
