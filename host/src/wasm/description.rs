//! What a policy says about itself.

use egressd_core::model::Interest;

/// What a policy says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name that its author gave it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// A JSON schema of its settings; empty when there are none.
    pub settings_schema: String,
    /// Annotations that begin with one of these are sent to it.
    pub annotation_prefixes: Vec<String>,
    /// Labels that begin with one of these are sent to it.
    pub label_prefixes: Vec<String>,
}

impl Description {
    /// Which annotations and labels it wants to see.
    pub fn reads(&self) -> Interest {
        Interest::new(&self.annotation_prefixes, &self.label_prefixes)
    }
}
