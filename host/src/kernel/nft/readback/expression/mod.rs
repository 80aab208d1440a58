//! Instructions from the wire.

mod load;

use egressd_core::{
    net::Family,
    ruleset::{Mark, Name, Timeout},
};
use rustables::sys;

use crate::kernel::nft::{
    attributes::{Attributes, array},
    expression::{
        Comparison, Expression, LookupResult, Ports, SEGMENT_SIZE, SEGMENT_SIZE_LENGTH, SEGMENT_SIZE_OFFSET, Slot,
        WITH_PORTS,
    },
    wire::protocol,
};

/// The instructions of a rule; none when one of them is not in our vocabulary.
pub(super) fn decode_all(list: Attributes<'_>) -> Option<Vec<Expression>> {
    list.map(|(_, expression)| decode(Attributes(expression))).collect()
}

fn decode(expression: Attributes<'_>) -> Option<Expression> {
    let operands = expression.nest(sys::NFTA_EXPR_DATA);
    match expression.text(sys::NFTA_EXPR_NAME)? {
        "payload" => load::payload(operands),
        "meta" => {
            store(operands, sys::NFTA_META_SREG, sys::NFTA_META_KEY, Mark::Packet).or_else(|| load::meta(operands))
        }
        "ct" => store(operands, sys::NFTA_CT_SREG, sys::NFTA_CT_KEY, Mark::Connection)
            .or_else(|| load::connection(operands)),
        "fib" => load::route(operands),
        "rt" => load::segment_size(operands),
        "tunnel" => load::tunnel(operands),
        "bitwise" => mask(operands),
        "cmp" => compare(operands),
        "range" => range(operands),
        "lookup" => lookup(operands),
        "immediate" => immediate(operands),
        "counter" => Some(Expression::Count),
        "objref" => counter(operands),
        "nat" => source_nat(operands),
        "dynset" => update(operands),
        "notrack" => Some(Expression::NoTrack),
        "byteorder" => network_order(operands),
        "exthdr" => write_segment_size(operands),
        _ => None,
    }
}

/// The kernel says sixteen-byte registers wherever one begins, whatever was written.
fn slot(number: u32) -> Option<Slot> {
    match number {
        sys::NFT_REG_1..=sys::NFT_REG_4 => Some(Slot((number - sys::NFT_REG_1) * 4)),
        sys::NFT_REG32_00..=sys::NFT_REG32_15 => Some(Slot(number - sys::NFT_REG32_00)),
        0 | 5..=7 | 24.. => None,
    }
}

fn is_register(operands: Attributes<'_>, register: u16, wanted: Slot) -> Option<()> {
    (slot(operands.number(register)?)? == wanted).then_some(())
}

/// Most of our instructions work on the first register.
fn first(operands: Attributes<'_>, register: u16) -> Option<()> {
    is_register(operands, register, Slot::FIRST)
}

fn value(operands: Attributes<'_>, kind: u16) -> Option<Vec<u8>> {
    operands.nest(kind).get(sys::NFTA_DATA_VALUE).map(<[u8]>::to_vec)
}

fn store(operands: Attributes<'_>, register: u16, key: u16, mark: Mark) -> Option<Expression> {
    first(operands, register)?;
    let wanted = match mark {
        Mark::Packet => sys::NFT_META_MARK,
        Mark::Connection => sys::NFT_CT_MARK,
    };
    (operands.number(key)? == wanted).then_some(Expression::Store(mark))
}

/// `NFT_BITWISE_MASK_XOR`: the others, which shift or take a second register, have another number or no mask.
fn mask(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_BITWISE_SREG)?;
    first(operands, sys::NFTA_BITWISE_DREG)?;
    let plain = operands.number(sys::NFTA_BITWISE_OP).unwrap_or_default() == 0;
    let (keep, flip) = (value(operands, sys::NFTA_BITWISE_MASK)?, value(operands, sys::NFTA_BITWISE_XOR)?);
    plain.then_some(Expression::Mask(keep, flip))
}

fn compare(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_CMP_SREG)?;
    let comparison = match operands.number(sys::NFTA_CMP_OP)? {
        sys::NFT_CMP_EQ => Comparison::Equal,
        sys::NFT_CMP_NEQ => Comparison::NotEqual,
        sys::NFT_CMP_GTE => Comparison::AtLeast,
        sys::NFT_CMP_LTE => Comparison::AtMost,
        _ => return None,
    };
    Some(Expression::Compare(comparison, value(operands, sys::NFTA_CMP_DATA)?))
}

fn range(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_RANGE_SREG)?;
    let inside = operands.number(sys::NFTA_RANGE_OP)? == sys::NFT_RANGE_EQ;
    let (from, to) = (value(operands, sys::NFTA_RANGE_FROM_DATA)?, value(operands, sys::NFTA_RANGE_TO_DATA)?);
    inside.then_some(Expression::Range(from, to))
}

fn lookup(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_LOOKUP_SREG)?;
    let flags = operands.number(sys::NFTA_LOOKUP_FLAGS).unwrap_or_default();
    let outcome = match (operands.number(sys::NFTA_LOOKUP_DREG), flags) {
        (None, 0) => LookupResult::Member,
        (None, sys::NFT_LOOKUP_F_INV) => LookupResult::Absent,
        (Some(sys::NFT_REG_VERDICT), 0) => LookupResult::Verdict,
        (Some(number), 0) if slot(number)? == Slot::FIRST => LookupResult::Data,
        (None | Some(_), _) => return None,
    };
    // A set that stands in a rule (`ip saddr { 10.0.0.1 }`) is called so; ours have names.
    let set = operands.text(sys::NFTA_LOOKUP_SET).filter(|set| !set.starts_with("__"))?;
    Some(Expression::Lookup(name(set)?, outcome))
}

fn immediate(operands: Attributes<'_>) -> Option<Expression> {
    let register = operands.number(sys::NFTA_IMMEDIATE_DREG)?;
    if register != sys::NFT_REG_VERDICT {
        let slot = slot(register)?;
        return value(operands, sys::NFTA_IMMEDIATE_DATA).map(|value| Expression::Constant(value, slot));
    }
    let verdict = operands.nest(sys::NFTA_IMMEDIATE_DATA).nest(sys::NFTA_DATA_VERDICT);
    let chain = || name(verdict.text(sys::NFTA_VERDICT_CHAIN)?);
    match verdict.number(sys::NFTA_VERDICT_CODE)?.cast_signed() {
        sys::NFT_RETURN => Some(Expression::Return),
        libc::NF_ACCEPT => Some(Expression::Accept),
        libc::NF_DROP => Some(Expression::Drop),
        sys::NFT_JUMP => chain().map(Expression::Jump),
        sys::NFT_GOTO => chain().map(Expression::Goto),
        _ => None,
    }
}

fn counter(operands: Attributes<'_>) -> Option<Expression> {
    let counts = operands.number(sys::NFTA_OBJREF_IMM_TYPE)? == sys::NFT_OBJECT_COUNTER;
    let counter = name(operands.text(sys::NFTA_OBJREF_IMM_NAME)?)?;
    counts.then_some(Expression::CountIn(counter))
}

/// The kernel adds that the address is mapped, and repeats registers as the ends of ranges.
fn source_nat(operands: Attributes<'_>) -> Option<Expression> {
    let family = operands.number(sys::NFTA_NAT_FAMILY)?;
    let family = Family::ALL.into_iter().find(|known| u32::from(protocol((*known).into())) == family)?;
    first(operands, sys::NFTA_NAT_REG_ADDR_MIN)?;
    if operands.get(sys::NFTA_NAT_REG_ADDR_MAX).is_some() {
        first(operands, sys::NFTA_NAT_REG_ADDR_MAX)?;
    }
    let source = operands.number(sys::NFTA_NAT_TYPE)?.cast_signed() == sys::NFT_NAT_SNAT.cast_signed();
    let flags = operands.number(sys::NFTA_NAT_FLAGS).unwrap_or_default();
    let plain = flags & !(NF_NAT_RANGE_MAP_IPS | WITH_PORTS) == 0;
    (source && plain).then_some(Expression::SourceNat(family, ports(operands)?))
}

fn ports(operands: Attributes<'_>) -> Option<Ports> {
    let register = |kind| operands.number(kind).map(slot);
    match (register(sys::NFTA_NAT_REG_PROTO_MIN), register(sys::NFTA_NAT_REG_PROTO_MAX)) {
        (None, None) => Some(Ports::Any),
        (Some(Some(Slot::SECOND)), None | Some(Some(Slot::SECOND))) => Some(Ports::One),
        (Some(Some(Slot::SECOND)), Some(Some(Slot::THIRD))) => Some(Ports::Range),
        (None | Some(_), None | Some(_)) => None,
    }
}

/// Of `linux/netfilter/nf_nat.h`.
const NF_NAT_RANGE_MAP_IPS: u32 = 1;

fn update(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_DYNSET_SREG_KEY)?;
    let updates = operands.number(sys::NFTA_DYNSET_OP)? == sys::NFT_DYNSET_OP_UPDATE;
    let more = [sys::NFTA_DYNSET_SREG_DATA, sys::NFTA_DYNSET_EXPR, sys::NFTA_DYNSET_EXPRESSIONS];
    let plain = more.into_iter().all(|kind| operands.get(kind).is_none());
    let adds = operands.number(sys::NFTA_DYNSET_FLAGS).unwrap_or_default() == 0;
    let timeout = array(operands.get(sys::NFTA_DYNSET_TIMEOUT)?, 0).map(u64::from_be_bytes);
    let set = name(operands.text(sys::NFTA_DYNSET_SET_NAME)?)?;
    (updates && plain && adds).then_some(Expression::Update(set, Timeout::exactly(timeout?)?))
}

fn network_order(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_BYTEORDER_SREG)?;
    first(operands, sys::NFTA_BYTEORDER_DREG)?;
    let lengths = [sys::NFTA_BYTEORDER_LEN, sys::NFTA_BYTEORDER_SIZE];
    let is_two = lengths.into_iter().all(|kind| operands.number(kind) == Some(SEGMENT_SIZE_LENGTH));
    let to_network = operands.number(sys::NFTA_BYTEORDER_OP)? == sys::NFT_BYTEORDER_HTON;
    (is_two && to_network).then_some(Expression::NetworkOrder)
}

fn write_segment_size(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_EXTHDR_SREG)?;
    let option = operands.number(sys::NFTA_EXTHDR_OP)? == sys::NFT_EXTHDR_OP_TCPOPT;
    let kind = operands.get(sys::NFTA_EXTHDR_TYPE)? == [SEGMENT_SIZE];
    let offset = operands.number(sys::NFTA_EXTHDR_OFFSET)? == SEGMENT_SIZE_OFFSET;
    let length = operands.number(sys::NFTA_EXTHDR_LEN)? == SEGMENT_SIZE_LENGTH;
    (option && kind && offset && length).then_some(Expression::WriteSegmentSize)
}

fn name(text: &str) -> Option<Name> {
    Name::new(text).ok()
}
