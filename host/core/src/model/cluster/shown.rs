//! All inside networks and addresses with their reasons, for output: built on request, since there may be thousands of
//! Nodes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::exact::ExactAddresses;
use super::networks::{Named, of_family};
use super::{AddressReason, ClusterFacts, Reason};
use crate::net::{AddressRange, Family, is_within, merge_ranges};

impl ClusterFacts {
    /// The networks that are inside, each with the reason.
    pub fn networks(&self) -> Vec<(IpNet, Reason)> {
        self.excluded.keys().flat_map(|family| self.networks_of(*family)).collect()
    }

    fn networks_of(&self, family: Family) -> impl Iterator<Item = Named> {
        let of_nodes = self.of_nodes.get(&family).into_iter().flatten();
        let of_nodes = of_nodes.map(|(network, name)| (*network, Reason::Node(name.to_string())));
        of_nodes.chain(of_family(family, self.networks.iter().cloned()))
    }

    /// The addresses that are inside and in none of the networks, each with the reason.
    pub fn addresses(&self) -> BTreeMap<IpAddr, AddressReason> {
        let ranges = |family| merge_ranges(self.networks_of(family).map(|(network, _)| AddressRange::from(network)));
        let known: BTreeMap<Family, Vec<AddressRange>> =
            self.excluded.keys().map(|family| (*family, ranges(*family))).collect();
        let is_known = |address| known.get(&Family::of(address)).is_none_or(|ranges| is_within(ranges, address));
        let mut of_nodes = ExactAddresses::default();
        of_nodes.add(self.node_addresses.iter().copied(), AddressReason::Node, is_known);
        let mut all = self.addresses.clone();
        all.extend(of_nodes.addresses);
        let mut further = ExactAddresses::default();
        let is_shown = |address| is_known(address) || all.contains_key(&address);
        further.add(self.further.iter().copied(), AddressReason::EgressNode, is_shown);
        all.extend(further.addresses);
        all
    }
}
