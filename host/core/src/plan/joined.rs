//! What all subjects together have to do with the tunnel between nodes, at the cost of those that change. Where two say
//! something else about one pod or address, the first that takes precedence decides, on all nodes alike (P13).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Bound;

use super::{Gateway, SubjectTunnel, TunnelPlan, TunnelSettings};
use crate::model::{SubjectKey, TunnelIndex};
use crate::net::{Family, GatewayIndex, PortRange, Protocol};

/// The numbers of addresses that other nodes hold, on this one.
pub type GatewayNumbers = BTreeMap<IpAddr, GatewayIndex>;

/// Who says something: the smallest decides.
type Speaker = (PodKnowledge, i64, SubjectKey);

/// Whether a subject is known to have a pod of its own namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PodKnowledge {
    Own,
    Foreign,
}

/// What each subject says of each address and pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TunnelParts {
    parts: BTreeMap<SubjectKey, (i64, SubjectTunnel)>,
    held: BTreeMap<IpAddr, BTreeSet<SubjectKey>>,
    gateways: BTreeMap<IpAddr, BTreeMap<Speaker, IpAddr>>,
    homes: BTreeMap<IpAddr, BTreeMap<Speaker, IpAddr>>,
}

impl TunnelParts {
    /// Takes in what a subject of this age says now; the addresses about which that is news. One that is not there any more
    /// says nothing.
    pub fn put(&mut self, key: &SubjectKey, created: i64, part: SubjectTunnel) -> BTreeSet<IpAddr> {
        let mut touched = BTreeSet::new();
        if self.of(key) == (!part.is_empty()).then_some((created, &part)) {
            return touched;
        }
        if let Some((created, before)) = self.parts.remove(key) {
            touched.extend(before.addresses());
            self.remove(key, created, &before);
        }
        touched.extend(part.addresses());
        if !part.is_empty() {
            self.add(key, created, &part);
            self.parts.insert(key.clone(), (created, part));
        }
        touched
    }

    /// What a subject says, and its age.
    pub fn of(&self, key: &SubjectKey) -> Option<(i64, &SubjectTunnel)> {
        self.parts.get(key).map(|(created, part)| (*created, part))
    }

    /// The subjects behind one that say something, in order.
    pub(crate) fn behind(&self, after: Option<&SubjectKey>) -> impl Iterator<Item = SubjectKey> + use<'_> {
        let first = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
        self.parts.range((first, Bound::Unbounded)).map(|(key, _)| key.clone())
    }

    /// Whether each subject is found by all that it says, and nothing else is there.
    pub(crate) fn is_joined(&self) -> bool {
        let mut anew = Self::default();
        for (key, (created, part)) in &self.parts {
            anew.put(key, *created, part.clone());
        }
        *self == anew
    }

    /// Whether this node holds an address.
    fn holds(&self, address: IpAddr) -> bool {
        self.held.contains_key(&address)
    }

    /// Where packets go that get an address elsewhere.
    fn gateway(&self, address: IpAddr) -> Option<IpAddr> {
        let says = self.gateways.get(&address).filter(|_| !self.holds(address))?;
        says.values().next().copied()
    }

    fn home(&self, pod: IpAddr) -> Option<IpAddr> {
        self.homes.get(&pod)?.values().next().copied()
    }

    fn add(&mut self, key: &SubjectKey, created: i64, part: &SubjectTunnel) {
        for address in &part.held {
            self.held.entry(*address).or_default().insert(key.clone());
        }
        for (address, end) in &part.gateways {
            let speaker = (PodKnowledge::Own, created, key.clone());
            self.gateways.entry(*address).or_default().insert(speaker, *end);
        }
        for (pod, end) in &part.homes {
            self.homes.entry(*pod).or_default().insert(part.speaker(*pod, created, key), *end);
        }
    }

    fn remove(&mut self, key: &SubjectKey, created: i64, part: &SubjectTunnel) {
        for address in &part.held {
            if let Some(keys) = self.held.get_mut(address) {
                keys.remove(key);
                if keys.is_empty() {
                    self.held.remove(address);
                }
            }
        }
        for address in part.gateways.keys() {
            take(&mut self.gateways, *address, &(PodKnowledge::Own, created, key.clone()));
        }
        for pod in part.homes.keys() {
            take(&mut self.homes, *pod, &part.speaker(*pod, created, key));
        }
    }
}

impl SubjectTunnel {
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.held.iter().chain(self.gateways.keys()).chain(self.homes.keys()).copied()
    }

    fn speaker(&self, pod: IpAddr, created: i64, key: &SubjectKey) -> Speaker {
        let known = if self.foreign.contains(&pod) { PodKnowledge::Foreign } else { PodKnowledge::Own };
        (known, created, key.clone())
    }
}

impl TunnelPlan {
    /// Without ends, addresses and pods.
    pub fn bare(settings: &TunnelSettings) -> Self {
        Self {
            port: PortRange::one(Protocol::Udp, settings.port),
            marks: settings.marks,
            nodes: BTreeSet::new(),
            held: BTreeSet::new(),
            homes: BTreeMap::new(),
            gateways: BTreeMap::new(),
        }
    }

    /// All of what subjects say, with these numbers.
    pub fn of(
        settings: &TunnelSettings,
        ends: &TunnelIndex,
        parts: &TunnelParts,
        numbers: &mut GatewayNumbers,
    ) -> Self {
        let mut plan = Self { nodes: nodes(settings, ends), ..Self::bare(settings) };
        let all = parts.held.keys().chain(parts.gateways.keys()).chain(parts.homes.keys());
        plan.take(parts, &all.copied().collect(), numbers);
        plan
    }

    /// Takes in the ends of all nodes.
    pub fn take_ends(&mut self, settings: &TunnelSettings, ends: &TunnelIndex) {
        self.nodes = nodes(settings, ends);
    }

    /// Takes in what subjects say of these addresses and pods now.
    pub fn take(&mut self, parts: &TunnelParts, touched: &BTreeSet<IpAddr>, numbers: &mut GatewayNumbers) {
        for address in touched.iter().copied() {
            if parts.holds(address) {
                self.held.insert(address);
            } else {
                self.held.remove(&address);
            }
            match parts.gateway(address) {
                Some(end) => drop(self.gateways.insert(address, Gateway { index: None, end: Some(end) })),
                None => drop(self.gateways.remove(&address)),
            }
            match parts.home(address) {
                Some(end) => drop(self.homes.insert(address, end)),
                None => drop(self.homes.remove(&address)),
            }
        }
        number(numbers, self.gateways.keys().copied());
        for (address, gateway) in &mut self.gateways {
            gateway.index = numbers.get(address).copied();
        }
    }
}

fn nodes(settings: &TunnelSettings, ends: &TunnelIndex) -> BTreeSet<IpAddr> {
    let ends = ends.tunnel_ends().map(|(_, end)| end).filter(|end| settings.fits(end));
    ends.flat_map(|end| end.addresses()).collect()
}

/// Gives each of these addresses a number, as far as there are some. An address keeps its number as long as possible, also
/// when it is not used: packets on their way may still be marked with it.
fn number(numbers: &mut GatewayNumbers, addresses: impl Iterator<Item = IpAddr> + Clone) {
    for family in Family::ALL {
        let wanted: BTreeSet<IpAddr> = addresses.clone().filter(|address| Family::of(*address) == family).collect();
        for address in &wanted {
            if numbers.contains_key(address) {
                continue;
            }
            let of_family = || numbers.iter().filter(|(one, _)| Family::of(**one) == family);
            let used: BTreeSet<GatewayIndex> = of_family().map(|(_, number)| *number).collect();
            let free = GatewayIndex::all().find(|number| !used.contains(number));
            let unused = of_family().find(|(one, _)| !wanted.contains(one)).map(|(one, number)| (*one, *number));
            if let Some(number) = free {
                numbers.insert(*address, number);
            } else if let Some((gone, number)) = unused {
                numbers.remove(&gone);
                numbers.insert(*address, number);
            }
        }
    }
}

fn take(all: &mut BTreeMap<IpAddr, BTreeMap<Speaker, IpAddr>>, address: IpAddr, speaker: &Speaker) {
    if let Some(says) = all.get_mut(&address) {
        says.remove(speaker);
        if says.is_empty() {
            all.remove(&address);
        }
    }
}
