//! What an earlier process knew, and what the next one has to know.

use egressd_core::model::Snapshot;

use super::super::memory::{EarlierPods, Facts, RestoredState};
use super::{PodWatch, State};
use crate::source::kind::Kind;

impl State {
    /// The same with what an earlier process knew: an object of which that cannot be read now is as it was then.
    #[must_use]
    pub fn recalling(self, recollection: RestoredState) -> Self {
        let RestoredState { objects, pods, unknown } = recollection;
        let recalled = objects.into_iter().map(|object| (object.identity(), object)).collect();
        let earlier_pods = if self.awaited.contains(&Kind::Pods) { pods } else { EarlierPods::Unread };
        Self { recalled, earlier_pods, unknown, ..self }
    }

    /// What the next process has to know.
    pub(in crate::source::cluster) fn facts(&self) -> Facts {
        let pods = match self.watch {
            PodWatch::Never => self.earlier_pods,
            PodWatch::Earlier | PodWatch::Follows | PodWatch::Interrupted => EarlierPods::Read,
        };
        // Nothing else: they are kept until the next event about them, and of all Services that would be an older state.
        let Snapshot { nodes, egress_nodes, service_networks, cluster_networks, .. } = self.snapshot.clone();
        let snapshot = Snapshot { nodes, egress_nodes, service_networks, cluster_networks, ..Snapshot::default() };
        Facts { snapshot, pods }
    }
}
