//! Services by a label that all pods have which they select, so that a pod finds them at the cost of its own labels.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::{Pod, PodSelector, SubjectKey};

/// A label of a namespace's pods, cut to a number: of two with one number a pod finds the Services of both, which is
/// little more to look at. The texts would take more memory than all other indexes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LabelNumber(u64);

/// The Services of each label.
#[derive(Debug, Default)]
pub(super) struct ByLabel(BTreeSet<(LabelNumber, SubjectKey)>);

impl LabelNumber {
    /// That by which a Service with this selector is found; none where it selects nothing.
    pub(super) fn of(key: &SubjectKey, selector: &PodSelector) -> Option<Self> {
        selector.first_label().map(|(name, value)| Self::of_label(&key.namespace, name, value))
    }

    fn of_label(namespace: &str, name: &str, value: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        [namespace, name, value].hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl ByLabel {
    pub(super) fn add(&mut self, label: LabelNumber, key: &SubjectKey) {
        self.0.insert((label, key.clone()));
    }

    pub(super) fn remove(&mut self, label: LabelNumber, key: &SubjectKey) {
        self.0.remove(&(label, key.clone()));
    }

    /// At least the Services that select a pod.
    pub(super) fn of(&self, pod: &Pod) -> impl Iterator<Item = &SubjectKey> {
        let number = |(name, value)| LabelNumber::of_label(&pod.name.namespace, name, value);
        pod.labels.iter().map(number).flat_map(|number| self.having(number))
    }

    fn having(&self, label: LabelNumber) -> impl Iterator<Item = &SubjectKey> {
        let from = self.0.range((label, SubjectKey::first_of(""))..);
        from.take_while(move |(one, _)| *one == label).map(|(_, key)| key)
    }

    pub(super) fn has(&self, label: LabelNumber, key: &SubjectKey) -> bool {
        self.0.contains(&(label, key.clone()))
    }

    /// A label does not lead to its Service, for tests of the audit.
    #[cfg(feature = "testkit")]
    pub(super) fn lose(&mut self, which: usize) -> Option<()> {
        let at = which.checked_rem(self.0.len())?;
        let lost = self.0.iter().nth(at).cloned()?;
        self.0.remove(&lost).then_some(())
    }
}
