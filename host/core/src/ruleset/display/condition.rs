//! Conditions as nft text.

use std::fmt::{self, Display, Formatter};

use super::rule::{Quoted, header};
use crate::net::PortRange;
use crate::ruleset::{Bits, InterfaceDirection, Match, MatchOperator, tcp_flags};

impl Display for Match {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(key, set) => write!(f, "{key} @{set}"),
            Self::NotIn(key, set) => write!(f, "{key} != @{set}"),
            Self::Destination(range) => write!(f, "{} daddr {range}", header(range.family())),
            Self::SourcePort(ports) => write!(f, "{} sport {}", ports.protocol(), Ports(*ports)),
            Self::DestinationPort(ports) => write!(f, "{} dport {}", ports.protocol(), Ports(*ports)),
            Self::Protocol(number) => write!(f, "meta l4proto {number}"),
            Self::Interface(InterfaceDirection::In, sense, name) => {
                write!(f, "iifname {}{}", unlike(*sense), Quoted(*name))
            }
            Self::Interface(InterfaceDirection::Out, sense, name) => {
                write!(f, "oifname {}{}", unlike(*sense), Quoted(*name))
            }
            Self::Mark(mark, bits) => write!(f, "{}{}", mark.keyword(), Hexadecimal(*bits)),
            Self::State(states) => write!(f, "ct state {states}"),
            Self::Direction(direction) => write!(f, "ct direction {}", direction.keyword()),
            Self::SourceTranslated => f.write_str("ct status snat"),
            Self::ToThisNode => f.write_str("fib daddr type local"),
            Self::SourceOfOthers => f.write_str("fib saddr type != local"),
            Self::SourceNotBehindDevice => f.write_str("fib saddr . iif oif missing"),
            Self::TcpFlags(bits) => write!(f, "tcp flags{}", Flags(*bits)),
            Self::NeighbourAdvertisement => f.write_str("icmpv6 type nd-neighbor-advert"),
            Self::Tunnel(id) => write!(f, "tunnel id {id}"),
        }
    }
}

/// `!= ` where it is needed; nft leaves `==` away.
fn unlike(sense: MatchOperator) -> &'static str {
    match sense {
        MatchOperator::Is => "",
        MatchOperator::IsNot => "!= ",
    }
}

fn operator(sense: MatchOperator) -> &'static str {
    match sense {
        MatchOperator::Is => "==",
        MatchOperator::IsNot => "!=",
    }
}

/// ` & 0x00001000 == 0x00001000`, ` 0x00000005`.
struct Hexadecimal(Bits);

impl Display for Hexadecimal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Bits { mask, sense, value } = self.0;
        match mask {
            u32::MAX => write!(f, " {}{value:#010x}", unlike(sense)),
            mask => write!(f, " & {mask:#010x} {} {value:#010x}", operator(sense)),
        }
    }
}

/// ` & (syn | rst) == 0x0`, ` == syn`; ` syn,rst` where one of them is set.
struct Flags(Bits);

impl Display for Flags {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Bits { mask, sense, value } = self.0;
        match (mask, sense, value) {
            (u32::MAX, ..) => write!(f, " {} {}", operator(sense), names(value)),
            (mask, MatchOperator::IsNot, 0) => write!(f, " {}", names(mask).replace(" | ", ",")),
            (mask, ..) => write!(f, " & ({}) {} {}", names(mask), operator(sense), names(value)),
        }
    }
}

/// `syn | rst`. What has no name here is a number, as it is where there is no flag.
fn names(flags: u32) -> String {
    let known = [(tcp_flags::FIN, "fin"), (tcp_flags::SYN, "syn"), (tcp_flags::RST, "rst"), (tcp_flags::ACK, "ack")];
    let named = known.into_iter().filter(|(flag, _)| flags & flag != 0);
    let rest = known.into_iter().fold(flags, |rest, (flag, _)| rest & !flag);
    let rest = (rest != 0 || flags == 0).then(|| format!("{rest:#x}"));
    named.map(|(_, name)| name.to_owned()).chain(rest).collect::<Vec<_>>().join(" | ")
}

/// `80` or `80-90`.
struct Ports(PortRange);

impl Display for Ports {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.first(), self.0.last()) {
            (first, last) if first == last => first.fmt(f),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}
