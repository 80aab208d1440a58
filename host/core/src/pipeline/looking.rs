//! Reads a subject from a newer state: either a question, or a change that concerns only the host.

use std::sync::Arc;

use super::entry::{AnswerState, Entry};
use super::input::is_asked_about;
use super::places::Dependencies;
use super::shown::Viewer;
use super::{Pipeline, Question};
use crate::chain::{ChainDecision, ChainResult};
use crate::decision::Rule;
use crate::model::{Published, Snapshot, SubjectKey, SubjectView, Uid, published_on};
use crate::whose::Waits;

impl Pipeline {
    /// The viewer for whom views are compared.
    pub(super) fn looking(&self) -> Viewer<'_> {
        Viewer { node: &self.context.node, interest: &self.interest }
    }

    /// Looks at a Service as it is now; `anyway` also where its policies were shown the same before.
    pub(super) fn look(&mut self, snapshot: &Snapshot, key: SubjectKey, anyway: bool) -> Option<Question> {
        if self.look_at_unreadable(snapshot, &key) {
            return None;
        }
        let prefix = &self.settings.prefix;
        let object = snapshot.object(&key);
        let published = object.as_ref().map(|object| published_on(object, prefix)).unwrap_or_default();
        let asked = object.filter(|object| is_asked_about(object, &published, &self.interest, prefix));
        let Some((newest, waits)) = asked.and_then(|_| self.view_of(snapshot, &key)) else {
            if let Some(gone) = self.subjects.remove(&key) {
                self.forget(&key, gone);
            }
            return None;
        };
        let known = self.subjects.get(&key).filter(|entry| entry.view.subject.uid() == newest.subject.uid());
        let is_answered = known.is_some_and(|entry| entry.is_answer_to(&newest, self.looking()));
        if is_answered && !anyway {
            return self.look_further(&key, newest, waits, published);
        }
        let entry = self.renewed(&key, newest, waits, published);
        let question = entry.question(&key);
        self.subjects.insert(key, entry);
        Some(question)
    }

    /// Takes in a newer view of which policies are shown nothing else; returns what has to be asked about the input
    /// that was accepted last, where the host itself finds that today's is wrong.
    fn look_further(
        &mut self,
        key: &SubjectKey,
        view: Arc<SubjectView>,
        waits: Waits,
        published: Published,
    ) -> Option<Question> {
        let entry = self.subjects.get_mut(key)?;
        let before = std::mem::replace(&mut entry.view, view);
        (entry.published, entry.waits) = (published, waits);
        let was_cut = entry.shown.take().is_some();
        if let Some(heard) = entry.heard_of(&before.subject.object, &self.settings.prefix) {
            return self.hear(key, heard);
        }
        if was_cut {
            entry.keep_little(Viewer { node: &self.context.node, interest: &self.interest });
        }
        None
    }

    /// Takes in where a Service is found in this state.
    pub(super) fn take_place(&mut self, snapshot: &Snapshot, key: &SubjectKey) {
        let place = self.place_of(snapshot, key);
        self.places.put(key, place);
        if self.places.has_inner(key, |address| !self.facts.is_excluded(address)) {
            self.outside.insert(key.clone());
        }
    }

    /// Where a Service is found in this state.
    pub(super) fn place_of(&self, snapshot: &Snapshot, key: &SubjectKey) -> Dependencies {
        let slices = || snapshot.slices.get(key).into_iter().flat_map(|slices| slices.values());
        let policy = snapshot.egress_policies.get(key);
        let of_policy = || policy.into_iter().flat_map(|policy| policy.endpoints.iter());
        let endpoints = || slices().flat_map(|slice| slice.endpoints.iter()).chain(of_policy());
        let service = snapshot.services.get(key);
        let own = snapshot.object(key).map(|object| self.preferred(&object));
        let of_cluster = service.into_iter().flat_map(|service| service.cluster_addresses.iter().copied());
        // Of one that cannot be read: what was in force of it.
        let unreadable = snapshot.unreadable.services.get(key).and_then(|service| self.drafts.get(&service.uid));
        let in_force = unreadable.into_iter().flat_map(|draft| draft.rules().iter().flat_map(Rule::addresses));
        let outer = own.into_iter().flatten().chain(in_force);
        let inner = endpoints().map(|endpoint| endpoint.address).chain(of_cluster);
        let named = service.and_then(|service| self.ownership.named_by(service));
        let gateways = self.named_gateways(snapshot, key);
        let nodes = endpoints().filter_map(|endpoint| endpoint.node.clone()).chain(named).chain(gateways);
        Dependencies::new(outer, inner, nodes)
    }

    /// A Service's entry with a newer view: the earlier answer stands until the policies have answered for it, if the
    /// uid is the same.
    pub(super) fn renewed(
        &mut self,
        key: &SubjectKey,
        view: Arc<SubjectView>,
        waits: Waits,
        published: Published,
    ) -> Entry {
        let uid = view.subject.uid();
        let before = match self.subjects.remove(key) {
            Some(known) if known.view.subject.uid() == uid => known,
            other => {
                if let Some(replaced) = other {
                    self.forget(key, replaced);
                }
                Entry::new(Arc::clone(&view), self.remembered(uid))
            }
        };
        self.inputs += 1;
        let again = before.again.anew();
        Entry {
            view,
            shown: None,
            input: self.inputs,
            published,
            bare: None,
            standing: AnswerState::Earlier,
            again,
            waits,
            ..before
        }
    }

    /// What an earlier process answered.
    fn remembered(&self, uid: &Uid) -> Option<ChainResult> {
        self.drafts.get(uid).map(|draft| ChainResult::new(ChainDecision::Draft(Arc::clone(draft))))
    }

    fn forget(&mut self, key: &SubjectKey, mut gone: Entry) {
        let uid = gone.view.subject.uid();
        self.accepted.remove(uid);
        self.drafts.remove(uid);
        self.claims.forget(key, &mut gone.claim);
    }
}
