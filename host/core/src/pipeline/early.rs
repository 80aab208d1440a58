//! Services that get pods of this node as endpoints before a slice lists them, and which of them a pod concerns.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Pipeline;
use super::entry::Entry;
use crate::model::{Endpoint, ManagedBy, Pod, ServiceType, Snapshot, SubjectKey, SubjectView, is_translatable};
use crate::net::AddressRange;
use crate::plan::{EgressRequest, TOO_MANY_ENDPOINTS};
use crate::whose::{BesideSlices, Waits, with_early};

impl Pipeline {
    /// The view with such pods, if the Service asks for egress and its slices are the endpoint-slice controller's:
    /// whoever writes slices by hand chooses the pods. `listed` are the endpoints that slices list.
    pub(super) fn with_early(
        &self,
        snapshot: &Snapshot,
        view: SubjectView,
        listed: &[Endpoint],
        waits: &mut Waits,
    ) -> SubjectView {
        let Some(pods) = snapshot.pods.table().filter(|_| self.gets_pods_early(snapshot, &view)) else { return view };
        let known = self.earlier_entry(&view);
        let beside = BesideSlices {
            node: &self.settings.node,
            pods,
            listed,
            most: self.settings.limits.service.endpoints,
            is_translatable: |address| is_translatable(&self.facts, address),
            is_announced: |pod: &Pod| self.announced.has(pod),
            earlier: known.map(|entry| &entry.waits),
        };
        with_early(view, waits, &beside)
    }

    fn gets_pods_early(&self, snapshot: &Snapshot, view: &SubjectView) -> bool {
        let subject = &view.subject;
        let mut slices = snapshot.slices.get(subject.key()).into_iter().flat_map(|slices| slices.values());
        let is_balanced = subject.service().is_some_and(|service| match service.kind {
            ServiceType::LoadBalancer => true,
            ServiceType::ClusterIp | ServiceType::NodePort | ServiceType::ExternalName => false,
        });
        let request = match self.earlier_entry(view) {
            Some(entry) => entry.request,
            None if self.drafts.get(subject.uid()).is_some() => EgressRequest::Made,
            None => EgressRequest::Absent,
        };
        let is_crowded = view.findings.iter().any(|finding| finding.code == TOO_MANY_ENDPOINTS);
        let is_asked_for = is_balanced && request == EgressRequest::Made && !is_crowded;
        is_asked_for && slices.all(|slice| slice.made_by == ManagedBy::Controller)
    }

    /// What is known of this life of a subject.
    pub(super) fn earlier_entry(&self, view: &SubjectView) -> Option<&Entry> {
        self.subjects.get(view.subject.key()).filter(|entry| entry.view.subject.uid() == view.subject.uid())
    }

    /// The Services that get a pod early of which a newer state says something else, or did, or which has one of these
    /// addresses.
    pub(super) fn early_otherwise(
        &mut self,
        snapshot: &Snapshot,
        announced: &BTreeSet<IpAddr>,
    ) -> BTreeSet<SubjectKey> {
        let [before, now] = [&self.newest, snapshot].map(|state| state.pods.table().cloned().unwrap_or_default());
        let mut changed = before.addresses_changed(&now);
        changed.extend(announced);
        let pods: Vec<&Pod> = changed.iter().flat_map(|address| before.at(*address).chain(now.at(*address))).collect();
        self.getting_early(pods)
    }

    /// Those that get a pod early with an address in one of these ranges.
    pub(super) fn early_within(&mut self, ranges: &[AddressRange]) -> BTreeSet<SubjectKey> {
        let known = self.newest.pods.table().cloned().unwrap_or_default();
        let pods: Vec<&Pod> = ranges.iter().flat_map(|range| known.within(*range)).collect();
        self.getting_early(pods)
    }

    fn getting_early(&mut self, pods: Vec<&Pod>) -> BTreeSet<SubjectKey> {
        pods.into_iter().flat_map(|pod| self.subjects.getting(pod)).collect()
    }
}
