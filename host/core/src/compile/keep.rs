//! Keeps the applied rules of a Service where their origin is unknown: an earlier process stored it in a form that this
//! one cannot read. As everywhere, only current endpoints and addresses of the Service are kept (P1).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::indexes::diverted_for;
use super::names::{self, uid_of_chain, uid_of_comment};
use super::{Chains, chains};
use crate::model::Uid;
use crate::net::Family;
use crate::plan::SubjectAddresses;
use crate::ruleset::{
    AWAY, Chain, DIVERTED, DataKind, Element, HELD, HOMES, KeyKind, Map, MapKey, MapKind, Name, Ruleset, Set, Stage,
    Table, Target, addresses_of_chain, copy_reachable, keep_guard, look_into_prefixes,
};

/// The Services whose part of the kernel's tables stays.
pub type Kept = BTreeMap<Uid, SubjectAddresses>;

/// The pods of which something may stay.
pub fn kept_pods(kept: &Kept) -> impl Iterator<Item = IpAddr> {
    kept.values().flat_map(|own| own.pods.iter().copied())
}

/// Takes over from `applied` what is there for these Services, of pods for which nothing else is known: what is known
/// goes first. Where something of a pod does not stay, its packets are translated by nothing else instead: a packet is
/// as it was or untranslated, and never falls to another Service.
pub fn keep(ruleset: &mut Ruleset, applied: &Ruleset, kept: &Kept) {
    if kept.is_empty() {
        return;
    }
    for family in Family::ALL {
        let tables = (ruleset.tables.get_mut(&family.into()), applied.tables.get(&family.into()));
        if let (Some(table), Some(applied)) = tables {
            let kept = held_here(kept, table, applied);
            let (away, held) = (applied.members(&AWAY), table.members(&HELD));
            Keeping { family, applied, kept: &kept, away, held }.add_to(table);
            look_into_prefixes(table);
        }
    }
}

/// Without a tunnel nothing can leave with what another node holds.
fn held_here<'a>(kept: &'a Kept, table: &Table, applied: &Table) -> Cow<'a, Kept> {
    let away = applied.members(&AWAY);
    if away.is_empty() || table.sets.contains_key(&AWAY) {
        return Cow::Borrowed(kept);
    }
    let mut kept = kept.clone();
    kept.values_mut().for_each(|own| own.addresses.retain(|address| !away.contains(address)));
    Cow::Owned(kept)
}

struct Keeping<'a> {
    family: Family,
    applied: &'a Table,
    kept: &'a Kept,
    /// The addresses that other nodes held.
    away: BTreeSet<IpAddr>,
    /// Those that this one holds now.
    held: BTreeSet<IpAddr>,
}

/// An element in force.
#[derive(Clone, Copy)]
struct InForce<'a> {
    map: &'a Name,
    kind: MapKind,
    key: MapKey,
    element: &'a Element,
}

impl<'a> Keeping<'a> {
    fn add_to(&self, table: &mut Table) {
        // A guarded pod that nothing translates has elements, too.
        let says_no_more = |map: &Map| map.kind.is_of_the_guard() || map.kind.key == KeyKind::Elsewhere;
        let translating = table.maps.iter().filter(|(name, map)| translates(name) && !says_no_more(map));
        let known: BTreeSet<IpAddr> =
            translating.flat_map(|(_, map)| map.elements.keys()).map(|key| key.address()).collect();
        for (pod, elements) in self.by_pod() {
            let (guards, others): (Vec<InForce<'a>>, Vec<InForce<'a>>) =
                elements.into_iter().partition(|one| one.kind.is_of_the_guard());
            if !known.contains(&pod) {
                self.pod(table, pod, &others);
                self.diverted(table, pod, &others);
                self.guard(table, pod, &guards);
            }
        }
    }

    /// A pod that is guarded stays so, and may leave with what it is translated to.
    fn guard(&self, table: &mut Table, pod: IpAddr, guards: &[InForce<'a>]) {
        let of_kind = |key: KeyKind| guards.iter().filter(move |one| one.kind.key == key);
        for one in of_kind(KeyKind::Guarded) {
            let uid = one.element.comment.as_deref().and_then(uid_of_comment);
            if uid.and_then(|uid| self.kept.get(&uid)).is_some_and(|own| own.pods.contains(&pod)) {
                table.insert(one.map.clone(), one.kind, one.key, one.element.clone());
                keep_guard(&self.applied.chains, table);
            }
        }
        let guarded = |map: &Map| map.kind.key == KeyKind::Guarded && map.elements.contains_key(&MapKey::Address(pod));
        if table.maps.values().any(guarded) {
            let stays = |one: &&InForce<'a>| self.kept.values().any(|own| is_own_source(own, one.key));
            let staying = of_kind(KeyKind::AllowedSource).filter(stays);
            staying.for_each(|one| table.insert(one.map.clone(), one.kind, one.key, one.element.clone()));
        }
    }

    /// What of a pod another node translates stays so where all that it is translated to stays, and this node holds
    /// nothing of that now. What does not leave here with an address that another node holds does not even if that is all
    /// that is known of the address.
    fn diverted(&self, table: &mut Table, pod: IpAddr, elements: &[InForce<'a>]) {
        let is_there = |one: &InForce<'a>| {
            table.maps.get(one.map).and_then(|map| map.elements.get(&one.key)).is_some_and(|known| known == one.element)
        };
        let stays = elements.iter().all(is_there) && table.maps.contains_key(&DIVERTED);
        let now = table.translated_to(pod);
        if let Some(Set::Addresses(_, known)) = table.sets.get_mut(&AWAY) {
            known.extend((&self.away & &now).difference(&self.held));
        }
        if stays && !self.is_diverted_for_what_is_here(pod, &now) {
            self.diverting(table, pod);
        }
    }

    /// Whether it would be sent to another node for an address that is here.
    fn is_diverted_for_what_is_here(&self, pod: IpAddr, now: &BTreeSet<IpAddr>) -> bool {
        diverted_for(self.applied, pod).into_iter().any(|address| match address {
            Some(address) => self.held.contains(&address),
            None => !now.is_disjoint(&self.held),
        })
    }

    fn diverting(&self, table: &mut Table, pod: IpAddr) {
        for (name, map) in self.applied.maps.iter().filter(|(name, _)| Stage::of(name) == Stage::Diverting) {
            for (key, element) in map.of_pod(pod) {
                let chain = element.target.chain().cloned().into_iter().collect();
                copy_reachable(&self.applied.chains, chain, &mut table.chains);
                table.insert(name.clone(), map.kind, *key, element.clone());
            }
        }
    }

    fn by_pod(&self) -> BTreeMap<IpAddr, Vec<InForce<'a>>> {
        let mut pods: BTreeMap<IpAddr, Vec<InForce<'a>>> = BTreeMap::new();
        for (name, map) in self.applied.maps.iter().filter(|(name, _)| translates(name)) {
            for (key, element) in &map.elements {
                let one = InForce { map: name, kind: map.kind, key: *key, element };
                pods.entry(key.address()).or_default().push(one);
            }
        }
        pods
    }

    /// In the order in which the kernel asks.
    fn pod(&self, table: &mut Table, pod: IpAddr, elements: &[InForce<'a>]) {
        let (chains, others): (Vec<InForce<'a>>, Vec<InForce<'a>>) =
            elements.iter().copied().partition(|one| one.kind.data == DataKind::Verdict);
        for one in chains {
            let mut parts = leads_to(&self.applied.chains, one.element);
            parts.retain(|part| self.of_chain(part).is_some());
            let all = parts.len();
            let staying = parts.iter().take_while(|part| self.chain_stays(pod, part)).count();
            parts.truncate(staying);
            self.jump(table, one.map, pod, parts);
            if staying < all {
                return;
            }
        }
        self.elements(table, &others);
    }

    /// What was found by a prefix and does not stay is not translated any more; by a port, and nothing of its pod is
    /// that was asked after it.
    fn elements(&self, table: &mut Table, elements: &[InForce<'a>]) {
        if !elements.iter().any(|one| self.translates_still(one)) {
            return;
        }
        let lacks_port = elements.iter().any(|one| one.kind.key == KeyKind::Port && !self.translates_still(one));
        for one in elements {
            let (kind, target) = (one.kind, &one.element.target);
            match kind.key {
                KeyKind::Address if kind.data == DataKind::Address && lacks_port => {}
                KeyKind::Address | KeyKind::Port if kind.data == DataKind::Address => {
                    if self.translates_still(one) {
                        table.insert(one.map.clone(), kind, one.key, one.element.clone());
                    }
                }
                KeyKind::Prefix(_) | KeyKind::PrefixPort(_)
                    if *target != Target::Nothing && !self.translates_still(one) =>
                {
                    let kind = MapKind { data: DataKind::Nothing, ..kind };
                    let element = Element { target: Target::Nothing, ..one.element.clone() };
                    table.insert(names::by_prefix(Stage::Translating, kind), kind, one.key, element);
                }
                KeyKind::Address
                | KeyKind::Elsewhere
                | KeyKind::Port
                | KeyKind::Prefix(_)
                | KeyKind::PrefixPort(_)
                | KeyKind::Guarded
                | KeyKind::AllowedSource
                | KeyKind::KnownPod => {
                    table.insert(one.map.clone(), kind, one.key, one.element.clone());
                }
            }
        }
    }

    fn translates_still(&self, one: &InForce<'_>) -> bool {
        let own = one.element.comment.as_deref().and_then(uid_of_comment).and_then(|uid| self.kept.get(&uid));
        own.is_some_and(|own| is_own(own, one.key.address(), &one.element.target))
    }

    fn of_chain(&self, chain: &Name) -> Option<&SubjectAddresses> {
        self.kept.get(&uid_of_chain(chain)?)
    }

    /// The chains that stay.
    fn jump(&self, table: &mut Table, map: &Name, pod: IpAddr, staying: Vec<Name>) {
        for part in &staying {
            copy_reachable(&self.applied.chains, vec![part.clone()], &mut table.chains);
        }
        let names: Vec<String> = staying.iter().filter_map(|part| Some(self.of_chain(part)?.key.to_string())).collect();
        let target = match staying.as_slice() {
            [] => return,
            [only] => only.clone(),
            several => chains::merged(table, self.family, several),
        };
        let comment = match uid_of_chain(&target) {
            Some(uid) => format!("{} {uid}", names.join(" ")),
            None => names.join(" "),
        };
        let element = Element { target: Target::Jump(target), comment: Some(Arc::from(names::cut(&comment))) };
        table.insert(map.clone(), MapKind::chains(self.family), MapKey::Address(pod), element);
    }

    /// Whether all that a chain does is its Service's own for this pod.
    fn chain_stays(&self, pod: IpAddr, chain: &Name) -> bool {
        let addresses = addresses_of_chain(&self.applied.chains, chain);
        // A chain may translate nothing, so that it names no address that could be another's.
        let is_own = |own: &SubjectAddresses| !own.addresses.is_empty() && addresses.is_subset(&own.addresses);
        self.of_chain(chain).is_some_and(|own| own.pods.contains(&pod) && is_own(own))
    }
}

/// Whether what is in a map says what a pod is translated to, or that it is not.
fn translates(map: &Name) -> bool {
    Stage::of(map) == Stage::Translating && *map != HOMES
}

fn is_own(own: &SubjectAddresses, pod: IpAddr, target: &Target) -> bool {
    match target {
        Target::Address(address) => own.pods.contains(&pod) && own.addresses.contains(address),
        Target::Jump(_) | Target::Nothing | Target::Mark(_) => false,
    }
}

fn is_own_source(own: &SubjectAddresses, key: MapKey) -> bool {
    match key {
        MapKey::AllowedSource(pod, source) => own.pods.contains(&pod) && own.addresses.contains(&source),
        MapKey::Address(_) | MapKey::Port(..) | MapKey::Prefix(..) | MapKey::PrefixPort(..) => false,
    }
}

/// The chains of single Services to which an element leads, in order.
fn leads_to(chains: &Chains, element: &Element) -> Vec<Name> {
    element.target.chain().map(|chain| parts(chains, chain)).unwrap_or_default()
}

/// The chains of single Services in a merged one, or the one itself.
fn parts(chains: &Chains, chain: &Name) -> Vec<Name> {
    if uid_of_chain(chain).is_some() {
        return vec![chain.clone()];
    }
    chains.get(chain).into_iter().flat_map(Chain::jumps).cloned().collect()
}
