//! Conditions of rules.

use super::{Direction, Field, Interface, Key, Mark, Name, States};
use crate::net::{AddressRange, Family, PortRange};

/// A condition on the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// `ip daddr @set`.
    In(Key, Name),
    /// `ip daddr != @set`.
    NotIn(Key, Name),
    /// `ip daddr 192.0.2.0/24`.
    Destination(AddressRange),
    /// `tcp sport 5060`; the protocol is matched too.
    SourcePort(PortRange),
    /// `tcp dport 80-90`; the protocol is matched too.
    DestinationPort(PortRange),
    /// `meta l4proto 6`, by the number in the IP header. Beside a condition on what only this protocol has it says
    /// nothing, and is not read back.
    Protocol(u8),
    /// `iifname "eth0"`, `oifname != "eth0"`.
    Interface(InterfaceDirection, MatchOperator, Interface),
    /// `meta mark & 0x1000 == 0x1000`, `ct mark 0x5`.
    Mark(Mark, Bits),
    /// `ct state invalid,new`: one of these.
    State(States),
    /// `ct direction original`.
    Direction(Direction),
    /// `ct status snat`: the connection's source is translated.
    SourceTranslated,
    /// `fib daddr type local`: the destination is an address of the node.
    ToThisNode,
    /// `fib saddr type != local`: the source is no address of the node.
    SourceOfOthers,
    /// `fib saddr . iif oif missing`: the device that it came by does not lead to its source. Only before packets are
    /// routed.
    SourceNotBehindDevice,
    /// `tcp flags & (syn | rst) == 0x0`; the protocol is matched too.
    TcpFlags(Bits),
    /// `icmpv6 type nd-neighbor-advert`; the protocol is matched too.
    NeighbourAdvertisement,
    /// `tunnel id 69`: which tunnel the packet came out of. The kernel has it in tables of devices only, and nft 1.0.6
    /// cannot load it.
    Tunnel(u32),
}

/// The input or the output interface of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfaceDirection {
    /// `iifname`.
    In,
    /// `oifname`.
    Out,
}

/// Whether a condition holds where two things are equal, or where they are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOperator {
    /// `==`.
    Is,
    /// `!=`.
    IsNot,
}

/// A comparison of a number under a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bits {
    /// The bits that are looked at.
    pub mask: u32,
    /// How they compare.
    pub sense: MatchOperator,
    /// With what; no bit of it is outside the mask.
    pub value: u32,
}

impl Bits {
    /// The whole number is this.
    pub fn exactly(value: u32) -> Self {
        Self::under(u32::MAX, value)
    }

    /// The number is this under a mask.
    pub fn under(mask: u32, value: u32) -> Self {
        Self { mask, sense: MatchOperator::Is, value }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        let sense = match self.sense {
            MatchOperator::Is => MatchOperator::IsNot,
            MatchOperator::IsNot => MatchOperator::Is,
        };
        Self { sense, ..self }
    }

    /// Whether it holds for a number.
    pub fn holds(self, number: u32) -> bool {
        self.sense.of(&(number & self.mask), &self.value)
    }
}

impl MatchOperator {
    /// Whether it holds for two things.
    pub fn of<T: PartialEq>(self, one: &T, other: &T) -> bool {
        match self {
            Self::Is => one == other,
            Self::IsNot => one != other,
        }
    }
}

/// The flags of a TCP header.
pub mod tcp_flags {
    /// `fin`.
    pub const FIN: u32 = 1;
    /// `syn`.
    pub const SYN: u32 = 2;
    /// `rst`.
    pub const RST: u32 = 4;
    /// `ack`.
    pub const ACK: u32 = 16;
}

impl Match {
    /// `ip daddr @set`.
    pub fn destination_in(family: Family, set: Name) -> Self {
        Self::In(Field::Destination(family).into(), set)
    }

    /// `ct original ip daddr @set`.
    pub fn original_destination_in(family: Family, set: Name) -> Self {
        Self::In(Field::OriginalDestination(family).into(), set)
    }

    /// `tcp flags syn`: at least one of these.
    pub fn any_tcp_flag(flags: u32) -> Self {
        Self::TcpFlags(Bits::under(flags, 0).negated())
    }

    /// The set that it looks into.
    pub fn set(&self) -> Option<&Name> {
        match self {
            Self::In(_, set) | Self::NotIn(_, set) => Some(set),
            Self::Destination(_)
            | Self::SourcePort(_)
            | Self::DestinationPort(_)
            | Self::Protocol(_)
            | Self::Interface(..)
            | Self::Mark(..)
            | Self::State(_)
            | Self::Direction(_)
            | Self::SourceTranslated
            | Self::ToThisNode
            | Self::SourceOfOthers
            | Self::SourceNotBehindDevice
            | Self::TcpFlags(_)
            | Self::NeighbourAdvertisement
            | Self::Tunnel(_) => None,
        }
    }
}
