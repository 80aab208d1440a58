//! The instructions of the nf_tables virtual machine that our rules are made of, to and from the wire.
//!
//! `rustables` writes those it has. It lacks most of what is not about the packet itself, and registers of four bytes
//! (which the keys of concatenated maps need): those are written here.

mod encode;
mod source;

use egressd_core::{
    net::Family,
    ruleset::{Mark, Name, Timeout},
};

pub(super) use encode::{Encoded, SEGMENT_SIZE, SEGMENT_SIZE_LENGTH, SEGMENT_SIZE_OFFSET, WITH_PORTS, protocol_family};
pub(super) use source::{
    Base, ConnectionKey, Field, MetaKey, RouteQuestion, Source, TupleEnd, direction_byte, tuple_key,
};

/// One instruction. All but loads and constants work on the first register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Load something of the packet or about it.
    Load(Source, Slot),
    /// Keep the bits of a mask, and turn some round.
    Mask(Vec<u8>, Vec<u8>),
    /// Go on if the value compares so.
    Compare(Comparison, Vec<u8>),
    /// Go on if the value is in a range, both ends included.
    Range(Vec<u8>, Vec<u8>),
    /// Look the value up.
    Lookup(Name, LookupResult),
    /// Load a constant.
    Constant(Vec<u8>, Slot),
    /// Go back to the calling chain.
    Return,
    /// Ask no further rule of the base chain.
    Accept,
    /// The packet ends here.
    Drop,
    /// Call a chain.
    Jump(Name),
    /// Go on in a chain.
    Goto(Name),
    /// Count the packets that come here: of a NAT chain, the connections.
    Count,
    /// Count them in a counter of the table.
    CountIn(Name),
    /// Translate the source to the address in the first register.
    SourceNat(Family, Ports),
    /// Write the value to a mark.
    Store(Mark),
    /// Add the value to a set for so long.
    Update(Name, Timeout),
    /// No connection for this packet.
    NoTrack,
    /// Turn the first two bytes of the value round, to network order.
    NetworkOrder,
    /// Write the value to the maximum segment size of a TCP header.
    WriteSegmentSize,
}

/// A four-byte register, counted from 0 (`NFT_REG32_00`). A value takes as many as it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) u32);

/// Which source ports a translation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    /// Whichever is free, its own at best.
    Any,
    /// The one in [`Slot::SECOND`].
    One,
    /// From the one in [`Slot::SECOND`] to the one in [`Slot::THIRD`].
    Range,
}

/// How a value compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `>=`. We write ranges; nft writes two comparisons.
    AtLeast,
    /// `<=`.
    AtMost,
}

/// What a look-up leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookupResult {
    /// Go on if the key is there.
    Member,
    /// Go on if the key is not there.
    Absent,
    /// Load the data of the key.
    Data,
    /// Do what the key says.
    Verdict,
}

impl Slot {
    /// Where almost everything goes.
    pub(super) const FIRST: Self = Self(0);
    /// The second register of sixteen bytes.
    pub(super) const SECOND: Self = Self(4);
    pub(super) const THIRD: Self = Self(8);

    /// Its number, the way the kernel says it: a register of sixteen bytes where one begins here.
    pub(super) fn number(self) -> u32 {
        use rustables::sys;
        if self.0.is_multiple_of(4) { sys::NFT_REG_1 + self.0 / 4 } else { sys::NFT_REG32_00 + self.0 }
    }
}
