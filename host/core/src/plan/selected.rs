//! The pods of this node that a Service's selector matches (P12): they are guarded by all their addresses, before a slice
//! lists them, and where none ever does: of the other family of a single-stack Service, or of a second network.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::settle::NodeContext;
use super::{GUARDED_PODS_OF_A_NODE, unavailable};
use crate::decision::OnUnavailable;
use crate::finding::{Finding, Severity, first_of};
use crate::model::{PodOwner, Pods, SubjectView, Unusable};
use crate::net::RareAddresses;

/// The pods that a subject guards.
#[derive(Debug)]
pub(super) struct GuardedPods {
    /// The endpoints that slices list.
    pub(super) listed: RareAddresses,
    /// What only the selector matches, as many as are guarded whatever limits say.
    not_listed: RareAddresses,
    selected: SelectedPods,
}

impl GuardedPods {
    /// Of a subject that asks for this.
    pub(super) fn of(here: NodeContext<'_>, view: &SubjectView, asked: OnUnavailable) -> Self {
        let listed = unavailable::guarded(here, view, asked);
        let selected = SelectedPods::of(here, view, asked);
        Self { not_listed: selected.beside(&listed), listed, selected }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.not_listed.is_empty()
    }

    pub(super) fn all(&self) -> RareAddresses {
        self.listed.union(&self.not_listed).copied().collect()
    }

    /// About those that nothing translates: it is these of the listed ones that something does.
    pub(super) fn findings(&self, translated: &BTreeSet<IpAddr>) -> impl Iterator<Item = Finding> {
        unavailable::blocked(&self.listed, translated).into_iter().chain(not_listed(&self.not_listed))
    }

    /// The endpoints that name no pod of the Service's own namespace, by what is known of pods.
    pub(super) fn foreign(&self, by_slices: RareAddresses) -> RareAddresses {
        let SelectedPods { own, contested } = &self.selected;
        if by_slices.is_empty() && contested.is_empty() {
            return by_slices;
        }
        by_slices.difference(own).chain(contested).copied().collect()
    }
}

/// The addresses of pods that the selector matches, none of which is the node's.
#[derive(Debug, Default)]
struct SelectedPods {
    /// Those of pods of the Service's namespace alone, as the kubelet reports them.
    own: BTreeSet<IpAddr>,
    /// Those that a pod of another namespace has as well.
    contested: BTreeSet<IpAddr>,
}

impl SelectedPods {
    /// Where the subject lets its pods pass, it does not matter which they are.
    fn of(here: NodeContext<'_>, view: &SubjectView, asked: OnUnavailable) -> Self {
        match (asked, here.pods.table()) {
            (OnUnavailable::Pass, _) | (OnUnavailable::Drop, None) => Self::default(),
            (OnUnavailable::Drop, Some(pods)) => Self::among(pods, here, view),
        }
    }

    fn among(pods: &Pods, here: NodeContext<'_>, view: &SubjectView) -> Self {
        let namespace = &view.subject.key().namespace;
        let selector = view.subject.service().and_then(|service| service.selection.selector());
        let all = selector.into_iter().flat_map(|selector| pods.selected(namespace, selector));
        let is_nodes = |address: &IpAddr| here.ownership.is_on_an_interface(*address);
        let mut selected = Self::default();
        for address in all.filter(|address| Unusable::of(*address).is_none() && !is_nodes(address)) {
            match pods.whose(address, namespace) {
                PodOwner::Own(_) => drop(selected.own.insert(address)),
                PodOwner::Contested(_) => drop(selected.contested.insert(address)),
                PodOwner::Foreign(_) | PodOwner::Nodes | PodOwner::Unknown => {}
            }
        }
        selected
    }

    /// Those that are guarded beside these, as many as are guarded whatever limits say.
    fn beside(&self, guarded: &RareAddresses) -> RareAddresses {
        let others = self.own.iter().chain(&self.contested).filter(|address| !guarded.contains(address));
        others.copied().take(GUARDED_PODS_OF_A_NODE.saturating_sub(guarded.len())).collect()
    }
}

/// About guarded pods that no slice lists: nothing translates them, whatever else is right.
fn not_listed(selected: &RareAddresses) -> Option<Finding> {
    let pod = first_of(*selected.first()?, selected.len() - 1);
    let message = format!(
        "on-unavailable: drop blocks pod {pod}: the Service's selector matches it and no EndpointSlice lists this \
         address, so it is not translated; make the Service dual-stack (ipFamilyPolicy: PreferDualStack) where it is of \
         the other family, and else see why no EndpointSlice lists the pod"
    );
    Some(Finding::new(Severity::Info, "pods-not-listed", message))
}
