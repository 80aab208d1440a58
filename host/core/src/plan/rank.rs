//! Who goes first when a pod is behind several egress Services (P13).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Plan, PlannedService};
use crate::decision::Rule;
use crate::model::ServiceKey;

/// How specific a Service is about a pod; the smaller goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Names networks.
    Networks,
    /// Names ports.
    Ports,
    /// Everything.
    Plain,
}

impl Rank {
    /// The rank of a Service's rules for one pod: that of the most specific.
    pub fn of(rules: &[&Rule]) -> Self {
        let of_rule = |rule: &&Rule| {
            let networks = !rule.include.is_empty() || !rule.exclude.is_empty();
            let ports = !rule.source_ports.is_empty() || !rule.destination_ports.is_empty();
            match (networks, ports) {
                (true, _) => Self::Networks,
                (false, true) => Self::Ports,
                (false, false) => Self::Plain,
            }
        };
        rules.iter().map(of_rule).min().unwrap_or(Self::Plain)
    }
}

/// One Service's rules for one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The Service.
    pub key: &'a ServiceKey,
    /// Its part of the plan.
    pub service: &'a PlannedService,
    /// Its rules that have this pod as a source, in order.
    pub rules: Vec<&'a Rule>,
    /// How specific they are.
    pub rank: Rank,
}

/// For every pod the Services that speak for it, in the order in which they are asked: with networks, then with
/// ports, then plain; among equals the older, then by namespace and name. The same on every node, and whatever
/// the order of arrival.
pub fn ranked(plan: &Plan) -> BTreeMap<IpAddr, Vec<Claim<'_>>> {
    let mut pods: BTreeMap<IpAddr, Vec<Claim<'_>>> = BTreeMap::new();
    for (key, service) in &plan.services {
        let mut rules: BTreeMap<IpAddr, Vec<&Rule>> = BTreeMap::new();
        for rule in &service.rules {
            for source in &rule.sources {
                rules.entry(*source).or_default().push(rule);
            }
        }
        for (pod, rules) in rules {
            let rank = Rank::of(&rules);
            pods.entry(pod).or_default().push(Claim { key, service, rules, rank });
        }
    }
    for claims in pods.values_mut() {
        claims.sort_by(|a, b| (a.rank, a.service.created, a.key).cmp(&(b.rank, b.service.created, b.key)));
    }
    pods
}
