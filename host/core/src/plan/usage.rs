//! The size of all Services in their newest state, by namespace: it shows whether anything has to be refused. A change
//! costs its own size.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::budget::{Capacity, Limits, Size};
use crate::model::SubjectKey;

/// What Services would have as they are today, or what is kept for them where that is more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    limits: Limits,
    namespaces: BTreeMap<Arc<str>, OfNamespace>,
    /// The namespaces in which not everything fits, and the most that each has on the way to what it is granted.
    crowded: BTreeMap<Arc<str>, Size>,
    /// Of the others together.
    roomy: Size,
}

/// What the Services of one namespace would have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OfNamespace {
    size: Size,
    subjects: usize,
    /// Services that are too large by themselves.
    too_large: usize,
}

impl Usage {
    /// Without a Service.
    pub fn new(limits: Limits) -> Self {
        Self { limits, namespaces: BTreeMap::new(), crowded: BTreeMap::new(), roomy: Size::default() }
    }

    /// Takes in that a Service would have something else than before; none is a Service that is not there.
    pub fn replace(&mut self, key: &SubjectKey, before: Option<Size>, after: Option<Size>) {
        if before == after {
            return;
        }
        let known = self.namespaces.get(&key.namespace).copied().unwrap_or_default();
        let mut now = known;
        now.size = now.size.replacing(before.unwrap_or_default(), after.unwrap_or_default());
        now.subjects = now.subjects + usize::from(after.is_some()) - usize::from(before.is_some());
        let too_large =
            |size: Option<Size>| usize::from(size.is_some_and(|size| self.limits.of_service(size).is_some()));
        now.too_large = now.too_large + too_large(after) - too_large(before);
        if !self.crowded.contains_key(&key.namespace) {
            self.roomy = self.roomy.replacing(known.size, now.size);
        }
        match now.subjects {
            0 => drop(self.namespaces.remove(&key.namespace)),
            _ => drop(self.namespaces.insert(Arc::clone(&key.namespace), now)),
        }
    }

    /// Whether everything of a namespace fits into it as it is today.
    pub fn fits(&self, namespace: &str) -> bool {
        let of = self.namespaces.get(namespace).copied().unwrap_or_default();
        of.too_large == 0 && self.limits.of_namespace(of.size).is_none()
    }

    /// Whether no namespace can have anything that the node has no room for: then each is looked at by itself.
    pub fn fits_the_node(&self) -> bool {
        let all = self.crowded.values().copied().fold(self.roomy, Size::and);
        self.limits.of_node(all).is_none()
    }

    /// Takes in that everything of a namespace fits, or, where not, the most that it has on the way.
    pub fn settle(&mut self, namespace: &Arc<str>, peak: Option<Size>) {
        let size = self.namespaces.get(namespace).copied().unwrap_or_default().size;
        let before = match peak {
            Some(peak) => self.crowded.insert(Arc::clone(namespace), peak),
            None => self.crowded.remove(namespace),
        };
        match (before, peak) {
            (None, Some(_)) => self.roomy = self.roomy.replacing(size, Size::default()),
            (Some(_), None) => self.roomy = self.roomy.and(size),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// The namespaces in which not everything fits, as far as was settled.
    pub fn crowded(&self) -> BTreeSet<Arc<str>> {
        self.crowded.keys().cloned().collect()
    }

    /// All namespaces.
    pub fn namespaces(&self) -> BTreeSet<Arc<str>> {
        self.namespaces.keys().cloned().collect()
    }

    /// The first namespace by name that is known under this name or one behind it.
    pub fn namespace_since(&self, first: &str) -> Option<Arc<str>> {
        let since = || (Bound::Included(first), Bound::Unbounded);
        let counted = self.namespaces.range::<str, _>(since()).next().map(|(name, _)| name);
        let crowded = self.crowded.range::<str, _>(since()).next().map(|(name, _)| name);
        counted.into_iter().chain(crowded).min().cloned()
    }

    /// The most that a namespace has on the way, where not everything fits into it.
    pub fn peak(&self, namespace: &str) -> Option<Size> {
        self.crowded.get(namespace).copied()
    }

    /// How many Services of a namespace would have something.
    pub fn count(&self, namespace: &str) -> usize {
        self.namespaces.get(namespace).map_or(0, |of| of.subjects)
    }

    /// Whether a namespace would have what its Services would.
    pub fn is_sum_of(&self, namespace: &str, sizes: impl Iterator<Item = Size>) -> bool {
        let sum = sizes.fold(OfNamespace::default(), |sum, size| OfNamespace {
            size: sum.size.and(size),
            subjects: sum.subjects + 1,
            too_large: sum.too_large + usize::from(self.limits.of_service(size).is_some()),
        });
        let is_known = self.namespaces.contains_key(namespace);
        is_known == (sum.subjects > 0) && self.namespaces.get(namespace).is_none_or(|known| *known == sum)
    }

    /// Makes it wrong for tests: those that have room have more together.
    #[cfg(feature = "testkit")]
    pub fn miscount(&mut self) {
        self.roomy.elements += 1;
    }

    /// Whether those that have room together have what each of them has.
    pub fn is_summed(&self) -> bool {
        let roomy = self.namespaces.iter().filter(|(name, _)| !self.crowded.contains_key(*name));
        roomy.map(|(_, of)| of.size).fold(Size::default(), Size::and) == self.roomy
    }

    /// The limits of Services and namespaces alone, for a namespace by itself.
    pub fn without_the_node(&self) -> Limits {
        Limits { node: Capacity { elements: usize::MAX, networks: usize::MAX, chains: usize::MAX }, ..self.limits }
    }
}
