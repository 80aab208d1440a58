//! Labels and annotations: names with values. A node keeps those of all Services, most of them few and much alike, so what
//! is there is one sorted slice that copies share, and names and values are shared where [`Texts`] knows them.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use super::Texts;

/// A name and its value.
type Label = (Arc<str>, Arc<str>);

/// Labels or annotations: each name once, ordered by name. Without any it takes no memory of its own; a copy takes none ever.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[Label]>);

impl Labels {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.place(name).ok().map(|at| &*self.0[at].1)
    }

    /// Whether it has this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Whether it has a name that begins so.
    pub fn has_beginning(&self, prefix: &str) -> bool {
        let (Ok(at) | Err(at)) = self.place(prefix);
        self.0.get(at).is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// Names and values, by name.
    pub fn iter(&self) -> Iter<'_> {
        self.into_iter()
    }

    /// The names, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// The values, in the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(_, value)| value)
    }

    /// Those with these names: all of them share what is there, and fewer its texts.
    #[must_use]
    pub fn named(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let mut named = self.clone();
        named.retain(|name, _| wanted(name));
        named
    }

    /// Keeps only those whose name and value are wanted, which is asked once of each.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str, &str) -> bool) {
        let kept: Vec<Label> = self.0.iter().filter(|(name, value)| wanted(name, value)).cloned().collect();
        if kept.len() < self.len() {
            self.0 = kept.into();
        }
    }

    /// Adds a name with its value; one that is there gets this value. All are copied, so many are collected better.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) {
        self.extend([(name, value)]);
    }

    /// Takes a name away; returns its value, if it had one.
    pub fn remove(&mut self, name: &str) -> Option<Arc<str>> {
        let value = Arc::clone(&self.0[self.place(name).ok()?].1);
        self.retain(|other, _| other != name);
        Some(value)
    }

    /// Takes the texts that others have, too.
    pub fn compact(&mut self, texts: &mut Texts) {
        let shared = self.0.iter().cloned().map(|(mut name, mut value)| {
            texts.share(&mut name);
            texts.share(&mut value);
            (name, value)
        });
        *self = shared.collect();
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

/// Where a name comes twice, the last value counts.
impl<N: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(labels: I) -> Self {
        let mut labels: Vec<Label> = labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        labels.sort_by(|(one, _), (other, _)| one.cmp(other));
        labels.dedup_by(|later, earlier| {
            let is_doubled = later.0 == earlier.0;
            if is_doubled {
                std::mem::swap(later, earlier);
            }
            is_doubled
        });
        if labels.is_empty() { Self::new() } else { Self(labels.into()) }
    }
}

impl<N: Into<Arc<str>>, V: Into<Arc<str>>> Extend<(N, V)> for Labels {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, labels: I) {
        let more = labels.into_iter().map(|(name, value)| (name.into(), value.into()));
        *self = self.0.iter().cloned().chain(more).collect();
    }
}

impl<N: Into<Arc<str>>, V: Into<Arc<str>>, const COUNT: usize> From<[(N, V); COUNT]> for Labels {
    fn from(labels: [(N, V); COUNT]) -> Self {
        labels.into_iter().collect()
    }
}

/// Names and values, by name.
type Iter<'a> = std::iter::Map<std::slice::Iter<'a, Label>, fn(&'a Label) -> (&'a str, &'a str)>;

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

/// The value of a name that is there.
impl Index<&str> for Labels {
    type Output = str;

    fn index(&self, name: &str) -> &str {
        &self.0[self.place(name).unwrap_or(self.len())].1
    }
}

/// As a map.
impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Map = BTreeMap<String, String>;

    fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
        prop::collection::vec(("[ab/]{0,3}", "[xy]{0,1}"), 0..6)
    }

    fn as_map(labels: &Labels) -> Map {
        labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    proptest! {
        /// Whatever comes in whatever order, twice too.
        #[test]
        fn labels_are_what_a_map_of_the_same_is(first in pairs(), more in pairs(), name in "[ab/]{0,3}") {
            let (mut map, mut labels): (Map, Labels) =
                (first.iter().cloned().collect(), first.iter().cloned().collect());
            map.extend(more.iter().cloned());
            labels.extend(more.iter().cloned());
            let other: (Map, Labels) = (more.iter().cloned().collect(), more.into_iter().collect());
            prop_assert_eq!(labels.cmp(&other.1), map.cmp(&other.0));
            prop_assert!(labels.keys().is_sorted_by(|one, next| one < next));
            prop_assert_eq!((as_map(&labels), labels.len()), (map.clone(), map.len()));
            prop_assert_eq!(labels.get(&name), map.get(&name).map(String::as_str));
            prop_assert_eq!(labels.contains_key(&name), map.contains_key(&name));
            prop_assert_eq!(labels.has_beginning(&name), map.keys().any(|known| known.starts_with(&name)));
            prop_assert_eq!(format!("{labels:?}"), format!("{map:?}"));
            prop_assert_eq!(labels.remove(&name).map(|value| value.to_string()), map.remove(&name));
            prop_assert_eq!(as_map(&labels), map.clone());
            let short = labels.named(|name| name.len() < 2);
            labels.retain(|name, _| name.len() < 2);
            map.retain(|name, _| name.len() < 2);
            prop_assert_eq!((as_map(&labels), as_map(&short)), (map.clone(), map));
        }
    }
}
