//! A policy's ConfigMap as written: nothing of it is checked yet.

use std::sync::Arc;

use super::Labels;

/// What does not belong to the policy and is needed to write about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyMark {
    /// The identity of this life of the ConfigMap, if it has one.
    pub uid: Option<String>,
    /// What egressd wrote into `egressd.io/status`. It is not among the annotations: a status must not be a
    /// reason to load the policy again.
    pub status: Option<String>,
}

/// The ConfigMap of a policy, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyObject {
    /// Its name, which becomes the policy's.
    pub name: String,
    /// Its annotations, ours among them.
    pub annotations: Labels,
    /// Of its labels those whose names are annotations of policies, or nearly: they are read as such nowhere.
    pub labels: Labels,
    /// `data.settings`: JSON text.
    pub settings: Option<String>,
    /// `binaryData["policy.wasm"]`.
    pub wasm: Option<Arc<[u8]>>,
    /// `binaryData["policy.wasm.gz"]`.
    pub gzip: Option<Arc<[u8]>>,
    /// Beside the policy.
    pub mark: PolicyMark,
}
