//! The annotations and labels that the policies read, of subjects and of their namespaces, and the endpoints that they
//! are shown.

use std::collections::BTreeSet;

use super::gateway::is_gateway_annotation;
use super::{AnnotationPrefix, AskedUnavailable, EndpointScope, LAST_APPLIED, Labels, Service};

/// What no policy is shown, by how it begins: a copy of the whole object, and what egressd writes itself, which would
/// make every answer a cause of the next question.
const WITHHELD: [&str; 3] = [LAST_APPLIED, "kube-vip.io/active-endpoint", "egressd.io/"];

/// What policies are shown: the names that they asked for, by how they begin, and endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    endpoints: EndpointScope,
    annotations: BTreeSet<String>,
    labels: BTreeSet<String>,
    namespace_annotations: BTreeSet<String>,
    /// The labels by which operators choose the Services that a policy is asked about.
    choosing: BTreeSet<String>,
    /// The prefix of the annotations whose misspelled names are reported.
    spelled: Option<AnnotationPrefix>,
}

impl Interest {
    /// In names that begin with one of these, and in the endpoints of all nodes.
    pub fn new<'a>(
        annotations: impl IntoIterator<Item = &'a String>,
        labels: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        let set = |prefixes: &mut dyn Iterator<Item = &'a String>| prefixes.cloned().collect();
        let (annotations, labels) = (set(&mut annotations.into_iter()), set(&mut labels.into_iter()));
        Self { endpoints: EndpointScope::All, annotations, labels, ..Self::default() }
    }

    /// In every name: of a policy that has not described itself.
    pub fn everything() -> Self {
        let every = String::new();
        Self::new([&every], [&every]).of_namespaces([&every])
    }

    /// The same, and in names of a namespace's annotations that begin with one of these. All its labels are shown.
    #[must_use]
    pub fn of_namespaces<'a>(mut self, annotations: impl IntoIterator<Item = &'a String>) -> Self {
        self.namespace_annotations.extend(annotations.into_iter().cloned());
        self
    }

    /// The same for what is in namespaces, and of these what the other is interested in.
    #[must_use]
    pub fn with_namespaces_of(self, other: &Self) -> Self {
        Self { namespace_annotations: other.namespace_annotations.clone(), ..self }
    }

    /// In what the host itself reads: annotations of its prefix, and kube-vip's, which may act on the same Service; and
    /// names that are almost one of those, since they are reported.
    pub fn of_host(prefix: &AnnotationPrefix) -> Self {
        let own = AskedUnavailable::NAME.to_owned();
        let read = Self::new([&prefix.name(""), &AnnotationPrefix::default().name(""), &own], []);
        Self { spelled: Some(prefix.clone()), endpoints: EndpointScope::Here, ..read }
    }

    /// The same in these endpoints.
    #[must_use]
    pub fn in_endpoints(self, endpoints: EndpointScope) -> Self {
        Self { endpoints, ..self }
    }

    /// Which endpoints are shown to those who are shown the most.
    pub fn endpoints(&self) -> EndpointScope {
        self.endpoints
    }

    /// The same where it depends on these labels of a Service whether a policy is asked about it.
    #[must_use]
    pub fn choosing_by<'a>(mut self, labels: impl IntoIterator<Item = &'a str>) -> Self {
        self.choosing.extend(labels.into_iter().map(str::to_owned));
        self
    }

    /// In what either is interested in.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.endpoints = self.endpoints.max(other.endpoints);
        self.annotations.extend(other.annotations.iter().cloned());
        self.labels.extend(other.labels.iter().cloned());
        self.namespace_annotations.extend(other.namespace_annotations.iter().cloned());
        self.choosing.extend(other.choosing.iter().cloned());
        self.spelled = self.spelled.or_else(|| other.spelled.clone());
        self
    }

    /// Whether an annotation of this name is read. What nodes write for each other the host reads in any case.
    pub fn reads_annotation(&self, name: &str) -> bool {
        is_gateway_annotation(name) || self.annotations.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Whether policies are shown an annotation of this name.
    pub fn shows_annotation(&self, name: &str) -> bool {
        self.reads_annotation(name) && !is_withheld(name)
    }

    /// Whether an annotation of this name is read of namespaces.
    pub fn reads_namespace_annotation(&self, name: &str) -> bool {
        self.namespace_annotations.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Whether policies are shown an annotation of this name of a subject's namespace.
    pub fn shows_namespace_annotation(&self, name: &str) -> bool {
        self.reads_namespace_annotation(name) && !is_withheld(name)
    }

    /// Whether what policies answer can depend on a label of this name.
    pub fn depends_on_label(&self, name: &str) -> bool {
        self.choosing.contains(name) || self.labels.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The prefix of the annotations whose misspelled names are reported: these are read, too (`crate::stray`).
    pub fn spelled(&self) -> Option<&AnnotationPrefix> {
        self.spelled.as_ref()
    }

    /// Whether of Services and namespaces cut to this nothing is missing that the other reads. Labels are not cut.
    pub fn covers(&self, other: &Self) -> bool {
        self.covers_services(other) && self.covers_namespaces(other)
    }

    /// Whether of a namespace cut to this nothing is missing that the other reads.
    pub fn covers_namespaces(&self, other: &Self) -> bool {
        other.namespace_annotations.iter().all(|prefix| self.reads_namespace_annotation(prefix))
    }

    /// Whether of a Service cut to this nothing is missing that the other reads.
    pub fn covers_services(&self, other: &Self) -> bool {
        let annotations = other.annotations.iter().all(|prefix| self.reads_annotation(prefix));
        annotations && (other.spelled.is_none() || self.spelled == other.spelled)
    }

    /// Whether whoever reads what this reads depends on each label that the other one depends on.
    pub fn covers_labels(&self, other: &Self) -> bool {
        let begins_so = |beginning: &String| self.labels.iter().any(|prefix| beginning.starts_with(prefix));
        other.labels.iter().all(begins_so) && other.choosing.iter().all(|name| self.depends_on_label(name))
    }

    /// Whether a Service has an annotation or a label that is read.
    pub fn concerns(&self, service: &Service) -> bool {
        begins(&service.annotations, &self.annotations) || begins(&service.labels, &self.labels)
    }
}

/// Whether no policy is shown an annotation of this name, whatever it asks for.
pub fn is_withheld(name: &str) -> bool {
    WITHHELD.iter().any(|prefix| name.starts_with(prefix))
}

fn begins(names: &Labels, prefixes: &BTreeSet<String>) -> bool {
    prefixes.iter().any(|prefix| names.has_beginning(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_where_it_has_a_prefix_that_a_policy_asked_for() {
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

    #[test]
    fn what_egressd_writes_is_shown_to_no_policy_whatever_it_reads() {
        let all = Interest::everything();
        for name in [
            "egressd.io/anything",
            "egressd.io/gateway",
            "egressd.io/gateway-ipv6",
            "kube-vip.io/active-endpoint-ipv6",
            LAST_APPLIED,
        ] {
            assert!(all.reads_annotation(name) && !all.shows_annotation(name), "{name}");
            assert!(!all.shows_namespace_annotation(name), "{name}");
        }
        assert!(all.shows_annotation("kube-vip.io/egress"));
    }

    #[test]
    fn an_answer_depends_on_labels_that_are_read_and_on_those_that_choose_who_is_asked() {
        let of = Interest::new([], [&"team/".to_owned()]).and(&Interest::default().choosing_by(["tier"]));
        let depends: Vec<&str> =
            ["team/a", "tier", "tiers", "team"].into_iter().filter(|name| of.depends_on_label(name)).collect();
        assert_eq!(depends, ["team/a", "tier"]);
    }

    /// They are cut off where objects are read, if nothing reads them.
    #[test]
    fn the_names_of_gateways_are_read_whatever_policies_ask_for() {
        let reads = ["egressd.io/gateway", "egressd.io/gateway-ipv6", "egressd.io/gateways"];
        assert_eq!(reads.map(|name| Interest::default().reads_annotation(name)), [true, true, false]);
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
            let [kept, asked] = [kept, asked].map(|read| Interest::default().of_namespaces(&read.annotations));
            let missing = names
                .iter()
                .any(|name| asked.reads_namespace_annotation(name) && !kept.reads_namespace_annotation(name));
            assert!(!kept.covers(&asked) || !missing, "{kept:?} {asked:?} of namespaces");
        }
        assert!(of(&["a/"]).covers(&of(&["a/x"])) && !of(&["a/x"]).covers(&of(&["a/"])));
        assert!(Interest::everything().covers(&of(&["a/"])) && !of(&["a/"]).covers(&Interest::everything()));
    }
}
