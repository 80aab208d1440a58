//! What nodes publish about themselves, and whether that and the pods are read.

use std::sync::Arc;

use egressd_core::model::{ChangeKey, EgressNode, ReadState};

use super::{PodWatch, State};
use crate::source::kind::Kind;

impl State {
    /// The objects of a kind cannot be read now. Of pods that matters: one that is not known then is not known to be none.
    /// And of what this node publishes it is unknown whether it is there.
    pub fn interrupted(&mut self, kind: Kind) {
        self.follow_kind(kind, ReadState::No);
        if kind == Kind::Pods && self.watch == PodWatch::Follows {
            self.watch = PodWatch::Interrupted;
            self.show_pods();
        }
    }

    /// They can be read again; where a list is under way, it is its end that counts.
    pub fn resumed(&mut self, kind: Kind) {
        if !self.knows_no_egress_nodes() && !self.awaited.contains(&kind) && !self.lists.contains_key(&kind) {
            self.follow_kind(kind, ReadState::Yes);
        }
        if kind == Kind::Pods && self.watch == PodWatch::Interrupted && !self.lists.contains_key(&kind) {
            self.watch = PodWatch::Follows;
            self.show_pods();
        }
    }

    /// Whether the server has no such kind, as far as is known.
    pub fn knows_no_egress_nodes(&self) -> bool {
        self.snapshot.egress_nodes.followed == ReadState::Absent
    }

    /// Takes in whether the objects of a kind are read. Of other kinds than EgressNodes nothing depends on it.
    pub(super) fn follow_kind(&mut self, kind: Kind, followed: ReadState) {
        let known = &mut self.snapshot.egress_nodes.followed;
        if kind == Kind::EgressNodes && *known != followed {
            *known = followed;
            self.keys.insert(ChangeKey::EgressNodes);
        }
    }

    /// Takes in one of them.
    pub(super) fn store_egress_node(&mut self, name: String, node: Arc<EgressNode>) {
        let known = &mut self.snapshot.egress_nodes.by_name;
        if known.get(&name) != Some(&node) {
            self.keys.insert(ChangeKey::EgressNodes);
            known.insert(name, node);
        }
    }
}
