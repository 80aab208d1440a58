//! The instructions of the nf_tables virtual machine that our rules are made of, to and from the wire.
//!
//! `rustables` writes those it has. It lacks ranges, the original destination of a connection and registers of
//! four bytes (which the keys of concatenated maps need): those are written here.

use egressd_core::{
    net::Family,
    ruleset::{Name, TableFamily},
};
use rustables::{
    ProtocolFamily,
    expr::{Bitwise, Cmp, CmpOp, Immediate, Lookup, Nat, NatType, Payload, RawExpression, Register, VerdictKind},
    sys,
};

use super::{error::Error, wire::Writer};

/// One instruction. All but loads read the first register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Load bytes of the packet.
    Load(Field, Slot),
    /// Load the transport protocol.
    LoadProtocol(Slot),
    /// Load the address that the sender wrote, before any DNAT.
    LoadOriginalDestination(Family),
    /// Keep the bits of a mask.
    Mask(Vec<u8>),
    /// Go on if the value compares so.
    Compare(Comparison, Vec<u8>),
    /// Go on if the value is in a range, both ends included.
    Range(Vec<u8>, Vec<u8>),
    /// Look the value up.
    Lookup(Name, Outcome),
    /// Load a constant.
    Constant(Vec<u8>),
    /// Go back to the calling chain.
    Return,
    /// Ask no further rule of the base chain.
    Accept,
    /// Call a chain.
    Jump(Name),
    /// Count the packets that come here: of a NAT chain, the connections.
    Count,
    /// Translate the source to the address in the first register.
    SourceNat(Family),
}

/// Bytes of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// What the offset counts from.
    pub(super) base: Base,
    /// In bytes.
    pub(super) offset: u32,
    /// In bytes.
    pub(super) length: u32,
}

/// A header of the packet (`enum nft_payload_bases`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// IPv4 or IPv6.
    Network,
    /// TCP, UDP or SCTP.
    Transport,
}

impl Base {
    /// `NFT_PAYLOAD_*_HEADER`.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Network => sys::NFT_PAYLOAD_NETWORK_HEADER,
            Self::Transport => sys::NFT_PAYLOAD_TRANSPORT_HEADER,
        }
    }
}

/// A four-byte register, counted from 0 (`NFT_REG32_00`). A value takes as many as it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) u32);

/// How a value compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `==`.
    Equal,
    /// `>=`. We write ranges; nft writes two comparisons.
    AtLeast,
    /// `<=`.
    AtMost,
}

/// What a look-up leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Go on if the key is there.
    Member,
    /// Load the data of the key.
    Data,
    /// Do what the key says.
    Verdict,
}

/// An expression ready for the wire.
pub(super) enum Encoded {
    /// By `rustables`.
    Theirs(Box<RawExpression>),
    /// By us: the `NFTA_LIST_ELEM` attribute.
    Ours(Vec<u8>),
}

impl Slot {
    /// Where almost everything goes.
    pub(super) const FIRST: Self = Self(0);

    /// Its number, the way the kernel says it: a register of sixteen bytes where one begins here.
    pub(super) fn number(self) -> u32 {
        if self.0.is_multiple_of(4) { sys::NFT_REG_1 + self.0 / 4 } else { sys::NFT_REG32_00 + self.0 }
    }
}

impl Comparison {
    fn operator(self) -> CmpOp {
        match self {
            Self::Equal => CmpOp::Eq,
            Self::AtLeast => CmpOp::Gte,
            Self::AtMost => CmpOp::Lte,
        }
    }
}

impl Expression {
    /// For the wire.
    ///
    /// # Errors
    /// When a value is too long, which nothing that [`super::rule`] makes is.
    pub(super) fn encode(&self) -> Result<Encoded, Error> {
        match self {
            Self::Load(field, Slot::FIRST) => theirs(payload(*field)),
            Self::Load(field, slot) => ours("payload", |w| write_load(w, *field, *slot)),
            Self::LoadProtocol(slot) => ours("meta", |w| {
                w.number(sys::NFTA_META_DREG, slot.number());
                w.number(sys::NFTA_META_KEY, sys::NFT_META_L4PROTO);
            }),
            Self::LoadOriginalDestination(family) => ours("ct", |w| write_original_destination(w, *family)),
            Self::Mask(mask) => theirs(Bitwise::new(&mask[..], vec![0; mask.len()]).map_err(|_| Error::TooLong)?),
            Self::Compare(comparison, value) => theirs(Cmp::new(comparison.operator(), &value[..])),
            Self::Range(first, last) => ours("range", |w| write_range(w, first, last)),
            Self::Lookup(set, outcome) => theirs(lookup(set, *outcome)),
            Self::Constant(value) => theirs(Immediate::new_data(value.clone(), Register::Reg1)),
            Self::Return => theirs(Immediate::new_verdict(VerdictKind::Return)),
            Self::Accept => theirs(Immediate::new_verdict(VerdictKind::Accept)),
            Self::Jump(chain) => theirs(Immediate::new_verdict(VerdictKind::Jump { chain: chain.to_string() })),
            Self::Count => ours("counter", |_| {}),
            Self::SourceNat(family) => theirs(source_nat(*family)),
        }
    }
}

fn theirs(expression: impl Into<RawExpression>) -> Result<Encoded, Error> {
    Ok(Encoded::Theirs(Box::new(expression.into())))
}

fn ours(name: &str, operands: impl FnOnce(&mut Writer)) -> Result<Encoded, Error> {
    let mut writer = Writer::default();
    writer.nest(sys::NFTA_LIST_ELEM, |w| {
        w.text(sys::NFTA_EXPR_NAME, name);
        w.nest(sys::NFTA_EXPR_DATA, operands);
    });
    writer.finish().map(Encoded::Ours)
}

fn payload(field: Field) -> Payload {
    Payload::default()
        .with_dreg(Register::Reg1)
        .with_base(field.base.number())
        .with_offset(field.offset)
        .with_len(field.length)
}

fn lookup(set: &Name, outcome: Outcome) -> Lookup {
    let lookup = Lookup::default().with_set(set.as_str()).with_sreg(Register::Reg1);
    match outcome {
        Outcome::Member => lookup,
        Outcome::Data => lookup.with_dreg(Register::Reg1),
        Outcome::Verdict => lookup.with_dreg(Register::Verdict),
    }
}

fn source_nat(family: Family) -> Nat {
    Nat::default()
        .with_nat_type(NatType::SNat)
        .with_family(protocol_family(family.into()))
        .with_ip_register(Register::Reg1)
}

fn write_load(w: &mut Writer, field: Field, slot: Slot) {
    w.number(sys::NFTA_PAYLOAD_DREG, slot.number());
    w.number(sys::NFTA_PAYLOAD_BASE, field.base.number());
    w.number(sys::NFTA_PAYLOAD_OFFSET, field.offset);
    w.number(sys::NFTA_PAYLOAD_LEN, field.length);
}

fn write_original_destination(w: &mut Writer, family: Family) {
    w.number(sys::NFTA_CT_DREG, Slot::FIRST.number());
    w.number(sys::NFTA_CT_KEY, original_destination_key(family));
    w.bytes(sys::NFTA_CT_DIRECTION, &[ORIGINAL_DIRECTION]);
}

fn write_range(w: &mut Writer, first: &[u8], last: &[u8]) {
    w.number(sys::NFTA_RANGE_SREG, Slot::FIRST.number());
    w.number(sys::NFTA_RANGE_OP, sys::NFT_RANGE_EQ);
    w.nest(sys::NFTA_RANGE_FROM_DATA, |w| w.bytes(sys::NFTA_DATA_VALUE, first));
    w.nest(sys::NFTA_RANGE_TO_DATA, |w| w.bytes(sys::NFTA_DATA_VALUE, last));
}

/// `IP_CT_DIR_ORIGINAL` of `linux/netfilter/nf_conntrack_tuple_common.h`.
pub(super) const ORIGINAL_DIRECTION: u8 = 0;

/// These keys are of one family each. The older `NFT_CT_DST` is of the family of the packet, and nft prints it
/// without `ip` or `ip6`.
pub(super) fn original_destination_key(family: Family) -> u32 {
    match family {
        Family::Ipv4 => sys::NFT_CT_DST_IP,
        Family::Ipv6 => sys::NFT_CT_DST_IP6,
    }
}

/// A family as `rustables` calls it.
pub(super) fn protocol_family(family: TableFamily) -> ProtocolFamily {
    match family {
        TableFamily::Ip => ProtocolFamily::Ipv4,
        TableFamily::Ip6 => ProtocolFamily::Ipv6,
        TableFamily::Inet => ProtocolFamily::Inet,
        TableFamily::Arp => ProtocolFamily::Arp,
        TableFamily::Netdev => ProtocolFamily::NetDev,
    }
}
