//! The node that reports about a Service in the cluster, and what this node publishes on it. Every node derives it from
//! objects that all of them see, so no messages between nodes are needed.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::{ActiveEndpoints, Published, SubjectView, Writer};
use crate::net::{ByFamily, Family};
use crate::placement::AddressOwnership;
use crate::plan::{EvaluationEnd, SubjectPlan, SubjectResult, held_apart};

/// What this node has to report about a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reporter {
    /// This node performs SNAT, or drops packets of pods that it does not translate, so it reports.
    Active,
    /// No node translates as far as can be seen from here, and this one reports why.
    Fallback,
    /// Another one speaks, or there is nothing to say.
    None,
}

/// Who wrote what is published, as far as the value shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// It is an endpoint on this node.
    ThisNode,
    /// It is an endpoint on another node, which is ready.
    OtherNode,
    /// kube-vip did, and it is an endpoint on a node that is ready: no sign of a node that translates.
    KubeVip,
    /// kube-vip did, and it is no endpoint, or its node is not ready: it may be none yet.
    KubeVipUnclear,
    /// It is no endpoint any more, or its node is not ready.
    Unclear,
}

/// The active endpoint of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveEndpoint {
    /// What this node has to say; "" for no endpoint, none for nothing.
    pub wanted: Option<String>,
    /// The value on the Service.
    pub found: Option<String>,
    /// The writer of the value.
    pub author: Author,
}

/// This node's part in telling about one Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporting {
    /// Whether this node reports.
    pub reporter: Reporter,
    /// The families of which this node or the Service says something.
    pub active: ByFamily<ActiveEndpoint>,
}

/// What a node has to know about the cluster to know its part.
#[derive(Clone, Copy, Debug)]
pub struct ReporterInput<'a> {
    pub node: &'a str,
    pub ready: &'a BTreeSet<String>,
    /// Which addresses it holds.
    pub ownership: &'a AddressOwnership,
}

/// This node's part for one Service; none where egress is not asked for and nothing is published.
pub fn reporting(
    stage: ReporterInput<'_>,
    view: &SubjectView,
    found: &Published,
    planned: &SubjectResult,
) -> Option<Reporting> {
    let wanted = wanted(stage, view, found, planned);
    let endpoint_of = |family: Family| {
        let (wanted, value) = (wanted.get(family).cloned(), found.active.get(family).cloned());
        let author = author(stage, view, found.writer, value.as_deref());
        (wanted.is_some() || value.is_some()).then_some((family, ActiveEndpoint { wanted, found: value, author }))
    };
    let active: ByFamily<ActiveEndpoint> = Family::ALL.into_iter().filter_map(endpoint_of).collect();
    let reporter = reporter(stage, view, &active, planned);
    (planned.end != EvaluationEnd::Off || !active.is_empty()).then_some(Reporting { reporter, active })
}

/// The lowest translated endpoint of each family, on a Service: nothing else has annotations for it. A node that holds
/// the address and has no endpoint left empties what stands there.
fn wanted(stage: ReporterInput<'_>, view: &SubjectView, found: &Published, planned: &SubjectResult) -> ActiveEndpoints {
    if view.subject.service().is_none() {
        return ActiveEndpoints::new();
    }
    let lowest = planned.translated().map(|plan| lowest(stage, view, plan)).unwrap_or_default();
    if !lowest.is_empty() {
        return lowest.into_iter().map(|(family, address)| (family, address.to_string())).collect();
    }
    if planned.end == EvaluationEnd::Off {
        return ActiveEndpoints::new();
    }
    let held = |family: Family| {
        let mut own = view.subject.addresses.iter().filter(|address| Family::of(**address) == family);
        own.any(|address| stage.ownership.holds(&view.subject, *address))
    };
    let is_own = |(_, value): &(Family, &String)| match author(stage, view, found.writer, Some(value.as_str())) {
        Author::ThisNode | Author::KubeVipUnclear | Author::Unclear => true,
        Author::OtherNode | Author::KubeVip => false,
    };
    let emptied = found.active.iter().filter(is_own).map(|(family, _)| family).filter(|family| held(*family));
    emptied.map(|family| (family, String::new())).collect()
}

/// Whether this node translates something itself, which it holds the address of.
fn translates_here(stage: ReporterInput<'_>, view: &SubjectView, plan: &SubjectPlan) -> bool {
    plan.rules.iter().any(|rule| stage.ownership.holds(&view.subject, rule.address()))
}

/// Of the endpoints on this node: who reads it takes it for the node that translates.
fn lowest(stage: ReporterInput<'_>, view: &SubjectView, plan: &SubjectPlan) -> ByFamily<IpAddr> {
    let mut lowest = ByFamily::new();
    let held = plan.rules.iter().filter(|rule| stage.ownership.holds(&view.subject, rule.address()));
    let sources = held.flat_map(|rule| rule.sources());
    for source in sources.filter(|source| !view.remote.contains(source)) {
        let family = Family::of(*source);
        lowest.insert(family, lowest.get(family).map_or(*source, |known| (*source).min(*known)));
    }
    lowest
}

fn author(stage: ReporterInput<'_>, view: &SubjectView, writer: Writer, found: Option<&str>) -> Author {
    let address: Option<IpAddr> = found.and_then(|text| text.parse().ok());
    let endpoint =
        address.and_then(|address| view.subject.endpoints.iter().find(|endpoint| endpoint.address == address));
    let node = endpoint.and_then(|endpoint| endpoint.node.as_deref());
    match (node, writer) {
        (Some(node), Writer::KubeVip) if node == stage.node || stage.ready.contains(node) => Author::KubeVip,
        (Some(node), _) if node == stage.node => Author::ThisNode,
        (Some(node), _) if stage.ready.contains(node) => Author::OtherNode,
        (Some(_) | None, Writer::KubeVip) if found.is_some_and(|text| !text.is_empty()) => Author::KubeVipUnclear,
        (Some(_) | None, _) => Author::Unclear,
    }
}

fn reporter(
    stage: ReporterInput<'_>,
    view: &SubjectView,
    active: &ByFamily<ActiveEndpoint>,
    planned: &SubjectResult,
) -> Reporter {
    let blocks = |plan: &Arc<SubjectPlan>| !plan.blocked().is_empty();
    if planned.translated().is_some_and(|plan| translates_here(stage, view, plan))
        || planned.service.as_ref().is_some_and(blocks)
    {
        return Reporter::Active;
    }
    let elsewhere = active.values().any(|active| active.author == Author::OtherNode);
    if planned.end == EvaluationEnd::Off || elsewhere {
        return Reporter::None;
    }
    // Others cannot know who holds the address where no annotation says so; and this node knows that no node
    // translates.
    let apart = !held_apart(stage.ownership, stage.node, view).is_empty();
    if apart || fallback_node(stage, view) == Some(stage.node) { Reporter::Fallback } else { Reporter::None }
}

/// Where no node translates: the node that is named as the holder, else the first by name of those that have an
/// endpoint, else the first by name. Only ready ones count.
fn fallback_node<'a>(stage: ReporterInput<'a>, view: &'a SubjectView) -> Option<&'a str> {
    let ready = |node: &&str| stage.ready.contains(*node);
    let as_written_or_lower =
        |named: Arc<str>| stage.ready.get(&*named).or_else(|| stage.ready.get(&named.to_ascii_lowercase()));
    let named = view
        .subject
        .service()
        .and_then(|service| stage.ownership.named_by(service))
        .and_then(as_written_or_lower)
        .map(String::as_str);
    // Other nodes do not know what is withheld here.
    let here = (!view.withheld.is_empty()).then_some(stage.node);
    let listed = || view.subject.endpoints.iter().filter_map(|e| e.node.as_deref()).chain(here);
    let with_endpoint = || listed().filter(ready).min();
    let first = || stage.ready.first().map(String::as_str);
    named.or_else(with_endpoint).or_else(first)
}
