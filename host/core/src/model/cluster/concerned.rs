//! The addresses for which the cluster facts have changed; they lead to the Services to evaluate again.

use std::collections::BTreeSet;

use imbl::ordmap::DiffItem as Pair;
use imbl::ordset::DiffItem;

use ipnet::IpNet;

use super::ClusterFacts;
use crate::net::{AddressRange, Family};

/// The subjects that a change of the facts affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AffectedSubjects {
    All,
    /// Those that have one of these addresses, or an endpoint among them. Sets of what is inside may differ in others:
    /// no Service depends on that.
    These(Vec<AddressRange>),
}

impl ClusterFacts {
    /// What other facts than these are about.
    pub fn concerned(&self, newer: &Self) -> AffectedSubjects {
        let families = |facts: &Self| facts.excluded.keys().copied().collect::<Vec<_>>();
        let same =
            self.certainty == newer.certainty && self.private == newer.private && families(self) == families(newer);
        if !same {
            return AffectedSubjects::All;
        }
        let addresses = self.node_addresses.diff(&newer.node_addresses).map(|item| match item {
            DiffItem::Add(address) | DiffItem::Remove(address) => *address,
        });
        let primary = differing(&self.primary_addresses, &newer.primary_addresses);
        let pods = Family::ALL.into_iter().flat_map(|family| self.of_other_nodes(newer, family));
        let pods = pods.chain(differing(&self.pod_networks, &newer.pod_networks));
        let named = differing(&self.named_networks, &newer.named_networks);
        let single = addresses.chain(primary).map(AddressRange::from);
        AffectedSubjects::These(single.chain(pods.map(AddressRange::from)).chain(named).collect())
    }

    /// The networks of a family that Nodes have now, or had.
    fn of_other_nodes(&self, newer: &Self, family: Family) -> Vec<IpNet> {
        let [before, now] = [self, newer].map(|facts| facts.of_nodes.get(&family).cloned().unwrap_or_default());
        let networks = before.diff(&now).filter_map(|item| match item {
            Pair::Add(network, _) | Pair::Remove(network, _) => Some(*network),
            Pair::Update { .. } => None,
        });
        networks.collect()
    }
}

fn differing<T: Ord + Copy>(one: &[T], other: &[T]) -> Vec<T> {
    if one == other {
        return Vec::new();
    }
    let [one, other] = [one, other].map(|all| all.iter().copied().collect::<BTreeSet<T>>());
    one.symmetric_difference(&other).copied().collect()
}
