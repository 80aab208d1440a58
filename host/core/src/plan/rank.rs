//! The precedence of Services that share a pod (P13).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Plan, SubjectPlan};
use crate::decision::Rule;
use crate::model::SubjectKey;

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
            let networks = !rule.include().is_empty() || !rule.exclude().is_empty();
            let ports = !rule.source_ports().is_empty() || !rule.destination_ports().is_empty();
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
    pub key: &'a SubjectKey,
    pub service: &'a SubjectPlan,
    /// Its rules that have this pod as a source, in order.
    pub rules: Vec<&'a Rule>,
    /// How specific they are.
    pub rank: Rank,
}

/// For every pod the Services that speak for it, in the order in which they are asked. Within a namespace: with
/// networks, then with ports, then plain; among equals the older, then by name. Between namespaces: first the one with
/// a Service whose endpoint names a pod of its own namespace, then the one with the oldest Service, then by name; how
/// specific a Service is would let one tenant go before another by writing an annotation. The same on every node, and
/// whatever the order of arrival.
pub fn ranked(plan: &Plan) -> BTreeMap<IpAddr, Vec<Claim<'_>>> {
    let mut pods: BTreeMap<IpAddr, Vec<Claim<'_>>> = BTreeMap::new();
    for (key, service) in &plan.subjects {
        let mut rules: BTreeMap<IpAddr, Vec<&Rule>> = BTreeMap::new();
        for rule in &service.rules {
            for source in rule.sources() {
                rules.entry(*source).or_default().push(rule);
            }
        }
        for (pod, rules) in rules {
            let rank = Rank::of(&rules);
            pods.entry(pod).or_default().push(Claim { key, service, rules, rank });
        }
    }
    for (pod, claims) in &mut pods {
        if claims.len() > 1 {
            sort(*pod, claims);
        }
    }
    pods
}

fn sort(pod: IpAddr, claims: &mut [Claim<'_>]) {
    let mut namespaces: BTreeMap<&str, Precedence> = BTreeMap::new();
    for claim in &*claims {
        let one = Precedence::of(pod, claim.service);
        let known = namespaces.entry(&claim.key.namespace).or_insert(one);
        *known = known.or(one);
    }
    claims.sort_by_cached_key(|claim| {
        let namespace = &*claim.key.namespace;
        (namespaces.get(namespace).copied(), namespace, claim.rank, claim.service.created, claim.key)
    });
}

/// How a namespace stands for a pod among other namespaces; the smaller goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Precedence {
    named: PodReference,
    /// Seconds since 1970: of its oldest Service that has the pod.
    oldest: i64,
}

/// Whether an endpoint names a pod of its own namespace, as every one does that Kubernetes made from a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PodReference {
    Own,
    Foreign,
}

impl Precedence {
    pub(super) fn of(pod: IpAddr, subject: &SubjectPlan) -> Self {
        let named = if subject.foreign.contains(&pod) { PodReference::Foreign } else { PodReference::Own };
        Self { named, oldest: subject.created }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { named: self.named.min(other.named), oldest: self.oldest.min(other.oldest) }
    }
}
