//! One Service's way through the chain.

use super::{Asked, Chain, FailureKind, Member, PolicyFailure, Ruling, Shadow, Verdict};
use crate::decision::{Decision, Diagnostic, Draft, Outcome};
use crate::finding::{Finding, Severity, at_most};
use crate::guard::guard;
use crate::model::{Context, SubjectView};
use crate::policy::{Mode, OnFailure};

impl Chain {
    /// Asks every policy that covers the Service in turn, and for each of those in shadow mode once more, with it
    /// among them.
    pub fn evaluate(&self, context: &Context, service: &SubjectView) -> Verdict {
        let covers = |member: &&Member| member.scope.covers(service);
        let members: Vec<&Member> = self.members().iter().filter(covers).collect();
        let enforced = |member: &&&Member| member.mode == Mode::Enforce;
        let end = Walk::new(context, service).through(members.iter().filter(enforced));
        let shadows = members.iter().filter(|member| member.mode == Mode::Shadow).map(|shadow| {
            let with = members.iter().filter(|member| member.mode == Mode::Enforce || member.name == shadow.name);
            let End { ruling, findings, .. } = Walk::new(context, service).through(with);
            Shadow { policy: shadow.name.clone(), ruling, findings }
        });
        let shadows = shadows.collect();
        let End { ruling, policy, findings, failures } = end;
        Verdict { ruling, policy, findings, failures, shadows }
    }
}

/// How far one Service has come.
struct Walk<'a> {
    context: &'a Context,
    service: &'a SubjectView,
    draft: Draft,
    author: Option<String>,
    findings: Vec<Finding>,
    failures: Vec<PolicyFailure>,
}

/// How it ended.
struct End {
    ruling: Ruling,
    policy: Option<String>,
    findings: Vec<Finding>,
    failures: Vec<PolicyFailure>,
}

impl<'a> Walk<'a> {
    fn new(context: &'a Context, service: &'a SubjectView) -> Self {
        Self { context, service, draft: Draft::default(), author: None, findings: Vec::new(), failures: Vec::new() }
    }

    fn through<'m>(mut self, members: impl Iterator<Item = &'m &'m Member>) -> End {
        for member in members {
            if let Some(ruling) = self.ask(member) {
                let Self { findings, failures, .. } = self;
                return End { ruling, policy: Some(member.name.clone()), findings, failures };
            }
        }
        let Self { draft, author, findings, failures, .. } = self;
        End { ruling: Ruling::Draft(draft.into()), policy: author, findings, failures }
    }

    /// Asks one; returns the ruling when it ends the chain.
    fn ask(&mut self, member: &Member) -> Option<Ruling> {
        let answer = match &member.asked {
            Asked::Policy(policy) => policy.evaluate(self.context, self.service, &self.draft),
            Asked::Validator(validator) => validator.validate(self.context, self.service, &self.draft).map(objection),
            Asked::Missing(reason) => Err(PolicyFailure {
                policy: member.name.clone(),
                reason: format!("it is not loaded: {reason}"),
                kind: FailureKind::Prompt,
            }),
        };
        match answer {
            Ok(outcome) => self.heed(member, outcome),
            Err(failure) => self.miss(member, failure),
        }
    }

    fn heed(&mut self, member: &Member, outcome: Outcome) -> Option<Ruling> {
        let policy = || member.name.clone();
        self.findings.extend(at_most(outcome.diagnostics.into_iter().map(Finding::from)));
        match outcome.decision {
            Decision::Pass => None,
            Decision::Plan(draft) => self.adopt(member, draft),
            Decision::Invalid => Some(Ruling::Invalid { policy: policy() }),
            Decision::Deny => Some(Ruling::Denied { policy: policy() }),
        }
    }

    /// A draft that reaches for what is not the Service's own is a failure of its author, before anybody builds
    /// on it.
    fn adopt(&mut self, member: &Member, draft: Draft) -> Option<Ruling> {
        if let Err(refusal) = guard(self.context, self.service, &draft) {
            let reason = format!("its answer is refused: {refusal}");
            let failure = PolicyFailure { policy: member.name.clone(), reason, kind: FailureKind::Prompt };
            return self.miss(member, failure);
        }
        self.draft = draft;
        self.author = Some(member.name.clone());
        None
    }

    /// What its operator chose for the case that it fails.
    fn miss(&mut self, member: &Member, failure: PolicyFailure) -> Option<Ruling> {
        self.failures.push(failure.clone());
        match member.on_failure {
            OnFailure::KeepLast => Some(Ruling::Failed(failure)),
            OnFailure::Closed => {
                let message = format!("{failure}; its on-failure is closed, so nothing is translated");
                self.findings.push(Finding::error("policy-failed", message));
                Some(Ruling::Denied { policy: member.name.clone() })
            }
            OnFailure::Skip => {
                let message = format!("{failure}; its on-failure is skip, so the others decide without it");
                self.findings.push(Finding::warning("policy-failed", message));
                None
            }
        }
    }
}

/// A validator has no word of its own but a no.
fn objection(diagnostics: Vec<Diagnostic>) -> Outcome {
    let denies = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    Outcome { decision: if denies { Decision::Deny } else { Decision::Pass }, diagnostics }
}
