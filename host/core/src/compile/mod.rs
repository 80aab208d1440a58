//! Plan → Ruleset: the only module that knows both. It is total: it cannot fail, reports nothing and decides nothing
//! about Services.
//!
//! A pod costs elements alone: what all of its Services say together is worked out for each prefix of destinations and
//! each port ([`crate::plan::resolve`]). Only source ports, ranges of ports and very many networks need rules. A pod
//! that has one of those has a chain for everything, so that one look-up decides where it is asked: a chain for each of
//! its Services, and one that jumps to them in turn for every ordered list of Services.

mod arm;
mod backstop;
mod chains;
mod guard;
mod indexes;
mod instance;
mod keep;
mod names;
mod pods;
mod rules;
mod stage;
mod tunnel;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use arm::arm;
pub use backstop::{Backstop, XfrmStamp, is_guarding};
pub use indexes::indexes_in_use;
pub use instance::{Instance, InstanceName, InstanceNameError, table_names};
pub use keep::{Kept, keep, kept_pods};
pub use names::{uid_of_chain, uid_of_comment};
pub use tunnel::TUNNEL_DEVICE;
pub use ways::{TunnelSetup, tunnel_state};

use self::guard::{GuardElements, GuardMark};
use self::pods::Pods;
use self::stage::StageRules;
use self::tunnel::Tunnel;
use crate::model::ClusterFacts;
use crate::net::{AddressRange, Family, is_within, private_destinations};
use crate::plan::{Plan, guarded, ranked};
use crate::ruleset::{
    Chain, Element, HOMES, Hook, Key, Layout, Map, MapKey, MapKind, Match, NETWORKS, Name, PRIVATE, Rule, Ruleset, Set,
    Statement, Table, TableNames, Target, look_into_prefixes,
};

/// The ruleset of a plan. A family whose networks are unknown has a table all the same, without elements: what
/// was in force before must go (P5).
pub fn compile(plan: &Plan, names: &TableNames) -> Ruleset {
    let objects = names::Objects::default();
    with_pods(plan, &objects, |family| skeleton(plan, family, names, &objects))
}

/// The same without what all pods have in common. A pod's elements depend on the claims on this pod alone, and a chain
/// on what its name says: so a plan cut to some pods gives what the whole plan gives for them. Of its tunnel only the
/// pods of other nodes are cut.
pub fn compile_pods(plan: &Plan, names: &TableNames) -> Ruleset {
    let objects = names::Objects::default();
    with_pods(plan, &objects, |family| {
        let mut table = Table::of(names.of(family).clone(), names.layout);
        add_maps(&mut table, plan, family, &objects);
        table
    })
}

fn with_pods(plan: &Plan, objects: &names::Objects, table: impl Fn(Family) -> Table) -> Ruleset {
    let (claims, guarded) = (ranked(plan), guarded(plan));
    let tables = Family::ALL.map(|family| {
        let mut table = table(family);
        for stage in stages(plan) {
            let pods = claims.iter().filter(|(pod, _)| Family::of(**pod) == family);
            Pods::new(family, stage, objects, &plan.elsewhere, &mut table).add_all(pods);
        }
        add_homes(&mut table, plan, family);
        for (pod, guarded) in guarded.iter().filter(|(pod, _)| Family::of(**pod) == family) {
            let elements = GuardElements { family, pod: *pod, place: plan.location(*pod), guarded };
            guard::add_pod(&mut table, objects, elements);
        }
        if let Some(own) = plan.own_networks.get(&family) {
            // What a Service translates, or guards, is a pod too.
            let pods = plan.known.iter().chain(claims.keys()).chain(guarded.keys());
            let pods = pods.filter(|pod| Family::of(**pod) == family && is_within(own, **pod));
            pods.for_each(|pod| guard::add_known(&mut table, family, *pod, objects));
        }
        look_into_prefixes(&mut table);
        (family.into(), table)
    });
    Ruleset { tables: tables.into() }
}

/// The stages at which packets are looked up.
fn stages(plan: &Plan) -> impl Iterator<Item = StageRules<'_>> {
    plan.tunnel.iter().map(StageRules::Diverting).chain([StageRules::Translating])
}

/// The pods of other nodes that this one translates.
fn add_homes(table: &mut Table, plan: &Plan, family: Family) {
    let pods = plan.tunnel.iter().flat_map(|tunnel| tunnel.homes.keys());
    for pod in pods.filter(|pod| Family::of(**pod) == family) {
        let element = Element { target: Target::Nothing, comment: None };
        table.insert(HOMES, MapKind::pods(family), MapKey::Address(*pod), element);
    }
}

fn add_maps(table: &mut Table, plan: &Plan, family: Family, objects: &names::Objects) {
    let names::StageNames { addresses, ports, chains, net_pods, elsewhere } = &objects.translating;
    let kinds = [MapKind::addresses(family), MapKind::ports(family), MapKind::chains(family)];
    for (map, kind) in [addresses, ports, chains].into_iter().zip(kinds) {
        table.maps.insert(map.clone(), Map::new(kind));
    }
    if table.layout != Layout::FIRST {
        table.maps.insert(net_pods.clone(), Map::new(MapKind::pods(family)));
        table.maps.insert(elsewhere.clone(), Map::new(MapKind::elsewhere(family)));
    }
    if let Some(tunnel) = &plan.tunnel {
        Tunnel { family, plan: tunnel, objects }.add_maps(table);
    }
}

/// What every table has, however many Services there are.
fn skeleton(plan: &Plan, family: Family, names: &TableNames, objects: &names::Objects) -> Table {
    let mut table = Table::of(names.of(family).clone(), names.layout);
    table.sets.insert(objects.excluded.clone(), Set::Ranges(family, excluded(plan, family)));
    let exact: BTreeSet<IpAddr> = plan.exact.iter().copied().filter(|address| Family::of(*address) == family).collect();
    // Only where it has something: where every ClusterIP and pod lies in a known network, as in most clusters, no pod
    // pays for two more look-ups.
    if !exact.is_empty() {
        table.sets.insert(objects.inside.clone(), Set::Addresses(family, exact));
    }
    add_maps(&mut table, plan, family, objects);
    if names.layout != Layout::FIRST {
        table.chains.insert(NETWORKS.clone(), Chain::default());
        table.sets.insert(PRIVATE.clone(), Set::Ranges(family, private_destinations(family).to_vec()));
    }
    if let Some(tunnel) = &plan.tunnel {
        Tunnel { family, plan: tunnel, objects }.add_common(&mut table);
    }
    let (hook, rules) = (Some(Hook::source_nat(names.priority.number())), translating(family, &table, objects));
    table.chains.insert(names.priority.chain(), Chain { hook, rules });
    if has_guard(plan, family) {
        guard::add_chain(&mut table, family, objects, plan.own_networks.get(&family).map(Vec::as_slice));
        GuardMark::of(plan, names).into_iter().for_each(|mark| guard::add_marks(&mut table, family, objects, mark));
    }
    table
}

/// Whether packets of the family are held back.
fn has_guard(plan: &Plan, family: Family) -> bool {
    plan.guarded.contains(&family) || plan.own_networks.contains_key(&family)
}

/// Destinations of which nothing is translated. While nothing is known of what is inside nothing is translated at all,
/// and a guarded pod still reaches what may be.
fn excluded(plan: &Plan, family: Family) -> Vec<AddressRange> {
    match plan.excluded.get(&family) {
        Some(ranges) => ranges.clone(),
        None if has_guard(plan, family) => ClusterFacts::inside_while_unknown(family),
        None => Vec::new(),
    }
}

/// The rules of the chain that translates, in a table with these sets.
fn translating(family: Family, table: &Table, objects: &names::Objects) -> Vec<Rule> {
    let names::StageNames { addresses, ports, chains, net_pods, .. } = &objects.translating;
    let mut rules: Vec<Rule> = tunnel::is_there(table).then(|| tunnel::untranslated(family)).into_iter().collect();
    rules.extend(returns_inside(family, table, objects));
    // Most specific first (P13); what a chain does not match comes back, and of such a pod there is nothing else.
    rules.push(Rule::always(Statement::VerdictBy(Key::of(MapKind::chains(family)), chains.clone())));
    if table.chains.contains_key(&NETWORKS) {
        let pods = Match::In(Key::of(MapKind::pods(family)), net_pods.clone());
        rules.push(Rule::when(pods, Statement::Jump(NETWORKS.clone())));
    }
    rules.extend([
        Rule::always(Statement::SnatBy(Key::of(MapKind::ports(family)), ports.clone())),
        Rule::always(Statement::SnatBy(Key::of(MapKind::addresses(family)), addresses.clone())),
    ]);
    rules
}

/// For packets to what is inside (P2), in a table with these sets. A ClusterIP is already an endpoint here, perhaps one
/// outside the cluster, so the original destination counts, too.
fn returns_inside(family: Family, table: &Table, objects: &names::Objects) -> Vec<Rule> {
    let returns = |set: &Name| {
        [Match::destination_in(family, set.clone()), Match::original_destination_in(family, set.clone())]
            .map(|part| Rule::when(part, Statement::Return))
    };
    let sets = [&objects.excluded, &objects.inside].into_iter();
    sets.filter(|set| table.sets.contains_key(*set)).flat_map(returns).collect()
}

/// The chains of a table by name, for the functions that add some.
type Chains = BTreeMap<Name, Chain>;
