//! What is asked, and in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::entry::Entry;
use super::input::of_other_types;
use super::{About, Pipeline, Question};
use crate::model::{Interest, ServiceKey};

impl Pipeline {
    /// Asks about every Service again, in turn: the policies are others now, and may read other annotations.
    pub fn ask_all(&mut self, interest: Interest) -> Vec<Question> {
        self.interest = interest;
        let newest = self.newest.clone();
        for key in of_other_types(&newest) {
            self.look(&newest, key, false);
        }
        let silent = self.services.iter().filter(|(_, entry)| entry.asks_nothing());
        for key in silent.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            let renewed = self.view_of(&newest, &key);
            if let Some((entry, renewed)) = self.services.get_mut(&key).zip(renewed) {
                (entry.view, entry.waits) = renewed;
            }
        }
        self.questions(|_| true)
    }

    /// Asks again, in turn, about the Services whose policies could not answer, where another time may go better: those
    /// whose pause is over, and for each policy that rests the next one.
    pub fn ask_failed(&self, now: Duration) -> Vec<Question> {
        let mut questions = self.questions(|entry| entry.again.is_due(now));
        let mut resting = BTreeSet::new();
        questions.retain(|question| {
            let again = self.services.get(&question.key).map(|entry| &entry.again);
            again.is_none_or(|again| again.is_first(&mut resting))
        });
        questions
    }

    /// When [`Pipeline::ask_failed`] or [`Pipeline::ask_waited`] has something to ask next. Pauses and waits begin at `now`.
    pub fn next_try(&mut self, now: Duration) -> Option<Duration> {
        let next = |entry: &mut Entry| [entry.again.begin(now), entry.waits.begin(now)];
        self.services.values_mut().flat_map(next).flatten().min()
    }

    /// Other questions are asked first, or in between: the same ones and these, each once and in turn.
    pub fn merge(&self, waiting: Vec<Question>, newer: Vec<Question>) -> Vec<Question> {
        let by_key = |question: Question| (question.key.clone(), question);
        let all: BTreeMap<ServiceKey, Question> = waiting.into_iter().chain(newer).map(by_key).collect();
        self.in_turn(all.into_values().filter(|question| self.is_current(question)).collect())
    }

    /// Whether an answer is still of use.
    pub(super) fn is_current(&self, question: &Question) -> bool {
        let entry = self.services.get(&question.key);
        entry.is_some_and(|entry| question.about == About::LastAccepted || Arc::ptr_eq(&entry.view, &question.view))
    }

    fn questions(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Question> {
        let wanted = self.services.iter().filter(|(_, entry)| wanted(entry));
        let question = |(key, entry): (&ServiceKey, &Entry)| Question {
            key: key.clone(),
            about: About::Today,
            view: Arc::clone(&entry.view),
        };
        self.in_turn(wanted.map(question).collect())
    }

    pub(super) fn in_turn(&self, questions: Vec<Question>) -> Vec<Question> {
        let turn = |question: &Question| self.services.get(&question.key).map_or(0, |entry| entry.again.turn());
        self.turns.order(questions, |question| (&question.key, turn(question)))
    }
}
