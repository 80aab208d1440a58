//! Chains: one for a Service whose rules need matching, one for every ordered list of such Services.
//!
//! The rules of a chain never change: its name holds a hash of what it says, so other rules are another chain, and
//! a pod goes from one to the other by one element (P3). Changing a chain in place would show the new rules to a
//! pod that leaves the Service in the same change.

use super::Chains;
use super::names::{fnv1a, merged_chain, service_chain};
use super::rules::service_rules;
use crate::decision;
use crate::net::Family;
use crate::plan::Claim;
use crate::ruleset::{Chain, Name, Rule, Statement, Table};

/// The chain of a Service for the pods with these rules; added when it is not there yet.
pub(super) fn service(table: &mut Table, family: Family, claim: &Claim<'_>) -> Name {
    let name = service_chain(family, &claim.service.uid, content(&claim.rules));
    if !table.chains.contains_key(&name) {
        let rules = service_rules(&mut table.chains, &name, &claim.rules);
        table.chains.insert(name.clone(), Chain { hook: None, rules });
    }
    name
}

/// The chain that jumps to each part in turn; added when it is not there yet.
pub(super) fn merged(table: &mut Table, family: Family, parts: &[Name]) -> Name {
    let name = merged_chain(family, parts);
    let rules =
        || parts.iter().map(|part| Rule { matches: vec![], statement: Statement::Jump(part.clone()) }).collect();
    let chains: &mut Chains = &mut table.chains;
    chains.entry(name.clone()).or_insert_with(|| Chain { hook: None, rules: rules() });
    name
}

/// What a Service's rules say, but for whom: pods with equal rules share a chain.
fn content(rules: &[&decision::Rule]) -> u64 {
    let texts: Vec<String> = rules.iter().flat_map(|rule| rule_texts(rule)).collect();
    fnv1a(texts.iter().map(String::as_str))
}

fn rule_texts(rule: &decision::Rule) -> [String; 5] {
    let decision::Rule { id: _, sources: _, include, exclude, source_ports, destination_ports, address } = rule;
    [list(include), list(exclude), list(source_ports), list(destination_ports), address.to_string()]
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
