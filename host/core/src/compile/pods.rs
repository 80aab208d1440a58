//! The elements and chains of pods, in one table.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::chains::{self, At, ChainNames};
use super::names::{self, Objects, StageNames};
use super::stage::StageRules;
use crate::decision::Rule;
use crate::model::SubjectKey;
use crate::net::Family;
use crate::plan::{Claim, Entry, EntryAction, Numbered, PodLocation, Port, Rank};
use crate::ruleset::{DIVERTED, DataKind, Element, KeyKind, Layout, MapKey, MapKind, Name, Table, Target};

/// Puts pods into one table, as far as one stage goes.
pub(super) struct Pods<'a> {
    family: Family,
    stage: StageRules<'a>,
    names: &'a StageNames,
    elsewhere: &'a BTreeSet<IpAddr>,
    table: &'a mut Table,
    given: ChainNames,
    resolved: Resolved,
    /// The comment that was made last, and of which Service: the pods of one often stand beside each other, and share
    /// it.
    comment: Option<(&'a SubjectKey, Arc<str>)>,
}

/// The entries of every list of rules that was met, by the rules themselves: where in memory each is. The pods of a
/// Service mostly have the same ones.
type Resolved = BTreeMap<(PodLocation, Vec<*const Rule>), Option<Rc<[Entry]>>>;

impl<'a> Pods<'a> {
    /// An empty table of a family.
    pub(super) fn new(
        family: Family,
        stage: StageRules<'a>,
        objects: &'a Objects,
        elsewhere: &'a BTreeSet<IpAddr>,
        table: &'a mut Table,
    ) -> Self {
        Self {
            family,
            stage,
            names: objects.of(stage.stage()),
            elsewhere,
            table,
            given: ChainNames::default(),
            resolved: Resolved::new(),
            comment: None,
        }
    }

    /// All of them, each with what its Services claim.
    pub(super) fn add_all(mut self, pods: impl Iterator<Item = (&'a IpAddr, &'a Vec<Claim<'a>>)>) {
        for (pod, claims) in pods {
            // A plain Service leaves no packet to those that are asked after it.
            let plain = claims.iter().position(|claim| claim.rank == Rank::Plain);
            let asked = plain.and_then(|at| claims.get(..=at)).unwrap_or(claims);
            let place = if self.elsewhere.contains(pod) { PodLocation::Elsewhere } else { PodLocation::Known };
            if self.is_looked_up(*pod, claims, asked) {
                self.add(*pod, place, asked);
            }
        }
    }

    /// Whether the stage says anything of a pod. Where packets are diverted, that a pod is known means that what was diverted
    /// goes on (P16), though its rules are not asked any more.
    fn is_looked_up(&mut self, pod: IpAddr, all: &[Claim<'_>], asked: &[Claim<'_>]) -> bool {
        let StageRules::Diverting(tunnel) = self.stage else { return true };
        let diverts = |claims: &[Claim<'_>]| tunnel.diverts(claims.iter().flat_map(|claim| &claim.rules).copied());
        if tunnel.homes.contains_key(&pod) || !diverts(all) {
            return false;
        }
        let element = Element { target: Target::Nothing, comment: None };
        self.table.insert(DIVERTED, MapKind::pods(self.family), MapKey::Address(pod), element);
        diverts(asked)
    }

    fn add(&mut self, pod: IpAddr, place: PodLocation, claims: &'a [Claim<'a>]) {
        // Nearly all pods are behind one plain Service.
        if let ([claim], PodLocation::Known) = (claims, place)
            && let ([rule], Rank::Plain) = (claim.rules.as_slice(), claim.rank)
        {
            let element = self.element(claim, self.stage.target(rule.address()));
            let kind = MapKind { data: self.stage.data(), ..MapKind::addresses(self.family) };
            self.table.insert(self.names.addresses.clone(), kind, MapKey::Address(pod), element);
            return;
        }
        match self.entries(place, claims) {
            Some(entries) => self.add_entries(pod, place, claims, &entries),
            None => self.add_chain(pod, place, claims),
        }
    }

    fn entries(&mut self, place: PodLocation, claims: &[Claim<'_>]) -> Option<Rc<[Entry]>> {
        let numbered = claims.iter().enumerate();
        let rules: Vec<Numbered<'_>> =
            numbered.flat_map(|(number, claim)| claim.rules.iter().map(move |rule| (number, *rule))).collect();
        let known = rules.iter().map(|(_, rule)| std::ptr::from_ref(*rule)).collect();
        let resolved = self.resolved.entry((place, known));
        let is_first = self.table.layout == Layout::FIRST;
        let is_expressible =
            |entries: &[Entry]| !is_first || place == PodLocation::Known && entries.iter().all(is_everywhere);
        let fits =
            |entries: &Vec<Entry>| is_expressible(entries) && is_near_the_sum(self.family, self.stage, claims, entries);
        let resolve = || self.stage.resolve(self.family, &rules).filter(fits).map(Rc::from);
        resolved.or_insert_with(resolve).clone()
    }

    fn add_entries(&mut self, pod: IpAddr, place: PodLocation, claims: &'a [Claim<'a>], entries: &[Entry]) {
        let of_service = |service: usize| claims.get(service).or(claims.first());
        for entry in entries {
            let (service, target) = match entry.answer {
                EntryAction::Translated { to, service } => (service, self.stage.target(to)),
                EntryAction::Untranslated { around } => (around, Target::Nothing),
            };
            let Some(claim) = of_service(service) else { continue };
            let element = self.element(claim, target);
            self.add_entry(pod, entry, element);
        }
        // What follows is of all of the pod's Services, and so of none.
        let element = Element { target: Target::Nothing, comment: None };
        if place == PodLocation::Elsewhere {
            let kind = MapKind::elsewhere(self.family);
            self.table.insert(self.names.elsewhere.clone(), kind, MapKey::Address(pod), element.clone());
        }
        if place == PodLocation::Elsewhere || entries.iter().any(|entry| entry.bits > 0) {
            self.table.insert(self.names.net_pods.clone(), MapKind::pods(self.family), MapKey::Address(pod), element);
        }
    }

    fn add_entry(&mut self, pod: IpAddr, entry: &Entry, element: Element) {
        let Entry { network, bits, port, .. } = *entry;
        let data = match element.target {
            Target::Nothing => DataKind::Nothing,
            Target::Address(_) | Target::Jump(_) | Target::Mark(_) => self.stage.data(),
        };
        let (key_kind, key) = key(pod, network, bits, port);
        let kind = MapKind { family: self.family, key: key_kind, data };
        let name = match key_kind {
            KeyKind::Address | KeyKind::Elsewhere | KeyKind::Guarded | KeyKind::AllowedSource | KeyKind::KnownPod => {
                self.names.addresses.clone()
            }
            KeyKind::Port => self.names.ports.clone(),
            KeyKind::Prefix(_) | KeyKind::PrefixPort(_) => names::by_prefix(self.stage.stage(), kind),
        };
        self.table.insert(name, kind, key, element);
    }

    fn element(&mut self, claim: &Claim<'a>, target: Target) -> Element {
        Element { target, comment: Some(self.comment(claim)) }
    }

    fn comment(&mut self, claim: &Claim<'a>) -> Arc<str> {
        match &self.comment {
            Some((key, comment)) if *key == claim.key => Arc::clone(comment),
            Some(_) | None => {
                let comment: Arc<str> = names::comment(claim.key, &claim.service.uid).into();
                self.comment = Some((claim.key, Arc::clone(&comment)));
                comment
            }
        }
    }

    /// The chain of one Service, or the merged chain of several.
    fn add_chain(&mut self, pod: IpAddr, place: PodLocation, claims: &[Claim<'_>]) {
        let Self { family, table, given, stage, .. } = self;
        let service_chain = |claim| chains::service(table, *family, claim, place, At { rules: *stage, given });
        let parts: Vec<Name> = claims.iter().map(service_chain).collect();
        let (chain, comment) = match (parts.as_slice(), claims) {
            ([], _) => return,
            ([only], [claim, ..]) => (only.clone(), names::comment(claim.key, &claim.service.uid)),
            (several, claims) => {
                let names = claims.iter().map(|claim| claim.key.to_string()).collect::<Vec<_>>().join(" ");
                (chains::merged(self.table, self.family, several), names::cut(&names))
            }
        };
        let element = Element { target: Target::Jump(chain), comment: Some(comment.into()) };
        self.table.insert(self.names.chains.clone(), MapKind::chains(self.family), MapKey::Address(pod), element);
    }
}

/// How many more entries a pod may have than its Services have one by one, which is what limits count. Ports of one and
/// networks of another multiply; beyond this the pod has a chain instead.
const SURPLUS: usize = 64;

fn is_near_the_sum(family: Family, stage: StageRules<'_>, claims: &[Claim<'_>], entries: &[Entry]) -> bool {
    if claims.len() < 2 {
        return true;
    }
    let alone = |claim: &Claim<'_>| {
        let rules: Vec<Numbered<'_>> = claim.rules.iter().map(|rule| (0, *rule)).collect();
        stage.resolve(family, &rules).map_or(0, |entries| entries.len())
    };
    entries.len() <= SURPLUS + claims.iter().map(alone).sum::<usize>()
}

/// Whether it applies to every destination.
fn is_everywhere(entry: &Entry) -> bool {
    entry.bits == 0
}

/// Where an entry is found, and by which key.
fn key(pod: IpAddr, network: IpAddr, bits: u8, port: Option<Port>) -> (KeyKind, MapKey) {
    match (bits, port) {
        (0, None) => (KeyKind::Address, MapKey::Address(pod)),
        (0, Some((protocol, port))) => (KeyKind::Port, MapKey::Port(pod, protocol, port)),
        (bits, None) => (KeyKind::Prefix(bits), MapKey::Prefix(pod, network)),
        (bits, Some((protocol, port))) => (KeyKind::PrefixPort(bits), MapKey::PrefixPort(pod, network, protocol, port)),
    }
}
