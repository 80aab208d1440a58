//! Which annotations and labels of Services the policies read.

use std::collections::BTreeSet;

use super::{AnnotationPrefix, Labels, Service};

/// The names that policies asked for, by how they begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    annotations: BTreeSet<String>,
    labels: BTreeSet<String>,
    /// The prefix of the annotations whose misspelled names are reported.
    spelled: Option<AnnotationPrefix>,
}

impl Interest {
    /// In names that begin with one of these.
    pub fn new<'a>(
        annotations: impl IntoIterator<Item = &'a String>,
        labels: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        let set = |prefixes: &mut dyn Iterator<Item = &'a String>| prefixes.cloned().collect();
        let (annotations, labels) = (set(&mut annotations.into_iter()), set(&mut labels.into_iter()));
        Self { annotations, labels, spelled: None }
    }

    /// In every name: of a policy that has not described itself.
    pub fn everything() -> Self {
        let every = String::new();
        Self::new([&every], [&every])
    }

    /// In what the host itself reads: annotations of its prefix, and kube-vip's, which may act on the same Service; and names
    /// that are almost one of those, since they are reported.
    pub fn of_host(prefix: &AnnotationPrefix) -> Self {
        let read = Self::new([&prefix.name(""), &AnnotationPrefix::default().name("")], []);
        Self { spelled: Some(prefix.clone()), ..read }
    }

    /// In what either is interested in.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.annotations.extend(other.annotations.iter().cloned());
        self.labels.extend(other.labels.iter().cloned());
        self.spelled = self.spelled.or_else(|| other.spelled.clone());
        self
    }

    /// Whether an annotation of this name is read.
    pub fn reads_annotation(&self, name: &str) -> bool {
        self.annotations.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The prefix of the annotations whose misspelled names are reported: these are read, too (`crate::stray`).
    pub fn spelled(&self) -> Option<&AnnotationPrefix> {
        self.spelled.as_ref()
    }

    /// Whether of a Service cut to this nothing is missing that the other reads. Labels are not cut.
    pub fn covers(&self, other: &Self) -> bool {
        let annotations = other.annotations.iter().all(|prefix| self.reads_annotation(prefix));
        annotations && (other.spelled.is_none() || self.spelled == other.spelled)
    }

    /// Whether a Service has an annotation or a label that is read.
    pub fn concerns(&self, service: &Service) -> bool {
        begins(&service.annotations, &self.annotations) || begins(&service.labels, &self.labels)
    }
}

fn begins(names: &Labels, prefixes: &BTreeSet<String>) -> bool {
    prefixes.iter().any(|prefix| names.has_beginning(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_where_it_begins_as_a_policy_said() {
        let names = Labels::from(["a/x", "b/egress", "b/egress-ipv6", "c"].map(|name| (name, "")));
        for (prefix, expected) in [("b/egress", true), ("b/egress-i", true), ("", true), ("b/z", false), ("c/", false)]
        {
            assert_eq!(begins(&names, &[prefix.to_owned()].into()), expected, "{prefix:?}");
        }
        assert!(!begins(&names, &BTreeSet::new()));
        let read = Interest::new([&"b/egress".to_owned()], []);
        let left: Vec<_> = names.keys().filter(|name| read.reads_annotation(name)).collect();
        assert_eq!(left, ["b/egress", "b/egress-ipv6"]);
        assert!(!begins(&Labels::new(), &[String::new()].into()));
    }

    /// What is kept for one is enough for another, or is asked for anew.
    #[test]
    fn what_is_covered_misses_nothing_that_is_read() {
        let of = |prefixes: &[&str]| Interest::new(&prefixes.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>(), &[]);
        let names = ["a", "a/", "a/x", "b/egress", "b/egress-ipv6", "c", ""];
        let sets = [&["a/"][..], &["a/x"], &["b/egress", "c"], &["b/egress-ipv6"], &[""], &[]];
        for (kept, asked) in sets.iter().flat_map(|kept| sets.iter().map(move |asked| (of(kept), of(asked)))) {
            let missing = names.iter().any(|name| asked.reads_annotation(name) && !kept.reads_annotation(name));
            assert!(!kept.covers(&asked) || !missing, "{kept:?} {asked:?}");
        }
        assert!(of(&["a/"]).covers(&of(&["a/x"])) && !of(&["a/x"]).covers(&of(&["a/"])));
        assert!(Interest::everything().covers(&of(&["a/"])) && !of(&["a/"]).covers(&Interest::everything()));
    }
}
