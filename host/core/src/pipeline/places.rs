//! The subjects that depend on an address, as an endpoint that a slice lists or as one of their own, and on a Node by
//! its name. So a change of an address or a Node costs its own size.

mod audit;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

pub(super) use self::audit::{IndexCheck, Named};
use super::by_address::ByAddress;
use crate::model::{KeptNodes, Listing, NodeFacts, PublishedFacts, PublishedIndex, SubjectKey};
use crate::net::{AddressRange, Family, between, subtract, without};

/// The Services of the newest state by address and by Node, whether or not policies are asked about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DependencyIndex {
    /// By their own addresses, which are outside.
    outer: ByAddress,
    /// By their ClusterIPs and endpoints, which nearly always are inside.
    inner: ByAddress,
    /// In lower case, as the names of Nodes are: kube-vip's annotation may differ in that.
    nodes: BTreeMap<Arc<str>, BTreeSet<SubjectKey>>,
    known: BTreeMap<SubjectKey, Dependencies>,
}

/// Where one Service is found; each part is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dependencies {
    outer: Box<[IpAddr]>,
    inner: Box<[IpAddr]>,
    nodes: Box<[Arc<str>]>,
}

impl Dependencies {
    /// Of a Service's own addresses, its ClusterIPs and endpoints, and the Nodes that it names.
    pub(super) fn new(
        outer: impl Iterator<Item = IpAddr>,
        inner: impl Iterator<Item = IpAddr>,
        nodes: impl Iterator<Item = Arc<str>>,
    ) -> Self {
        Self { outer: sorted(outer), inner: sorted(inner), nodes: sorted(nodes.map(lower_case)) }
    }

    fn is_empty(&self) -> bool {
        self.outer.is_empty() && self.inner.is_empty() && self.nodes.is_empty()
    }
}

impl DependencyIndex {
    /// Takes in where a Service is found now; nowhere once it is gone.
    pub(super) fn put(&mut self, key: &SubjectKey, place: Dependencies) {
        let before = self.known.get(key).cloned().unwrap_or_default();
        if before == place {
            return;
        }
        self.outer.replace(key, &before.outer, &place.outer);
        self.inner.replace(key, &before.inner, &place.inner);
        without(&before.nodes, &place.nodes).for_each(|node| remove(&mut self.nodes, node, key));
        for node in without(&place.nodes, &before.nodes) {
            self.nodes.entry(Arc::clone(node)).or_default().insert(key.clone());
        }
        match place.is_empty() {
            true => drop(self.known.remove(key)),
            false => drop(self.known.insert(key.clone(), place)),
        }
    }

    /// The subjects that depend on an address.
    pub(super) fn of(&self, address: IpAddr) -> impl Iterator<Item = &SubjectKey> {
        self.outer.of(address).iter().chain(self.inner.of(address))
    }

    /// The Services that an address of this range concerns.
    pub(super) fn within(&self, range: AddressRange) -> impl Iterator<Item = &SubjectKey> {
        self.outer.within(range).chain(self.inner.within(range))
    }

    /// The ClusterIPs and endpoints of a Service.
    pub(super) fn inner_of(&self, key: &SubjectKey) -> &[IpAddr] {
        self.known.get(key).map_or(&[], |place| &place.inner)
    }

    /// The Services that name a Node, in whatever case.
    pub(super) fn naming(&self, node: &str) -> impl Iterator<Item = &SubjectKey> {
        self.nodes.get(&*node.to_ascii_lowercase()).into_iter().flatten()
    }
}

/// What there is an index of.
pub(super) struct Indexed<'a> {
    pub(super) places: &'a DependencyIndex,
    pub(super) nodes: &'a KeptNodes,
    pub(super) further: &'a PublishedIndex,
    /// At least the Services with an address that was in none of the ranges of `before`.
    pub(super) outside: &'a BTreeSet<SubjectKey>,
    pub(super) before: &'a BTreeMap<Family, Vec<AddressRange>>,
}

impl Indexed<'_> {
    /// What was in those ranges, and is in these no more. Of a family without ranges nothing is outside.
    fn leaves<'a>(
        &'a self,
        ranges: &'a BTreeMap<Family, Vec<AddressRange>>,
    ) -> impl Iterator<Item = AddressRange> + 'a {
        ranges.iter().flat_map(|(family, ranges)| match self.before.get(family) {
            Some(before) => subtract(before, ranges),
            None => between(*family, ranges),
        })
    }
}

impl Listing for Indexed<'_> {
    fn nodes(&self) -> NodeFacts {
        self.nodes.believed()
    }

    fn further(&self) -> PublishedFacts {
        self.further.believed()
    }

    fn outside(&self, ranges: &BTreeMap<Family, Vec<AddressRange>>) -> BTreeSet<SubjectKey> {
        let new = self.leaves(ranges).flat_map(|range| self.places.inner.within(range));
        self.outside.iter().chain(new).cloned().collect()
    }

    fn within(&self, ranges: &[AddressRange]) -> BTreeSet<SubjectKey> {
        ranges.iter().flat_map(|range| self.places.inner.within(*range)).cloned().collect()
    }
}

impl DependencyIndex {
    /// Whether a Service has a ClusterIP or an endpoint for which this holds.
    pub(super) fn has_inner(&self, key: &SubjectKey, holds: impl Fn(IpAddr) -> bool) -> bool {
        self.known.get(key).is_some_and(|place| place.inner.iter().any(|address| holds(*address)))
    }

    /// Those with a ClusterIP or an endpoint in none of these ranges.
    pub(super) fn outside(&self, ranges: &BTreeMap<Family, Vec<AddressRange>>) -> BTreeSet<SubjectKey> {
        let between = ranges.iter().flat_map(|(family, ranges)| between(*family, ranges));
        between.flat_map(|range| self.inner.within(range)).cloned().collect()
    }
}

fn sorted<T: Ord>(all: impl Iterator<Item = T>) -> Box<[T]> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}

fn remove(nodes: &mut BTreeMap<Arc<str>, BTreeSet<SubjectKey>>, node: &str, key: &SubjectKey) {
    if let Some(keys) = nodes.get_mut(node) {
        keys.remove(key);
        if keys.is_empty() {
            nodes.remove(node);
        }
    }
}

fn lower_case(name: Arc<str>) -> Arc<str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::merge_ranges;
    use crate::testkit::{a, n};

    fn places(services: &[(&str, &str, &str, &str)]) -> DependencyIndex {
        let mut places = DependencyIndex::default();
        for (name, outer, inner, node) in services {
            let place =
                Dependencies::new([a(outer)].into_iter(), [a(inner)].into_iter(), [Arc::from(*node)].into_iter());
            places.put(&SubjectKey::service("default", *name), place);
        }
        places
    }

    fn names(keys: BTreeSet<SubjectKey>) -> Vec<String> {
        keys.iter().map(|key| key.name.to_string()).collect()
    }

    #[test]
    fn outside_are_pods_and_cluster_ips_that_no_network_has_and_no_address_of_a_load_balancer() {
        let places = places(&[
            ("in", "11.0.0.1", "10.0.0.1", "a"),
            ("out", "11.0.0.2", "10.9.0.1", "a"),
            ("v6", "fd00::1", "fd00::2", "a"),
        ]);
        let ranges = merge_ranges([n("10.0.0.0/16").into(), n("127.0.0.0/8").into()]);
        assert_eq!(names(places.outside(&[(Family::Ipv4, ranges.clone())].into())), ["out"]);
        assert_eq!(names(places.outside(&[(Family::Ipv4, ranges), (Family::Ipv6, Vec::new())].into())), ["out", "v6"]);
        let (nodes, further, outside, before) = Default::default();
        let indexed = Indexed { places: &places, nodes: &nodes, further: &further, outside: &outside, before: &before };
        assert_eq!(names(indexed.within(&[n("10.9.0.0/24").into(), n("11.0.0.0/8").into()])), ["out"]);
    }

    #[test]
    fn a_service_that_moves_or_goes_is_found_where_it_is_now() {
        let mut places =
            places(&[("one", "11.0.0.1", "10.0.0.1", "Node-A"), ("two", "11.0.0.1", "10.0.0.2", "node-a")]);
        let all = |found: &mut dyn Iterator<Item = &SubjectKey>| names(found.cloned().collect());
        assert_eq!(all(&mut places.naming("NODE-a")), ["one", "two"]);
        let key = SubjectKey::service("default", "one");
        places
            .put(&key, Dependencies::new([a("11.0.0.2")].into_iter(), [a("10.0.0.3")].into_iter(), std::iter::empty()));
        assert_eq!(all(&mut places.naming("node-a")), ["two"]);
        assert_eq!(
            (all(&mut places.of(a("11.0.0.1"))), all(&mut places.of(a("10.0.0.1")))),
            (vec!["two".to_owned()], vec![])
        );
        assert_eq!(all(&mut places.of(a("10.0.0.3"))), ["one"]);
        places.put(&key, Dependencies::default());
        assert_eq!(all(&mut places.within(AddressRange::all_of(Family::Ipv4))), ["two"]);
    }

    /// All may name one Node, so a slice of an audit ends within it.
    #[test]
    fn names_of_nodes_are_gone_through_in_steps_of_any_size() {
        let names: Vec<String> = (0..9).map(|number| format!("s{number}")).collect();
        let node = |number: usize| if number < 7 { "a" } else { "b" };
        let services: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(number, name)| (name.as_str(), "11.0.0.1", "10.0.0.1", node(number)))
            .collect();
        let places = places(&services);
        let all: Vec<Named> = places.named_behind(None).collect();
        assert_eq!(all.len(), 9);
        for most in 1..=9 {
            let (mut found, mut after) = (Vec::new(), None);
            while found.len() < all.len() {
                found.extend(places.named_behind(after.take()).take(most));
                after = found.last().cloned();
            }
            assert_eq!(found, all, "{most} at a time");
        }
    }
}
