//! Which addresses it concerns that other facts hold than before: what leads to the Services that have to be looked at.

use std::collections::BTreeSet;

use super::ClusterFacts;
use crate::net::AddressRange;

/// What newer facts are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concerned {
    /// All Services.
    All,
    /// Those that have one of these addresses, or an endpoint among them. Sets of what is inside may differ in others: no
    /// Service depends on that.
    These(Vec<AddressRange>),
}

impl ClusterFacts {
    /// What other facts than these are about.
    pub fn concerned(&self, newer: &Self) -> Concerned {
        let families = |facts: &Self| facts.excluded.keys().copied().collect::<Vec<_>>();
        let same =
            self.certainty == newer.certainty && self.private == newer.private && families(self) == families(newer);
        if !same {
            return Concerned::All;
        }
        let addresses = difference(&self.node_addresses, &newer.node_addresses);
        let primary = differing(&self.primary_addresses, &newer.primary_addresses);
        let pods = differing(&self.pod_networks, &newer.pod_networks);
        let named = differing(&self.named_networks, &newer.named_networks);
        let single = addresses.into_iter().chain(primary).map(AddressRange::from);
        Concerned::These(single.chain(pods.into_iter().map(AddressRange::from)).chain(named).collect())
    }
}

fn differing<T: Ord + Copy>(one: &[T], other: &[T]) -> Vec<T> {
    if one == other {
        return Vec::new();
    }
    let [one, other] = [one, other].map(|all| all.iter().copied().collect::<BTreeSet<T>>());
    difference(&one, &other)
}

fn difference<T: Ord + Copy>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> Vec<T> {
    one.symmetric_difference(other).copied().collect()
}
