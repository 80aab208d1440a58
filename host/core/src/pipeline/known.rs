//! Which addresses of this node's pod networks are known, where what is not known does not leave the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Pipeline;
use super::derived::Derived;
use crate::model::ClusterFacts;
use crate::net::{AddressRange, Family, is_within};
use crate::plan::UnknownPods;

/// This node's pod networks.
type OwnNetworks = BTreeMap<Family, Vec<AddressRange>>;

impl Pipeline {
    /// The networks of which only known addresses leave the cluster.
    pub(super) fn own_networks(&self, facts: &ClusterFacts) -> OwnNetworks {
        match self.settings.unknown_pods {
            UnknownPods::Pass => BTreeMap::new(),
            UnknownPods::Drop => facts.own_pods.clone(),
        }
    }

    /// The addresses in them that pods of this node have, and the node itself. There are some hundred, so all of them are
    /// looked at.
    pub(super) fn known_addresses(&self) -> BTreeSet<IpAddr> {
        let networks = self.own_networks(&self.facts);
        if networks.is_empty() {
            return BTreeSet::new();
        }
        let pods = self.newest.pods.table().into_iter().flat_map(|pods| pods.own_addresses());
        let all = pods.chain(self.around.interfaces.iter().copied());
        let is_own =
            |address: &IpAddr| networks.get(&Family::of(*address)).is_some_and(|ranges| is_within(ranges, *address));
        all.filter(is_own).collect()
    }

    /// Takes in which addresses are known now; returns those of which that is news. Where other networks are this node's
    /// than `before`, it may be so for every pod.
    pub(super) fn take_known(&self, derived: &mut Derived, before: &OwnNetworks) -> BTreeSet<IpAddr> {
        let known = self.known_addresses();
        let mut news: BTreeSet<IpAddr> = derived.known.symmetric_difference(&known).copied().collect();
        if *before != self.own_networks(&self.facts) {
            news.extend(derived.pods.pods());
        }
        derived.known = known;
        news
    }
}
