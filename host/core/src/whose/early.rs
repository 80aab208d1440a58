//! Pods that become endpoints before a slice lists them: those of this node that a Service selects and that have an
//! address. The kubelet writes it before the pod's own program runs, and the endpoint-slice controller reads it there, so
//! that the pod's first packets would leave before a slice is here.
//!
//! A slice decides: once it listed a pod and does not any more, and where none lists it [`MAX_POD_WAIT`] after
//! it was first seen, the pod is no endpoint, until it is another pod or has another address.
//!
//! [`MAX_POD_WAIT`]: super::MAX_POD_WAIT

use std::net::IpAddr;

use super::wait::{Until, Waits};
use crate::model::{Endpoint, Pod, PodNetwork, PodSelector, Pods, Service, SubjectView, Uid};

/// A pod that a Service selects, by one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EarlyPod {
    uid: Uid,
    /// How long it is an endpoint without a slice.
    pub(super) until: Until,
}

/// What is known beside the view of a subject, and what was known of it before.
pub struct BesideSlices<'a, T, A>
where
    T: Fn(IpAddr) -> bool,
    A: Fn(&Pod) -> bool,
{
    pub node: &'a str,
    pub pods: &'a Pods,
    /// All endpoints that slices list, sorted.
    pub listed: &'a [Endpoint],
    /// The most endpoints that a Service may have.
    pub most: usize,
    /// Whether an endpoint with an address is translated at all.
    pub is_translatable: T,
    /// Whether the addresses of a pod are announced, and its status has none.
    pub is_announced: A,
    pub earlier: Option<&'a Waits>,
}

/// The view with the pods of this node that a Service selects and that no slice lists yet; `waits` begin for these.
pub fn with_early<T, A>(mut view: SubjectView, waits: &mut Waits, beside: &BesideSlices<'_, T, A>) -> SubjectView
where
    T: Fn(IpAddr) -> bool,
    A: Fn(&Pod) -> bool,
{
    let Some(service) = view.subject.service().cloned() else { return view };
    let Some(selector) = service.selection.selector() else { return view };
    let room = beside.most.saturating_sub(beside.listed.len());
    let mut early: Vec<Endpoint> = beside.early(&service, selector, waits).collect();
    // Also those without room have been seen.
    early.truncate(room);
    if !early.is_empty() {
        let mut endpoints: Vec<Endpoint> = view.subject.endpoints.iter().cloned().chain(early).collect();
        endpoints.sort_unstable();
        view.subject.endpoints = endpoints.into();
    }
    view
}

impl<T, A> BesideSlices<'_, T, A>
where
    T: Fn(IpAddr) -> bool,
    A: Fn(&Pod) -> bool,
{
    fn early<'b>(
        &'b self,
        service: &'b Service,
        selector: &'b PodSelector,
        waits: &'b mut Waits,
    ) -> impl Iterator<Item = Endpoint> + use<'b, T, A> {
        let pods = self.pods.selected_pods(&service.key.namespace, selector);
        let addresses = pods.flat_map(|pod| pod.listed_as(&service.families).map(move |address| (pod, address)));
        addresses.filter_map(move |(pod, address)| {
            let until = self.until(pod, address, selector)?;
            waits.insert_early(address, EarlyPod { uid: pod.uid.clone(), until });
            (!until.is_over() && self.may_be(pod, address, selector)).then(|| self.endpoint(pod, address))
        })
    }

    /// How long a pod is an endpoint by an address; absent where it never was one and may not become one.
    fn until(&self, pod: &Pod, address: IpAddr, selector: &PodSelector) -> Option<Until> {
        if self.pods.at(address).find(|other| is_alike(pod, other))?.name != pod.name {
            return None;
        }
        if self.listed.binary_search_by_key(&address, |endpoint| endpoint.address).is_ok() {
            return Some(Until::Over);
        }
        let earlier = self.earlier.and_then(|earlier| earlier.early(address)).filter(|early| early.uid == pod.uid);
        let may_be = || self.may_be(pod, address, selector);
        match (earlier.map(|early| early.until), (self.is_announced)(pod)) {
            // Nothing that slices follow from is known of it before its status has the address.
            (None | Some(Until::NotBegun | Until::At(_)), true) => may_be().then_some(Until::Announced),
            (None | Some(Until::Announced), false) => may_be().then_some(Until::NotBegun),
            (Some(until), _) => Some(until),
        }
    }

    /// Whether the address is that of selected pods alone.
    fn may_be(&self, pod: &Pod, address: IpAddr, selector: &PodSelector) -> bool {
        let mut others = self.pods.at(address).filter(|other| other.network == PodNetwork::Own);
        others.all(|other| is_alike(pod, other) && selector.selects(&other.labels)) && (self.is_translatable)(address)
    }

    /// As the first slice would list it.
    fn endpoint(&self, pod: &Pod, address: IpAddr) -> Endpoint {
        Endpoint {
            address,
            node: Some(self.node.into()),
            pod: Some(pod.name.clone()),
            ready: Some(false),
            serving: Some(false),
            terminating: Some(false),
        }
    }
}

/// Whether the other is of the same namespace and on a network of its own, too.
fn is_alike(pod: &Pod, other: &Pod) -> bool {
    other.name.namespace == pod.name.namespace && other.network == PodNetwork::Own
}
