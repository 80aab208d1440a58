//! The node that reports about a Service in the cluster, and what this node publishes on it. Every node derives it from
//! objects that all of them see, so no messages between nodes are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::{ActiveEndpoints, Published, PublishedField, SubjectView, Writer};
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
    /// It is an endpoint on this node, or this node.
    ThisNode,
    /// It is an endpoint on another node, which is ready, or such a node.
    OtherNode,
    /// kube-vip did, and it is an endpoint on a node that is ready: no sign of a node that translates.
    KubeVip,
    /// kube-vip did, and it is no endpoint, or its node is not ready: it may be none yet.
    KubeVipUnclear,
    /// It is no endpoint and no node any more, or the node is not ready.
    Unclear,
}

/// A field of a Service for one family: the active endpoint, or the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedValue {
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
    pub active: ByFamily<PublishedValue>,
    /// The families of which this node or the Service names a gateway. Most Services have none, and an empty map takes less
    /// than two empty places.
    pub gateways: BTreeMap<Family, PublishedValue>,
}

/// Whether this node translates for pods of other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrossNode {
    /// For those of all nodes, to the addresses that it holds.
    On,
    /// For its own pods alone.
    Off,
}

impl Reporting {
    /// Of a Service on which nothing is published.
    pub fn without_values(reporter: Reporter) -> Self {
        Self { reporter, active: ByFamily::new(), gateways: BTreeMap::new() }
    }

    /// Everything that this node or the Service says, in the order of [`PublishedField`].
    pub fn fields(&self) -> impl Iterator<Item = (PublishedField, &PublishedValue)> {
        let active = self.active.iter().map(|(family, value)| (PublishedField::ActiveEndpoint(family), value));
        active.chain(self.gateways.iter().map(|(family, value)| (PublishedField::Gateway(*family), value)))
    }
}

/// What a node has to know about the cluster to know its part.
#[derive(Clone, Copy, Debug)]
pub struct ReporterInput<'a> {
    pub node: &'a str,
    pub ready: &'a BTreeSet<String>,
    /// Which addresses it holds.
    pub ownership: &'a AddressOwnership,
    pub cross_node: CrossNode,
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
        let author = author(stage, view, found, family);
        (wanted.is_some() || value.is_some()).then_some((family, PublishedValue { wanted, found: value, author }))
    };
    let active: ByFamily<PublishedValue> = Family::ALL.into_iter().filter_map(endpoint_of).collect();
    let gateways = gateways(stage, view, planned);
    let published = Reporting { reporter: Reporter::None, active, gateways };
    let reporter = reporter(stage, view, &published, planned);
    let says_something = planned.end != EvaluationEnd::Off || published.fields().next().is_some();
    says_something.then_some(Reporting { reporter, ..published })
}

/// The gateways of a Service: this node for the addresses that it holds. While it translates for its own pods alone, what
/// stands there concerns it only where it may have written it itself: everyone who may write the Service may write that.
fn gateways(stage: ReporterInput<'_>, view: &SubjectView, planned: &SubjectResult) -> BTreeMap<Family, PublishedValue> {
    if view.subject.service().is_none() {
        return BTreeMap::new();
    }
    let is_one = |family| match stage.cross_node {
        CrossNode::On => planned.end != EvaluationEnd::Off && holds(stage, view, family),
        CrossNode::Off => false,
    };
    let of = |family: Family| {
        let wanted = is_one(family).then(|| stage.node.to_owned());
        let concerns = |name: &&str| stage.cross_node == CrossNode::On || *name == stage.node;
        let value = view.gateways.get(family).filter(concerns).map(str::to_owned);
        let author = node_author(stage, value.as_deref());
        (wanted.is_some() || value.is_some()).then_some((family, PublishedValue { wanted, found: value, author }))
    };
    Family::ALL.into_iter().filter_map(of).collect()
}

/// Who wrote the name of a node.
fn node_author(stage: ReporterInput<'_>, found: Option<&str>) -> Author {
    match found {
        Some(name) if name == stage.node => Author::ThisNode,
        Some(name) if stage.ready.contains(name) => Author::OtherNode,
        Some(_) | None => Author::Unclear,
    }
}

/// Whether this node holds an address of a family that the Service has.
fn holds(stage: ReporterInput<'_>, view: &SubjectView, family: Family) -> bool {
    let mut own = view.subject.addresses.iter().filter(|address| Family::of(**address) == family);
    own.any(|address| stage.ownership.holds(&view.subject, *address))
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
    let is_own = |(family, _): &(Family, &String)| match author(stage, view, found, *family) {
        Author::ThisNode | Author::KubeVipUnclear | Author::Unclear => true,
        Author::OtherNode | Author::KubeVip => false,
    };
    let emptied =
        found.active.iter().filter(is_own).map(|(family, _)| family).filter(|family| holds(stage, view, *family));
    emptied.map(|family| (family, String::new())).collect()
}

/// Whether this node translates to an address that it holds.
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

/// Who wrote the active endpoint of a family. Where nodes translate for others, the endpoint may be on any node, and the
/// writer is the gateway that is named.
fn author(stage: ReporterInput<'_>, view: &SubjectView, published: &Published, family: Family) -> Author {
    let (writer, found) = (published.writer, published.active.get(family).map(String::as_str));
    let gateway = node_author(stage, view.gateways.get(family).filter(|_| stage.cross_node == CrossNode::On));
    match (gateway, writer) {
        (Author::ThisNode | Author::OtherNode, Writer::Anybody) => return gateway,
        (Author::ThisNode | Author::OtherNode | Author::KubeVip | Author::KubeVipUnclear | Author::Unclear, _) => {}
    }
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

fn reporter(stage: ReporterInput<'_>, view: &SubjectView, published: &Reporting, planned: &SubjectResult) -> Reporter {
    let blocks = |plan: &Arc<SubjectPlan>| !plan.blocked().is_empty();
    if planned.translated().is_some_and(|plan| translates_here(stage, view, plan))
        || planned.service.as_ref().is_some_and(blocks)
    {
        return Reporter::Active;
    }
    let elsewhere = published.fields().any(|(_, value)| value.author == Author::OtherNode);
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
