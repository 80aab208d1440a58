//! Instructions from the wire.

use egressd_core::{net::Family, ruleset::Name};
use rustables::sys;

use crate::kernel::nft::{
    attributes::Attributes,
    expression::{Base, Comparison, Expression, Field, ORIGINAL_DIRECTION, Outcome, Slot, original_destination_key},
    wire::protocol,
};

/// The instructions of a rule; none when one of them is not in our vocabulary.
pub(super) fn decode_all(list: Attributes<'_>) -> Option<Vec<Expression>> {
    list.map(|(_, expression)| decode(Attributes(expression))).collect()
}

fn decode(expression: Attributes<'_>) -> Option<Expression> {
    let operands = expression.nest(sys::NFTA_EXPR_DATA);
    match expression.text(sys::NFTA_EXPR_NAME)? {
        "payload" => load(operands),
        "meta" => load_protocol(operands),
        "ct" => load_original_destination(operands),
        "bitwise" => mask(operands),
        "cmp" => compare(operands),
        "range" => range(operands),
        "lookup" => lookup(operands),
        "immediate" => immediate(operands),
        "counter" => Some(Expression::Count),
        "nat" => source_nat(operands),
        _ => None,
    }
}

/// The kernel says sixteen-byte registers wherever one begins, whatever it was told.
fn slot(number: u32) -> Option<Slot> {
    match number {
        sys::NFT_REG_1..=sys::NFT_REG_4 => Some(Slot((number - sys::NFT_REG_1) * 4)),
        sys::NFT_REG32_00..=sys::NFT_REG32_15 => Some(Slot(number - sys::NFT_REG32_00)),
        0 | 5..=7 | 24.. => None,
    }
}

/// All our instructions but loads work on the first register.
fn first(operands: Attributes<'_>, register: u16) -> Option<()> {
    (slot(operands.number(register)?)? == Slot::FIRST).then_some(())
}

fn value(operands: Attributes<'_>, kind: u16) -> Option<Vec<u8>> {
    operands.nest(kind).get(sys::NFTA_DATA_VALUE).map(<[u8]>::to_vec)
}

fn load(operands: Attributes<'_>) -> Option<Expression> {
    let base = match operands.number(sys::NFTA_PAYLOAD_BASE)? {
        sys::NFT_PAYLOAD_NETWORK_HEADER => Base::Network,
        sys::NFT_PAYLOAD_TRANSPORT_HEADER => Base::Transport,
        _ => return None,
    };
    let (offset, length) = (operands.number(sys::NFTA_PAYLOAD_OFFSET)?, operands.number(sys::NFTA_PAYLOAD_LEN)?);
    // Without a destination register it writes to the packet.
    Some(Expression::Load(Field { base, offset, length }, slot(operands.number(sys::NFTA_PAYLOAD_DREG)?)?))
}

fn load_protocol(operands: Attributes<'_>) -> Option<Expression> {
    let register = slot(operands.number(sys::NFTA_META_DREG)?)?;
    (operands.number(sys::NFTA_META_KEY)? == sys::NFT_META_L4PROTO).then_some(Expression::LoadProtocol(register))
}

fn load_original_destination(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_CT_DREG)?;
    let key = operands.number(sys::NFTA_CT_KEY)?;
    let family = Family::ALL.into_iter().find(|family| original_destination_key(*family) == key)?;
    let original = operands.get(sys::NFTA_CT_DIRECTION)? == [ORIGINAL_DIRECTION];
    original.then_some(Expression::LoadOriginalDestination(family))
}

fn mask(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_BITWISE_SREG)?;
    first(operands, sys::NFTA_BITWISE_DREG)?;
    let mask = value(operands, sys::NFTA_BITWISE_MASK)?;
    let keeps = value(operands, sys::NFTA_BITWISE_XOR)?.iter().all(|byte| *byte == 0);
    keeps.then_some(Expression::Mask(mask))
}

fn compare(operands: Attributes<'_>) -> Option<Expression> {
    first(operands, sys::NFTA_CMP_SREG)?;
    let comparison = match operands.number(sys::NFTA_CMP_OP)? {
        sys::NFT_CMP_EQ => Comparison::Equal,
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
    if operands.number(sys::NFTA_LOOKUP_FLAGS).unwrap_or_default() != 0 {
        return None;
    }
    let outcome = match operands.number(sys::NFTA_LOOKUP_DREG) {
        None => Outcome::Member,
        Some(sys::NFT_REG_VERDICT) => Outcome::Verdict,
        Some(number) if slot(number)? == Slot::FIRST => Outcome::Data,
        Some(_) => return None,
    };
    // A set that stands in a rule (`ip saddr { 10.0.0.1 }`) is called so; ours have names.
    let set = operands.text(sys::NFTA_LOOKUP_SET).filter(|set| !set.starts_with("__"))?;
    Some(Expression::Lookup(name(set)?, outcome))
}

fn immediate(operands: Attributes<'_>) -> Option<Expression> {
    if operands.number(sys::NFTA_IMMEDIATE_DREG)? != sys::NFT_REG_VERDICT {
        first(operands, sys::NFTA_IMMEDIATE_DREG)?;
        return value(operands, sys::NFTA_IMMEDIATE_DATA).map(Expression::Constant);
    }
    let verdict = operands.nest(sys::NFTA_IMMEDIATE_DATA).nest(sys::NFTA_DATA_VERDICT);
    match verdict.number(sys::NFTA_VERDICT_CODE)?.cast_signed() {
        sys::NFT_RETURN => Some(Expression::Return),
        libc::NF_ACCEPT => Some(Expression::Accept),
        sys::NFT_JUMP => Some(Expression::Jump(name(verdict.text(sys::NFTA_VERDICT_CHAIN)?)?)),
        _ => None,
    }
}

/// The kernel adds that the address is mapped, and repeats the register as the end of a range.
fn source_nat(operands: Attributes<'_>) -> Option<Expression> {
    let family = operands.number(sys::NFTA_NAT_FAMILY)?;
    let family = Family::ALL.into_iter().find(|known| u32::from(protocol((*known).into())) == family)?;
    first(operands, sys::NFTA_NAT_REG_ADDR_MIN)?;
    if operands.get(sys::NFTA_NAT_REG_ADDR_MAX).is_some() {
        first(operands, sys::NFTA_NAT_REG_ADDR_MAX)?;
    }
    let source = operands.number(sys::NFTA_NAT_TYPE)?.cast_signed() == sys::NFT_NAT_SNAT.cast_signed();
    let ports = operands.get(sys::NFTA_NAT_REG_PROTO_MIN).is_some();
    let flags = operands.number(sys::NFTA_NAT_FLAGS).unwrap_or_default();
    (source && !ports && flags & !NF_NAT_RANGE_MAP_IPS == 0).then_some(Expression::SourceNat(family))
}

/// Of `linux/netfilter/nf_nat.h`.
const NF_NAT_RANGE_MAP_IPS: u32 = 1;

fn name(text: &str) -> Option<Name> {
    Name::new(text).ok()
}
