//! One Service as policies see it: with its endpoints gathered from all slices and its own addresses settled.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::address::own_addresses;
use super::published::unpublished;
use super::{
    AddressTrust, AnnotationPrefix, ClusterFacts, Endpoint, Labels, Service, ServiceKey, ServiceKind, Snapshot,
    Unusable,
};
use crate::finding::{Finding, at_most, first_of};

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
    /// Its endpoints on all nodes, sorted, each address once, without those that no pod can be (P1). Where those are all of one
    /// slice, they are the slice's.
    pub endpoints: Arc<[Endpoint]>,
    /// Those on this node that slices list and that are not the Service's, as far as is known ([`crate::whose`]): sorted.
    pub withheld: Vec<IpAddr>,
    /// What was found on the way.
    pub findings: Vec<Finding>,
}

impl ServiceView {
    /// The endpoints on this node.
    pub fn local_endpoints<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a Endpoint> {
        self.endpoints.iter().filter(|endpoint| endpoint.node.as_deref() == Some(&*context.node))
    }
}

/// The view of a Service, where these facts hold; none when the snapshot does not hold it. One that is no LoadBalancer has
/// no addresses of its own, so its endpoints cannot matter and are not gathered.
pub fn view(
    snapshot: &Snapshot,
    facts: &ClusterFacts,
    key: &ServiceKey,
    trust: AddressTrust,
    prefix: &AnnotationPrefix,
) -> Option<ServiceView> {
    let service = unpublished(Arc::clone(snapshot.services.get(key)?), prefix);
    let namespace_labels = snapshot.namespaces.get(&*key.namespace).cloned().unwrap_or_default();
    if service.kind != ServiceKind::LoadBalancer {
        let (addresses, endpoints, withheld, findings) = <(_, Arc<_>, _, _)>::default();
        return Some(ServiceView { service, namespace_labels, addresses, endpoints, withheld, findings });
    }
    let (addresses, findings) = own_addresses(&service, trust, prefix);
    let (endpoints, never) = endpoints(snapshot, facts, key);
    let findings = at_most(findings.into_iter().chain(never_translated(&never)));
    Some(ServiceView { service, namespace_labels, addresses, endpoints, withheld: Vec::new(), findings })
}

/// Why an endpoint is never translated, whoever lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Never {
    /// It is a node's own address: host network.
    Node,
    /// No pod can have it.
    Unusable(Unusable),
}

/// The endpoints of all slices, each address once; and beside them those that are never translated.
fn endpoints(
    snapshot: &Snapshot,
    facts: &ClusterFacts,
    key: &ServiceKey,
) -> (Arc<[Endpoint]>, BTreeMap<Never, Vec<IpAddr>>) {
    let slices = || snapshot.slices.get(key).into_iter().flat_map(|slices| slices.values());
    // While a slice is split or moved, an address can stand in two of them; any of the two is right.
    let by_address: BTreeMap<IpAddr, &Endpoint> =
        slices().flat_map(|slice| slice.endpoints.iter()).map(|e| (e.address, e)).collect();
    let (mut endpoints, mut never) = (Vec::new(), BTreeMap::<Never, Vec<IpAddr>>::new());
    for (address, endpoint) in by_address {
        match why_never(facts, address) {
            Some(why) => never.entry(why).or_default().push(address),
            None => endpoints.push(endpoint),
        }
    }
    let same = slices().find(|slice| slice.endpoints.iter().eq(endpoints.iter().copied()));
    (same.map_or_else(|| endpoints.into_iter().cloned().collect(), |slice| Arc::clone(&slice.endpoints)), never)
}

fn why_never(facts: &ClusterFacts, address: IpAddr) -> Option<Never> {
    let unusable = Unusable::of(address).map(Never::Unusable);
    unusable.or_else(|| facts.node_addresses.contains(&address).then_some(Never::Node))
}

/// One finding for each reason, however many endpoints there are.
fn never_translated(never: &BTreeMap<Never, Vec<IpAddr>>) -> impl Iterator<Item = Finding> {
    never.iter().filter_map(|(why, addresses)| Some(why.finding(*addresses.first()?, addresses.len() - 1)))
}

impl Never {
    fn finding(self, first: IpAddr, more: usize) -> Finding {
        let subject = format!("endpoint {}", first_of(first, more));
        match self {
            Self::Node => Finding::warning(
                "host-network-endpoint",
                format!(
                    "{subject} is a node's own address (host network) and is never translated; run the pod on the pod network"
                ),
            ),
            Self::Unusable(kind) => Finding::warning(
                "endpoint-unusable",
                format!("{subject} is {kind}, which no pod has, and is never translated; correct the EndpointSlice"),
            ),
        }
    }
}
