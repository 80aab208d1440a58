//! The objects of the guard, which holds traffic back: a change makes its chains first and removes them last.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Chain, GUARD, Name, Ruleset, Table};

/// The map of guarded pods.
pub const GUARDED: Name = Name::literal("egress_guarded");

/// The chain that marks packets of guarded pods for the policies of the guard's backstop.
pub const MARKING: Name = Name::literal("egress_mark");

/// The chain that keeps the tunnel's own packets out of connection tracking as they come.
pub const TUNNEL: Name = Name::literal("egress_tunnel");

/// The same as they leave.
pub const TUNNEL_OUT: Name = Name::literal("egress_tunnel_out");

/// The chain that lets nothing but nodes send into the tunnel.
pub const INPUT: Name = Name::literal("egress_input");

/// The chain that drops what is to go through the tunnel and does not, and what came out of it and is not translated.
pub const TUNNEL_GUARD: Name = Name::literal("egress_tunnel_guard");

/// The set of addresses that another node holds: nothing leaves here with one.
pub const AWAY: Name = Name::literal("egress_away");

/// The set of addresses that this node holds, and translates pods of other nodes to.
pub const HELD: Name = Name::literal("egress_held");

/// The chains of the guard of pods.
const GUARD_CHAINS: [Name; 2] = [GUARD, MARKING];

/// The chains of the tunnel that hold back, and what they need.
const TUNNEL_CHAINS: [Name; 4] = [TUNNEL, TUNNEL_OUT, TUNNEL_GUARD, INPUT];

/// Whether a chain is of a guard.
pub(crate) fn is_of_the_guard(chain: &Name) -> bool {
    GUARD_CHAINS.contains(chain) || TUNNEL_CHAINS.contains(chain)
}

/// Whether packets are dropped for what is in a set, so that less of it holds back less: it is narrowed first and widened
/// last.
pub(crate) fn holds_back(set: &Name) -> bool {
    *set == AWAY
}

/// Leaves the guard of `known` in a table that has none.
pub(crate) fn keep_guard(known: &BTreeMap<Name, Chain>, table: &mut Table) {
    if table.chains.contains_key(&GUARD) || !known.contains_key(&GUARD) {
        return;
    }
    for name in GUARD_CHAINS {
        table.chains.extend(known.get(&name).map(|chain| (name, chain.clone())));
    }
}

/// The pods whose packets `before` marks and `after` does not, where both say all about these pods.
pub fn unguarded(before: &Ruleset, after: &Ruleset) -> BTreeSet<IpAddr> {
    let mut unguarded = BTreeSet::new();
    for (family, table) in &before.tables {
        let new = after.tables.get(family);
        let staying: BTreeSet<IpAddr> =
            new.filter(|new| !loses_marks(table, new)).into_iter().flat_map(guarded).collect();
        unguarded.extend(guarded(table).filter(|pod| !staying.contains(pod)));
    }
    unguarded
}

/// The guarded pods of a table.
pub fn guarded(table: &Table) -> impl Iterator<Item = IpAddr> {
    let map = table.maps.get(&GUARDED);
    map.into_iter().flat_map(|map| map.elements.keys()).map(|key| key.address())
}

/// Whether tables mark packets of guarded pods.
pub fn marks(tables: &Ruleset) -> bool {
    tables.tables.values().any(|table| table.chains.contains_key(&MARKING))
}

/// A part of a table may have no base chains at all.
fn loses_marks(old: &Table, new: &Table) -> bool {
    old.chains.contains_key(&MARKING) && !new.chains.contains_key(&MARKING)
}
