//! What a process begins with.

use egressd_core::model::Snapshot;
use egressd_core::owner::Owner;
use egressd_core::ruleset::Ruleset;
use tempfile::TempDir;

use super::super::Start;
use super::process::HeldParts;
use crate::kernel::nft::Writers;

/// What a process of egressd finds when it is started.
#[derive(Debug)]
pub(super) struct NodeState {
    pub(super) start: Start,
    pub(super) kernel: Ruleset,
    pub(super) writers: Writers,
    pub(super) parts: HeldParts,
    pub(super) snapshot: Snapshot,
    pub(super) owner: Owner,
    pub(super) state: TempDir,
}

impl Default for NodeState {
    fn default() -> Self {
        let state = tempfile::tempdir().unwrap();
        let (kernel, snapshot) = (Ruleset::default(), Snapshot::default());
        Self {
            start: Start::Adopt,
            kernel,
            writers: Writers::Us,
            parts: HeldParts::default(),
            snapshot,
            owner: Owner::Any,
            state,
        }
    }
}
