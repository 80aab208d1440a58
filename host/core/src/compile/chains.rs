//! Chains: one for a Service whose rules need matching, one for every ordered list of such Services.

use super::Chains;
use super::names::{fnv1a, merged_chain, service_chain};
use super::rules::service_rules;
use crate::net::Family;
use crate::plan::Claim;
use crate::ruleset::{Chain, Name, Rule, Statement, Table};

/// The chain of a Service for the pods with these rules; added when it is not there yet.
pub(super) fn service(table: &mut Table, family: Family, claim: &Claim<'_>) -> Name {
    let name = service_chain(family, &claim.service.uid, part(family, claim));
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

/// None when the pod has all rules that the Service has in this family; else a hash of those it has.
fn part(family: Family, claim: &Claim<'_>) -> Option<u64> {
    let all = claim.service.rules.iter().filter(|rule| Family::of(rule.address) == family).count();
    (claim.rules.len() < all).then(|| fnv1a(claim.rules.iter().map(|rule| rule.id.as_str())))
}
