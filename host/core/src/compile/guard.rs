//! The guard (P12): a filter chain behind every source NAT, which drops what a guarded pod sends out of the cluster with
//! another source than those that it is translated to. It exists while a pod of the family is guarded; no other node
//! pays for it.

use std::net::IpAddr;
use std::sync::Arc;

use super::names::{self, Objects};
use crate::net::Family;
use crate::plan::{GuardedPod, PodLocation};
use crate::ruleset::{
    Chain, Direction, Element, Field, GUARD, Hook, Key, Layout, Map, MapKey, MapKind, Match, Name, PRIVATE, Point,
    Rule, State, Statement, States, Table, Target,
};

/// Behind the source NAT of every program: kube-proxy's and flannel's at 100, Calico's at 110, and whatever an
/// administrator puts between.
const PRIORITY: i32 = 290;

/// The chain, for a table with these sets.
///
/// An answer goes back to whoever asked, with whatever source that knows. NAT does not see packets without a
/// connection, so the pod itself is their source; all others are known by the source that they had at first.
fn chain(family: Family, table: &Table, objects: &Objects) -> Chain {
    let (guarded, allowed) = (&objects.guarded, &objects.allowed_sources);
    let pod = || Key::of(MapKind::guarded(family));
    let sender = || Key::from(Field::Source(family));
    let untracked = || States::of(&[State::Invalid, State::Untracked]).map(Match::State);
    let without_connection = |part: Match| untracked().into_iter().chain([part]).collect::<Vec<_>>();
    let returns = |part: Match| Rule::when(part, Statement::Return);
    let mut rules = vec![
        returns(Match::Direction(Direction::Reply)),
        returns(Match::NotIn(pod(), guarded.clone())),
        Rule::new(without_connection(Match::NotIn(sender(), guarded.clone())), [Statement::Return]),
        returns(Match::destination_in(family, objects.excluded.clone())),
    ];
    if table.sets.contains_key(&objects.inside) {
        rules.push(returns(Match::destination_in(family, objects.inside.clone())));
    }
    if table.layout != Layout::FIRST {
        // Where others of its network may be, such a pod is not translated.
        let elsewhere = Match::In(pod(), objects.elsewhere.clone());
        let private = Match::destination_in(family, PRIVATE.clone());
        rules.push(Rule::new([elsewhere, private], [Statement::Return]));
    }
    rules.extend([
        returns(Match::In(Key::of(MapKind::allowed_sources(family)), allowed.clone())),
        // Only what gets here is found in the map, so its elements count what is dropped.
        Rule::when(Match::In(pod(), guarded.clone()), Statement::Drop),
        Rule::new(without_connection(Match::In(sender(), guarded.clone())), [Statement::Drop]),
    ]);
    Chain { hook: Some(Hook::filter(Point::Postrouting, PRIORITY)), rules }
}

/// What is in the maps of one pod.
pub(super) struct GuardElements<'a> {
    pub(super) family: Family,
    pub(super) pod: IpAddr,
    pub(super) place: PodLocation,
    pub(super) guarded: &'a GuardedPod<'a>,
}

/// Adds the chain, and the maps that it looks into.
pub(super) fn add_chain(table: &mut Table, family: Family, objects: &Objects) {
    for (name, kind) in
        [(&objects.guarded, MapKind::guarded(family)), (&objects.allowed_sources, MapKind::allowed_sources(family))]
    {
        table.maps.entry(name.clone()).or_insert_with(|| Map::new(kind));
    }
    let chain = chain(family, table, objects);
    table.chains.insert(GUARD, chain);
}

/// Adds the elements of one pod.
pub(super) fn add_pod(table: &mut Table, objects: &Objects, elements: GuardElements<'_>) {
    let GuardElements { family, pod, place, guarded } = elements;
    let comment: Arc<str> = names::comment(guarded.key, &guarded.subject.uid).into();
    let is_first = table.layout == Layout::FIRST;
    let mut insert = |name: &Name, kind, key, comment| {
        let element = Element { target: Target::Nothing, comment };
        table.maps.entry(name.clone()).or_insert_with(|| Map::new(kind)).elements.insert(key, element);
    };
    insert(&objects.guarded, MapKind::guarded(family), MapKey::Address(pod), Some(comment));
    for source in guarded.sources.iter().filter(|source| Family::of(**source) == family) {
        let key = MapKey::AllowedSource(pod, *source);
        insert(&objects.allowed_sources, MapKind::allowed_sources(family), key, None);
    }
    if place == PodLocation::Elsewhere && !is_first {
        insert(&objects.elsewhere, MapKind::elsewhere(family), MapKey::Address(pod), None);
    }
}
