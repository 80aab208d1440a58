//! A map by name for few entries that uses no more memory than they do: of most Services one annotation and one slice
//! are kept, and a tree node with free slots would be several times as large.

use std::fmt;
use std::ops::Index;
use std::slice;
use std::sync::Arc;

/// A few things by name, each name once and in order, in one sorted slice that copies share. An empty one takes no
/// memory of its own. A change copies all of it, so many are collected better.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByName<T>(Arc<[(Arc<str>, T)]>);

impl<T> ByName<T> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, name: &str) -> Option<&T> {
        self.place(name).ok().map(|at| &self.0[at].1)
    }

    /// Names and what has them, by name.
    pub fn iter(&self) -> slice::Iter<'_, (Arc<str>, T)> {
        self.0.iter()
    }

    /// The values, sorted by name.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Those whose names are this one or come after it.
    pub(super) fn since(&self, name: &str) -> &[(Arc<str>, T)] {
        let (Ok(at) | Err(at)) = self.place(name);
        &self.0[at..]
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

impl<T: Clone> ByName<T> {
    /// What has this name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let at = self.place(name).ok()?;
        Some(&mut Arc::make_mut(&mut self.0)[at].1)
    }

    /// Adds a name and what has it, instead of what had it before.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: T) {
        self.extend([(name, value)]);
    }

    /// Takes a name away; returns what had it, if anything did.
    pub fn remove(&mut self, name: &str) -> Option<T> {
        let removed = self.get(name).cloned()?;
        self.retain(|other, _| other != name);
        Some(removed)
    }

    /// Keeps only those that are wanted, which is asked once of each.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str, &T) -> bool) {
        let kept: Vec<(Arc<str>, T)> = self.iter().filter(|(name, value)| wanted(name, value)).cloned().collect();
        if kept.len() < self.len() {
            *self = Self(kept.into());
        }
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Where a name comes twice, the last one counts.
impl<N: Into<Arc<str>>, T> FromIterator<(N, T)> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(named: I) -> Self {
        let mut named: Vec<(Arc<str>, T)> = named.into_iter().map(|(name, value)| (name.into(), value)).collect();
        named.sort_by(|(one, _), (other, _)| one.cmp(other));
        named.dedup_by(|later, earlier| {
            let is_doubled = later.0 == earlier.0;
            if is_doubled {
                std::mem::swap(later, earlier);
            }
            is_doubled
        });
        if named.is_empty() { Self::default() } else { Self(named.into()) }
    }
}

impl<N: Into<Arc<str>>, T: Clone> Extend<(N, T)> for ByName<T> {
    fn extend<I: IntoIterator<Item = (N, T)>>(&mut self, more: I) {
        let more = more.into_iter().map(|(name, value)| (name.into(), value));
        *self = self.iter().cloned().chain(more).collect();
    }
}

impl<'a, T> IntoIterator for &'a ByName<T> {
    type Item = &'a (Arc<str>, T);
    type IntoIter = slice::Iter<'a, (Arc<str>, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What has a name that is there.
impl<T> Index<&str> for ByName<T> {
    type Output = T;

    fn index(&self, name: &str) -> &T {
        &self.0[self.place(name).unwrap_or(self.len())].1
    }
}

impl<T: fmt::Debug> fmt::Debug for ByName<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, value))).finish()
    }
}
