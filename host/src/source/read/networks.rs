//! Nodes, Namespaces and ServiceCIDRs.

use std::net::IpAddr;

use egressd_core::model::{Labels, Node, Readiness};
use ipnet::IpNet;

use super::address::{address, pod_network, service_network};
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;

/// A Node and its name. A label that cannot be read costs all labels, which policies alone look at.
pub(super) fn node(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<(String, Node), Unreadable> {
    let name = metadata::name(root)?;
    let spec = root.get("spec");
    let mut pod_networks = spec.get("podCIDRs").all(faults, pod_network);
    if spec.get("podCIDRs").items(&mut Vec::new()).is_empty() {
        pod_networks.extend(kept(pod_network(&spec.get("podCIDR")), faults));
    }
    let labels = kept(metadata::labels(root).map(Some), faults).unwrap_or_default();
    let addresses = addresses(&root.get("status").get("addresses"), faults);
    Ok((name, Node { addresses, pod_networks, labels, readiness: readiness(&root.get("status").get("conditions")) }))
}

/// Those that are addresses; the others are names.
fn addresses(field: &Field<'_>, faults: &mut Vec<Fault>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for item in field.items(faults) {
        let is_address = item.get("type").text().ok().flatten().is_some_and(|kind| kind.ends_with("IP"));
        if is_address {
            addresses.extend(kept(address(&item.get("address")), faults));
        }
    }
    addresses
}

/// What cannot be read is not known to be bad: a node that is ready by mistake is heard of by its own silence.
fn readiness(field: &Field<'_>) -> Readiness {
    let text = |field: &Field<'_>, name: &str| field.get(name).text().ok().flatten().map(str::to_owned);
    let conditions = field.items(&mut Vec::new());
    let ready = conditions.iter().find(|condition| text(condition, "type").as_deref() == Some("Ready"));
    match ready.and_then(|condition| text(condition, "status")).as_deref() {
        None | Some("True") => Readiness::Ready,
        Some(_) => Readiness::NotReady,
    }
}

/// A Namespace's name and labels, by which guards are chosen: all of them, or it is unreadable.
pub(super) fn namespace(root: &Field<'_>) -> Result<(String, Labels), Unreadable> {
    Ok((metadata::name(root)?, metadata::labels(root)?))
}

/// A ServiceCIDR's name and networks.
pub(super) fn service_networks(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<(String, Vec<IpNet>), Unreadable> {
    let name = metadata::name(root)?;
    Ok((name, root.get("spec").get("cidrs").all(faults, service_network)))
}
