//! The part of a namespace that policies are shown; its tenants cannot change it.

use std::sync::{Arc, LazyLock};

use super::{Labels, Texts};

/// A Namespace as its source reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// All its labels: by them operators choose which policies are asked about what is in it.
    pub labels: Labels,
    /// Its annotations, without those that are known to be read by no policy.
    pub annotations: Labels,
}

impl Namespace {
    /// One of which nothing is known. All share it: a node may know many Services before it knows their namespaces.
    pub fn unknown() -> Arc<Self> {
        static UNKNOWN: LazyLock<Arc<Namespace>> = LazyLock::new(Arc::default);
        Arc::clone(&UNKNOWN)
    }

    /// Takes the texts that others have, too.
    pub fn compact(&mut self, texts: &mut Texts) {
        self.labels.compact(texts);
        self.annotations.compact(texts);
    }
}

/// With these labels and no annotations.
impl From<Labels> for Namespace {
    fn from(labels: Labels) -> Self {
        Self { labels, annotations: Labels::new() }
    }
}
