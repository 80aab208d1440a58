//! The waiting questions of one namespace: those that failed last come last, others in the order of arrival.

use std::collections::BTreeMap;

use super::{Question, QuestionInput};
use crate::model::SubjectKey;

/// Waiting questions, one per subject.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    questions: BTreeMap<Order, Question>,
    orders: BTreeMap<SubjectKey, Order>,
}

/// The number of the Service's last failure, and that of the question's arrival.
type Order = (u64, u64);

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.questions.len()
    }

    /// `arrival` is its number, unless the Service waits already: an edit costs no turn.
    pub(super) fn add(&mut self, question: Question, arrival: u64) {
        let new = (question.failed, arrival);
        let order = *self.orders.entry(question.key.clone()).or_insert(new);
        match (self.questions.get(&order), question.about) {
            // About today's input nothing is known yet, and its answer says whether an earlier one matters.
            (Some(Question { about: QuestionInput::Today, .. }), QuestionInput::LastAccepted) => {}
            (Some(_) | None, QuestionInput::Today | QuestionInput::LastAccepted) => {
                drop(self.questions.insert(order, question))
            }
        }
    }

    pub(super) fn next(&mut self) -> Option<Question> {
        let (_, question) = self.questions.pop_first()?;
        self.orders.remove(&question.key);
        Some(question)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Question) -> bool) {
        self.questions.retain(|_, question| keep(question));
        self.orders.retain(|_, order| self.questions.contains_key(order));
    }
}
