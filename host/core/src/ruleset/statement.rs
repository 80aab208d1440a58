//! Statements of rules.

use std::net::IpAddr;

use super::{Field, Key, Mark, Name, Timeout};
use crate::net::PortSpan;

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// `counter`: of a NAT chain it counts connections, as elements do.
    Counter,
    /// `counter name "dropped"`: a counter of the table.
    CountIn(Name),
    /// `return`: on with the chain that jumped here.
    Return,
    /// `accept`: no further rule of this base chain is asked.
    Accept,
    /// `drop`.
    Drop,
    /// `jump chain`.
    Jump(Name),
    /// `goto chain`: as `jump`, and back to where this chain was called.
    Goto(Name),
    /// `snat to 192.0.2.1`.
    Snat(IpAddr),
    /// `snat to 192.0.2.1:1024-2047`, for protocols with ports.
    SnatToPorts(IpAddr, PortSpan),
    /// `snat to ip saddr`, to what the packet has there.
    SnatTo(Field),
    /// `snat to ip saddr map @map`, over a map to addresses.
    SnatBy(Key, Name),
    /// `ip saddr vmap @map`, over a map to verdicts.
    VerdictBy(Key, Name),
    /// `meta mark set 0x107f`, `ct mark set ct mark | 0x1000`.
    SetMark(Mark, MarkChange),
    /// `meta mark set ct mark & 0x107f`: these bits of the connection's mark, and no other ones.
    SetMarkFromConnection(u32),
    /// `meta mark set ip saddr map @map`, over a map to marks.
    SetMarkBy(Key, Name),
    /// `update @set { meta mark timeout 240ms }`: adds an element, or begins its time anew.
    Update(Name, Key, Timeout),
    /// `notrack`: no connection for this packet.
    NoTrack,
    /// `tcp option maxseg size set rt mtu`: no segment larger than the route takes.
    ClampSegments,
}

/// What becomes of a mark: some of its bits stay, and then some are turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkChange {
    /// The bits that stay.
    pub keep: u32,
    /// The bits that are turned round then.
    pub flip: u32,
}

impl MarkChange {
    /// Sets the mark to a value.
    pub fn to(mark: u32) -> Self {
        Self { keep: 0, flip: mark }
    }

    /// With these bits as well.
    pub fn with(bits: u32) -> Self {
        Self { keep: !bits, flip: bits }
    }

    /// These bits only.
    pub fn only(bits: u32) -> Self {
        Self { keep: bits, flip: 0 }
    }

    /// The mark after it.
    pub fn of(self, mark: u32) -> u32 {
        mark & self.keep ^ self.flip
    }
}

impl Statement {
    /// The set or map that it looks or writes into.
    pub fn map(&self) -> Option<&Name> {
        match self {
            Self::SnatBy(_, map) | Self::VerdictBy(_, map) | Self::SetMarkBy(_, map) | Self::Update(map, ..) => {
                Some(map)
            }
            Self::Counter
            | Self::CountIn(_)
            | Self::Return
            | Self::Accept
            | Self::Drop
            | Self::Jump(_)
            | Self::Goto(_)
            | Self::Snat(_)
            | Self::SnatToPorts(..)
            | Self::SnatTo(_)
            | Self::SetMark(..)
            | Self::SetMarkFromConnection(_)
            | Self::NoTrack
            | Self::ClampSegments => None,
        }
    }

    pub fn chain(&self) -> Option<&Name> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            Self::Counter
            | Self::CountIn(_)
            | Self::Return
            | Self::Accept
            | Self::Drop
            | Self::Snat(_)
            | Self::SnatToPorts(..)
            | Self::SnatTo(_)
            | Self::SnatBy(..)
            | Self::VerdictBy(..)
            | Self::SetMark(..)
            | Self::SetMarkFromConnection(_)
            | Self::SetMarkBy(..)
            | Self::Update(..)
            | Self::NoTrack
            | Self::ClampSegments => None,
        }
    }

    /// The counter of the table that it names.
    pub fn counter(&self) -> Option<&Name> {
        if let Self::CountIn(counter) = self { Some(counter) } else { None }
    }

    /// The address that it translates every packet to.
    pub fn source(&self) -> Option<IpAddr> {
        if let Self::Snat(address) | Self::SnatToPorts(address, _) = self { Some(*address) } else { None }
    }

    /// Whether it translates, which only chains of type `nat` may.
    pub fn translates(&self) -> bool {
        matches!(self, Self::Snat(_) | Self::SnatToPorts(..) | Self::SnatTo(_) | Self::SnatBy(..))
    }
}
