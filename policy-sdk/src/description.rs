//! What a policy says about itself. The schema of its settings is added by the export.

use crate::EndpointScope;
use crate::subject::SERVICE;

/// What a policy is and what it wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Short, kebab-case.
    pub name: String,
    /// Usually `env!("CARGO_PKG_VERSION")`.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// The kinds of subjects that it handles; at least one. A subject of another kind within its scope is denied.
    pub subject_kinds: Vec<String>,
    /// Annotations that begin with one of these are sent to the policy, and no others.
    pub annotation_prefixes: Vec<String>,
    /// Labels of the subject that begin with one of these are sent to the policy, and no others.
    pub label_prefixes: Vec<String>,
    /// Annotations of the namespace that begin with one of these are sent to the policy, and no others.
    pub namespace_annotation_prefixes: Vec<String>,
    /// Which endpoints it is shown.
    pub endpoints: EndpointScope,
}

/// Nothing but Services, and of their endpoints those here.
impl Default for Description {
    fn default() -> Self {
        Self {
            name: String::new(),
            version: String::new(),
            summary: String::new(),
            subject_kinds: vec![SERVICE.to_owned()],
            annotation_prefixes: Vec::new(),
            label_prefixes: Vec::new(),
            namespace_annotation_prefixes: Vec::new(),
            endpoints: EndpointScope::default(),
        }
    }
}
