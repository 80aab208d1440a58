//! Plan → Ruleset: the only room that knows both. Total and silent: it cannot fail, asks nothing and decides
//! nothing about Services.
//!
//! A pod whose Services are all plain, or name single ports, costs elements of two maps. Only networks, ranges
//! and source ports need rules, so only those Services get a chain; a pod behind several of them gets a merged
//! chain that jumps to each in turn, one for every ordered list of Services.

mod chains;
mod instance;
mod keep;
mod names;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

pub use instance::{Instance, InstanceName, InstanceNameError, table_names};
pub use keep::{Kept, keep};
pub use names::{uid_of_chain, uid_of_comment};

use self::chains::Given;
use crate::model::ServiceKey;
use crate::net::Family;
use crate::plan::{Claim, Plan, Rank, ranked};
use crate::ruleset::{
    Chain, Element, Hook, Key, Map, MapKey, MapKind, Match, Name, Rule, Ruleset, Set, Statement, Table, TableNames,
    Target,
};

/// Ten below `srcnat` (100), where flannel and kube-proxy sit, and below Calico's 110: chains of equal priority
/// run in the order of registration, last first, and the first to set a source wins.
const PRIORITY: i32 = 90;

/// The ruleset of a plan. A family whose networks are unknown has a table all the same, without elements: what
/// was in force before must go (P5).
pub fn compile(plan: &Plan, names: &TableNames) -> Ruleset {
    let objects = names::Objects::default();
    with_pods(plan, &objects, |family| skeleton(plan, family, names.of(family), &objects))
}

/// The same without what all pods have in common. A pod's elements depend on the claims on this pod alone, and a chain on
/// what its name says: so a plan cut to some pods gives what the whole plan gives for them.
pub fn compile_pods(plan: &Plan, names: &TableNames) -> Ruleset {
    let objects = names::Objects::default();
    with_pods(plan, &objects, |family| {
        let mut table = Table::new(names.of(family).clone());
        add_maps(&mut table, family, &objects);
        table
    })
}

fn with_pods(plan: &Plan, objects: &names::Objects, table: impl Fn(Family) -> Table) -> Ruleset {
    let claims = ranked(plan);
    let tables = Family::ALL.map(|family| {
        let mut table = table(family);
        let pods = claims.iter().filter(|(pod, _)| Family::of(**pod) == family);
        let (elsewhere, given) = (&plan.elsewhere, Given::default());
        let pods_of = Pods { family, objects, elsewhere, table: &mut table, given, comment: None };
        pods_of.add_all(pods);
        (family.into(), table)
    });
    Ruleset { tables: tables.into() }
}

fn add_maps(table: &mut Table, family: Family, objects: &names::Objects) {
    let names::Objects { addresses, ports, chains, .. } = objects;
    let kinds = [MapKind::addresses(family), MapKind::ports(family), MapKind::chains(family)];
    for (map, kind) in [addresses, ports, chains].into_iter().zip(kinds) {
        table.maps.insert(map.clone(), Map::new(kind));
    }
}

/// What every table has, however many Services there are.
fn skeleton(plan: &Plan, family: Family, name: &Name, objects: &names::Objects) -> Table {
    let names::Objects { excluded, inside, addresses, ports, chains, postrouting } = objects;
    let mut table = Table::new(name.clone());
    let ranges = plan.excluded.get(&family).cloned().unwrap_or_default();
    table.sets.insert(excluded.clone(), Set::Ranges(family, ranges));
    let exact: BTreeSet<IpAddr> = plan.exact.iter().copied().filter(|address| Family::of(*address) == family).collect();
    add_maps(&mut table, family, objects);
    // A ClusterIP is already an endpoint here, perhaps one outside the cluster, so the original destination counts, too.
    let returns = |set: &Name| {
        [Match::destination_in(family, set.clone()), Match::original_destination_in(family, set.clone())]
            .map(|part| Rule::when(part, Statement::Return))
    };
    let mut rules = returns(excluded).to_vec();
    // Only where it has something: where every ClusterIP and pod lies in a known network, as in most clusters, a table is
    // what releases without this set know, and an update can be undone.
    if !exact.is_empty() {
        table.sets.insert(inside.clone(), Set::Addresses(family, exact));
        rules.extend(returns(inside));
    }
    rules.extend([
        // Most specific first (P13); what a chain does not match comes back for the maps.
        Rule::always(Statement::VerdictBy(Key::of(MapKind::chains(family)), chains.clone())),
        Rule::always(Statement::SnatBy(Key::of(MapKind::ports(family)), ports.clone())),
        Rule::always(Statement::SnatBy(Key::of(MapKind::addresses(family)), addresses.clone())),
    ]);
    table.chains.insert(postrouting.clone(), Chain { hook: Some(Hook { priority: PRIORITY }), rules });
    table
}

/// Where a pod is, as far as its chain depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In a pod network that is known.
    Known,
    /// In none: private destinations return.
    Elsewhere,
}

/// Puts pods into one table.
struct Pods<'a> {
    family: Family,
    objects: &'a names::Objects,
    elsewhere: &'a BTreeSet<IpAddr>,
    table: &'a mut Table,
    given: Given,
    /// The comment that was made last, and of which Service: the pods of one often stand beside each other, and share it.
    comment: Option<(&'a ServiceKey, Arc<str>)>,
}

impl<'a> Pods<'a> {
    fn add_all(mut self, pods: impl Iterator<Item = (&'a IpAddr, &'a Vec<Claim<'a>>)>) {
        for (pod, claims) in pods {
            // A plain Service leaves no packet to those that are asked after it.
            let plain = claims.iter().position(|claim| claim.rank == Rank::Plain);
            let claims = plain.and_then(|at| claims.get(..=at)).unwrap_or(claims);
            // Everybody who is asked before the last one that needs a chain needs one too: chains come first.
            let place = if self.elsewhere.contains(pod) { Place::Elsewhere } else { Place::Known };
            let needs_chain = |claim: &Claim<'_>| place == Place::Elsewhere || rules::needs_chain(&claim.rules);
            let chained = claims.iter().rposition(needs_chain).map_or(0, |last| last + 1);
            let (in_chains, in_maps) = claims.split_at(chained);
            self.chain(*pod, place, in_chains);
            for claim in in_maps {
                self.elements(*pod, claim);
            }
        }
    }

    /// Elements for a Service without networks, ranges or source ports. The first Service to take a key keeps it.
    fn elements(&mut self, pod: IpAddr, claim: &Claim<'a>) {
        let comment = self.comment(claim);
        for rule in &claim.rules {
            let element = Element { target: Target::Address(rule.address), comment: Some(Arc::clone(&comment)) };
            if claim.rank == Rank::Plain {
                self.element(self.objects.addresses.clone(), MapKey::Address(pod), element);
                continue;
            }
            for ports in &rule.destination_ports {
                let key = MapKey::Port(pod, ports.protocol(), ports.first());
                self.element(self.objects.ports.clone(), key, element.clone());
            }
        }
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

    fn element(&mut self, map: Name, key: MapKey, element: Element) {
        if let Some(map) = self.table.maps.get_mut(&map) {
            map.elements.entry(key).or_insert(element);
        }
    }

    /// The chain of one Service, or the merged chain of several.
    fn chain(&mut self, pod: IpAddr, place: Place, claims: &[Claim<'_>]) {
        let Self { family, table, given, .. } = self;
        let one = |claim| chains::service(table, *family, (claim, place), given);
        let parts: Vec<Name> = claims.iter().map(one).collect();
        let (chain, comment) = match (parts.as_slice(), claims) {
            ([], _) => return,
            ([only], [claim, ..]) => (only.clone(), names::comment(claim.key, &claim.service.uid)),
            (several, claims) => {
                let names = claims.iter().map(|claim| claim.key.to_string()).collect::<Vec<_>>().join(" ");
                (chains::merged(self.table, self.family, several), names::cut(&names))
            }
        };
        let element = Element { target: Target::Jump(chain), comment: Some(comment.into()) };
        self.element(self.objects.chains.clone(), MapKey::Address(pod), element);
    }
}

/// The chains of a table by name, for the functions that add some.
type Chains = BTreeMap<Name, Chain>;
