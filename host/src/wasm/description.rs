//! What a policy says about itself.

use egressd_core::model::{EndpointScope, Interest, SubjectKind, SubjectKinds};

/// What a policy says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name that its author gave it.
    pub name: String,
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// A JSON schema of its settings; empty when there are none.
    pub settings_schema: String,
    /// The kinds of subjects that it handles, as Kubernetes calls them; never empty. Among them may be kinds that this egressd
    /// does not know.
    pub subject_kinds: Vec<String>,
    /// Annotations that begin with one of these are sent to it.
    pub annotation_prefixes: Vec<String>,
    /// Labels that begin with one of these are sent to it.
    pub label_prefixes: Vec<String>,
    /// Annotations of the namespace that begin with one of these are sent to it.
    pub namespace_annotation_prefixes: Vec<String>,
    /// Which endpoints are sent to it.
    pub endpoints: EndpointScope,
}

impl Description {
    /// Which annotations, labels and endpoints it wants to see.
    pub fn reads(&self) -> Interest {
        let read = Interest::new(&self.annotation_prefixes, &self.label_prefixes);
        read.of_namespaces(&self.namespace_annotation_prefixes).in_endpoints(self.endpoints)
    }

    /// The kinds that it handles, as far as this egressd knows them.
    pub fn handles(&self) -> SubjectKinds {
        let is_listed = |kind: &SubjectKind| self.subject_kinds.contains(&kind.to_string());
        SubjectKind::ALL.into_iter().filter(is_listed).collect()
    }
}
