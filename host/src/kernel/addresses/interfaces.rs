//! All interfaces and addresses of the node, message by message.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use egressd_core::model::Connected;
use egressd_core::owner::{AddressState, LocalAddresses};
use ipnet::IpNet;

use super::message::{AddressId, Event, LinkState};

/// kube-proxy's interface in its mode `ipvs` (`DefaultDummyDevice` in Kubernetes' `pkg/proxy/ipvs/proxier.go`). It
/// has the addresses of all Services on every node, so it says nothing about who holds one.
const IPVS: &str = "kube-ipvs0";

/// A connected network has a longer prefix: so wide a one is more than a link.
const WIDEST_V4: u8 = 8;
/// The same, IPv6.
const WIDEST_V6: u8 = 16;

/// What is known now.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    links: BTreeMap<u32, (String, LinkState)>,
    addresses: BTreeMap<AddressId, Address>,
}

/// What is known of an address.
#[derive(Debug)]
struct Address {
    standing: AddressState,
    /// The network that is reached by it, where that can be one of several receivers on a link.
    network: Option<IpNet>,
}

impl Interfaces {
    /// Takes in what is reported; which interface may have lost routes by it, which the kernel does not report.
    pub(super) fn apply(&mut self, event: Event) -> Option<u32> {
        match event {
            Event::Link { index, name, state } => {
                let before = self.links.insert(index, (name, state));
                before.filter(|(_, before)| *before != state).map(|_| index)
            }
            Event::LinkGone { index } => {
                self.links.remove(&index);
                self.addresses.retain(|id, _| id.index != index);
                Some(index)
            }
            Event::Address(id, standing, network) => {
                self.addresses.insert(id, Address { standing, network: network.filter(is_of_a_link) });
                None
            }
            Event::AddressGone(id) => {
                self.addresses.remove(&id);
                Some(id.index)
            }
            Event::Route(_) | Event::End | Event::Refused(_) | Event::Other => None,
        }
    }

    /// The networks that are reached by interfaces which are up, by interface.
    fn networks(&self) -> impl Iterator<Item = (u32, Connected)> {
        self.addresses.iter().filter_map(|(id, address)| match self.links.get(&id.index)? {
            (name, LinkState::Up) => Some((id.index, Connected { interface: name.clone(), network: address.network? })),
            (_, LinkState::Nowhere) => None,
        })
    }

    /// The interfaces of which it matters whether they lead to a gateway.
    pub(super) fn candidates(&self) -> BTreeSet<u32> {
        self.networks().map(|(index, _)| index).collect()
    }

    /// The networks of those interfaces that lead to none.
    pub(super) fn connected(&self, leads_to_none: impl Fn(u32) -> bool) -> Vec<Connected> {
        let networks = self.networks().filter(|(index, _)| leads_to_none(*index));
        let networks: BTreeSet<Connected> = networks.map(|(_, connected)| connected).collect();
        networks.into_iter().collect()
    }

    /// What this node holds. An interface without a name counts as little as [`IPVS`]: it might be that one.
    pub(super) fn held(&self) -> LocalAddresses {
        let mut held = LocalAddresses::new();
        for (id, Address { standing, network: _ }) in &self.addresses {
            let counts = self.links.get(&id.index).is_some_and(|(name, _)| name != IPVS);
            if counts && is_of_one_node(id.local) {
                let best = held.entry(id.local).or_insert(*standing);
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

/// Whether several can be reached by a network, and not everybody.
fn is_of_a_link(network: &IpNet) -> bool {
    let widest = match network {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    let is_of_hosts = network.prefix_len() < network.max_prefix_len() && network.prefix_len() > widest;
    is_of_hosts && is_of_one_node(network.addr())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn link(index: u32, name: &str) -> Event {
        Event::Link { index, name: name.to_owned(), state: LinkState::Up }
    }

    fn v4(index: u32, prefix: u8) -> AddressId {
        let local = IpAddr::from([11, 0, 0, 2]);
        AddressId { index, local, network: Some((prefix, local)) }
    }

    fn held(events: impl IntoIterator<Item = Event>) -> Vec<AddressState> {
        let mut interfaces = Interfaces::default();
        for event in events {
            interfaces.apply(event);
        }
        interfaces.held().into_values().collect()
    }

    fn usable(id: AddressId) -> Event {
        Event::Address(id, AddressState::Usable, None)
    }

    /// The networks of interfaces that lead to no gateway, of which the second is one that does.
    fn connected(events: impl IntoIterator<Item = Event>) -> Vec<String> {
        let mut interfaces = Interfaces::default();
        for event in events {
            interfaces.apply(event);
        }
        let connected = interfaces.connected(|index| index != 2);
        connected.iter().map(|Connected { interface, network }| format!("{interface} {network}")).collect()
    }

    /// An address on the interface, in this network.
    fn within(index: u32, network: &str) -> Event {
        let network: IpNet = network.parse().unwrap();
        let id = AddressId { index, local: network.addr(), network: None };
        Event::Address(id, AddressState::Usable, Some(network))
    }

    #[test]
    fn the_networks_of_an_interface_without_a_gateway_are_connected() {
        let events = [link(1, "br0"), link(2, "eth0"), within(1, "10.1.0.0/24"), within(2, "10.2.0.0/24")];
        let more = [within(1, "fd00:1::/64"), link(3, "br0.7"), within(3, "10.3.0.0/31"), within(4, "10.4.0.0/24")];
        let expected = ["br0 10.1.0.0/24", "br0 fd00:1::/64", "br0.7 10.3.0.0/31"];
        assert_eq!(connected(events.into_iter().chain(more)), expected);
    }

    #[test]
    fn neither_hosts_nor_links_of_every_node_nor_half_the_world_are_connected() {
        let networks =
            ["10.0.0.1/32", "fd00::1/128", "127.0.0.0/16", "169.254.0.0/24", "fe80::/64", "10.0.0.0/8", "fd00::/16"];
        assert_eq!(connected([link(1, "br0")].into_iter().chain(networks.map(|network| within(1, network)))), [""; 0]);
        let narrower = ["10.0.0.0/9", "fd00::/17"].map(|network| within(1, network));
        assert_eq!(connected([link(1, "br0")].into_iter().chain(narrower)).len(), 2);
    }

    #[test]
    fn an_interface_that_is_down_connects_nothing_and_its_routes_are_looked_for_again() {
        let down = || Event::Link { index: 1, name: "br0".to_owned(), state: LinkState::Nowhere };
        assert_eq!(connected([link(1, "br0"), within(1, "10.1.0.0/24"), down()]), [""; 0]);
        let mut interfaces = Interfaces::default();
        let took = [link(1, "br0"), within(1, "10.1.0.0/24"), link(1, "br0"), down(), link(1, "br1")];
        assert_eq!(took.map(|event| interfaces.apply(event)), [None, None, None, Some(1), Some(1)]);
        assert_eq!(interfaces.apply(Event::AddressGone(v4(1, 24))), Some(1));
    }

    #[test]
    fn an_address_is_held_until_its_last_interface_lost_it() {
        let links = || vec![link(1, "lo"), link(2, "eth0"), usable(v4(1, 32)), usable(v4(2, 24)), usable(v4(2, 32))];
        let after = |events: Vec<Event>| held(links().into_iter().chain(events));
        assert_eq!(after(vec![]), [AddressState::Usable]);
        assert_eq!(after(vec![Event::AddressGone(v4(2, 24)), Event::AddressGone(v4(1, 32))]), [AddressState::Usable]);
        assert_eq!(after(vec![Event::AddressGone(v4(1, 32)), Event::LinkGone { index: 2 }]), []);
    }

    #[test]
    fn what_is_on_the_interface_of_ipvs_does_not_count() {
        assert_eq!(held([link(3, "kube-ipvs0"), usable(v4(3, 32))]), []);
        assert_eq!(
            held([link(3, "kube-ipvs0"), usable(v4(3, 32)), link(3, "eth1")]),
            [AddressState::Usable],
            "renamed"
        );
        assert_eq!(held([usable(v4(3, 32))]), [], "of unknown name");
    }

    #[test]
    fn the_best_of_several_interfaces_counts() {
        let tentative = Event::Address(v4(2, 24), AddressState::Tentative, None);
        assert_eq!(held([link(1, "lo"), link(2, "eth0"), usable(v4(1, 32)), tentative]), [AddressState::Usable]);
    }

    #[test]
    fn addresses_that_every_node_has_are_left_out() {
        let id = |local: IpAddr| AddressId { index: 1, local, network: None };
        let local = ["127.0.0.1", "169.254.1.1", "::1", "fe80::1"].map(|text| text.parse().map(id).map(usable));
        assert_eq!(held([link(1, "lo")].into_iter().chain(local.into_iter().flatten())), []);
    }
}
