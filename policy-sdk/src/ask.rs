//! The questions of the host to a policy, from settings as text on: the same in a component and in native tests.

use crate::Diagnostic;
use crate::Draft;
use crate::Outcome;
use crate::description::Description;
use crate::few::few;
use crate::policy::{Policy, Validator};
use crate::settings::Settings;
use crate::subject::{Context, Subject};

/// What is wrong with settings: what cannot be read, or what `check` says.
pub(crate) fn check<S: Settings>(settings: &str, check: impl FnOnce(&S) -> Vec<Diagnostic>) -> Vec<Diagnostic> {
    few(S::parse(settings).map_or_else(|refused| vec![refused], |settings| check(&settings)))
}

/// What a policy is under these settings.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn describe<S: Settings>(
    settings: &str,
    describe: impl FnOnce(&S) -> Description,
) -> Result<Description, Diagnostic> {
    S::parse(settings).map(|settings| describe(&settings))
}

/// An answer about one subject. Settings that cannot be read, which the host never sends twice, deny it: a policy that
/// does not know what it shall do must not guess.
pub(crate) fn evaluate<P: Policy>(settings: &str, context: &Context, subject: &Subject, draft: Draft) -> Outcome {
    let Outcome { decision, diagnostics } = match P::Settings::parse(settings) {
        Ok(settings) => P::evaluate(&settings, context, subject, draft),
        Err(refused) => Outcome::deny(vec![refused]),
    };
    Outcome { decision, diagnostics: few(diagnostics) }
}

/// What a validator says about one subject's draft.
pub(crate) fn validate<V: Validator>(
    settings: &str,
    context: &Context,
    subject: &Subject,
    draft: &Draft,
) -> Vec<Diagnostic> {
    few(match V::Settings::parse(settings) {
        Ok(settings) => V::validate(&settings, context, subject, draft),
        Err(refused) => vec![refused],
    })
}
