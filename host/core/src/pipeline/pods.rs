//! Views without what is another namespace's pod, and which Services a pod is about.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::entry::Entry;
use super::{Pipeline, Question};
use crate::model::{ServiceKey, ServiceView, Snapshot};
use crate::whose::{Earlier, Waits, sifted};

impl Pipeline {
    /// Looks again at the Services of which an endpoint has waited for its pod as long as it may; returns what has to be
    /// asked.
    pub fn ask_waited(&mut self, now: Duration) -> Vec<Question> {
        self.claims.end(now);
        let over = |(key, entry): (&ServiceKey, &mut Entry)| entry.waits.end(now).then(|| key.clone());
        let over: Vec<ServiceKey> = self.services.iter_mut().filter_map(over).collect();
        let newest = self.newest.clone();
        over.into_iter().filter_map(|key| self.look(&newest, key, false)).collect()
    }

    /// The newest view of a Service, with the endpoints here that are its own as far as is known, and those that wait.
    pub(super) fn view_of(&self, snapshot: &Snapshot, key: &ServiceKey) -> Option<(Arc<ServiceView>, Waits)> {
        let newest = self.view(snapshot, key)?;
        let uid = &newest.service.uid;
        let known = self.services.get(key).filter(|entry| entry.view.service.uid == *uid);
        let remembered = || self.drafts.get(uid).map(|draft| Earlier::Remembered(draft));
        let earlier = known.map(|entry| Earlier::Looked(&entry.view, &entry.waits)).or_else(remembered);
        let earlier = earlier.unwrap_or(Earlier::Nothing);
        let (newest, waits) = sifted(&self.settings.node, &snapshot.pods, newest, earlier);
        Some((Arc::new(newest), waits))
    }

    /// The Services whose slices list an address on this node.
    pub(super) fn listing(&self, address: IpAddr) -> Vec<ServiceKey> {
        let lists = |entry: &Entry| {
            let left = &entry.view.endpoints;
            let is_left = left.binary_search_by_key(&address, |endpoint| endpoint.address).is_ok();
            is_left || entry.view.withheld.binary_search(&address).is_ok()
        };
        self.services.iter().filter(|(_, entry)| lists(entry)).map(|(key, _)| key.clone()).collect()
    }
}
