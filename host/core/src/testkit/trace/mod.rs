//! Walks packets through a ruleset, as the kernel would: the first packet of a connection at postrouting, and any
//! packet from one hook to the next.

mod fields;
mod packet;
mod path;
mod walk;

pub use packet::{Connection, Frame, Hop, Journey, Packet, Route, Seen};
pub use path::{Effect, Hit, Path, PathEnd, Visit, follow};

use crate::ruleset::{Name, Ruleset, Table, TableFamily};
pub use walk::ChainEnd;
use walk::ChainWalk;

/// Traces a packet and returns the source that the receiver sees.
pub fn trace(ruleset: &Ruleset, packet: &Packet) -> Seen {
    trace_over(ruleset, ruleset, packet, usize::MAX)
}

/// The same where a batch is committed while the packet is on its way: after so many look-ups. All rules are those of
/// the moment in which it came to the base chain, and a chain that comes with the batch is empty for it; every look-up is
/// of its own moment.
pub fn trace_over(before: &Ruleset, after: &Ruleset, packet: &Packet, look_ups: usize) -> Seen {
    let family = TableFamily::of(packet.source);
    let (Some(table), Some(later)) = (before.tables.get(&family), after.tables.get(&family)) else {
        return Seen::Untranslated;
    };
    let mut journey = Journey::new(*packet, Hop::Unreachable);
    let mut walk = ChainWalk::between(table, later, &mut journey, look_ups);
    let mut base = source_nat(table).into_iter();
    let first = base.next().map(|name| walk.base_chain(name));
    seen(first.into_iter().chain(base.map(|name| walk.next_base_chain(name))))
}

/// The same where the batch is committed before the packet comes to the first rule, and after the kernel read which
/// chains are at the hook: base chains come and go outside of a batch's generation.
pub fn trace_by_earlier_hooks(before: &Ruleset, after: &Ruleset, packet: &Packet) -> Seen {
    let family = TableFamily::of(packet.source);
    let (Some(table), Some(later)) = (before.tables.get(&family), after.tables.get(&family)) else {
        return Seen::Untranslated;
    };
    let mut journey = Journey::new(*packet, Hop::Unreachable);
    let mut walk = ChainWalk::between(later, later, &mut journey, 0);
    seen(source_nat(table).into_iter().map(|name| walk.base_chain(name)))
}

/// The base chains that translate, in the order of their priorities.
fn source_nat(table: &Table) -> Vec<&Name> {
    let mut base: Vec<(i32, &Name)> = table
        .chains
        .iter()
        .filter_map(|(name, chain)| Some((chain.hook.as_ref().filter(|hook| hook.is_source_nat())?.priority, name)))
        .collect();
    base.sort_unstable();
    base.into_iter().map(|(_, name)| name).collect()
}

/// The first chain that translates decides, and no later one is asked.
fn seen(mut ends: impl Iterator<Item = ChainEnd>) -> Seen {
    let source = ends.find_map(|end| match end {
        ChainEnd::Translated(address) => Some(address),
        ChainEnd::Accepted | ChainEnd::Dropped | ChainEnd::Back => None,
    });
    source.map_or(Seen::Untranslated, Seen::As)
}
