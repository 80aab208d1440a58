//! What the policies' answers change.

use super::entry::{Answer, FollowUp, Standing};
use super::input::with_strays;
use super::memory::accept;
use super::{About, Pipeline, Question, again};
use crate::chain::{FailureKind, Ruling, Verdict};
use crate::model::ServiceView;

impl Pipeline {
    /// Takes in the answers; returns what has to be asked further: about the input that was accepted last, where
    /// today's is refused. Until that is answered, what was in force stays.
    pub fn answer(&mut self, answers: Vec<(Question, Verdict)>) -> Vec<Question> {
        answers.into_iter().filter_map(|(question, verdict)| self.answer_one(question, verdict)).collect()
    }

    fn answer_one(&mut self, question: Question, verdict: Verdict) -> Option<Question> {
        if !self.is_current(&question) {
            return None;
        }
        match question.about {
            About::Today => self.about_today(question, verdict),
            About::LastAccepted => {
                self.about_last_accepted(&question, verdict);
                None
            }
        }
    }

    fn about_last_accepted(&mut self, question: &Question, verdict: Verdict) {
        if matches!(verdict.ruling, Ruling::Denied { .. }) {
            self.drafts.remove(&question.view.service.uid);
            self.claims.forget(&question.view.service.uid);
        }
        let Some(entry) = self.services.get_mut(&question.key) else { return };
        entry.follow_up = FollowUp::Answered;
        // A policy that was not asked says nothing against an earlier answer.
        if entry.last_input.is_none() || !again::is_undecided(&verdict) {
            entry.last_input = Some(verdict);
        }
    }

    fn about_today(&mut self, question: Question, verdict: Verdict) -> Option<Question> {
        let Question { key, about: _, failed: _, view } = question;
        let verdict = with_strays(verdict, &view.service, &self.settings.prefix);
        let failure = self.number_of_failure(&verdict);
        let entry = self.services.get_mut(&key)?;
        entry.again.answered(failure, &verdict);
        if entry.verdict.is_some() && again::is_undecided(&verdict) {
            entry.standing = Standing::Earlier;
            return None;
        }
        self.remember_denied(&view, &verdict);
        // Else the entry's view would be copied where its findings are dropped.
        drop(view);
        let entry = self.services.get_mut(&key)?;
        let refused = matches!(verdict.ruling, Ruling::Invalid { .. });
        if matches!(verdict.ruling, Ruling::Denied { .. }) {
            entry.last_input = None;
        }
        (entry.standing, entry.verdict) = (Standing::Newest, Some(verdict));
        (entry.answer, entry.follow_up) = (Answer::New, FollowUp::Unasked);
        if entry.asks_nothing() {
            entry.keep_little(&self.context.node);
        }
        let accepted = self.accepted.get(&entry.view.service.uid).filter(|_| refused)?;
        Some(entry.question_about(&key, accepted))
    }

    /// Counts it, if a policy was asked and failed.
    fn number_of_failure(&mut self, verdict: &Verdict) -> Option<u64> {
        let failed = verdict.failed(FailureKind::Prompt) || verdict.failed(FailureKind::Slow);
        self.failures += u64::from(failed);
        failed.then_some(self.failures)
    }

    /// Remembers what was denied. What gives rules is remembered when it comes into force.
    fn remember_denied(&mut self, view: &ServiceView, verdict: &Verdict) {
        match &verdict.ruling {
            Ruling::Draft(_) | Ruling::Failed(_) | Ruling::Invalid { .. } => {}
            Ruling::Denied { .. } => {
                self.drafts.remove(&view.service.uid);
                self.claims.forget(&view.service.uid);
                accept(&mut self.accepted, view, &self.interest);
            }
        }
    }
}
