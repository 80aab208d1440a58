//! Findings about networks.

use std::net::IpAddr;

use super::networks::Doubt;
use super::settings::Origin;
use crate::finding::{Finding, Severity, first_of};
use crate::model::{Completeness, Node};
use crate::net::{Family, private_destinations};

/// The code of the finding that pods may be where none is known to be.
const ASSUMED: &str = "networks-assumed";

/// On the node, and on each Service that has rules of the family.
pub(super) fn withheld(family: Family, doubt: &Doubt) -> Finding {
    let why = because(family, doubt);
    let private = private(family);
    let remedy = remedy(doubt);
    let message = format!(
        "{why}, so packets to private destinations ({private}) are not translated, because pods may be there; {remedy}"
    );
    Finding::warning(ASSUMED, message)
}

/// The same, where an earlier release translated.
pub(super) fn as_before(family: Family, doubt: &Doubt) -> Finding {
    let why = because(family, doubt);
    let private = private(family);
    let remedy = remedy(doubt);
    let message = format!(
        "{why}; as before the update, packets to private destinations ({private}) are translated, even if pods are \
         there; {remedy} (docs/upgrade.md)"
    );
    Finding::warning(ASSUMED, message)
}

/// The setting that ends the doubt.
fn remedy(doubt: &Doubt) -> String {
    let set = "set --inside-networks (EGRESSD_INSIDE_NETWORKS) to the networks of all pods, or to `none` if egressd \
               knows all of them already";
    match doubt {
        Doubt::Unsaid => set.to_owned(),
        Doubt::Unreadable(object) => format!("correct {object}, or {set}"),
        Doubt::Lacking(_) => set.to_owned(),
    }
}

fn because(family: Family, doubt: &Doubt) -> String {
    match doubt {
        Doubt::Unsaid => format!("nothing says where {family} pods live (no Node has spec.podCIDRs)"),
        Doubt::Unreadable(object) => format!("the pod networks of {object} cannot be read"),
        Doubt::Lacking(object) => format!("{object} has no pod network (spec.podCIDRs), although others do"),
    }
}

fn private(family: Family) -> String {
    private_destinations(family).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Files without a Node.
pub(super) fn pods_assumed(network: &str) -> Finding {
    let message = format!(
        "no IPv4 pod network is known (no Node has one in spec.podCIDRs), so {network} is assumed; set --pod-networks \
         (EGRESSD_POD_NETWORKS)"
    );
    Finding::warning("pod-network-assumed", message)
}

/// In a cluster all ClusterIPs are known, so nothing depends on it there.
pub(super) fn services_assumed(network: &str, origin: Origin) -> Finding {
    let severity = match origin {
        Origin::Cluster => Severity::Info,
        Origin::Manifests => Severity::Warning,
    };
    let message = format!(
        "no IPv4 service network is known (no ServiceCIDR has one), so {network} is assumed beside the ClusterIPs of \
         all Services; set --service-networks (EGRESSD_SERVICE_NETWORKS)"
    );
    Finding::new(severity, "service-network-assumed", message)
}

/// IPv6 has no default to assume.
pub(super) fn ipv6_unknown() -> Finding {
    let message = "no IPv6 pod network is known (no Node has one in spec.podCIDRs), so no IPv6 traffic is translated; \
                   set --pod-networks (EGRESSD_POD_NETWORKS) or --inside-networks (EGRESSD_INSIDE_NETWORKS)";
    Finding::new(Severity::Info, "ipv6-networks-unknown", message)
}

/// About this node's Node, where it lists no network of a family any more, and the last known ones count. Of a Node that
/// cannot be read that is known otherwise.
pub(super) fn own_networks_kept(name: &str, node: &Node) -> Option<Finding> {
    let networks = &node.before.pod_networks;
    if networks.is_empty() || node.completeness == Completeness::Partial {
        return None;
    }
    let networks = networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let message = format!(
        "Node {name} is gone, or has no pod network (spec.podCIDRs) any more, so its last known pod networks \
         ({networks}) stay inside; restore the Node or its podCIDRs, or set --pod-networks (EGRESSD_POD_NETWORKS)"
    );
    Some(Finding::warning("node-networks-kept", message))
}

/// Of a namespace whose pods in unknown networks have these public addresses.
pub(super) fn public(namespace: &str, pods: &[IpAddr]) -> Option<Finding> {
    let first = first_of(*pods.first()?, pods.len() - 1);
    let message = format!(
        "namespace {namespace} lists pods at public addresses outside of all known networks ({first}): packets to them are not \
         translated, and those of guarded pods are dropped; if they are pods, set --inside-networks \
         (EGRESSD_INSIDE_NETWORKS) to their networks, else look for who writes EndpointSlices"
    );
    Some(Finding::warning("endpoints-inside-public", message))
}

/// Of a namespace whose pods in unknown networks are more than count.
pub(super) fn too_many(namespace: &str, count: usize, most: usize) -> Finding {
    let message = format!(
        "namespace {namespace} has {count} pods outside of all known networks, of which only the first {most} are \
         known to be inside; set --inside-networks (EGRESSD_INSIDE_NETWORKS) to their networks"
    );
    Finding::warning("endpoints-inside-too-many", message)
}
