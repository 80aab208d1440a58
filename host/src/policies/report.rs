//! What is told about each policy.

use std::fmt;
use std::sync::Arc;

use egressd_core::policy::{OnFailure, PolicySpec, Scope};

use super::supervised::Supervision;

/// One policy as people are told about it.
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
    /// Its word counts.
    Enforced,
    /// It is asked, and its word does not count.
    Shadow,
    /// It is not asked.
    Off,
    /// It could not be loaded, and nothing of it was good before.
    Refused,
    /// As refused, and its operator wants Services to have no rules without it.
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
        Self { order: spec.order, on_failure: spec.on_failure, scope: spec.scope.clone(), ..self }
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
