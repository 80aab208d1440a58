//! How a chain of policies composes: in order, each sees the draft of those before it; the first `invalid` or
//! `deny` ends the chain. The chain does not know what WASM is.

use crate::decision::{Decision, Draft, Outcome};
use crate::finding::Finding;
use crate::model::{Context, ServiceView};

/// Something that decides about one Service: a component, or a closure in a test.
pub trait Policy: Send + Sync {
    /// The name that status and messages use.
    fn name(&self) -> &str;

    /// One word on one Service. Equal input, equal answer.
    ///
    /// # Errors
    /// When the policy itself failed: it trapped, ran out of a limit, or answered what cannot be read.
    fn evaluate(&self, context: &Context, service: &ServiceView, draft: &Draft) -> Result<Outcome, PolicyFailure>;
}

/// A policy that could not answer. Never the Service's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy {policy} failed: {reason}")]
pub struct PolicyFailure {
    /// Which policy.
    pub policy: String,
    /// What happened, in one sentence without a full stop.
    pub reason: String,
}

/// What the whole chain says about one Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The rules, or why there are none.
    pub ruling: Ruling,
    /// Whose word that is; none when no policy had an opinion.
    pub policy: Option<String>,
    /// What all policies told, in order.
    pub findings: Vec<Finding>,
}

/// The end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// These rules. A draft without rules: nobody asked for egress.
    Draft(Draft),
    /// A policy calls the user's input wrong.
    Invalid {
        /// Which policy.
        policy: String,
    },
    /// A policy forbids it.
    Denied {
        /// Which policy.
        policy: String,
    },
    /// A policy could not answer.
    Failed(PolicyFailure),
}

/// Asks every policy in turn.
pub fn evaluate(policies: &[Box<dyn Policy>], context: &Context, service: &ServiceView) -> Verdict {
    let mut draft = Draft::default();
    let mut findings = Vec::new();
    let mut author = None;
    for policy in policies {
        let name = || policy.name().to_owned();
        let outcome = match policy.evaluate(context, service, &draft) {
            Ok(outcome) => outcome,
            Err(failure) => return Verdict { ruling: Ruling::Failed(failure), policy: Some(name()), findings },
        };
        findings.extend(outcome.diagnostics);
        let ended = |ruling, findings| Verdict { ruling, policy: Some(name()), findings };
        match outcome.decision {
            Decision::Pass => {}
            Decision::Plan(next) => {
                draft = next;
                author = Some(name());
            }
            Decision::Invalid => return ended(Ruling::Invalid { policy: name() }, findings),
            Decision::Deny => return ended(Ruling::Denied { policy: name() }, findings),
        }
    }
    Verdict { ruling: Ruling::Draft(draft), policy: author, findings }
}
