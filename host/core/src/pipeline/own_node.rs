//! This node's pod networks, kept while its Node is gone or lists none. The pods go on with addresses in them, and what is
//! not known is not outside: private destinations would count as inside for guarded pods (P12), and untranslated for all.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;

use super::Pipeline;
use crate::model::{Node, Readiness, Snapshot, believed_pod_networks};
use crate::net::Family;

impl Pipeline {
    /// The networks of this node's pods, as its Node listed them last: to be remembered for the next process.
    pub fn own_pod_networks(&self) -> &[IpNet] {
        &self.own_pod_networks
    }

    /// Goes on with the networks that an earlier process knew, until the Node lists others.
    pub fn had_pod_networks(&mut self, networks: Vec<IpNet>) {
        self.own_pod_networks = networks;
    }

    /// The state with the last known networks on this node's Node, where it lists none of their family; what it lists is
    /// known from now on.
    pub(super) fn with_own_networks(&mut self, snapshot: &Snapshot) -> Snapshot {
        let newer = self.with_last_networks(snapshot);
        let node = newer.nodes.get(&self.settings.node);
        self.own_pod_networks = node.into_iter().flat_map(|node| believed_pod_networks(node)).collect();
        newer
    }

    /// The same, and nothing else is known for it.
    pub(super) fn with_last_networks(&self, snapshot: &Snapshot) -> Snapshot {
        let node = snapshot.nodes.get(&self.settings.node);
        let known: BTreeSet<Family> =
            node.into_iter().flat_map(|node| believed_pod_networks(node)).map(Family::of_network).collect();
        let missing = self.own_pod_networks.iter().filter(|network| !known.contains(&Family::of_network(**network)));
        let missing: Vec<IpNet> = missing.copied().collect();
        let mut newer = snapshot.clone();
        if !missing.is_empty() {
            let mut kept = node.map_or_else(gone, |node| (**node).clone());
            kept.before.pod_networks.extend(missing);
            newer.nodes.insert(self.settings.node.clone(), Arc::new(kept));
        }
        newer
    }
}

/// A Node of which there is nothing any more.
fn gone() -> Node {
    Node { readiness: Readiness::NotReady, ..Node::default() }
}
