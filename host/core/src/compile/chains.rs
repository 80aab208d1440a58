//! Chains: one per Service whose rules need matching, and one per ordered list of such Services.
//!
//! The rules of a chain never change: its name holds a hash of what it says, so other rules are another chain, and
//! a pod goes from one to the other by one element (P3). Changing a chain in place would show the new rules to a
//! pod that leaves the Service in the same change.

use std::collections::BTreeMap;
use std::ptr;

use super::Chains;
use super::names::{Content, merged_chain, service_chain};
use super::rules::{returns, service_rules};
use super::stage::StageRules;
use crate::decision;
use crate::net::{Family, private_destinations};
use crate::plan::{Claim, PodLocation};
use crate::ruleset::{Chain, Name, Rule, Statement, Table};

/// The names that were given in this compilation, by the rules themselves: where in memory each is. A list of rules is
/// hashed once and not for each of its pods, or four Services with 4,096 networks over the same hundred pods would take
/// everybody's rounds seconds.
#[derive(Debug, Default)]
pub(super) struct ChainNames(BTreeMap<(PodLocation, Vec<*const decision::Rule>), Name>);

impl ChainNames {
    /// The name of these rules, made where there is none yet.
    fn name(&mut self, place: PodLocation, rules: &[&decision::Rule], make: impl FnOnce() -> Name) -> Name {
        let rules = rules.iter().map(|rule| ptr::from_ref(*rule)).collect();
        self.0.entry((place, rules)).or_insert_with(make).clone()
    }
}

/// A stage, and the names that were given at it.
pub(super) struct At<'a, 'p> {
    pub(super) rules: StageRules<'p>,
    pub(super) given: &'a mut ChainNames,
}

/// The chain of a Service for the pods with these rules; added when it is not there yet.
pub(super) fn service(
    table: &mut Table,
    family: Family,
    claim: &Claim<'_>,
    place: PodLocation,
    At { rules, given }: At<'_, '_>,
) -> Name {
    given.name(place, &claim.rules, || {
        let name = service_chain(rules.stage(), family, &claim.service.uid, content(place, rules, &claim.rules));
        if !table.chains.contains_key(&name) {
            let private = returns_first(place, family);
            let rules = service_rules(&mut table.chains, &name, &claim.rules, rules);
            let rules = private.into_iter().chain(rules).collect();
            table.chains.insert(name.clone(), Chain::with(rules));
        }
        name
    })
}

/// The chain that jumps to each part in turn; added when it is not there yet.
pub(super) fn merged(table: &mut Table, family: Family, parts: &[Name]) -> Name {
    let name = merged_chain(family, parts);
    let rules = || parts.iter().map(|part| Rule::always(Statement::Jump(part.clone()))).collect();
    let chains: &mut Chains = &mut table.chains;
    chains.entry(name.clone()).or_insert_with(|| Chain::with(rules()));
    name
}

/// What a Service's rules say, but for whom: pods with equal rules share a chain.
fn content(place: PodLocation, stage: StageRules<'_>, rules: &[&decision::Rule]) -> Content {
    let first = match place {
        PodLocation::Known => None,
        PodLocation::Elsewhere => Some("private destinations return".to_owned()),
    };
    let texts: Vec<String> = first.into_iter().chain(rules.iter().flat_map(|rule| rule_texts(stage, rule))).collect();
    Content::of(texts.iter().map(String::as_str))
}

/// What returns before any rule is asked.
fn returns_first(place: PodLocation, family: Family) -> Vec<Rule> {
    match place {
        PodLocation::Known => Vec::new(),
        PodLocation::Elsewhere => returns(private_destinations(family).to_vec()),
    }
}

fn rule_texts(stage: StageRules<'_>, rule: &decision::Rule) -> [String; 5] {
    [
        list(rule.include()),
        list(rule.exclude()),
        list(rule.source_ports()),
        list(rule.destination_ports()),
        stage.text(rule),
    ]
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::testkit::{a, rule};

    #[test]
    fn a_list_of_rules_is_named_once_however_many_pods_it_has() {
        let rules = ["192.0.2.1", "192.0.2.1"].map(|address| rule([a("10.0.0.1")], a(address)));
        let [first, second] = &rules;
        let (made, mut given) = (Cell::new(0), ChainNames::default());
        let mut name = |rules: &[&decision::Rule]| {
            given.name(PodLocation::Known, rules, || {
                made.set(made.get() + 1);
                Name::composed(format!("chain_{}", made.get()))
            })
        };
        let names = [name(&[first]), name(&[second]), name(&[first, second])];
        assert_eq!([name(&[first]), name(&[second]), name(&[first, second])], names);
        assert_eq!(made.get(), 3);
    }
}
