//! The trait that a policy implements.

use crate::description::Description;
use crate::diagnostic::Diagnostic;
use crate::outcome::{Draft, Outcome};
use crate::service::{Context, Service};

/// A policy. It has no state: every call runs in a memory of its own.
pub trait Policy {
    /// What it is and what it wants to see.
    fn describe() -> Description;

    /// The same, for a policy whose wishes depend on its settings. Called with settings that
    /// [`Policy::check_settings`] did not refuse.
    fn describe_with(settings: &str) -> Description {
        let _ = settings;
        Self::describe()
    }

    /// Looks at settings (JSON text) before they are used; a diagnostic of severity `Error` refuses them.
    fn check_settings(settings: &str) -> Vec<Diagnostic> {
        let _ = settings;
        Vec::new()
    }

    /// One word on one Service. `draft` is what the policies before this one made of it.
    fn evaluate(context: &Context, service: &Service, draft: Draft) -> Outcome;
}
