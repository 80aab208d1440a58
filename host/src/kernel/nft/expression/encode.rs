//! Instructions for the wire.

use egressd_core::{
    net::Family,
    ruleset::{Mark, Name, TableFamily, Timeout},
};
use rustables::{
    ProtocolFamily,
    expr::{Bitwise, Cmp, CmpOp, Immediate, Lookup, Nat, NatType, Payload, RawExpression, Register, VerdictKind},
    sys,
};

use super::{Comparison, Expression, Field, LookupResult, Ports, Slot, Source, direction_byte, tuple_key};
use crate::kernel::nft::{error::Error, wire::Writer};

/// An expression ready for the wire.
pub(in crate::kernel::nft) enum Encoded {
    /// By `rustables`.
    Theirs(Box<RawExpression>),
    /// By us: the `NFTA_LIST_ELEM` attribute.
    Ours(Vec<u8>),
}

impl Comparison {
    fn operator(self) -> CmpOp {
        match self {
            Self::Equal => CmpOp::Eq,
            Self::NotEqual => CmpOp::Neq,
            Self::AtLeast => CmpOp::Gte,
            Self::AtMost => CmpOp::Lte,
        }
    }
}

impl Expression {
    /// For the wire.
    ///
    /// # Errors
    /// When a value is too long, which nothing that [`crate::kernel::nft::rule`] makes is.
    pub(in crate::kernel::nft) fn encode(&self) -> Result<Encoded, Error> {
        match self {
            Self::Load(source, slot) => load(*source, *slot),
            Self::Mask(keep, flip) => theirs(Bitwise::new(&keep[..], &flip[..]).map_err(|_| Error::TooLong)?),
            Self::Compare(comparison, value) => theirs(Cmp::new(comparison.operator(), &value[..])),
            Self::Range(first, last) => ours("range", |w| write_range(w, first, last)),
            Self::Lookup(set, outcome) => lookup(set, *outcome),
            Self::Constant(value, Slot::FIRST) => theirs(Immediate::new_data(value.clone(), Register::Reg1)),
            Self::Constant(value, slot) => ours("immediate", |w| write_constant(w, value, *slot)),
            Self::Return => theirs(Immediate::new_verdict(VerdictKind::Return)),
            Self::Accept => theirs(Immediate::new_verdict(VerdictKind::Accept)),
            Self::Drop => theirs(Immediate::new_verdict(VerdictKind::Drop)),
            Self::Jump(chain) => theirs(Immediate::new_verdict(VerdictKind::Jump { chain: chain.to_string() })),
            Self::Goto(chain) => theirs(Immediate::new_verdict(VerdictKind::Goto { chain: chain.to_string() })),
            Self::Count => ours("counter", |_| {}),
            Self::CountIn(counter) => ours("objref", |w| write_counter(w, counter)),
            Self::SourceNat(family, Ports::Any) => theirs(source_nat(*family)),
            Self::SourceNat(family, ports) => ours("nat", |w| write_source_nat(w, *family, *ports)),
            Self::Store(Mark::Packet) => ours("meta", |w| {
                w.number(sys::NFTA_META_KEY, sys::NFT_META_MARK);
                w.number(sys::NFTA_META_SREG, Slot::FIRST.number());
            }),
            Self::Store(Mark::Connection) => ours("ct", |w| {
                w.number(sys::NFTA_CT_KEY, sys::NFT_CT_MARK);
                w.number(sys::NFTA_CT_SREG, Slot::FIRST.number());
            }),
            Self::Update(set, timeout) => ours("dynset", |w| write_update(w, set, *timeout)),
            Self::NoTrack => ours("notrack", |_| {}),
            Self::NetworkOrder => ours("byteorder", write_network_order),
            Self::WriteSegmentSize => ours("exthdr", write_segment_size),
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

fn load(source: Source, slot: Slot) -> Result<Encoded, Error> {
    let register = slot.number();
    match source {
        Source::Packet(field) if slot == Slot::FIRST => theirs(payload(field)),
        Source::Packet(field) => ours("payload", |w| write_load(w, field, slot)),
        Source::Meta(key) => ours("meta", |w| {
            w.number(sys::NFTA_META_DREG, register);
            w.number(sys::NFTA_META_KEY, key.number());
        }),
        Source::Connection(key) => ours("ct", |w| {
            w.number(sys::NFTA_CT_DREG, register);
            w.number(sys::NFTA_CT_KEY, key.number());
        }),
        Source::Tuple(direction, end, family) => ours("ct", |w| {
            w.number(sys::NFTA_CT_DREG, register);
            w.number(sys::NFTA_CT_KEY, tuple_key(end, family));
            w.bytes(sys::NFTA_CT_DIRECTION, &[direction_byte(direction)]);
        }),
        Source::Route(question) => ours("fib", |w| {
            w.number(sys::NFTA_FIB_DREG, register);
            w.number(sys::NFTA_FIB_RESULT, question.result());
            w.number(sys::NFTA_FIB_FLAGS, question.flags());
        }),
        Source::SegmentSize => ours("rt", |w| {
            w.number(sys::NFTA_RT_DREG, register);
            w.number(sys::NFTA_RT_KEY, sys::NFT_RT_TCPMSS);
        }),
        Source::Tunnel => ours("tunnel", |w| {
            w.number(sys::NFTA_TUNNEL_KEY, sys::NFT_TUNNEL_ID);
            w.number(sys::NFTA_TUNNEL_DREG, register);
            w.number(sys::NFTA_TUNNEL_MODE, sys::NFT_TUNNEL_MODE_RX);
        }),
    }
}

fn payload(field: Field) -> Payload {
    Payload::default()
        .with_dreg(Register::Reg1)
        .with_base(field.base.number())
        .with_offset(field.offset)
        .with_len(field.length)
}

fn lookup(set: &Name, outcome: LookupResult) -> Result<Encoded, Error> {
    let lookup = Lookup::default().with_set(set.as_str()).with_sreg(Register::Reg1);
    match outcome {
        LookupResult::Member => theirs(lookup),
        LookupResult::Data => theirs(lookup.with_dreg(Register::Reg1)),
        LookupResult::Verdict => theirs(lookup.with_dreg(Register::Verdict)),
        LookupResult::Absent => ours("lookup", |w| {
            w.text(sys::NFTA_LOOKUP_SET, set.as_str());
            w.number(sys::NFTA_LOOKUP_SREG, Slot::FIRST.number());
            w.number(sys::NFTA_LOOKUP_FLAGS, sys::NFT_LOOKUP_F_INV);
        }),
    }
}

fn source_nat(family: Family) -> Nat {
    Nat::default()
        .with_nat_type(NatType::SNat)
        .with_family(protocol_family(family.into()))
        .with_ip_register(Register::Reg1)
}

/// `NF_NAT_RANGE_PROTO_SPECIFIED` of `linux/netfilter/nf_nat.h`.
pub(in crate::kernel::nft) const WITH_PORTS: u32 = 2;

fn write_source_nat(w: &mut Writer, family: Family, ports: Ports) {
    w.number(sys::NFTA_NAT_TYPE, sys::NFT_NAT_SNAT);
    w.number(sys::NFTA_NAT_FAMILY, u32::from(crate::kernel::nft::wire::protocol(family.into())));
    w.number(sys::NFTA_NAT_REG_ADDR_MIN, Slot::FIRST.number());
    w.number(sys::NFTA_NAT_REG_PROTO_MIN, Slot::SECOND.number());
    match ports {
        Ports::Any | Ports::One => {}
        Ports::Range => w.number(sys::NFTA_NAT_REG_PROTO_MAX, Slot::THIRD.number()),
    }
    w.number(sys::NFTA_NAT_FLAGS, WITH_PORTS);
}

fn write_load(w: &mut Writer, field: Field, slot: Slot) {
    w.number(sys::NFTA_PAYLOAD_DREG, slot.number());
    w.number(sys::NFTA_PAYLOAD_BASE, field.base.number());
    w.number(sys::NFTA_PAYLOAD_OFFSET, field.offset);
    w.number(sys::NFTA_PAYLOAD_LEN, field.length);
}

fn write_constant(w: &mut Writer, value: &[u8], slot: Slot) {
    w.number(sys::NFTA_IMMEDIATE_DREG, slot.number());
    w.nest(sys::NFTA_IMMEDIATE_DATA, |w| w.bytes(sys::NFTA_DATA_VALUE, value));
}

fn write_range(w: &mut Writer, first: &[u8], last: &[u8]) {
    w.number(sys::NFTA_RANGE_SREG, Slot::FIRST.number());
    w.number(sys::NFTA_RANGE_OP, sys::NFT_RANGE_EQ);
    w.nest(sys::NFTA_RANGE_FROM_DATA, |w| w.bytes(sys::NFTA_DATA_VALUE, first));
    w.nest(sys::NFTA_RANGE_TO_DATA, |w| w.bytes(sys::NFTA_DATA_VALUE, last));
}

fn write_counter(w: &mut Writer, counter: &Name) {
    w.number(sys::NFTA_OBJREF_IMM_TYPE, sys::NFT_OBJECT_COUNTER);
    w.text(sys::NFTA_OBJREF_IMM_NAME, counter.as_str());
}

fn write_update(w: &mut Writer, set: &Name, timeout: Timeout) {
    w.text(sys::NFTA_DYNSET_SET_NAME, set.as_str());
    w.number(sys::NFTA_DYNSET_OP, sys::NFT_DYNSET_OP_UPDATE);
    w.number(sys::NFTA_DYNSET_SREG_KEY, Slot::FIRST.number());
    w.bytes(sys::NFTA_DYNSET_TIMEOUT, &u64::from(timeout.milliseconds()).to_be_bytes());
}

fn write_network_order(w: &mut Writer) {
    w.number(sys::NFTA_BYTEORDER_SREG, Slot::FIRST.number());
    w.number(sys::NFTA_BYTEORDER_DREG, Slot::FIRST.number());
    w.number(sys::NFTA_BYTEORDER_OP, sys::NFT_BYTEORDER_HTON);
    w.number(sys::NFTA_BYTEORDER_LEN, SEGMENT_SIZE_LENGTH);
    w.number(sys::NFTA_BYTEORDER_SIZE, SEGMENT_SIZE_LENGTH);
}

/// `TCPOPT_MSS` of `net/tcp.h`: the option, and where in it the size stands.
pub(in crate::kernel::nft) const SEGMENT_SIZE: u8 = 2;
/// Behind its kind and its length.
pub(in crate::kernel::nft) const SEGMENT_SIZE_OFFSET: u32 = 2;
/// In bytes.
pub(in crate::kernel::nft) const SEGMENT_SIZE_LENGTH: u32 = 2;

fn write_segment_size(w: &mut Writer) {
    w.number(sys::NFTA_EXTHDR_SREG, Slot::FIRST.number());
    w.bytes(sys::NFTA_EXTHDR_TYPE, &[SEGMENT_SIZE]);
    w.number(sys::NFTA_EXTHDR_OFFSET, SEGMENT_SIZE_OFFSET);
    w.number(sys::NFTA_EXTHDR_LEN, SEGMENT_SIZE_LENGTH);
    w.number(sys::NFTA_EXTHDR_OP, sys::NFT_EXTHDR_OP_TCPOPT);
}

/// A family as `rustables` calls it.
pub(in crate::kernel::nft) fn protocol_family(family: TableFamily) -> ProtocolFamily {
    match family {
        TableFamily::Ip => ProtocolFamily::Ipv4,
        TableFamily::Ip6 => ProtocolFamily::Ipv6,
        TableFamily::Inet => ProtocolFamily::Inet,
        TableFamily::Arp => ProtocolFamily::Arp,
        TableFamily::Netdev => ProtocolFamily::NetDev,
    }
}
