//! What is reported about each policy.

use std::fmt;
use std::sync::Arc;

use egressd_core::policy::{Mode, Need, OnFailure, PolicySpec, Scope};

use super::supervised::Supervision;

#[derive(Clone, Debug)]
pub struct PolicyReport {
    /// Its name, which is its ConfigMap's.
    pub name: String,
    /// What it is to the Services now.
    pub state: PolicyState,
    /// What it can say; none when nothing of it is loaded.
    pub kind: Option<Kind>,
    /// Smaller is asked earlier.
    pub order: i32,
    /// When it cannot answer.
    pub on_failure: OnFailure,
    /// Whether Services may go without it; what is not enforced is not needed.
    pub need: Need,
    /// Which Services it is asked about.
    pub scope: Scope,
    /// The version that its author gave it.
    pub version: Option<String>,
    /// SHA-256 of the component that is loaded.
    pub digest: Option<String>,
    /// Why the newest ConfigMap is not what is in force, in one sentence.
    pub trouble: Option<String>,
    /// How it does; none when it is not asked.
    pub supervision: Option<Arc<Supervision>>,
}

/// What a policy is to the Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyState {
    /// Its answers are applied.
    Enforced,
    /// It is asked, and its answers are not applied.
    Shadow,
    /// It is not asked.
    Off,
    /// It could not be loaded, and nothing of it was valid before.
    Refused,
    /// As refused, and Services are not to go on as if there were none.
    Missed,
}

/// What a policy can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Rules.
    Policy,
    /// Objections.
    Validator,
}

impl PolicyReport {
    /// A policy of which nothing is loaded.
    pub fn unloaded(name: &str, state: PolicyState, trouble: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            state,
            kind: None,
            order: 0,
            on_failure: OnFailure::default(),
            need: Need::default(),
            scope: Scope::default(),
            version: None,
            digest: None,
            trouble,
            supervision: None,
        }
    }

    /// The same with what a ConfigMap says.
    #[must_use]
    pub fn with(self, spec: &PolicySpec) -> Self {
        let need = match spec.mode {
            Mode::Enforce => spec.need,
            Mode::Shadow | Mode::Off => Need::Optional,
        };
        Self { order: spec.order, on_failure: spec.on_failure, need, scope: spec.scope.clone(), ..self }
    }

    /// Why this node is not ready: a policy that Services must not go without was never loaded.
    pub fn unready(&self) -> Option<String> {
        let missing = match self.state {
            PolicyState::Missed | PolicyState::Refused => self.need == Need::Required,
            PolicyState::Enforced | PolicyState::Shadow | PolicyState::Off => false,
        };
        let trouble = self.trouble.as_deref().unwrap_or("it was not loaded yet");
        missing.then(|| format!("policy {} is required and was never loaded: {trouble}", self.name))
    }
}

impl fmt::Display for PolicyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Enforced => "enforced",
            Self::Shadow => "shadow",
            Self::Off => "off",
            Self::Refused => "refused",
            Self::Missed => "missed",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Policy => "policy",
            Self::Validator => "validator",
        })
    }
}
