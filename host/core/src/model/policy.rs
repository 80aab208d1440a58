//! A policy's ConfigMap as it was written: nothing of it is believed yet.

use std::sync::Arc;

use super::Labels;

/// The ConfigMap of a policy, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyObject {
    /// Its name, which becomes the policy's.
    pub name: String,
    /// Its annotations, ours among them.
    pub annotations: Labels,
    /// `data.settings`: JSON text.
    pub settings: Option<String>,
    /// `binaryData["policy.wasm"]`.
    pub wasm: Option<Arc<[u8]>>,
    /// `binaryData["policy.wasm.gz"]`.
    pub gzip: Option<Arc<[u8]>>,
}
