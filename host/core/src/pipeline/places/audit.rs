//! Whether Services are found where they are, and nowhere else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{ByAddress, Place, Places};
use crate::model::ServiceKey;
use crate::pipeline::audit::behind;

/// What an address or a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) struct Looked {
    /// How many entries were looked up.
    pub(in crate::pipeline) entries: usize,
    /// Whether there are any, and each is where it belongs.
    pub(in crate::pipeline) holds: bool,
}

impl Looked {
    /// Of entries, each of which belongs there or not.
    pub(in crate::pipeline) fn of(belong: impl Iterator<Item = bool>) -> Self {
        let (entries, wrong) =
            belong.fold((0, 0), |(entries, wrong), belongs| (entries + 1, wrong + usize::from(!belongs)));
        Self { entries, holds: entries > 0 && wrong == 0 }
    }
}

impl Places {
    /// Where each Service is known to be.
    pub(in crate::pipeline) fn by_service(&self) -> &BTreeMap<ServiceKey, Place> {
        &self.known
    }

    /// Whether a Service is known to be there and nowhere else, and all of it leads to the Service.
    pub(in crate::pipeline) fn has(&self, key: &ServiceKey, place: &Place) -> bool {
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
    pub(in crate::pipeline) fn leads_back(&self, address: IpAddr) -> Looked {
        let has = |key: &ServiceKey, part: fn(&Place) -> &[IpAddr]| {
            self.known.get(key).is_some_and(|place| part(place).binary_search(&address).is_ok())
        };
        let outer = self.outer.of(address).iter().map(|key| has(key, |place| &place.outer));
        let inner = self.inner.of(address).iter().map(|key| has(key, |place| &place.inner));
        Looked::of(outer.chain(inner))
    }

    /// The Nodes that are named, behind one, in order.
    pub(in crate::pipeline) fn nodes_behind(&self, after: Option<Arc<str>>) -> impl Iterator<Item = Arc<str>> {
        self.nodes.range(behind(after)).map(|(node, _)| Arc::clone(node))
    }

    /// Whether the name of a Node leads to Services that are known to name it.
    pub(in crate::pipeline) fn node_leads_back(&self, node: &Arc<str>) -> Looked {
        let names = |key: &ServiceKey| self.known.get(key).is_some_and(|place| place.nodes.binary_search(node).is_ok());
        Looked::of(self.nodes.get(node).into_iter().flatten().map(names))
    }
}

#[cfg(feature = "testkit")]
impl Places {
    /// Makes it wrong for tests: a Service is not found by its first address.
    pub(in crate::pipeline) fn lose(&mut self, key: &ServiceKey) -> Option<()> {
        let first = *self.known.get(key)?.inner.first()?;
        self.inner.remove(first, key);
        Some(())
    }

    /// Makes it wrong for tests: a Service is not found by the first Node that it names.
    pub(in crate::pipeline) fn lose_node(&mut self, key: &ServiceKey) -> Option<()> {
        let first = Arc::clone(self.known.get(key)?.nodes.first()?);
        super::remove(&mut self.nodes, &first, key);
        Some(())
    }
}
