//! Nodes, Namespaces and ServiceCIDRs.

use std::net::IpAddr;

use egressd_core::model::{Completeness, EarlierNodeData, MOST_NODE_ADDRESSES, Namespace, Node, Readiness, Uid};
use ipnet::IpNet;

use super::address::{address, pod_network, service_network};
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;

/// A Node and its name. A label that cannot be read costs all labels, which policies alone look at.
pub(super) fn node(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<(String, Node), Unreadable> {
    let name = metadata::name(root)?;
    let (spec, status) = (root.object("spec")?, root.object("status")?);
    let mut unread = Vec::new();
    let mut pod_networks = spec.get("podCIDRs").all(&mut unread, pod_network)?;
    if spec.get("podCIDRs").items(&mut Vec::new()).is_empty() {
        pod_networks.extend(kept(pod_network(&spec.get("podCIDR")), &mut unread));
    }
    let completeness = if unread.is_empty() { Completeness::Whole } else { Completeness::Partial };
    faults.append(&mut unread);
    let labels = kept(metadata::labels(root).map(Some), faults).unwrap_or_default();
    let NodeAddresses { all, external } = addresses(&status.get("addresses"), faults)?;
    let readiness = readiness(&status.get("conditions"));
    let uid = kept(identity(root), faults);
    let (addresses, before) = (all, EarlierNodeData::default());
    Ok((name, Node { addresses, external, pod_networks, completeness, before, uid, labels, readiness }))
}

/// By it, what a node publishes is its Node's.
fn identity(root: &Field<'_>) -> Result<Option<Uid>, Fault> {
    let field = root.get("metadata").get("uid");
    field.text()?.map(Uid::new).transpose().map_err(|_| field.fault("1 to 64 letters, digits or dashes"))
}

/// The addresses of a Node.
struct NodeAddresses {
    all: Vec<IpAddr>,
    /// Those of them that count and are no `InternalIP`.
    external: Vec<IpAddr>,
}

/// Those that are addresses; the others are names. Where the kind cannot be read, what reads like an address counts: it is
/// better inside than outside. It is no `InternalIP`.
fn addresses(field: &Field<'_>, faults: &mut Vec<Fault>) -> Result<NodeAddresses, Fault> {
    let (mut all, mut internal) = (Vec::new(), Vec::new());
    for item in field.list()? {
        let kind = item.get("type").text();
        if kind.as_ref().is_ok_and(|kind| kind.is_some_and(|kind| !kind.ends_with("IP"))) {
            continue;
        }
        let written = item.get("address");
        let missing = written.is_absent().then(|| written.fault("an address"));
        let is_internal = kind == Ok(Some("InternalIP"));
        faults.extend(kind.err().into_iter().chain(missing));
        let address = kept(address(&written), faults);
        all.extend(address);
        internal.extend(address.filter(|_| is_internal));
    }
    let counted = all.iter().take(MOST_NODE_ADDRESSES).copied();
    let external = counted.filter(|address| !internal.contains(address)).collect();
    Ok(NodeAddresses { all, external })
}

/// What cannot be read is not known to be bad: a node that is ready by mistake is noticed by its own silence.
fn readiness(field: &Field<'_>) -> Readiness {
    let text = |field: &Field<'_>, name: &str| field.get(name).text().ok().flatten().map(str::to_owned);
    let conditions = field.items(&mut Vec::new());
    let ready = conditions.iter().find(|condition| text(condition, "type").as_deref() == Some("Ready"));
    match ready.and_then(|condition| text(condition, "status")).as_deref() {
        None | Some("True") => Readiness::Ready,
        Some(_) => Readiness::NotReady,
    }
}

/// A Namespace and its name. Guards are chosen by its labels, and policies decide by its annotations: without one of them it
/// would be another, so it is unreadable.
pub(super) fn namespace(root: &Field<'_>) -> Result<(String, Namespace), Unreadable> {
    let (labels, annotations) = (metadata::labels(root)?, metadata::annotations(root)?);
    Ok((metadata::name(root)?, Namespace { labels, annotations }))
}

/// A ServiceCIDR's name and networks.
pub(super) fn service_networks(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<(String, Vec<IpNet>), Unreadable> {
    let name = metadata::name(root)?;
    let networks = root.object("spec")?.get("cidrs");
    Ok((name, networks.all(faults, service_network)?))
}
