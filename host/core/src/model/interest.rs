//! Which annotations and labels of Services the policies read.

use std::collections::BTreeSet;

use super::{Labels, Service};

/// The names that policies asked for, by how they begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    annotations: BTreeSet<String>,
    labels: BTreeSet<String>,
}

impl Interest {
    /// In names that begin with one of these.
    pub fn new<'a>(
        annotations: impl IntoIterator<Item = &'a String>,
        labels: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        let set = |prefixes: &mut dyn Iterator<Item = &'a String>| prefixes.cloned().collect();
        Self { annotations: set(&mut annotations.into_iter()), labels: set(&mut labels.into_iter()) }
    }

    /// In every name: of a policy that has not described itself.
    pub fn everything() -> Self {
        let every = String::new();
        Self::new([&every], [&every])
    }

    /// In what either is interested in.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.annotations.extend(other.annotations.iter().cloned());
        self.labels.extend(other.labels.iter().cloned());
        self
    }

    /// Whether a Service has an annotation or a label that is read.
    pub fn concerns(&self, service: &Service) -> bool {
        begins(&service.annotations, &self.annotations) || begins(&service.labels, &self.labels)
    }
}

fn begins(names: &Labels, prefixes: &BTreeSet<String>) -> bool {
    prefixes.iter().any(|prefix| names.range(prefix.clone()..).next().is_some_and(|(name, _)| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_where_it_begins_as_a_policy_said() {
        let names: Labels =
            ["a/x", "b/egress", "b/egress-ipv6", "c"].map(|name| (name.to_owned(), String::new())).into();
        for (prefix, expected) in [("b/egress", true), ("b/egress-i", true), ("", true), ("b/z", false), ("c/", false)]
        {
            assert_eq!(begins(&names, &[prefix.to_owned()].into()), expected, "{prefix:?}");
        }
        assert!(!begins(&names, &BTreeSet::new()));
        assert!(!begins(&Labels::new(), &[String::new()].into()));
    }
}
