//! Walks packets through a ruleset, as the kernel would: the first packet of a connection at postrouting, and any
//! packet from one hook to the next.

mod fields;
mod packet;
mod path;
mod walk;

pub use packet::{Connection, Frame, Hop, Journey, Packet, Route, Seen, SourcePort};
pub use path::{Effect, Hit, Path, PathEnd, Visit, follow, follow_over};

use std::net::IpAddr;

use crate::ruleset::{ChainKind, Direction, Name, Point, Ruleset, State, Table, TableFamily};
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
    let mut base = chains(table, ChainKind::Nat).into_iter();
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
    seen(chains(table, ChainKind::Nat).into_iter().map(|name| walk.base_chain(name)))
}

/// The first chain that translates decides, and no later one is asked.
fn seen(mut ends: impl Iterator<Item = ChainEnd>) -> Seen {
    let source = ends.find_map(|end| match end {
        ChainEnd::Translated(address) => Some(address),
        ChainEnd::Accepted | ChainEnd::Dropped | ChainEnd::Back => None,
    });
    source.map_or(Seen::Untranslated, Seen::As)
}

/// A packet that leaves the node, in the last chains of its way.
#[derive(Clone, Copy, Debug)]
pub struct Leaving {
    pub packet: Packet,
    /// What the connection tracking says of it.
    pub state: State,
    pub direction: Direction,
    /// The source that it has behind every source NAT.
    pub source: IpAddr,
}

/// Whether the filter chains of postrouting let it leave, where a batch is committed after so many look-ups.
pub fn leaves(before: &Ruleset, after: &Ruleset, leaving: &Leaving, look_ups: usize) -> bool {
    let Leaving { packet, state, direction, source } = *leaving;
    let family = TableFamily::of(packet.source);
    let (Some(table), Some(later)) = (before.tables.get(&family), after.tables.get(&family)) else { return true };
    let mut journey = Journey::new(packet, Hop::Unreachable);
    (journey.connection.state, journey.connection.direction) = (state, direction);
    (journey.packet.source, journey.connection.reply.1) = (source, source);
    let mut walk = ChainWalk::between(table, later, &mut journey, look_ups);
    chains(table, ChainKind::Filter).into_iter().all(|name| walk.base_chain(name) != ChainEnd::Dropped)
}

/// The base chains of a kind at postrouting, by priority.
fn chains(table: &Table, kind: ChainKind) -> Vec<&Name> {
    let hooked = table.chains.iter().filter_map(|(name, chain)| Some((chain.hook.as_ref()?, name)));
    let here = hooked.filter(|(hook, _)| hook.kind == kind && hook.point == Point::Postrouting);
    let mut here: Vec<(i32, &Name)> = here.map(|(hook, name)| (hook.priority, name)).collect();
    here.sort_unstable();
    here.into_iter().map(|(_, name)| name).collect()
}
