//! The questions that are put to a component: the same in every version of the contract. What differs, the types and what is
//! made of them, is [`ContractTypes`], which each version's folder implements.

use egressd_core::chain::PolicyFailure;
use egressd_core::decision::{Diagnostic, Draft, Outcome};
use egressd_core::finding::Finding;
use egressd_core::model::{Context, SubjectView};
use wasmtime::component::{Lift, Lower};

use super::configured::Configured;
use super::description::Description;
use super::functions::{Function, Functions};
use super::guest::Guest;
use super::invalid_answer::InvalidAnswer;
use super::limits::Size;

/// The types of a version of the contract, and what they become.
pub(super) trait ContractTypes {
    type Context: Lower + Send + Sync;
    type Subject: Lower + Send + Sync;
    type Draft: Lower + Send + Sync;
    type Description: Lift;
    type Diagnostic: Lift;
    type Outcome: Lift;

    fn context(context: &Context, settings: &str) -> Self::Context;
    /// The subject cut to what the description asks for; none where this version has no form for its kind.
    fn subject(view: &SubjectView, configured: &Configured, context: &Context) -> Option<Self::Subject>;
    fn draft(draft: &Draft) -> Self::Draft;
    /// How much of the subject it is sent, which decides its fuel.
    fn size(subject: &Self::Subject) -> Size;

    fn settings_findings(reported: Vec<Self::Diagnostic>) -> Result<Vec<Finding>, InvalidAnswer>;
    fn description(description: Self::Description) -> Result<Description, InvalidAnswer>;
    fn outcome(answer: Self::Outcome, sent: &SentInput<'_, Self::Subject>) -> Result<Outcome, InvalidAnswer>;
    fn diagnostics(reported: Vec<Self::Diagnostic>, sent: &Self::Subject) -> Result<Vec<Diagnostic>, InvalidAnswer>;
}

/// What an answer is about.
pub(super) struct SentInput<'a, S> {
    pub(super) subject: &'a S,
    /// As the core has it.
    pub(super) draft: &'a Draft,
}

/// What it says about settings (JSON text).
pub(super) fn check_settings<F: ContractTypes>(
    guest: &Guest,
    functions: &Functions,
    settings: &str,
) -> Result<Vec<Finding>, PolicyFailure> {
    let answer = guest.call(Size::default(), |store| functions.call(store, Function::CheckSettings, (settings,)))?;
    F::settings_findings(answer).map_err(|invalid_answer| guest.invalid_answer(&invalid_answer))
}

/// What it is under these settings.
pub(super) fn describe<F: ContractTypes>(
    guest: &Guest,
    functions: &Functions,
    settings: &str,
) -> Result<Description, PolicyFailure> {
    let answer = guest.call(Size::default(), |store| functions.call(store, Function::Describe, (settings,)))?;
    F::description(answer).map_err(|invalid_answer| guest.invalid_answer(&invalid_answer))
}

/// A policy's answer.
pub(super) fn evaluate<F: ContractTypes>(
    configured: &Configured,
    context: &Context,
    view: &SubjectView,
    draft: &Draft,
) -> Result<Outcome, PolicyFailure> {
    let input = CallInput::<F>::new(configured, context, view, draft)?;
    let answer = input.call(configured)?;
    let sent = SentInput { subject: &input.subject, draft };
    F::outcome(answer, &sent).map_err(|invalid_answer| configured.guest.invalid_answer(&invalid_answer))
}

/// A validator's answer.
pub(super) fn validate<F: ContractTypes>(
    configured: &Configured,
    context: &Context,
    view: &SubjectView,
    draft: &Draft,
) -> Result<Vec<Diagnostic>, PolicyFailure> {
    let input = CallInput::<F>::new(configured, context, view, draft)?;
    let answer = input.call(configured)?;
    F::diagnostics(answer, &input.subject).map_err(|invalid_answer| configured.guest.invalid_answer(&invalid_answer))
}

/// One subject in the contract's types.
struct CallInput<F: ContractTypes> {
    context: F::Context,
    subject: F::Subject,
    draft: F::Draft,
}

impl<F: ContractTypes> CallInput<F> {
    fn new(
        configured: &Configured,
        context: &Context,
        view: &SubjectView,
        draft: &Draft,
    ) -> Result<Self, PolicyFailure> {
        let not_shown = || configured.guest.not_shown(view.subject.kind());
        let subject = F::subject(view, configured, context).ok_or_else(not_shown)?;
        Ok(Self { context: F::context(context, &configured.settings), subject, draft: F::draft(draft) })
    }

    fn call<A: Lift>(&self, Configured { guest, functions, .. }: &Configured) -> Result<A, PolicyFailure> {
        guest.call(F::size(&self.subject), |store| {
            functions.call(store, Function::Question, (&self.context, &self.subject, &self.draft))
        })
    }
}
