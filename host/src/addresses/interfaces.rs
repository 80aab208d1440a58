//! All interfaces and addresses of the node, message by message.

use std::collections::BTreeMap;
use std::net::IpAddr;

use egressd_core::owner::{Held, Standing};

use super::message::{Event, Place};

/// kube-proxy's interface in its mode `ipvs` (`DefaultDummyDevice` in Kubernetes' `pkg/proxy/ipvs/proxier.go`). It
/// has the addresses of all Services on every node, so it says nothing about who holds one.
const IPVS: &str = "kube-ipvs0";

/// What is known now.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    names: BTreeMap<u32, String>,
    addresses: BTreeMap<Place, Standing>,
}

impl Interfaces {
    /// Takes in what is told.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Link { index, name } => {
                self.names.insert(index, name);
            }
            Event::LinkGone { index } => {
                self.names.remove(&index);
                self.addresses.retain(|place, _| place.index != index);
            }
            Event::Address(place, standing) => {
                self.addresses.insert(place, standing);
            }
            Event::AddressGone(place) => {
                self.addresses.remove(&place);
            }
            Event::End | Event::Refused(_) | Event::Other => {}
        }
    }

    /// What this node holds. An interface without a name counts as little as [`IPVS`]: it might be that one.
    pub(super) fn held(&self) -> Held {
        let mut held = Held::new();
        for (place, standing) in &self.addresses {
            let counts = self.names.get(&place.index).is_some_and(|name| name != IPVS);
            if counts && is_of_one_node(place.local) {
                let best = held.entry(place.local).or_insert(*standing);
                *best = (*best).max(*standing);
            }
        }
        held
    }
}

/// Loopback and link-local addresses are on every node, and the latter come and go with every pod.
fn is_of_one_node(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str) -> Event {
        Event::Link { index, name: name.to_owned() }
    }

    fn v4(index: u32, prefix: u8) -> Place {
        let local = IpAddr::from([11, 0, 0, 2]);
        Place { index, local, network: Some((prefix, local)) }
    }

    fn held(events: impl IntoIterator<Item = Event>) -> Vec<Standing> {
        let mut interfaces = Interfaces::default();
        events.into_iter().for_each(|event| interfaces.take(event));
        interfaces.held().into_values().collect()
    }

    fn usable(place: Place) -> Event {
        Event::Address(place, Standing::Usable)
    }

    #[test]
    fn an_address_is_held_until_its_last_interface_lost_it() {
        let both = || vec![link(1, "lo"), link(2, "eth0"), usable(v4(1, 32)), usable(v4(2, 24)), usable(v4(2, 32))];
        let after = |events: Vec<Event>| held(both().into_iter().chain(events));
        assert_eq!(after(vec![]), [Standing::Usable]);
        assert_eq!(after(vec![Event::AddressGone(v4(2, 24)), Event::AddressGone(v4(1, 32))]), [Standing::Usable]);
        assert_eq!(after(vec![Event::AddressGone(v4(1, 32)), Event::LinkGone { index: 2 }]), []);
    }

    #[test]
    fn what_is_on_the_interface_of_ipvs_does_not_count() {
        assert_eq!(held([link(3, "kube-ipvs0"), usable(v4(3, 32))]), []);
        assert_eq!(held([link(3, "kube-ipvs0"), usable(v4(3, 32)), link(3, "eth1")]), [Standing::Usable], "renamed");
        assert_eq!(held([usable(v4(3, 32))]), [], "of unknown name");
    }

    #[test]
    fn the_best_of_several_interfaces_counts() {
        let tentative = Event::Address(v4(2, 24), Standing::Tentative);
        assert_eq!(held([link(1, "lo"), link(2, "eth0"), usable(v4(1, 32)), tentative]), [Standing::Usable]);
    }

    #[test]
    fn addresses_that_every_node_has_are_left_out() {
        let place = |local: IpAddr| Place { index: 1, local, network: None };
        let local = ["127.0.0.1", "169.254.1.1", "::1", "fe80::1"].map(|text| text.parse().map(place).map(usable));
        assert_eq!(held([link(1, "lo")].into_iter().chain(local.into_iter().flatten())), []);
    }
}
