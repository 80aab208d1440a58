//! Single addresses that are inside: those of Nodes and interfaces, ClusterIPs, and pods that no known network has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::reason::AddressReason;
use super::sentences;
use crate::finding::{Finding, at_most};
use crate::model::{Endpoint, ManagedBy, Selection, ServiceType, Snapshot, SubjectKey, Unusable};
use crate::net::is_private;

/// How many pods of one namespace count that no known network has. Each is an element of a set, and a tenant makes
/// pods.
pub const MOST_ENDPOINTS: usize = 256;

/// Addresses, and why each is inside.
#[derive(Debug, Default)]
pub(super) struct ExactAddresses {
    pub(super) addresses: BTreeMap<IpAddr, AddressReason>,
    pub(super) findings: Vec<Finding>,
}

impl ExactAddresses {
    /// Adds what a known network does not have already.
    pub(super) fn add(
        &mut self,
        addresses: impl IntoIterator<Item = IpAddr>,
        reason: AddressReason,
        is_known: impl Fn(IpAddr) -> bool,
    ) {
        for address in addresses {
            if Unusable::of(address).is_none() && !is_known(address) {
                self.addresses.entry(address).or_insert(reason);
            }
        }
    }

    /// Adds the pods of slices that only the endpoint-slice controller makes, so many of a namespace.
    pub(super) fn add_pods(
        &mut self,
        snapshot: &Snapshot,
        keys: &BTreeSet<SubjectKey>,
        is_known: impl Fn(IpAddr) -> bool,
    ) {
        let mut of_namespace: BTreeMap<&str, BTreeSet<IpAddr>> = BTreeMap::new();
        // Nearly all are known, and that is found sooner than who listed them.
        let is_new = |address: IpAddr| !is_known(address) && !self.addresses.contains_key(&address);
        for (key, endpoint) in listed_pods(snapshot, keys, is_new) {
            of_namespace.entry(&key.namespace).or_default().insert(endpoint.address);
        }
        let mut findings = Vec::new();
        for (namespace, pods) in of_namespace {
            if pods.len() > MOST_ENDPOINTS {
                findings.push(sentences::too_many(namespace, pods.len(), MOST_ENDPOINTS));
            }
            let public: Vec<IpAddr> = pods.iter().copied().filter(|pod| !is_private(*pod)).collect();
            findings.extend(sentences::public(namespace, &public));
            self.add(pods.into_iter().take(MOST_ENDPOINTS), AddressReason::Endpoint, |_| false);
        }
        self.findings.extend(at_most(findings));
    }
}

/// The ClusterIPs of these Services.
pub(super) fn cluster_addresses(snapshot: &Snapshot, keys: &BTreeSet<SubjectKey>) -> impl Iterator<Item = IpAddr> {
    let services = keys.iter().filter_map(|key| snapshot.services.get(key));
    let services = services.filter(|service| service.kind != ServiceType::ExternalName);
    services.flat_map(|service| service.cluster_addresses.iter().copied())
}

/// The endpoints of these Services that are pods of a Node, by a slice that only the endpoint-slice controller makes.
/// Whoever may write slices can write one that looks like it; but the controller looks after those of Services with a
/// selector, and takes out what is no pod, while it leaves those of other Services alone.
pub(super) fn listed_pods<'a>(
    snapshot: &'a Snapshot,
    keys: &'a BTreeSet<SubjectKey>,
    matters: impl Fn(IpAddr) -> bool,
) -> impl Iterator<Item = (&'a SubjectKey, &'a Endpoint)> {
    let slices = keys.iter().filter_map(|key| Some((key, snapshot.slices.get(key)?)));
    let slices = slices.flat_map(|(key, slices)| slices.values().map(move |slice| (key, slice)));
    let by_controller = slices.filter(|(_, slice)| match slice.made_by {
        ManagedBy::Controller => true,
        ManagedBy::Other => false,
    });
    let endpoints = by_controller.flat_map(|(key, slice)| slice.endpoints.iter().map(move |endpoint| (key, endpoint)));
    endpoints.filter(move |(key, endpoint)| {
        let has_node = || endpoint.node.as_ref().is_some_and(|node| snapshot.nodes.contains_key(&**node));
        matters(endpoint.address) && endpoint.pod.is_some() && has_node() && is_selected(snapshot, key)
    })
}

fn is_selected(snapshot: &Snapshot, key: &SubjectKey) -> bool {
    let service = snapshot.services.get(key);
    service.is_some_and(|service| match (&service.selection, service.kind) {
        (Selection::Selector(_), ServiceType::ClusterIp | ServiceType::NodePort | ServiceType::LoadBalancer) => true,
        (Selection::Selector(_), ServiceType::ExternalName) | (Selection::ByHand, _) => false,
    })
}
