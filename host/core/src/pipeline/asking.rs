//! Builds the questions to the policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::entry::{AnswerState, Entry, FollowUp};
use super::input::of_other_types;
use super::memory::extended;
use super::{Pipeline, Question, QuestionInput};
use crate::model::Interest;

impl Pipeline {
    /// Asks about every Service again: the policies are others now, and may read other annotations.
    pub fn ask_all(&mut self, interest: Interest) -> Vec<Question> {
        let before = std::mem::replace(&mut self.interest, interest);
        self.subjects.touch_all();
        self.accept_what_was_not_read(&before);
        let newest = self.newest.clone();
        for key in of_other_types(&newest) {
            self.look(&newest, key, false);
        }
        let silent = self.subjects.iter().filter(|(_, entry)| entry.shown.is_some());
        for key in silent.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            let renewed = self.view_of(&newest, &key);
            if let Some((entry, renewed)) = self.subjects.get_mut(&key).zip(renewed) {
                (entry.view, entry.waits) = renewed;
                entry.shown = None;
            }
        }
        self.questions(|_| true)
    }

    /// Other policies may read of what was accepted what earlier ones did not, and what was not kept therefore.
    fn accept_what_was_not_read(&mut self, before: &Interest) {
        if before.covers(&self.interest) {
            return;
        }
        for (key, entry) in self.subjects.iter() {
            let accepted = self.accepted.get(entry.view.subject.uid());
            if let Some((accepted, today)) = accepted.zip(self.newest.object(key)) {
                let extended = extended(accepted, today.annotations(), before, &self.interest);
                self.accepted.insert(entry.view.subject.uid(), Arc::new(extended));
            }
        }
    }

    /// Asks again about the Services whose policies could not answer, where another time may go better: those
    /// whose pause is over, and for each policy that rests the next one: round the namespaces, by what failed last.
    pub fn ask_failed(&self, now: Duration) -> Vec<Question> {
        let mut keys = self.timers.due(now);
        keys.extend(self.timers.deferred().cloned());
        let entries = keys.iter().filter_map(|key| Some((key, self.subjects.get(key)?)));
        let due = entries.filter(|(_, entry)| entry.standing != AnswerState::Unreadable && entry.again.is_due(now));
        let mut questions: Vec<Question> = due.map(|(key, entry)| entry.question(key)).collect();
        let mut last: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for namespace in questions.iter().map(|question| Arc::clone(&question.key.namespace)) {
            let turns = || self.subjects.of_namespace(&namespace).map(|(_, entry)| entry.again.turn()).max();
            last.entry(Arc::clone(&namespace)).or_insert_with(|| turns().unwrap_or_default());
        }
        questions.sort_by_key(|question| (last.get(&question.key.namespace).copied(), question.failed));
        let mut resting = BTreeSet::new();
        questions.retain(|question| {
            let again = self.subjects.get(&question.key).map(|entry| &entry.again);
            again.is_none_or(|again| again.is_first(&mut resting))
        });
        questions
    }

    /// When [`Pipeline::ask_failed`] or [`Pipeline::ask_waited`] has something to ask next. Pauses and waits begin at
    /// `now`.
    pub fn next_try(&mut self, now: Duration) -> Option<Duration> {
        for key in self.subjects.take_untimed() {
            self.timers.set(&key, self.subjects.times_of(&key), now);
        }
        let timers = self.timers.next(now).into_iter().chain(self.announced.next());
        timers.chain(self.claims.begin(&mut self.subjects, now)).min()
    }

    /// Whether an answer is still of use.
    pub fn is_current(&self, question: &Question) -> bool {
        self.subjects.get(&question.key).is_some_and(|entry| match question.about {
            QuestionInput::Today => entry.input == question.input,
            QuestionInput::LastAccepted => entry.follow_up == FollowUp::Asked,
        })
    }

    fn questions(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Question> {
        let wanted =
            self.subjects.iter().filter(|(_, entry)| entry.standing != AnswerState::Unreadable && wanted(entry));
        wanted.map(|(key, entry)| entry.question(key)).collect()
    }
}
