//! What an earlier process knew, and what the next one has to know.

use egressd_core::model::Snapshot;

use super::super::memory::{Facts, PodsWere, Recollection};
use super::{PodWatch, State};
use crate::source::kind::Kind;

impl State {
    /// The same with what an earlier process knew: an object of which that cannot be read now is as it was then.
    #[must_use]
    pub fn recalling(self, recollection: Recollection) -> Self {
        let Recollection { objects, pods, unknown } = recollection;
        let recalled = objects.into_iter().map(|object| (object.identity(), object)).collect();
        let pods_were = if self.awaited.contains(&Kind::Pods) { pods } else { PodsWere::Unread };
        Self { recalled, pods_were, unknown, ..self }
    }

    /// What the next process has to know.
    pub(in crate::source::cluster) fn facts(&self) -> Facts {
        let pods = match self.watch {
            PodWatch::Never => self.pods_were,
            PodWatch::Earlier | PodWatch::Follows | PodWatch::Interrupted => PodsWere::Read,
        };
        // Nothing else: they are kept until the next news of them, and of all Services that would be an older state.
        let Snapshot { nodes, egress_nodes, service_networks, cluster_networks, .. } = self.snapshot.clone();
        let snapshot = Snapshot { nodes, egress_nodes, service_networks, cluster_networks, ..Snapshot::default() };
        Facts { snapshot, pods }
    }
}
