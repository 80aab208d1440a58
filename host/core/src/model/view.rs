//! One Service as policies see it: with its endpoints gathered from all slices and its own addresses settled.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::address::own_addresses;
use super::published::unpublished;
use super::{AddressTrust, AnnotationPrefix, Endpoint, Labels, Service, ServiceKey, ServiceKind, Snapshot};
use crate::finding::{Finding, at_most};

/// What is the same for every Service of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// This node's name.
    pub node: String,
    /// This node's labels; empty while it is unknown.
    pub node_labels: Arc<Labels>,
}

/// One Service with everything that a policy may look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// The Service itself, without what egressd publishes on it: that must never be a reason to ask again.
    pub service: Arc<Service>,
    /// The labels of its namespace; empty while it is unknown.
    pub namespace_labels: Arc<Labels>,
    /// Its own addresses in the order of preference (P1).
    pub addresses: Vec<IpAddr>,
    /// Its endpoints on all nodes, sorted, each address once, without host-network ones (P1).
    pub endpoints: Vec<Endpoint>,
    /// What was found on the way.
    pub findings: Vec<Finding>,
}

impl ServiceView {
    /// The endpoints on this node.
    pub fn local_endpoints<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a Endpoint> {
        self.endpoints.iter().filter(|endpoint| endpoint.node.as_ref() == Some(&context.node))
    }
}

/// The view of a Service; none when the snapshot does not hold it. One that is no LoadBalancer has no addresses of its
/// own, so its endpoints cannot matter and are not gathered.
pub fn view(
    snapshot: &Snapshot,
    key: &ServiceKey,
    trust: AddressTrust,
    prefix: &AnnotationPrefix,
) -> Option<ServiceView> {
    let service = unpublished(Arc::clone(snapshot.services.get(key)?), prefix);
    let namespace_labels = snapshot.namespaces.get(&*key.namespace).cloned().unwrap_or_default();
    if service.kind != ServiceKind::LoadBalancer {
        let (addresses, endpoints, findings) = Default::default();
        return Some(ServiceView { service, namespace_labels, addresses, endpoints, findings });
    }
    let (addresses, findings) = own_addresses(&service, trust, prefix);
    let (endpoints, host_network) = endpoints(snapshot, key);
    let findings = at_most(findings.into_iter().chain(host_network.into_iter().map(host_network_finding)));
    Some(ServiceView { service, namespace_labels, addresses, endpoints, findings })
}

/// The endpoints of all slices, each address once; and beside them those that are a node's own address.
fn endpoints(snapshot: &Snapshot, key: &ServiceKey) -> (Vec<Endpoint>, Vec<Endpoint>) {
    let nodes: BTreeSet<IpAddr> = snapshot.nodes.values().flat_map(|n| n.addresses.iter().copied()).collect();
    let slices = snapshot.slices.get(key).into_iter().flat_map(|slices| slices.values());
    // While a slice is split or moved, an address can stand in two of them; any of the two is right.
    let by_address: BTreeMap<IpAddr, &Endpoint> =
        slices.flat_map(|slice| &slice.endpoints).map(|e| (e.address, e)).collect();
    by_address.into_values().cloned().partition(|e| !nodes.contains(&e.address))
}

fn host_network_finding(endpoint: Endpoint) -> Finding {
    let address = endpoint.address;
    Finding::warning(
        "host-network-endpoint",
        format!(
            "endpoint {address} is a node's own address (host network) and is never translated; run the pod on the pod network"
        ),
    )
}
