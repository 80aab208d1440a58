//! What a policy was shown, as far as it matters that something else is shown now.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::model::ServiceView;

/// A hash for which no other view can be found that a tenant could have instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown([u8; 32]);

impl Shown {
    /// Of a view without its findings, which are the host's alone. What is withheld belongs to it: by that a Service is
    /// found when a pod comes.
    pub(super) fn of(view: &ServiceView) -> Self {
        let ServiceView { service, namespace_labels, addresses, endpoints, withheld, findings: _ } = view;
        let mut bytes = Bytes(Sha256::new());
        (service, namespace_labels, addresses, endpoints, withheld).hash(&mut bytes);
        Self(bytes.0.finalize().into())
    }
}

/// All bytes that a value hashes, which tell it from every other of its type.
struct Bytes(Sha256);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: the whole digest is.
    fn finish(&self) -> u64 {
        0
    }
}
