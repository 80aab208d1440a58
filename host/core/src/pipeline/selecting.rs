//! The Services that guard the pods which their selectors match, whatever slices say: a change of a pod is found through
//! them, at the cost of those of its namespace.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::Pipeline;
use super::derived::Derived;
use super::entry::Entry;
use crate::chain::{ChainDecision, ChainResult};
use crate::decision::OnUnavailable;
use crate::model::{Pod, PodSelector, Pods, Snapshot, SubjectKey};

impl Pipeline {
    /// The next round looks at the Services that guard a pod of which a newer state says something else, or do no more.
    pub(super) fn guard_selected_anew(&mut self, snapshot: &Snapshot) {
        let [before, now] = [&self.newest, snapshot].map(|state| state.pods.table().cloned().unwrap_or_default());
        let changed = before.addresses_changed(&now);
        let keys = self.selecting(&[&before, &now], changed);
        self.subjects.touch(&keys);
    }

    /// Likewise where an address is a node's now, or is no more.
    pub(super) fn guard_selected_beside(&mut self, interfaces: &[IpAddr]) {
        let pods = self.newest.pods.table().cloned().unwrap_or_default();
        let keys = self.selecting(&[&pods], interfaces.iter().copied());
        self.subjects.touch(&keys);
    }

    /// The Services that may guard a pod with one of these addresses, in any of these states.
    fn selecting(&self, states: &[&Pods], addresses: impl IntoIterator<Item = IpAddr>) -> BTreeSet<SubjectKey> {
        let at = |address: IpAddr| states.iter().flat_map(move |pods| pods.at(address));
        let pods = addresses.into_iter().flat_map(at);
        pods.flat_map(|pod| self.selecting_pod(pod)).cloned().collect()
    }

    fn selecting_pod<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = &'a SubjectKey> {
        let namespace = &pod.name.namespace;
        let from = self.derived.selecting.range(SubjectKey::first_of(Arc::clone(namespace))..);
        let of_namespace = from.take_while(move |key| key.namespace == *namespace);
        of_namespace.filter(|key| self.selector(key).is_some_and(|selector| selector.selects(&pod.labels)))
    }

    fn selector(&self, key: &SubjectKey) -> Option<&PodSelector> {
        self.subjects.get(key)?.view.subject.service()?.selection.selector()
    }

    /// Takes in which of these Services may guard the pods that they select.
    pub(super) fn take_selecting(&self, derived: &mut Derived, keys: &BTreeSet<SubjectKey>) {
        for key in keys {
            match self.guards_selected(key) {
                true => drop(derived.selecting.insert(key.clone())),
                false => drop(derived.selecting.remove(key)),
            }
        }
    }

    /// Whether a Service may guard the pods that it selects: whether it has a selector, and anything asks for `drop`, in
    /// force or not.
    pub(super) fn guards_selected(&self, key: &SubjectKey) -> bool {
        let entry = self.subjects.get(key).filter(|entry| !entry.asks_nothing() && self.selector(key).is_some());
        entry.is_some_and(|entry| self.may_drop(&entry.view) || asks_for_drop(entry))
    }
}

/// Whether any policy asks for `drop`, those in shadow mode among them: of its result depends what is reported.
fn asks_for_drop(entry: &Entry) -> bool {
    let answers = || entry.verdict.iter().chain(entry.last_input.as_deref());
    let shadows = answers().flat_map(|answer| answer.shadows.iter().map(|shadow| &shadow.decision));
    let decisions = answers().map(|ChainResult { decision, .. }| decision).chain(shadows);
    let drafts = decisions.filter_map(ChainDecision::draft).map(|draft| draft.on_unavailable);
    answers().map(|answer| answer.on_unavailable).chain(drafts).any(|asked| asked == Some(OnUnavailable::Drop))
}
