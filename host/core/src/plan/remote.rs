//! Endpoints on other nodes than the holder of the subject's address. They leave without SNAT whatever a Service's
//! traffic policy is: `Local` brings the address to some of the pods, and no pod to the address.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use super::settle::NodeContext;
use crate::decision::Rule;
use crate::finding::{Finding, Severity};
use crate::model::{Context, Endpoint, SubjectView, TrafficPolicy};
use crate::net::Family;
use crate::owner::HolderCount;
use crate::placement::AddressOwnership;

/// How many nodes are named.
const MAX_NAMED_NODES: usize = 3;

/// Beside what is translated here: the endpoints that are not, because they run elsewhere.
///
/// Where the policies leave out an endpoint of this node they choose among endpoints, and which ones they would choose
/// elsewhere is not known here.
pub(super) fn untranslated(here: NodeContext<'_>, view: &SubjectView, rules: &[Rule]) -> Option<Finding> {
    let NodeContext { context, ownership, .. } = here;
    // Most Services need no further look, and all of them are looked at in every round.
    remote(context, view).next().filter(|_| !rules.is_empty())?;
    // For what leaves by another node that one speaks.
    let rules: Vec<&Rule> = rules.iter().filter(|rule| here.way_to_holder(view, rule.address()).is_none()).collect();
    let sources: BTreeSet<IpAddr> = rules.iter().flat_map(|rule| rule.sources().iter().copied()).collect();
    let families: BTreeSet<Family> = rules.iter().map(|rule| Family::of(rule.address())).collect();
    let chosen = |family: &Family| {
        let mut local = view.own_endpoints(context).map(|endpoint| endpoint.address);
        local.all(|address| Family::of(address) != *family || sources.contains(&address))
    };
    let whole: BTreeSet<Family> = families.into_iter().filter(chosen).collect();
    let remote: Vec<&Endpoint> = remote(context, view).filter(|endpoint| is_of(&whole, endpoint.address)).collect();
    let addresses = rules.iter().map(|rule| rule.address()).filter(|address| is_of(&whole, *address));
    let addresses = list(addresses.collect::<BTreeSet<_>>());
    (!remote.is_empty()).then(|| match ownership.share() {
        HolderCount::Alone | HolderCount::Assumed => {
            Finding::warning(REMOTE_ENDPOINTS, left_out(context, view, &addresses, &remote))
        }
        HolderCount::Shared => {
            Finding::new(Severity::Info, REMOTE_ENDPOINTS, left_to_others(view, &addresses, &remote))
        }
    })
}

/// Where nothing is translated here: the endpoints that could be, if the address were with them.
pub(super) fn apart(here: NodeContext<'_>, view: &SubjectView) -> Option<Finding> {
    let NodeContext { context, ownership, .. } = here;
    let held = held_apart(ownership, &context.node, view);
    if held.is_empty() {
        return None;
    }
    let remote: Vec<&Endpoint> =
        view.subject.endpoints.iter().filter(|endpoint| is_of(&families(&held), endpoint.address)).collect();
    let remedy = match view.subject.service().map(|service| service.traffic_policy) {
        Some(TrafficPolicy::Cluster) => {
            "set externalTrafficPolicy: Local, if the load balancer then moves the address to one of their nodes"
        }
        Some(TrafficPolicy::Local) | None => "have the load balancer announce the address from one of their nodes",
    };
    let node = &context.node;
    let addresses = list(held);
    let kind = view.subject.kind();
    let places = nodes(&remote);
    let message = format!(
        "{node} holds {addresses}, and all endpoints of the {kind} run on {places}, so none is translated: {remedy}, \
         or keep a replica on {node}"
    );
    Some(Finding::warning("address-without-endpoints", message))
}

/// The addresses that this node alone holds, where it has no endpoint of their families and others have. None where
/// that is so of one family alone: nothing shows here whether the policies were asked for that one.
pub(crate) fn held_apart(ownership: &AddressOwnership, node: &str, view: &SubjectView) -> BTreeSet<IpAddr> {
    match ownership.share() {
        HolderCount::Alone => {}
        // Then it is not known that no other node translates.
        HolderCount::Assumed | HolderCount::Shared => return BTreeSet::new(),
    }
    let is_apart = |address: IpAddr| {
        let mut endpoints =
            view.subject.endpoints.iter().filter(|e| Family::of(e.address) == Family::of(address)).peekable();
        endpoints.peek().is_some() && endpoints.all(|endpoint| endpoint.node.as_deref() != Some(node))
    };
    let held = |address: IpAddr| ownership.holds(&view.subject, address);
    let held: BTreeSet<IpAddr> = view.subject.addresses.iter().copied().filter(|address| held(*address)).collect();
    if held.iter().copied().all(is_apart) { held } else { BTreeSet::new() }
}

const REMOTE_ENDPOINTS: &str = "remote-endpoints";

fn left_out(context: &Context, view: &SubjectView, addresses: &str, remote: &[&Endpoint]) -> String {
    let (node, places) = (&context.node, nodes(remote));
    let kind = view.subject.kind();
    let (endpoints, run, are) = match remote {
        [_] => ("1 endpoint".to_owned(), "runs", "is"),
        _ => (format!("{} endpoints", remote.len()), "run", "are"),
    };
    format!(
        "{endpoints} of the {kind} {run} on {places} and {are} not translated, since {node} holds {addresses}: run \
         all replicas on the node that holds the address, or run fewer replicas"
    )
}

fn left_to_others(view: &SubjectView, addresses: &str, remote: &[&Endpoint]) -> String {
    let (count, places) = (remote.len(), nodes(remote));
    let kind = view.subject.kind();
    format!(
        "endpoints of the {kind} on other nodes ({count} on {places}) are translated only where their own node has \
         {addresses} too (--owner address)"
    )
}

fn remote<'a>(context: &'a Context, view: &'a SubjectView) -> impl Iterator<Item = &'a Endpoint> {
    view.subject.endpoints.iter().filter(|endpoint| !view.is_local(endpoint, &context.node))
}

fn is_of(families: &BTreeSet<Family>, address: IpAddr) -> bool {
    families.contains(&Family::of(address))
}

fn families(addresses: &BTreeSet<IpAddr>) -> BTreeSet<Family> {
    addresses.iter().copied().map(Family::of).collect()
}

/// The nodes of these endpoints: some by name.
fn nodes(endpoints: &[&Endpoint]) -> String {
    let name = |endpoint: &&Endpoint| endpoint.node.as_deref().unwrap_or("an unknown node").to_owned();
    let names: BTreeSet<String> = endpoints.iter().map(name).collect();
    match names.len().saturating_sub(MAX_NAMED_NODES) {
        0 => list(names),
        more => format!("{} and {more} more", list(names.into_iter().take(MAX_NAMED_NODES))),
    }
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
