//! The chain that looks into the maps by prefixes of destinations: longest first, and at each length what names a port
//! before what does not.

use super::{Chain, DataKind, Key, KeyKind, Map, MapKind, Match, Name, Rule, Stage, Statement, Table};

pub const NETWORKS: Name = Name::literal("egress_networks");

/// The chain that drops what guarded pods send with other sources than theirs. It holds traffic back, so a change makes
/// it first and removes it last.
pub const GUARD: Name = Name::literal("egress_guard");

/// The set of private destinations that it looks into.
pub const PRIVATE: Name = Name::literal("egress_private");

/// Gives the chain of each stage, if a table has it, the rules that look into all of its maps by prefixes. They follow
/// from the maps, and the maps from the lengths that are in use.
pub fn look_into_prefixes(table: &mut Table) {
    for stage in Stage::ALL {
        if let Some(chain) = table.chains.get_mut(&stage.networks()) {
            *chain = Chain::with(rules(stage, table.maps.iter()));
        }
    }
}

/// The rules that look into these maps, where they are by prefixes and of this stage.
pub(crate) fn rules<'a>(stage: Stage, maps: impl Iterator<Item = (&'a Name, &'a Map)>) -> Vec<Rule> {
    let mut asked = Vec::new();
    let mut elsewhere = None;
    for (name, map) in maps.filter(|(name, _)| Stage::of(name) == stage) {
        match place(map.kind) {
            Some(place) => asked.push((place, name.clone(), map.kind)),
            None if map.kind.key == KeyKind::Elsewhere => elsewhere = Some(stay_private(name.clone(), map.kind)),
            None => {}
        }
    }
    asked.sort();
    elsewhere.into_iter().chain(asked.into_iter().map(|(_, name, kind)| look_up(name, kind))).collect()
}

/// What pods that are in no known network send to private destinations, where pods may be, stays as it is.
fn stay_private(pods: Name, kind: MapKind) -> Rule {
    let destinations = Match::destination_in(kind.family, PRIVATE.clone());
    Rule { matches: vec![Match::In(Key::of(kind), pods), destinations], ..Rule::always(Statement::Accept) }
}

fn look_up(map: Name, kind: MapKind) -> Rule {
    match kind.data {
        DataKind::Nothing => Rule::when(Match::In(Key::of(kind), map), Statement::Accept),
        DataKind::Address | DataKind::Verdict => Rule::always(Statement::SnatBy(Key::of(kind), map)),
        DataKind::Mark => Rule::new([], [Statement::SetMarkBy(Key::of(kind), map), Statement::Accept]),
    }
}

/// Where it is asked: the smaller goes first; none for a map that is not by prefixes.
pub(crate) fn place(kind: MapKind) -> Option<(u8, WithPort)> {
    match kind.key {
        KeyKind::Prefix(bits) => Some((u8::MAX - bits, WithPort::No)),
        KeyKind::PrefixPort(bits) => Some((u8::MAX - bits, WithPort::Yes)),
        KeyKind::Address | KeyKind::Elsewhere | KeyKind::Port => None,
        KeyKind::Guarded | KeyKind::AllowedSource | KeyKind::KnownPod => None,
    }
}

/// Whether a key names a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WithPort {
    /// It does, and is asked first.
    Yes,
    /// It does not.
    No,
}
