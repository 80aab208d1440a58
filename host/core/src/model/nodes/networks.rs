//! The pod networks of Nodes, by prefix.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

/// The pod networks that count, to be found in as many steps as there are lengths of prefixes: there may be thousands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PodNetworks {
    /// By name; one that lists a network twice is there twice.
    owners: BTreeMap<IpNet, Vec<Arc<str>>>,
    /// How many networks there are of each.
    lengths: BTreeMap<u8, usize>,
}

/// A network and one of its owners.
pub(super) type Owned<'a> = (IpNet, &'a Arc<str>);

impl PodNetworks {
    /// Takes in that a Node has a network.
    pub(super) fn insert(&mut self, network: IpNet, node: &Arc<str>) {
        let owners = self.owners.entry(network).or_default();
        if owners.is_empty() {
            *self.lengths.entry(network.prefix_len()).or_default() += 1;
        }
        let at = owners.partition_point(|owner| owner <= node);
        owners.insert(at, Arc::clone(node));
    }

    /// Takes in that a Node has a network no more, or once less.
    pub(super) fn remove(&mut self, network: IpNet, node: &Arc<str>) {
        let Some(owners) = self.owners.get_mut(&network) else { return };
        if let Ok(at) = owners.binary_search(node) {
            owners.remove(at);
        }
        if owners.is_empty() {
            self.owners.remove(&network);
            let length = network.prefix_len();
            match self.lengths.get_mut(&length) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => drop(self.lengths.remove(&length)),
            }
        }
    }

    /// All networks, each with its first owner.
    pub(super) fn all(&self) -> impl Iterator<Item = Owned<'_>> {
        self.owners.iter().filter_map(|(network, owners)| Some((*network, owners.first()?)))
    }

    /// The first owner of a network.
    pub(super) fn owner(&self, network: IpNet) -> Option<&Arc<str>> {
        self.owners.get(&network)?.first()
    }

    /// This network and those that lie in it.
    pub(super) fn within(&self, network: IpNet) -> impl Iterator<Item = IpNet> {
        let behind = self.owners.range(network..).map(|(within, _)| *within);
        behind.take_while(move |within| network.contains(within))
    }

    /// The owners of a network that lies in one of another Node, each with that one: whoever claims it may mean the
    /// other's pods.
    pub(super) fn shared(&self, network: IpNet) -> impl Iterator<Item = (&Arc<str>, Owned<'_>)> {
        let owners = self.owners.get(&network).into_iter().flatten();
        owners.filter_map(move |owner| Some((owner, self.around(network.addr(), owner, network.prefix_len())?)))
    }

    /// The network with this address that another node has, whoever else claims it.
    pub(super) fn of_another(&self, address: IpAddr, node: &str) -> Option<Owned<'_>> {
        self.around(address, node, u8::MAX)
    }

    /// The widest network with this address, whichever node has it, with its first owner.
    pub(super) fn of_any(&self, address: IpAddr) -> Option<Owned<'_>> {
        self.with(address, u8::MAX).find_map(|network| Some((network, self.owner(network)?)))
    }

    /// Those that there may be with this address and a prefix of so many bits at most, the widest first.
    fn with(&self, address: IpAddr, longest: u8) -> impl Iterator<Item = IpNet> {
        let around = move |(length, _): (&u8, &usize)| IpNet::new(address, *length).ok().map(|network| network.trunc());
        self.lengths.range(..=longest).filter_map(around)
    }

    /// The network with this address that another node has, with a prefix of so many bits at most.
    fn around(&self, address: IpAddr, node: &str, longest: u8) -> Option<Owned<'_>> {
        self.with(address, longest).find_map(|network| {
            let owner = self.owners.get(&network)?.iter().find(|owner| ***owner != *node)?;
            Some((network, owner))
        })
    }
}
