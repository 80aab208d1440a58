//! Views without pods of other namespaces, and with those that a Service selects before a slice lists them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::entry::Entry;
use super::{Pipeline, Question, choice};
use crate::model::{Snapshot, SubjectKey, SubjectObject, SubjectView, preferred_addresses};
use crate::net::Family;
use crate::whose::{EarlierEndpoints, Waits, sifted};

impl Pipeline {
    /// Looks again at the Services of which an endpoint has waited for its pod as long as it may; returns what has to
    /// be asked.
    pub fn ask_waited(&mut self, now: Duration) -> Vec<Question> {
        let ended = self.claims.end(&mut self.subjects, now);
        self.subjects.touch(&ended);
        let mut over = self.timers.due(now);
        over.retain(|key| self.subjects.times_of(key).is_some_and(|entry| entry.waits.end(now)));
        let newest = self.newest.clone();
        let waited: Vec<Question> = over.into_iter().filter_map(|key| self.look(&newest, key, false)).collect();
        waited.into_iter().chain(self.end_announced(now)).collect()
    }

    /// The newest view of a Service, with the endpoints here that are its own as far as is known, and those that wait.
    pub(super) fn view_of(&self, snapshot: &Snapshot, key: &SubjectKey) -> Option<(Arc<SubjectView>, Waits)> {
        let newest = self.with_the_chosen_first(self.view(snapshot, key)?);
        let uid = newest.subject.uid();
        let known = self.earlier_entry(&newest);
        let remembered = || self.drafts.get(uid).map(|draft| EarlierEndpoints::Remembered(draft));
        let earlier = known.map(|entry| EarlierEndpoints::Looked(&entry.view, &entry.waits)).or_else(remembered);
        let earlier = earlier.unwrap_or(EarlierEndpoints::Nothing);
        let listed = Arc::clone(&newest.subject.endpoints);
        let (newest, mut waits) = sifted(&self.settings.node, &snapshot.pods, newest, earlier);
        let mut newest = self.with_early(snapshot, newest, &listed, &mut waits);
        newest.remote = self.remote_endpoints(snapshot, &newest);
        Some((Arc::new(newest), waits))
    }

    /// The view with the address of each family first that is used here, where there are several.
    fn with_the_chosen_first(&self, mut newest: SubjectView) -> SubjectView {
        if !choice::has_several(&newest.subject.addresses) {
            return newest;
        }
        let (earlier, usable) = (self.earlier_choice(&newest), |address| self.is_usable(&newest, address));
        let earlier = |family| earlier.iter().copied().find(|address| Family::of(*address) == family);
        let (addresses, findings) = choice::chosen(newest.subject.kind(), &newest.subject.addresses, earlier, usable);
        newest.subject.addresses = addresses;
        newest.findings.extend(findings);
        newest
    }

    /// What was used of a Service before: as this process knows, or else an earlier one.
    fn earlier_choice(&self, newest: &SubjectView) -> Vec<IpAddr> {
        let uid = newest.subject.uid();
        match self.subjects.get(newest.subject.key()).filter(|entry| entry.view.subject.uid() == uid) {
            Some(Entry { view, .. }) => {
                let preferred = self.preferred(&view.subject.object);
                let first = Family::ALL.into_iter().filter_map(|family| choice::first(family, &view.subject.addresses));
                first.filter(|_| choice::is_same_order(&preferred, &newest.subject.addresses)).collect()
            }
            None => self.drafts.get(uid).map(|draft| choice::of_draft(draft)).unwrap_or_default(),
        }
    }

    /// A subject's own addresses in the order of preference.
    pub(super) fn preferred(&self, object: &SubjectObject) -> Vec<IpAddr> {
        match object {
            SubjectObject::Service(service) => preferred_addresses(service, self.settings.trust, &self.settings.prefix),
            SubjectObject::EgressPolicy(policy) => policy.addresses.clone(),
        }
    }

    /// Whether packets of this node may get an address of a subject as their source, here or where they are sent.
    pub(super) fn is_usable(&self, view: &SubjectView, address: IpAddr) -> bool {
        let is_held = || self.ownership.holds(&view.subject, address);
        self.facts.refusal(address).is_none() && (is_held() || self.is_away(view, address))
    }
}
