//! How policies compose: in order, each sees the draft of those before it; then all validators check the result. The
//! first `invalid` or `deny` ends the chain. The chain does not depend on WASM.

mod drafts;
mod evaluate;
mod kinds;
mod known;
mod member;

pub use drafts::DRAFT_NOT_SHOWN;
pub use kinds::{Contract, NOT_SHOWN};
pub use known::KnownFailures;
pub use member::{Chain, Member, MemberRole};

use std::sync::Arc;

use crate::decision::{Diagnostic, Draft, OnUnavailable, Outcome};
use crate::finding::Finding;
use crate::model::{Context, SubjectView};
use crate::text::Text;

/// The code of the finding on a Service about which a policy could not answer.
pub const FAILED: &str = "policy-failed";

/// The code of the finding on a Service that waits, since the policy failed too often.
pub const RESTS: &str = "policy-throttled";

/// Something that decides about one Service: a component, or a closure in a test.
pub trait Policy: Send + Sync {
    /// The name that status and messages use.
    fn name(&self) -> &str;

    /// Evaluates one Service. Equal input, equal answer.
    ///
    /// # Errors
    /// When the policy itself failed: it trapped, ran out of a limit, or answered what cannot be read.
    fn evaluate(&self, context: &Context, service: &SubjectView, draft: &Draft) -> Result<Outcome, PolicyFailure>;
}

/// Something that looks at the draft of all policies and may only complain: a component, or a closure in a test.
pub trait Validator: Send + Sync {
    /// The name that status and messages use.
    fn name(&self) -> &str;

    /// What it has to say about one Service's draft; a diagnostic of severity `Error` denies the Service. Equal
    /// input, equal answer.
    ///
    /// # Errors
    /// When the validator itself failed.
    fn validate(
        &self,
        context: &Context,
        service: &SubjectView,
        draft: &Draft,
    ) -> Result<Vec<Diagnostic>, PolicyFailure>;
}

/// A policy that could not answer. Never the Service's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy {policy} failed: {reason}")]
pub struct PolicyFailure {
    pub policy: String,
    /// What happened, in one sentence without a full stop.
    pub reason: String,
    /// Whether another try can help.
    pub kind: FailureKind,
}

impl PolicyFailure {
    /// A finding about the failure, with the policy's name.
    pub fn attributed(&self, finding: Finding) -> Finding {
        finding.of_policy(Text::new(&*self.policy))
    }
}

/// Whether another try with the same input can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureKind {
    /// The same input gives the same failure: a trap, no more fuel, an answer without sense.
    Prompt,
    /// The clock ended it, which says as much about the node: another day the same input may go well.
    Slow,
    /// It was not asked: its failures have used up their time. The next to be asked may be this Service.
    Deferred,
}

/// What the whole chain says about one Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainResult {
    /// The rules, or why there are none.
    pub decision: ChainDecision,
    /// The policy that decided; none when all passed it on.
    pub policy: Option<String>,
    /// Where a policy ended the chain without a draft: what the draft until then asked for pods that are not translated.
    /// Who forbids egress does not let the packets leave.
    pub on_unavailable: Option<OnUnavailable>,
    /// The diagnostics of all policies, in order.
    pub findings: Vec<Finding>,
    /// Every failure on the way, also of policies without which the chain went on: to ask again later.
    pub failures: Vec<PolicyFailure>,
    /// What would come out if a policy in shadow mode were enforced, for each that covers the Service.
    pub shadows: Vec<Shadow>,
}

impl ChainResult {
    /// A decision without diagnostics.
    pub fn new(decision: ChainDecision) -> Self {
        Self {
            decision,
            policy: None,
            on_unavailable: None,
            findings: Vec::new(),
            failures: Vec::new(),
            shadows: Vec::new(),
        }
    }

    /// Whether a policy failed on the way for this reason.
    pub fn failed(&self, kind: FailureKind) -> bool {
        self.failures.iter().any(|failure| failure.kind == kind)
    }
}

/// What the chain would say with one more policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    pub policy: String,
    /// The end of the chain, if it were enforced.
    pub decision: ChainDecision,
    /// The diagnostics of it and of all others.
    pub findings: Vec<Finding>,
}

/// The end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainDecision {
    /// These rules. A draft without rules: egress was not asked for.
    Draft(Arc<Draft>),
    /// A policy calls the user's input wrong.
    Invalid { policy: String },
    /// A policy forbids it, or could not answer, and no Service may go without it.
    Denied { policy: String },
    /// A policy could not answer.
    Failed(PolicyFailure),
}

impl ChainDecision {
    /// The draft, where the chain came to its end.
    pub fn draft(&self) -> Option<&Draft> {
        match self {
            Self::Draft(draft) => Some(draft),
            Self::Invalid { .. } | Self::Denied { .. } | Self::Failed(_) => None,
        }
    }
}
