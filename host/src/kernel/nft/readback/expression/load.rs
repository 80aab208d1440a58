//! Instructions that load something.

use egressd_core::{net::Family, ruleset::Direction};
use rustables::sys;

use super::slot;
use crate::kernel::nft::{
    attributes::Attributes,
    expression::{
        Base, ConnectionKey, Expression, Field, MetaKey, RouteQuestion, Source, TupleEnd, direction_byte, tuple_key,
    },
};

/// Without a destination register it writes something instead.
fn loaded(operands: Attributes<'_>, register: u16, source: Source) -> Option<Expression> {
    Some(Expression::Load(source, slot(operands.number(register)?)?))
}

pub(super) fn payload(operands: Attributes<'_>) -> Option<Expression> {
    let base = match operands.number(sys::NFTA_PAYLOAD_BASE)? {
        sys::NFT_PAYLOAD_NETWORK_HEADER => Base::Network,
        sys::NFT_PAYLOAD_TRANSPORT_HEADER => Base::Transport,
        _ => return None,
    };
    let (offset, length) = (operands.number(sys::NFTA_PAYLOAD_OFFSET)?, operands.number(sys::NFTA_PAYLOAD_LEN)?);
    loaded(operands, sys::NFTA_PAYLOAD_DREG, Source::Packet(Field { base, offset, length }))
}

pub(super) fn meta(operands: Attributes<'_>) -> Option<Expression> {
    let number = operands.number(sys::NFTA_META_KEY)?;
    let key = MetaKey::ALL.into_iter().find(|key| key.number() == number)?;
    loaded(operands, sys::NFTA_META_DREG, Source::Meta(key))
}

pub(super) fn connection(operands: Attributes<'_>) -> Option<Expression> {
    let number = operands.number(sys::NFTA_CT_KEY)?;
    let source = match operands.get(sys::NFTA_CT_DIRECTION) {
        None => Source::Connection(ConnectionKey::ALL.into_iter().find(|key| key.number() == number)?),
        Some(byte) => {
            let directions = [Direction::Original, Direction::Reply];
            let direction = directions.into_iter().find(|direction| [direction_byte(*direction)] == byte)?;
            let ends = Family::ALL
                .into_iter()
                .flat_map(|family| [(TupleEnd::Source, family), (TupleEnd::Destination, family)]);
            let (end, family) = ends.into_iter().find(|(end, family)| tuple_key(*end, *family) == number)?;
            Source::Tuple(direction, end, family)
        }
    };
    loaded(operands, sys::NFTA_CT_DREG, source)
}

pub(super) fn route(operands: Attributes<'_>) -> Option<Expression> {
    let (result, flags) = (operands.number(sys::NFTA_FIB_RESULT)?, operands.number(sys::NFTA_FIB_FLAGS)?);
    let is_asked = |question: &RouteQuestion| (question.result(), question.flags()) == (result, flags);
    let question = RouteQuestion::ALL.into_iter().find(is_asked)?;
    loaded(operands, sys::NFTA_FIB_DREG, Source::Route(question))
}

pub(super) fn segment_size(operands: Attributes<'_>) -> Option<Expression> {
    let size = operands.number(sys::NFTA_RT_KEY)? == sys::NFT_RT_TCPMSS;
    loaded(operands, sys::NFTA_RT_DREG, Source::SegmentSize).filter(|_| size)
}

/// Of a packet that came out of a tunnel; not of one that goes into it.
pub(super) fn tunnel(operands: Attributes<'_>) -> Option<Expression> {
    let id = operands.number(sys::NFTA_TUNNEL_KEY)? == sys::NFT_TUNNEL_ID;
    let received = operands.number(sys::NFTA_TUNNEL_MODE)? == sys::NFT_TUNNEL_MODE_RX;
    loaded(operands, sys::NFTA_TUNNEL_DREG, Source::Tunnel).filter(|_| id && received)
}
