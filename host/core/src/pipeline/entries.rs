//! The stored state of each subject, and the set of those to evaluate in the next round. Every change goes through it,
//! so that none is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;
use std::sync::Arc;

use super::by_label::ByLabel;
use super::entry::Entry;
use crate::model::{Pod, SubjectKey};

/// The entries, by Service.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Boxed: a map leaves a third of its room free, and an entry is large.
    all: BTreeMap<SubjectKey, Box<Entry>>,
    changed: Extent,
    /// Those whose times were not looked at since they changed.
    untimed: BTreeSet<SubjectKey>,
    /// Those that get pods before a slice lists them.
    by_label: ByLabel,
    /// Those that were not looked at there since they changed.
    unlabelled: BTreeSet<SubjectKey>,
}

/// The subjects to evaluate again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    These(BTreeSet<SubjectKey>),
}

impl Default for Extent {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Entries {
    pub(super) fn get(&self, key: &SubjectKey) -> Option<&Entry> {
        self.all.get(key).map(|entry| &**entry)
    }

    pub(super) fn has(&self, key: &SubjectKey) -> bool {
        self.all.contains_key(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&SubjectKey, &Entry)> {
        self.all.iter().map(|(key, entry)| (key, &**entry))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &SubjectKey> {
        self.all.keys()
    }

    /// Those in a range.
    pub(super) fn range(&self, range: impl RangeBounds<SubjectKey>) -> impl Iterator<Item = (&SubjectKey, &Entry)> {
        self.all.range(range).map(|(key, entry)| (key, &**entry))
    }

    /// Whether none changed since the last round.
    pub(super) fn is_unchanged(&self) -> bool {
        match &self.changed {
            Extent::All => false,
            Extent::These(keys) => keys.is_empty(),
        }
    }

    /// Those of one namespace.
    pub(super) fn of_namespace(&self, namespace: &Arc<str>) -> impl Iterator<Item = (&SubjectKey, &Entry)> {
        let first = SubjectKey::first_of(Arc::clone(namespace));
        let from = self.all.range(first..).take_while(move |(key, _)| key.namespace == *namespace);
        from.map(|(key, entry)| (key, &**entry))
    }

    pub(super) fn get_mut(&mut self, key: &SubjectKey) -> Option<&mut Entry> {
        if !self.has(key) {
            return None;
        }
        self.mark(key);
        self.all.get_mut(key).map(|entry| &mut **entry)
    }

    pub(super) fn insert(&mut self, key: SubjectKey, entry: Entry) {
        self.mark(&key);
        self.all.insert(key, Box::new(entry));
    }

    pub(super) fn remove(&mut self, key: &SubjectKey) -> Option<Entry> {
        let mut entry = self.all.remove(key)?;
        self.mark(key);
        if let Some(label) = entry.label.take() {
            self.by_label.remove(label, key);
        }
        Some(*entry)
    }

    fn mark(&mut self, key: &SubjectKey) {
        self.changed.add(key);
        self.untimed.insert(key.clone());
        self.unlabelled.insert(key.clone());
    }

    /// To change when it is asked again and what is kept for it. Whoever does touches it, where a round depends on
    /// that.
    pub(super) fn times_of(&mut self, key: &SubjectKey) -> Option<&mut Entry> {
        self.all.get_mut(key).map(|entry| &mut **entry)
    }

    /// Those that changed in this respect since it was asked last.
    pub(super) fn take_untimed(&mut self) -> BTreeSet<SubjectKey> {
        std::mem::take(&mut self.untimed)
    }

    /// A round has to look at these, though nothing of their own changed.
    pub(super) fn touch<'a>(&mut self, keys: impl IntoIterator<Item = &'a SubjectKey>) {
        keys.into_iter().for_each(|key| self.changed.add(key));
    }

    /// Marks all subjects as changed.
    pub(super) fn touch_all(&mut self) {
        self.changed = Extent::All;
    }

    /// Those that a round has to look at.
    pub(super) fn take_changed(&mut self) -> Extent {
        self.take_labels();
        std::mem::take(&mut self.changed)
    }

    /// Those that get a pod before a slice lists it.
    pub(super) fn getting(&mut self, pod: &Pod) -> Vec<SubjectKey> {
        self.take_labels();
        self.selecting(pod).map(|(key, _)| key.clone()).collect()
    }

    /// The same, as far as it was known when a round was begun.
    pub(super) fn selecting<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = (&'a SubjectKey, &'a Entry)> {
        let entries = self.by_label.of(pod).filter_map(|key| Some((key, self.get(key)?)));
        entries.filter(|(_, entry)| entry.early_selector().is_some_and(|selector| selector.selects(&pod.labels)))
    }

    /// Whether a subject is found by the pods that it gets so.
    pub(super) fn is_found_by_labels(&self, key: &SubjectKey) -> bool {
        let label = self.get(key).and_then(|entry| entry.label(key));
        self.unlabelled.contains(key) || label.is_none_or(|label| self.by_label.has(label, key))
    }

    /// Finds all of them by their labels anew.
    pub(super) fn label_anew(&mut self) {
        self.by_label = ByLabel::default();
        self.all.values_mut().for_each(|entry| entry.label = None);
        self.unlabelled = self.all.keys().cloned().collect();
    }

    /// One is not found by its label, for tests of the audit.
    #[cfg(feature = "testkit")]
    pub(super) fn lose_label(&mut self, which: usize) -> Option<()> {
        self.by_label.lose(which)
    }

    fn take_labels(&mut self) {
        for key in std::mem::take(&mut self.unlabelled) {
            let Some(entry) = self.all.get_mut(&key) else { continue };
            let label = entry.label(&key);
            let before = std::mem::replace(&mut entry.label, label);
            if before != label {
                before.into_iter().for_each(|before| self.by_label.remove(before, &key));
                label.into_iter().for_each(|label| self.by_label.add(label, &key));
            }
        }
    }
}

impl Extent {
    fn add(&mut self, key: &SubjectKey) {
        match self {
            Self::All => {}
            Self::These(keys) if keys.contains(key) => {}
            Self::These(keys) => drop(keys.insert(key.clone())),
        }
    }
}
