//! The pods of this node: whose an address is, whatever EndpointSlices say. A slice is written by whoever may write
//! slices; a pod's addresses are written by the kubelet of its node alone.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::ordmap::DiffItem;
use imbl::{OrdMap, OrdSet};

use super::bounds::keep_short;
use super::{Labels, ObjectReference, PodSelector, Uid, UnixTime};
use crate::net::{AddressRange, Family};

/// A pod, cut to what shows whose an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub name: ObjectReference,
    /// The identity of this life of it.
    pub uid: Uid,
    /// `status.phase`.
    pub phase: Phase,
    /// `spec.hostNetwork`.
    pub network: PodNetwork,
    /// `status.podIPs`, as the kubelet wrote them: a pod that has ended keeps what it had.
    pub addresses: Vec<IpAddr>,
    /// Its labels, as many as are kept.
    pub labels: Labels,
    /// `status.startTime`: when the kubelet took it on, by this node's clock. None where that is not known.
    pub started: Option<UnixTime>,
}

/// `status.phase`, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// `Pending`, `Running`, `Unknown`, or what comes to be later: what it has may be in use.
    Alive,
    /// `Succeeded` or `Failed`: its addresses go to others.
    Ended,
}

/// Whether a pod has a network of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodNetwork {
    Own,
    /// The node's: its addresses are the node's.
    Host,
}

impl Pod {
    /// The same with bounds on what its author writes.
    #[must_use]
    pub fn within_bounds(mut self) -> Self {
        keep_short(&mut self.labels);
        self
    }

    /// The addresses that it has now.
    pub fn held(&self) -> &[IpAddr] {
        match self.phase {
            Phase::Alive => &self.addresses,
            Phase::Ended => &[],
        }
    }

    /// The addresses that the slices of a Service with these families list of it: the first of each.
    pub fn listed_as(&self, families: &[Family]) -> impl Iterator<Item = IpAddr> {
        let first = |family| self.held().iter().copied().find(|address| Family::of(*address) == family);
        Family::ALL.into_iter().filter(|family| families.contains(family)).filter_map(first)
    }
}

/// Pods by name and by address. A clone costs nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pods {
    by_name: OrdMap<ObjectReference, Arc<Pod>>,
    /// Pods that are not ended, by address.
    by_address: OrdMap<IpAddr, OrdSet<ObjectReference>>,
}

impl Pods {
    /// Takes in a pod as it is now; returns the addresses of which something changed.
    pub fn insert(&mut self, pod: Arc<Pod>) -> BTreeSet<IpAddr> {
        if self.by_name.get(&pod.name) == Some(&pod) {
            return BTreeSet::new();
        }
        let mut changed = self.remove(&pod.name);
        for address in pod.held() {
            self.by_address.entry(*address).or_default().insert(pod.name.clone());
        }
        changed.extend(pod.held());
        self.by_name.insert(pod.name.clone(), pod);
        changed
    }

    /// A pod is gone; returns the addresses that it had.
    pub fn remove(&mut self, name: &ObjectReference) -> BTreeSet<IpAddr> {
        let Some(pod) = self.by_name.remove(name) else { return BTreeSet::new() };
        for address in pod.held() {
            let left = self.by_address.get_mut(address).map(|names| {
                names.remove(name);
                names.len()
            });
            if left == Some(0) {
                self.by_address.remove(address);
            }
        }
        pod.held().iter().copied().collect()
    }

    /// A pod by its name.
    pub fn get(&self, name: &ObjectReference) -> Option<&Pod> {
        self.by_name.get(name).map(|pod| &**pod)
    }

    /// All of them, by name.
    pub fn names(&self) -> impl Iterator<Item = &ObjectReference> {
        self.by_name.keys()
    }

    /// The pods that have a network of their own, have not ended and have no address yet.
    pub fn without_address(&self) -> impl Iterator<Item = &Pod> {
        let is_alone = |pod: &&Pod| pod.network == PodNetwork::Own && pod.phase == Phase::Alive;
        self.by_name.values().map(|pod| &**pod).filter(is_alone).filter(|pod| pod.addresses.is_empty())
    }

    /// The pods that have an address now.
    pub fn at(&self, address: IpAddr) -> impl Iterator<Item = &Pod> {
        let names = self.by_address.get(&address).into_iter().flatten();
        names.filter_map(|name| self.get(name))
    }

    /// The pods with an address in this range.
    pub fn within(&self, range: AddressRange) -> impl Iterator<Item = &Pod> {
        let names = self.by_address.range(range.first()..=range.last()).flat_map(|(_, names)| names);
        names.filter_map(|name| self.get(name))
    }

    /// The addresses of a namespace's pods that have a network of their own, have not ended and have these labels.
    pub fn selected<'a>(
        &'a self,
        namespace: &'a Arc<str>,
        selector: &'a PodSelector,
    ) -> impl Iterator<Item = IpAddr> + use<'a> {
        self.selected_pods(namespace, selector).flat_map(|pod| pod.held().iter().copied())
    }

    /// These pods themselves.
    pub fn selected_pods<'a>(
        &'a self,
        namespace: &'a Arc<str>,
        selector: &'a PodSelector,
    ) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let from = self.by_name.range(ObjectReference::first_of(Arc::clone(namespace))..);
        let pods = from.take_while(|(name, _)| name.namespace == *namespace).map(|(_, pod)| &**pod);
        pods.filter(|pod| pod.network == PodNetwork::Own && selector.selects(&pod.labels))
    }

    /// The addresses of the pods that are other in a later state. What both share is not looked at.
    pub fn addresses_changed(&self, later: &Self) -> BTreeSet<IpAddr> {
        let changes = (!self.by_name.ptr_eq(&later.by_name)).then(|| self.by_name.diff(&later.by_name));
        let pods = changes.into_iter().flatten().flat_map(|item| match item {
            DiffItem::Add(_, pod) | DiffItem::Remove(_, pod) => [Some(pod), None],
            DiffItem::Update { old: (_, old), new: (_, new) } => [Some(old), Some(new)],
        });
        pods.flatten().flat_map(|pod| pod.held()).copied().collect()
    }

    /// The addresses of pods that have a network of their own and have not ended, in order.
    pub fn own_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let is_own = |address: &IpAddr| self.at(*address).any(|pod| pod.network == PodNetwork::Own);
        self.by_address.keys().copied().filter(is_own)
    }

    /// Whose an address is, as a namespace sees it.
    pub fn whose(&self, address: IpAddr, namespace: &str) -> PodOwner<'_> {
        let is_own = |pod: &&Pod| *pod.name.namespace == *namespace;
        // What a pod on the node's network says of addresses takes none from a pod that has one of its own.
        let of_pods = || self.at(address).filter(|pod| pod.network == PodNetwork::Own);
        let foreign = || of_pods().find(|pod| !is_own(pod)).map(|pod| &*pod.name.namespace);
        match (of_pods().find(is_own), foreign()) {
            (None, None) if self.at(address).next().is_some() => PodOwner::Nodes,
            (None, None) => PodOwner::Unknown,
            (Some(pod), None) => PodOwner::Own(&pod.name),
            (None, Some(other)) => PodOwner::Foreign(other),
            (Some(_), Some(other)) => PodOwner::Contested(other),
        }
    }
}

/// Whose an address is, as a namespace sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodOwner<'a> {
    /// A pod of this namespace has it, and none of another one.
    Own(&'a ObjectReference),
    /// Pods of other namespaces have it; this is one of these.
    Foreign(&'a str),
    /// Pods of this namespace and of others have it: one of them ends, or one of the two is not seen as it is. Nothing
    /// shows which.
    Contested(&'a str),
    /// Only pods on the node's network have it, so it is the node's.
    Nodes,
    /// No pod that is known has it.
    Unknown,
}

/// What is known of the pods of this node.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KnownPods {
    /// Nothing, and nothing follows from that: they are not watched, or could not be read yet.
    #[default]
    NotWatched,
    /// All of them, as they are now.
    Complete(Pods),
    /// What was known last: they cannot be read now.
    LastKnown(Pods),
}

impl KnownPods {
    /// The pods that are known, where they are watched: a clone costs nothing.
    pub fn table(&self) -> Option<&Pods> {
        match self {
            Self::NotWatched => None,
            Self::Complete(pods) | Self::LastKnown(pods) => Some(pods),
        }
    }

    /// What is known with a change is all there is from now on.
    pub fn complete(&mut self, change: impl FnOnce(&mut Pods)) {
        let mut pods = match std::mem::take(self) {
            Self::NotWatched => Pods::default(),
            Self::Complete(pods) | Self::LastKnown(pods) => pods,
        };
        change(&mut pods);
        *self = Self::Complete(pods);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn name(namespace: &str, name: &str) -> ObjectReference {
        ObjectReference::new(namespace, name)
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn any_pod() -> impl Strategy<Value = Pod> {
        let phase = prop_oneof![3 => Just(Phase::Alive), 1 => Just(Phase::Ended)];
        let network = prop_oneof![5 => Just(PodNetwork::Own), 1 => Just(PodNetwork::Host)];
        let addresses = prop::collection::vec((1..4_u8).prop_map(address), 0..3);
        let named = (prop::sample::select(&["a", "b"][..]), prop::sample::select(&["x", "y"][..]));
        (named, phase, network, addresses).prop_map(|((namespace, of), phase, network, addresses)| Pod {
            name: name(namespace, of),
            uid: Uid::new("1").unwrap(),
            phase,
            network,
            addresses,
            labels: Labels::new(),
            started: None,
        })
    }

    /// Whose an address is, found by looking at all pods.
    fn looked_up(pods: &Pods, at: IpAddr, namespace: &str) -> (usize, usize, usize) {
        let having = || pods.by_name.values().filter(|pod| pod.phase == Phase::Alive && pod.addresses.contains(&at));
        let hosts = having().filter(|pod| pod.network == PodNetwork::Host).count();
        let others = || having().filter(|pod| pod.network == PodNetwork::Own);
        let own = others().filter(|pod| *pod.name.namespace == *namespace).count();
        (hosts, own, others().count() - own)
    }

    proptest! {
        /// Whatever came and went: the index by address says what all pods say.
        #[test]
        fn the_index_says_what_all_pods_say(steps in prop::collection::vec((any_pod(), any::<bool>()), 0..30)) {
            let mut pods = Pods::default();
            for (pod, comes) in steps {
                let before = pods.clone();
                let changed = if comes { pods.insert(Arc::new(pod)) } else { pods.remove(&pod.name) };
                for at in (1..4).map(address) {
                    let facts = looked_up(&pods, at, "a");
                    let expected = match facts {
                        (_, 1.., 0) => "own",
                        (_, 0, 1..) => "foreign",
                        (_, 1.., 1..) => "contested",
                        (1.., 0, 0) => "nodes",
                        (0, 0, 0) => "unknown",
                    };
                    let found = match pods.whose(at, "a") {
                        PodOwner::Own(_) => "own",
                        PodOwner::Foreign(_) => "foreign",
                        PodOwner::Contested(_) => "contested",
                        PodOwner::Nodes => "nodes",
                        PodOwner::Unknown => "unknown",
                    };
                    prop_assert_eq!(found, expected);
                    prop_assert!(changed.contains(&at) || pods.whose(at, "a") == before.whose(at, "a"));
                }
            }
        }
    }

    #[test]
    fn a_pod_that_did_not_change_changes_no_address() {
        let pod = Arc::new(Pod {
            name: name("a", "x"),
            uid: Uid::new("1").unwrap(),
            phase: Phase::Alive,
            network: PodNetwork::Own,
            addresses: vec![address(1)],
            labels: Labels::new(),
            started: None,
        });
        let mut pods = Pods::default();
        assert_eq!(pods.insert(Arc::clone(&pod)), [address(1)].into());
        assert!(pods.insert(Arc::new((*pod).clone())).is_empty());
        assert!(pods.remove(&name("a", "y")).is_empty());
    }

    #[test]
    fn what_a_tenant_writes_on_a_pod_is_kept_within_bounds() {
        let labels = (0..10_000).map(|number| (format!("label-{number}"), "x".repeat(63))).collect();
        let pod = Pod {
            name: name("a", "x"),
            uid: Uid::new("1").unwrap(),
            phase: Phase::Alive,
            network: PodNetwork::Own,
            addresses: Vec::new(),
            labels,
            started: None,
        };
        let kept: usize = pod.within_bounds().labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(kept <= 4096, "{kept}");
    }
}
