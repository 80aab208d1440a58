//! The traits that policies implement: one for each world of the contract.

use crate::Diagnostic;
use crate::Draft;
use crate::Outcome;
use crate::description::Description;
use crate::settings::Settings;
use crate::subject::{Context, Subject};

/// A policy: answers with rules. It has no state: every call runs in a memory of its own.
pub trait Policy {
    /// What operators can choose; [`NoSettings`](crate::NoSettings) for nothing.
    type Settings: Settings;

    /// What it is, and what it wants to see under these settings.
    fn describe(settings: &Self::Settings) -> Description;

    /// What types cannot say about settings; a diagnostic of severity `Error` refuses them. Asked once, when the
    /// policy is loaded.
    fn check(settings: &Self::Settings) -> Vec<Diagnostic> {
        let _ = settings;
        Vec::new()
    }

    /// An answer about one subject. `draft` is what the policies before this one made of it.
    fn evaluate(settings: &Self::Settings, context: &Context, subject: &Subject, draft: Draft) -> Outcome;
}

/// A validator: looks at the draft of all policies, and may only complain.
pub trait Validator {
    /// What operators can choose; [`NoSettings`](crate::NoSettings) for nothing.
    type Settings: Settings;

    /// What it is, and what it wants to see under these settings.
    fn describe(settings: &Self::Settings) -> Description;

    /// What types cannot say about settings; a diagnostic of severity `Error` refuses them. Asked once, when the
    /// validator is loaded.
    fn check(settings: &Self::Settings) -> Vec<Diagnostic> {
        let _ = settings;
        Vec::new()
    }

    /// What is wrong with one subject's draft; a diagnostic of severity `Error` denies the subject.
    fn validate(settings: &Self::Settings, context: &Context, subject: &Subject, draft: &Draft) -> Vec<Diagnostic>;
}
