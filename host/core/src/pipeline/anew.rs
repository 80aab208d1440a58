//! The specification of the stored state of each subject: the result of reading all of the newest snapshot.
//! [`Pipeline::update`] and all other inputs read only what changed, and must give the same result.

#[cfg(feature = "testkit")]
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use super::Pipeline;
use super::entry::{AnswerState, Entry, cut};
use super::input::is_asked_about;
#[cfg(feature = "testkit")]
use super::places::DependencyIndex;
use super::shown::ViewHash;
#[cfg(feature = "testkit")]
use super::updating::ready_of;
#[cfg(feature = "testkit")]
use crate::model::{ClusterFacts, Endpoint, KeptNodes, PublishedIndex};
use crate::model::{Published, SubjectKey, SubjectView, published_on};
#[cfg(feature = "testkit")]
use crate::placement::PlacementInput;
use crate::plan::TOO_MANY_ENDPOINTS;

/// A subject as read from the snapshot.
#[derive(Debug)]
struct ReadSubject {
    view: Arc<SubjectView>,
    published: Published,
    is_readable: bool,
}

impl Pipeline {
    /// Where what is known of one Service is other than what looking at it gives.
    pub(super) fn stale_entry(&self, key: &SubjectKey) -> Option<String> {
        match (self.subjects.get(key), self.anew(key)) {
            (None, None) => None,
            (Some(entry), Some(anew)) => self.differs_from(entry, &anew).map(|differ| format!("{key}: {differ}")),
            (known, anew) => Some(format!("{key} is known as {known:?}, and anew as {anew:?}")),
        }
    }

    fn anew(&self, key: &SubjectKey) -> Option<ReadSubject> {
        let (newest, prefix) = (&self.newest, &self.settings.prefix);
        if let Some((view, _)) = self.view_of_unreadable(newest, key) {
            return Some(ReadSubject { view, published: Published::default(), is_readable: false });
        }
        let object = newest.object(key)?;
        let published = published_on(&object, prefix);
        let (view, _) = self.view_of(newest, key)?;
        let is_asked = is_asked_about(&object, &published, &self.interest, prefix);
        is_asked.then_some(ReadSubject { view, published, is_readable: true })
    }

    fn differs_from(&self, entry: &Entry, anew: &ReadSubject) -> Option<String> {
        let is_readable = entry.standing != AnswerState::Unreadable;
        let published = differ("what is published on it", &entry.published, &anew.published);
        let readable = differ("whether it can be read", &is_readable, &anew.is_readable);
        published.or(readable).or_else(|| self.view_differs(entry, &anew.view))
    }

    /// Of too many endpoints those are left that are in force, and for what comes into force a Service is not looked at
    /// again.
    fn view_differs(&self, entry: &Entry, anew: &Arc<SubjectView>) -> Option<String> {
        if anew.findings.iter().any(|finding| finding.code == TOO_MANY_ENDPOINTS) {
            return None;
        }
        let Some(shown) = &entry.shown else { return differ("its view", &entry.view, anew) };
        let hash = differ("what was shown of it", shown, &ViewHash::of(anew, self.looking()));
        hash.or_else(|| differ("its view, which is cut", &*entry.view, &cut(anew, &self.context.node)))
    }
}

#[cfg(feature = "testkit")]
impl Pipeline {
    /// Where what is known is other than what looking at all of the newest state gives: a sentence for each difference.
    pub fn stale(&self) -> Vec<String> {
        let entries = self.all(&self.newest).into_iter().filter_map(|key| self.stale_entry(&key));
        let unlabelled = self.subjects.keys().filter(|key| !self.subjects.is_found_by_labels(key));
        let unlabelled = unlabelled.map(|key| format!("{key} is not found by the labels that it selects"));
        let surroundings = self.stale_surroundings().chain(self.stale_places()).chain(self.not_found());
        surroundings.chain(unlabelled).chain(entries).collect()
    }

    fn stale_surroundings(&self) -> impl Iterator<Item = String> {
        let facts = ClusterFacts::gather(&self.newest, &self.settings.cluster, &self.around);
        let published = &self.newest.egress_nodes.by_name;
        let further = PublishedIndex::of(&self.newest.nodes, published);
        let ready: BTreeSet<String> = ready_of(&self.newest).cloned().collect();
        let differ = [
            differ("what is inside", &*self.facts, &facts),
            differ("what load balancers write", self.ownership.seen(), &PlacementInput::of(&self.newest)),
            differ("what Nodes say", &self.nodes, &KeptNodes::of(&self.newest.nodes)),
            differ("what nodes publish", &self.further, &further),
            differ("what nodes say of tunnels", &self.tunnels, &self.tunnels_anew()),
            differ("the Nodes that are ready", &self.ready, &ready),
            differ("what is the same for all Services", &*self.context, &self.context_of(&self.newest)),
        ];
        let outside = self.places.outside(&self.facts.excluded);
        let not_found = outside.into_iter().filter(|key| !self.outside.contains(key));
        let not_found = not_found.map(|key| format!("{key} is not found, and is outside of all networks"));
        differ.into_iter().flatten().chain(not_found)
    }

    fn stale_places(&self) -> Option<String> {
        let (newest, mut places) = (&self.newest, DependencyIndex::default());
        for key in newest.subjects().chain(newest.slices.keys()).chain(newest.unreadable.services.keys()) {
            places.put(key, self.place_of(newest, key));
        }
        differ("where Services are found", &self.places, &places)
    }

    /// The endpoints by which the Service is not found that lists them.
    fn not_found(&self) -> impl Iterator<Item = String> {
        let slices = self.newest.slices.iter().flat_map(|(key, slices)| slices.values().map(move |slice| (key, slice)));
        let endpoints = slices.flat_map(|(key, slice)| slice.endpoints.iter().map(move |endpoint| (key, endpoint)));
        let is_found = |key: &SubjectKey, endpoint: &Endpoint| {
            let by_node = |node: &Arc<str>| self.places.naming(node).any(|found| found == key);
            self.places.of(endpoint.address).any(|found| found == key) && endpoint.node.as_ref().is_none_or(by_node)
        };
        let missing = endpoints.filter(move |(key, endpoint)| !is_found(key, endpoint));
        missing.map(|(key, endpoint)| format!("{key} is not found by its endpoint {endpoint:?}"))
    }
}

fn differ<T: PartialEq + Debug>(what: &str, known: &T, anew: &T) -> Option<String> {
    (known != anew).then(|| format!("{what} is known as {known:?}, and anew it is {anew:?}"))
}
