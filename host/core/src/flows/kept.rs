//! Which entries contradict the rules and were kept: an entry that began in a later gap can only be distinguished from these, since the kernel
//! does not say when one began.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Flow, FlowId};

/// How many entries are known at most, of all pods together: 1 MiB. Of a pod that has more nothing is known, and so all
/// that contradicts is kept.
pub const MOST_KEPT: usize = 1 << 16;

/// The entries that contradict and were kept, of the pods whose entries were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptFlows {
    pods: BTreeMap<IpAddr, BTreeSet<FlowId>>,
    count: usize,
}

impl KeptFlows {
    /// Whether an entry that contradicts began since its pod was looked at. Not where that is unknown.
    pub fn began_later(&self, flow: &Flow) -> bool {
        self.pods.get(&flow.source).is_some_and(|known| !known.contains(&flow.id))
    }

    /// Takes in all that is kept of a pod.
    pub fn set(&mut self, pod: IpAddr, kept: BTreeSet<FlowId>) {
        self.forget(pod);
        if self.count + kept.len() <= MOST_KEPT {
            self.count += kept.len();
            self.pods.insert(pod, kept);
        }
    }

    /// From now on nothing is known of others than these pods.
    pub fn retain(&mut self, pods: &BTreeSet<IpAddr>) {
        self.pods.retain(|pod, _| pods.contains(pod));
        self.count = self.pods.values().map(BTreeSet::len).sum();
    }

    /// From now on nothing is known of a pod's entries.
    pub fn forget(&mut self, pod: IpAddr) {
        let known = self.pods.remove(&pod);
        self.count -= known.map_or(0, |known| known.len());
    }
}
