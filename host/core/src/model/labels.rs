//! Labels and annotations: names with values. A node keeps those of all Services, most of them few and similar, so
//! names and values are shared where [`Texts`] has them.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use super::{ByName, Texts};

/// Labels or annotations: each name once, ordered by name. Without any it takes no memory of its own; a copy takes none
/// ever.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(ByName<Arc<str>>);

impl Labels {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    pub fn contains_key(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// Whether it has a name that begins so.
    pub fn has_beginning(&self, prefix: &str) -> bool {
        self.0.since(prefix).first().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> Iter<'_> {
        self.into_iter()
    }

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
        self.0.retain(|name, value| wanted(name, value));
    }

    /// Adds a name with its value; one that is there gets this value. All are copied, so many are collected better.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) {
        self.0.insert(name, value.into());
    }

    /// Takes a name away; returns its value, if it had one.
    pub fn remove(&mut self, name: &str) -> Option<Arc<str>> {
        self.0.remove(name)
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
}

/// Where a name comes twice, the last value counts.
impl<N: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(labels: I) -> Self {
        Self(labels.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

impl<N: Into<Arc<str>>, V: Into<Arc<str>>> Extend<(N, V)> for Labels {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, labels: I) {
        self.0.extend(labels.into_iter().map(|(name, value)| (name, value.into())));
    }
}

impl<N: Into<Arc<str>>, V: Into<Arc<str>>, const COUNT: usize> From<[(N, V); COUNT]> for Labels {
    fn from(labels: [(N, V); COUNT]) -> Self {
        labels.into_iter().collect()
    }
}

/// A name and its value.
type Label = (Arc<str>, Arc<str>);

/// Names and values, sorted by name.
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
        &self.0[name]
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
