//! Statements from instructions.

use egressd_core::{
    net::{Family, PortSpan},
    ruleset::{Key, Mark, MarkChange, Statement},
};

use super::{Decoder, address};
use crate::kernel::nft::expression::{
    Expression::{self, Constant, Load, Lookup, Mask, SourceNat, Store, Update},
    LookupResult, Ports, Slot, Source,
};

impl<'a> Decoder<'a> {
    /// Takes one statement off the front.
    pub(super) fn statement(&mut self) -> Option<Statement> {
        if let Some((statement, rest)) = plain(self.rest)
            .or_else(|| self.constant())
            .or_else(|| changed_mark(self.rest))
            .or_else(|| kept_mark(self.rest))
        {
            self.rest = rest;
            return Some(statement);
        }
        let (key, rest) = self.key()?;
        let (statement, rest) = self.by_key(&key, rest)?;
        self.need_key(&key)?;
        self.rest = rest;
        Some(statement)
    }

    /// What begins with a constant.
    fn constant(&self) -> Option<(Statement, &'a [Expression])> {
        let [Constant(value, Slot::FIRST), rest @ ..] = self.rest else { return None };
        match rest {
            [Store(mark), rest @ ..] => Some((Statement::SetMark(*mark, MarkChange::to(number(value)?)), rest)),
            [SourceNat(family, Ports::Any), rest @ ..] => {
                Some((Statement::Snat(address(self.translated(*family)?, value)?), rest))
            }
            [Constant(port, Slot::SECOND), SourceNat(family, Ports::One), rest @ ..] => {
                let ports = PortSpan::new(port_number(port)?, port_number(port)?).ok()?;
                Some((Statement::SnatToPorts(address(self.translated(*family)?, value)?, ports), rest))
            }
            [Constant(from, Slot::SECOND), Constant(to, Slot::THIRD), SourceNat(family, Ports::Range), rest @ ..] => {
                let ports = PortSpan::new(port_number(from)?, port_number(to)?).ok().filter(|_| from != to)?;
                Some((Statement::SnatToPorts(address(self.translated(*family)?, value)?, ports), rest))
            }
            _ => None,
        }
    }

    /// What begins with the fields of a key.
    fn by_key(&self, key: &Key, rest: &'a [Expression]) -> Option<(Statement, &'a [Expression])> {
        match rest {
            [Lookup(map, LookupResult::Verdict), rest @ ..] => {
                Some((Statement::VerdictBy(key.clone(), map.clone()), rest))
            }
            [Lookup(map, LookupResult::Data), SourceNat(family, Ports::Any), rest @ ..] => {
                let ours = key.family() == self.translated(*family);
                ours.then(|| (Statement::SnatBy(key.clone(), map.clone()), rest))
            }
            [Lookup(map, LookupResult::Data), Store(Mark::Packet), rest @ ..] => {
                Some((Statement::SetMarkBy(key.clone(), map.clone()), rest))
            }
            [SourceNat(family, Ports::Any), rest @ ..] => match key.0.as_slice() {
                [field] if field.family() == Some(self.translated(*family)?) => Some((Statement::SnatTo(*field), rest)),
                [] | [_] | [_, ..] => None,
            },
            [Update(set, timeout), rest @ ..] => Some((Statement::Update(set.clone(), key.clone(), *timeout), rest)),
            _ => None,
        }
    }

    /// The family that a translation is of: nft writes it differently in tables of both families.
    fn translated(&self, family: Family) -> Option<Family> {
        self.table.addresses().filter(|known| *known == family)
    }
}

fn plain(expressions: &[Expression]) -> Option<(Statement, &[Expression])> {
    let (statement, rest) = match expressions {
        [Expression::Count, rest @ ..] => (Statement::Counter, rest),
        [Expression::CountIn(counter), rest @ ..] => (Statement::CountIn(counter.clone()), rest),
        [Expression::Return, rest @ ..] => (Statement::Return, rest),
        [Expression::Accept, rest @ ..] => (Statement::Accept, rest),
        [Expression::Drop, rest @ ..] => (Statement::Drop, rest),
        [Expression::Jump(chain), rest @ ..] => (Statement::Jump(chain.clone()), rest),
        [Expression::Goto(chain), rest @ ..] => (Statement::Goto(chain.clone()), rest),
        [Expression::NoTrack, rest @ ..] => (Statement::NoTrack, rest),
        [Load(Source::SegmentSize, Slot::FIRST), Expression::NetworkOrder, Expression::WriteSegmentSize, rest @ ..] => {
            (Statement::ClampSegments, rest)
        }
        _ => return None,
    };
    Some((statement, rest))
}

fn changed_mark(expressions: &[Expression]) -> Option<(Statement, &[Expression])> {
    let [Load(source, Slot::FIRST), rest @ ..] = expressions else { return None };
    let (change, mark, rest) = match rest {
        [Mask(keep, flip), Store(mark), rest @ ..] => {
            (MarkChange { keep: number(keep)?, flip: number(flip)? }, *mark, rest)
        }
        [Store(mark), rest @ ..] => (MarkChange::only(u32::MAX), *mark, rest),
        _ => return None,
    };
    // Without anything that is kept it is a constant.
    (*source == Source::from(mark) && change.keep != 0).then_some((Statement::SetMark(mark, change), rest))
}

/// Some bits of the connection's mark. nft writes no mask of all.
fn kept_mark(expressions: &[Expression]) -> Option<(Statement, &[Expression])> {
    let [Load(source, Slot::FIRST), Mask(bits, flip), Store(Mark::Packet), rest @ ..] = expressions else {
        return None;
    };
    let is_plain = *source == Source::from(Mark::Connection) && flip.iter().all(|byte| *byte == 0);
    is_plain.then_some((Statement::SetMarkFromConnection(number(bits)?), rest))
}

/// A number in the order of the machine's bytes, as all that is not of the packet itself.
pub(super) fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

/// A port, in network order.
pub(super) fn port_number(bytes: &[u8]) -> Option<u16> {
    bytes.try_into().ok().map(u16::from_be_bytes)
}
