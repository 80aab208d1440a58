//! Rulings and cluster facts → one complete Plan for this node. After it nothing chooses any more; it prints as
//! a table, and [`crate::compile`] turns it into nftables without asking anything.

mod display;
mod rank;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use rank::{Claim, Rank, ranked};

use crate::chain::{Ruling, Verdict};
use crate::decision::{OnChange, OnUnavailable, Rule};
use crate::finding::Finding;
use crate::guard;
use crate::model::{ClusterFacts, Context, ServiceKey, ServiceView, Uid};
use crate::net::{AddressRange, Family};

/// What this node translates: complete, sorted, free of contradictions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Destinations that are never translated (P2). A family that is absent here has no rules.
    pub excluded: BTreeMap<Family, Vec<AddressRange>>,
    /// The Services with rules.
    pub services: BTreeMap<ServiceKey, PlannedService>,
}

/// One Service's part of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedService {
    /// The identity of this life of the Service.
    pub uid: Uid,
    /// Seconds since 1970: the older Service wins (P13).
    pub created: i64,
    /// In order; the first that matches decides. Each has sources, and a family that is in `excluded`.
    pub rules: Vec<Rule>,
    /// For connections that contradict a change.
    pub on_change: OnChange,
    /// For pods that cannot be translated.
    pub on_unavailable: OnUnavailable,
}

/// A Service's plan, and what its owner is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// None when there is nothing to translate.
    pub service: Option<PlannedService>,
    /// How it came to that.
    pub end: End,
    /// Everything found on the way, in order.
    pub findings: Vec<Finding>,
}

/// How a Service's evaluation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Nobody asked for egress.
    Off,
    /// Asked for, and here are the rules, if there is something to translate.
    Ruled,
    /// The user's input is wrong.
    Invalid,
    /// A policy forbids it.
    Denied,
    /// A policy failed, or answered what the guard refuses.
    Failed,
}

/// Settles one Service: guards the draft, and leaves out what cannot be translated, saying so.
pub fn settle(context: &Context, facts: &ClusterFacts, view: &ServiceView, verdict: &Verdict) -> Planned {
    let mut findings = verdict.findings.clone();
    let (end, rules, draft) = match &verdict.ruling {
        Ruling::Draft(draft) => match guard::guard(context, view, draft) {
            Ok(()) if draft.rules.is_empty() && findings.is_empty() => (End::Off, Vec::new(), draft.clone()),
            Ok(()) => (End::Ruled, translatable(facts, &draft.rules, &mut findings), draft.clone()),
            Err(refusal) => {
                findings.push(Finding::error("answer-refused", format!("the policies' answer is refused: {refusal}")));
                (End::Failed, Vec::new(), draft.clone())
            }
        },
        Ruling::Invalid { .. } => (End::Invalid, Vec::new(), Default::default()),
        Ruling::Denied { .. } => (End::Denied, Vec::new(), Default::default()),
        Ruling::Failed(failure) => {
            findings.push(Finding::error("policy-failed", failure.to_string()));
            (End::Failed, Vec::new(), Default::default())
        }
    };
    if end != End::Off {
        findings.splice(0..0, view.findings.iter().cloned());
        outside_pod_networks(facts, &rules, &mut findings);
    }
    let service = (!rules.is_empty()).then(|| PlannedService {
        uid: view.service.uid.clone(),
        created: view.service.created,
        rules,
        on_change: draft.on_change,
        on_unavailable: draft.on_unavailable,
    });
    Planned { service, end, findings }
}

/// The rules whose family is known, and that have a source.
fn translatable(facts: &ClusterFacts, rules: &[Rule], findings: &mut Vec<Finding>) -> Vec<Rule> {
    let (known, unknown): (Vec<&Rule>, Vec<&Rule>) =
        rules.iter().partition(|rule| facts.excluded.contains_key(&Family::of(rule.address)));
    for rule in unknown {
        let family = Family::of(rule.address);
        findings.push(Finding::error(
            "networks-unknown",
            format!(
                "{family} is not translated to {}, because the cluster's {family} networks are unknown; set egress_podcidr and egress_servicecidr, or give Nodes podCIDRs and add a ServiceCIDR",
                rule.address
            ),
        ));
    }
    known.into_iter().filter(|rule| !rule.sources.is_empty()).cloned().collect()
}

/// Pools of Calico's or Cilium's own are in no Node's podCIDRs; traffic to the other pods there would be
/// translated.
fn outside_pod_networks(facts: &ClusterFacts, rules: &[Rule], findings: &mut Vec<Finding>) {
    let inside = |address: &IpAddr| facts.pod_networks.iter().any(|network| network.contains(address));
    let outside = rules.iter().flat_map(|rule| &rule.sources).find(|source| !inside(source));
    if let Some(source) = outside {
        findings.push(Finding::warning(
            "endpoint-outside-pod-networks",
            format!("endpoint {source} is in no known pod network, so traffic to other pods there is not recognised as internal; set egress_podcidr"),
        ));
    }
}
