//! The evaluation of one subject by all members of a chain.

use std::sync::Arc;

use super::drafts::hidden;
use super::kinds::{blind, finding};
use super::{Chain, ChainDecision, ChainResult, FAILED, FailureKind, Member, MemberRole, PolicyFailure, Shadow};
use crate::decision::{Decision, Diagnostic, Draft, OnUnavailable, Outcome};
use crate::finding::{Finding, Severity, at_most};
use crate::guard::guard;
use crate::model::{Context, SubjectView};
use crate::policy::{Mode, OnFailure};
use crate::text::Text;

impl Chain {
    /// Asks every policy that covers the subject in turn, and for each of those in shadow mode once more, with it
    /// among them.
    pub fn evaluate(&self, context: &Context, subject: &SubjectView) -> ChainResult {
        let covered: Vec<&Member> = self.members().iter().filter(|member| member.scope.covers(subject)).collect();
        let counting = |shadow: Option<&str>| -> Vec<&Member> {
            let counts = |member: &&Member| member.mode == Mode::Enforce || Some(&*member.name) == shadow;
            covered.iter().copied().filter(counts).collect()
        };
        let end = Evaluation::new(context, subject).through(&counting(None));
        let shadows = covered.iter().filter(|member| member.mode == Mode::Shadow).map(|shadow| {
            let with = counting(Some(&shadow.name));
            let ChainEnd { decision, findings, .. } = Evaluation::new(context, subject).through(&with);
            Shadow { policy: shadow.name.clone(), decision, findings }
        });
        let shadows = shadows.collect();
        let ChainEnd { decision, policy, on_unavailable, findings, failures } = end;
        ChainResult { decision, policy, on_unavailable, findings, failures, shadows }
    }
}

/// The state of the evaluation of one subject, after each member of the chain.
struct Evaluation<'a> {
    context: &'a Context,
    subject: &'a SubjectView,
    draft: Draft,
    author: Option<String>,
    findings: Vec<Finding>,
    failures: Vec<PolicyFailure>,
}

struct ChainEnd {
    decision: ChainDecision,
    policy: Option<String>,
    on_unavailable: Option<OnUnavailable>,
    findings: Vec<Finding>,
    failures: Vec<PolicyFailure>,
}

impl<'a> Evaluation<'a> {
    fn new(context: &'a Context, subject: &'a SubjectView) -> Self {
        Self { context, subject, draft: Draft::default(), author: None, findings: Vec::new(), failures: Vec::new() }
    }

    /// Nothing is asked about a subject that one of them cannot be shown: whatever the others answer, it would be
    /// denied.
    fn through(mut self, members: &[&Member]) -> ChainEnd {
        if let Some(member) = blind(members, &self.subject.subject) {
            self.findings.push(finding(member, self.subject.subject.kind()).of_policy(named(member)));
            return self.end(ChainDecision::Denied { policy: member.name.clone() }, Some(member.name.clone()));
        }
        for member in members {
            if let Some(decision) = self.ask(member) {
                return self.end(decision, Some(member.name.clone()));
            }
        }
        let decision = ChainDecision::Draft(std::mem::take(&mut self.draft).into());
        let author = self.author.take();
        self.end(decision, author)
    }

    fn end(self, decision: ChainDecision, policy: Option<String>) -> ChainEnd {
        let Self { draft, findings, failures, .. } = self;
        ChainEnd { decision, policy, on_unavailable: draft.on_unavailable, findings, failures }
    }

    /// Asks one; returns the decision when it ends the chain.
    fn ask(&mut self, member: &Member) -> Option<ChainDecision> {
        if let Some(finding) = hidden(member, &self.draft) {
            self.findings.push(finding.of_policy(named(member)));
            return Some(ChainDecision::Denied { policy: member.name.clone() });
        }
        let answer = match &member.asked {
            MemberRole::Policy(policy) => policy.evaluate(self.context, self.subject, &self.draft),
            MemberRole::Validator(validator) => {
                validator.validate(self.context, self.subject, &self.draft).map(why_not_owner)
            }
            MemberRole::Missing(reason) => Err(PolicyFailure {
                policy: member.name.clone(),
                reason: format!("it is not loaded: {reason}"),
                kind: FailureKind::Prompt,
            }),
        };
        match answer {
            Ok(outcome) => self.apply_outcome(member, outcome),
            Err(failure) => self.apply_failure(member, failure),
        }
    }

    fn apply_outcome(&mut self, member: &Member, outcome: Outcome) -> Option<ChainDecision> {
        let policy = || member.name.clone();
        if !outcome.diagnostics.is_empty() {
            let named = named(member);
            let found = at_most(outcome.diagnostics.into_iter().map(Finding::from));
            self.findings.extend(found.into_iter().map(|found| found.of_policy(Arc::clone(&named))));
        }
        match outcome.decision {
            Decision::Pass => None,
            Decision::Plan(draft) => self.accept_draft(member, draft),
            Decision::Invalid => Some(ChainDecision::Invalid { policy: policy() }),
            Decision::Deny => Some(ChainDecision::Denied { policy: policy() }),
        }
    }

    /// A draft that reaches for what is not the subject's own is a failure of its author, before another builds
    /// on it.
    fn accept_draft(&mut self, member: &Member, draft: Draft) -> Option<ChainDecision> {
        if let Err(refusal) = guard(self.context, self.subject, &draft) {
            let reason = format!("its answer is refused: {refusal}");
            let failure = PolicyFailure { policy: member.name.clone(), reason, kind: FailureKind::Prompt };
            return self.apply_failure(member, failure);
        }
        self.draft = draft;
        self.author = Some(member.name.clone());
        None
    }

    /// What its operator chose for the case that it fails.
    fn apply_failure(&mut self, member: &Member, failure: PolicyFailure) -> Option<ChainDecision> {
        self.failures.push(failure.clone());
        match member.on_failure {
            OnFailure::KeepLast => Some(ChainDecision::Failed(failure)),
            OnFailure::Closed => {
                let message = format!("{failure}; its on-failure is closed, so nothing is translated");
                self.findings.push(Finding::error(FAILED, message).of_policy(named(member)));
                Some(ChainDecision::Denied { policy: member.name.clone() })
            }
            OnFailure::Skip => {
                let message = format!("{failure}; its on-failure is skip, so the other policies decide without it");
                self.findings.push(Finding::warning(FAILED, message).of_policy(named(member)));
                None
            }
        }
    }
}

/// As all findings of one answer have it.
fn named(member: &Member) -> Arc<Text> {
    Arc::new(Text::new(member.name.as_str()))
}

/// A validator has no decision of its own but a refusal.
fn why_not_owner(diagnostics: Vec<Diagnostic>) -> Outcome {
    let denies = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    Outcome { decision: if denies { Decision::Deny } else { Decision::Pass }, diagnostics }
}
