//! What a policy says about itself. The schema of its settings is added by the export.

/// What a policy is and what it wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Short, kebab-case.
    pub name: String,
    /// Usually `env!("CARGO_PKG_VERSION")`.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Annotations that begin with one of these are sent to the policy, and no others.
    pub annotation_prefixes: Vec<String>,
    /// Labels of the Service that begin with one of these are sent to the policy, and no others.
    pub label_prefixes: Vec<String>,
}
