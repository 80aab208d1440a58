//! What the policies' answers change.

use std::sync::Arc;

use super::entry::{Answer, Standing};
use super::memory::{accept, with_annotations};
use super::{About, Pipeline, Question, again};
use crate::chain::{Ruling, Verdict};
use crate::model::ServiceView;

impl Pipeline {
    /// Takes in the answers; returns what has to be asked further: about the input that was accepted last, where
    /// today's is refused.
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
        }
        if let Some(entry) = self.services.get_mut(&question.key) {
            entry.last_input = Some(verdict);
        }
    }

    fn about_today(&mut self, question: Question, verdict: Verdict) -> Option<Question> {
        let Question { key, about: _, view } = question;
        let turn = self.turns.taken(&key, &verdict);
        let entry = self.services.get_mut(&key)?;
        entry.again.answered(turn, &verdict);
        if entry.verdict.is_some() && again::is_undecided(&verdict) {
            entry.standing = Standing::Earlier;
            return None;
        }
        let further = self.remember(&view, &verdict);
        // Else the entry's view would be copied where its findings are dropped.
        drop(view);
        let entry = self.services.get_mut(&key)?;
        (entry.standing, entry.last_input, entry.verdict) = (Standing::Newest, None, Some(verdict));
        entry.answer = Answer::New;
        if entry.asks_nothing() && !entry.view.findings.is_empty() {
            Arc::make_mut(&mut entry.view).findings = Vec::new();
        }
        further.map(|view| Question { key, about: About::LastAccepted, view: Arc::new(view) })
    }

    /// Remembers what was denied; returns the input that was accepted last where this one is refused. What gives rules is
    /// remembered when it comes into force.
    fn remember(&mut self, view: &ServiceView, verdict: &Verdict) -> Option<ServiceView> {
        let uid = &view.service.uid;
        match &verdict.ruling {
            Ruling::Draft(_) | Ruling::Failed(_) => None,
            Ruling::Denied { .. } => {
                self.drafts.remove(uid);
                accept(&mut self.accepted, view, Some(&view.service.annotations));
                None
            }
            Ruling::Invalid { .. } => self.accepted.get(uid).map(|annotations| with_annotations(view, annotations)),
        }
    }
}
