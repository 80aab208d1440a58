//! Applies the answers of the policies.

use super::entry::{Answer, AnswerState, FollowUp};
use super::input::ChainAnswer;
use super::memory::{accept, is_accepted};
use super::shown::Viewer;
use super::{Pipeline, Question, QuestionInput, again};
use crate::chain::{ChainDecision, ChainResult, FailureKind};
use crate::model::SubjectKey;

impl Pipeline {
    /// Takes in the answers; returns what has to be asked further: about the input that was accepted last, where
    /// today's is refused. Until that is answered, what was in force stays.
    pub fn answer(&mut self, answers: Vec<(Question, ChainResult)>) -> Vec<Question> {
        answers.into_iter().filter_map(|(question, verdict)| self.answer_one(question, verdict)).collect()
    }

    fn answer_one(&mut self, question: Question, verdict: ChainResult) -> Option<Question> {
        if !self.is_current(&question) {
            return None;
        }
        match question.about {
            QuestionInput::Today => self.about_today(&question.key, verdict),
            QuestionInput::LastAccepted => {
                self.about_last_accepted(&question, verdict);
                None
            }
        }
    }

    fn about_last_accepted(&mut self, question: &Question, verdict: ChainResult) {
        if matches!(verdict.decision, ChainDecision::Denied { .. }) {
            self.drafts.remove(question.view.subject.uid());
            self.forget_claim(&question.key);
        }
        if let Some(entry) = self.subjects.get_mut(&question.key) {
            entry.follow_up(verdict);
        }
    }

    fn about_today(&mut self, key: &SubjectKey, verdict: ChainResult) -> Option<Question> {
        let failure = self.number_of_failure(&verdict);
        let entry = self.subjects.get_mut(key)?;
        entry.again.answered(failure, &verdict);
        // Names that the policies do not read may be others than when they were asked.
        let heard = ChainAnswer::of(verdict, &entry.view.subject, &self.settings.prefix);
        if entry.verdict.is_some() && again::is_undecided(&heard.verdict) {
            entry.standing = AnswerState::Earlier;
            return None;
        }
        self.hear(key, heard)
    }

    /// Takes in what is to hold of the newest state; returns what has to be asked about the input that was accepted
    /// last.
    pub(super) fn hear(&mut self, key: &SubjectKey, ChainAnswer { verdict, bare }: ChainAnswer) -> Option<Question> {
        self.remember_denied(key, &verdict);
        let entry = self.subjects.get_mut(key)?;
        let refused = matches!(verdict.decision, ChainDecision::Invalid { .. });
        if matches!(verdict.decision, ChainDecision::Denied { .. }) {
            entry.last_input = None;
        }
        (entry.standing, entry.verdict, entry.bare) = (AnswerState::Newest, Some(verdict), bare);
        (entry.answer, entry.follow_up) = (Answer::New, FollowUp::Unasked);
        if entry.asks_nothing() {
            entry.keep_little(Viewer { node: &self.context.node, interest: &self.interest });
        }
        let begins = self.subjects.get_mut(key)?.begins_to_ask();
        let early = begins.then(|| self.look_for_early(key)).flatten();
        early.or_else(|| if refused { self.ask_about_accepted(key) } else { None })
    }

    /// Asks once more, with the pods that no slice lists, where there are any.
    fn look_for_early(&mut self, key: &SubjectKey) -> Option<Question> {
        let newest = self.newest.clone();
        self.look(&newest, key.clone(), false)
    }

    /// What has to be asked about the input that was accepted last: nothing, where it is today's to the policies.
    fn ask_about_accepted(&mut self, key: &SubjectKey) -> Option<Question> {
        let entry = self.subjects.get_mut(key)?;
        let accepted = self.accepted.get(entry.view.subject.uid())?;
        match entry.bare.take_if(|_| is_accepted(&self.accepted, &entry.view, &self.interest)) {
            Some(bare) => {
                entry.follow_up((*bare).clone());
                entry.bare = Some(bare);
                None
            }
            None => Some(entry.question_about(key, accepted)),
        }
    }

    /// Counts it, if a policy was asked and failed.
    fn number_of_failure(&mut self, verdict: &ChainResult) -> Option<u64> {
        let failed = verdict.failed(FailureKind::Prompt) || verdict.failed(FailureKind::Slow);
        self.failures += u64::from(failed);
        failed.then_some(self.failures)
    }

    /// Remembers what was denied. What gives rules is remembered when it comes into force.
    fn remember_denied(&mut self, key: &SubjectKey, verdict: &ChainResult) {
        match (&verdict.decision, self.subjects.get(key)) {
            (ChainDecision::Draft(_) | ChainDecision::Failed(_) | ChainDecision::Invalid { .. }, _)
            | (ChainDecision::Denied { .. }, None) => {}
            (ChainDecision::Denied { .. }, Some(entry)) => {
                self.drafts.remove(entry.view.subject.uid());
                accept(&mut self.accepted, &entry.view, &self.interest);
                self.forget_claim(key);
            }
        }
    }
}
