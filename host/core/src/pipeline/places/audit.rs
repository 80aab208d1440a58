//! Whether the index has each subject at its addresses, and only there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{ByAddress, Dependencies, DependencyIndex};
use crate::model::SubjectKey;
use crate::pipeline::audit::behind;

/// A Node, and a Service to which its name leads.
pub(in crate::pipeline) type Named = (Arc<str>, SubjectKey);

/// What an address or a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) struct IndexCheck {
    /// How many entries were looked up.
    pub(in crate::pipeline) entries: usize,
    /// Whether there are any, and each is where it belongs.
    pub(in crate::pipeline) holds: bool,
}

impl IndexCheck {
    /// Of entries, each of which belongs there or not.
    pub(in crate::pipeline) fn of(belong: impl Iterator<Item = bool>) -> Self {
        let (entries, wrong) =
            belong.fold((0, 0), |(entries, wrong), belongs| (entries + 1, wrong + usize::from(!belongs)));
        Self { entries, holds: entries > 0 && wrong == 0 }
    }
}

impl DependencyIndex {
    /// Where each Service is known to be.
    pub(in crate::pipeline) fn by_service(&self) -> &BTreeMap<SubjectKey, Dependencies> {
        &self.known
    }

    /// Whether a Service is known to be there and nowhere else, and all of it leads to the Service.
    pub(in crate::pipeline) fn has(&self, key: &SubjectKey, place: &Dependencies) -> bool {
        let leads = |index: &ByAddress, addresses: &[IpAddr]| {
            addresses.iter().all(|address| index.of(*address).binary_search(key).is_ok())
        };
        self.known.get(key).cloned().unwrap_or_default() == *place
            && leads(&self.outer, &place.outer)
            && leads(&self.inner, &place.inner)
            && place.nodes.iter().all(|node| self.nodes.get(node).is_some_and(|keys| keys.contains(key)))
    }

    /// The addresses behind one, in order.
    pub(in crate::pipeline) fn behind(&self, after: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
        let [mut outer, mut inner] = [&self.outer, &self.inner].map(|index| index.behind(after).peekable());
        std::iter::from_fn(move || {
            let next = outer.peek().into_iter().chain(inner.peek()).min().copied()?;
            for index in [&mut outer, &mut inner] {
                index.next_if_eq(&next);
            }
            Some(next)
        })
    }

    /// Whether an address leads to Services that are known to have it.
    pub(in crate::pipeline) fn leads_back(&self, address: IpAddr) -> IndexCheck {
        let has = |key: &SubjectKey, part: fn(&Dependencies) -> &[IpAddr]| {
            self.known.get(key).is_some_and(|place| part(place).binary_search(&address).is_ok())
        };
        let outer = self.outer.of(address).iter().map(|key| has(key, |place| &place.outer));
        let inner = self.inner.of(address).iter().map(|key| has(key, |place| &place.inner));
        IndexCheck::of(outer.chain(inner))
    }

    /// Each Node with each Service to which its name leads, behind one of them, in order: all may name one Node.
    pub(in crate::pipeline) fn named_behind(&self, after: Option<Named>) -> impl Iterator<Item = Named> {
        let (node, key) = after.unzip();
        let of_same = node.clone().and_then(|node| Some((node.clone(), self.nodes.get(&node)?)));
        let of_same = of_same.into_iter().flat_map(move |(node, keys)| {
            keys.range(behind(key.clone())).map(move |key| (Arc::clone(&node), key.clone()))
        });
        let of_others = self.nodes.range(behind(node));
        of_same.chain(of_others.flat_map(|(node, keys)| keys.iter().map(|key| (Arc::clone(node), key.clone()))))
    }

    /// Whether a Service is known to name a Node whose name leads to it.
    pub(in crate::pipeline) fn names(&self, named: &Named) -> IndexCheck {
        let (node, key) = named;
        let place = self.known.get(key);
        IndexCheck::of([place.is_some_and(|place| place.nodes.binary_search(node).is_ok())].into_iter())
    }
}

#[cfg(feature = "testkit")]
impl DependencyIndex {
    /// Makes it wrong for tests: a Service is not found by its first address.
    pub(in crate::pipeline) fn lose(&mut self, key: &SubjectKey) -> Option<()> {
        let first = *self.known.get(key)?.inner.first()?;
        self.inner.remove(first, key);
        Some(())
    }

    /// Makes it wrong for tests: a Service is not found by the first Node that it names.
    pub(in crate::pipeline) fn lose_node(&mut self, key: &SubjectKey) -> Option<()> {
        let first = Arc::clone(self.known.get(key)?.nodes.first()?);
        super::remove(&mut self.nodes, &first, key);
        Some(())
    }
}
