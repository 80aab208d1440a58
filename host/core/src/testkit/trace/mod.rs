//! Walks packets through a ruleset, as the kernel would: the first packet of a connection at postrouting, and any
//! packet from one hook to the next.

mod fields;
mod packet;
mod path;
mod walk;

pub use packet::{Connection, Frame, Hop, Journey, Packet, Route, Seen};
pub use path::{Effect, Hit, Path, PathEnd, Visit, follow};

use crate::ruleset::{Name, Ruleset, TableFamily};
pub use walk::ChainEnd;
use walk::ChainWalk;

/// Traces a packet and returns the source that the receiver sees.
pub fn trace(ruleset: &Ruleset, packet: &Packet) -> Seen {
    trace_over(ruleset, ruleset, packet, usize::MAX)
}

/// The same where a batch is committed while the packet is on its way: after so many look-ups. All rules are those of
/// the moment in which it came to the chain, and a chain that comes with the batch is empty for it; every look-up is of
/// its own moment.
pub fn trace_over(before: &Ruleset, after: &Ruleset, packet: &Packet, look_ups: usize) -> Seen {
    let family = TableFamily::of(packet.source);
    let (Some(table), Some(later)) = (before.tables.get(&family), after.tables.get(&family)) else {
        return Seen::Untranslated;
    };
    let mut base: Vec<(i32, &Name)> = table
        .chains
        .iter()
        .filter_map(|(name, chain)| Some((chain.hook.as_ref().filter(|hook| hook.is_source_nat())?.priority, name)))
        .collect();
    base.sort_unstable();
    let mut journey = Journey::new(*packet, Hop::Unreachable);
    let mut walk = ChainWalk::between(table, later, &mut journey, look_ups);
    let source = base.into_iter().find_map(|(_, name)| match walk.base_chain(name) {
        ChainEnd::Translated(address) => Some(address),
        ChainEnd::Accepted | ChainEnd::Dropped | ChainEnd::Back => None,
    });
    source.map_or(Seen::Untranslated, Seen::As)
}
