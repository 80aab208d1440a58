//! The questions that are put to a component of contract 0.2.0.

use egressd_core::chain::PolicyFailure;
use egressd_core::decision::{Diagnostic, Draft, Outcome};
use egressd_core::finding::Finding;
use egressd_core::model::{Context, SubjectView};
use wasmtime::Store;

use super::super::configured::Configured;
use super::super::description::Description;
use super::super::functions::{Function, Functions};
use super::super::guest::Guest;
use super::super::imports::Call;
use super::super::limits::Size;
use super::show::{self, Viewer};
use super::{answers, types};

/// What it says about settings (JSON text).
pub(in crate::wasm) fn check_settings(
    guest: &Guest,
    functions: &Functions,
    settings: &str,
) -> Result<Vec<Finding>, PolicyFailure> {
    let answer = guest.call(Size::default(), |store| functions.call(store, Function::CheckSettings, (settings,)))?;
    answers::settings_findings(answer).map_err(|nonsense| guest.nonsense(&nonsense))
}

/// What it is under these settings.
pub(in crate::wasm) fn describe(
    guest: &Guest,
    functions: &Functions,
    settings: &str,
) -> Result<Description, PolicyFailure> {
    let answer = guest.call(Size::default(), |store| functions.call(store, Function::Describe, (settings,)))?;
    answers::description(answer).map_err(|nonsense| guest.nonsense(&nonsense))
}

/// A policy's answer.
pub(in crate::wasm) fn evaluate(
    configured: &Configured,
    context: &Context,
    view: &SubjectView,
    draft: &Draft,
) -> Result<Outcome, PolicyFailure> {
    let question = Question::new(configured, context, view, draft);
    let guest = &configured.guest;
    let answer = guest.call(question.size, |store| question.put::<types::Outcome>(store, &configured.functions))?;
    answers::outcome(answer, &question.subject).map_err(|nonsense| guest.nonsense(&nonsense))
}

/// A validator's answer.
pub(in crate::wasm) fn validate(
    configured: &Configured,
    context: &Context,
    view: &SubjectView,
    draft: &Draft,
) -> Result<Vec<Diagnostic>, PolicyFailure> {
    let question = Question::new(configured, context, view, draft);
    let guest = &configured.guest;
    let answer =
        guest.call(question.size, |store| question.put::<Vec<types::Diagnostic>>(store, &configured.functions))?;
    answers::diagnostics(answer, &question.subject).map_err(|nonsense| guest.nonsense(&nonsense))
}

/// One subject in the contract's types.
struct Question {
    context: types::Context,
    subject: types::Subject,
    draft: types::Draft,
    size: Size,
}

impl Question {
    fn new(configured: &Configured, context: &Context, view: &SubjectView, draft: &Draft) -> Self {
        let viewer = Viewer { node: &context.node, description: &configured.description };
        let subject = viewer.subject(view);
        let annotations = subject.annotations.iter().chain(&subject.namespace.annotations);
        let bytes = annotations.map(|(name, value)| name.len() + value.len()).sum();
        let size = Size { endpoints: subject.endpoints.len(), bytes };
        Self { context: show::context(context, &configured.settings), subject, draft: draft.into(), size }
    }

    fn put<A>(&self, store: &mut Store<Call>, functions: &Functions) -> wasmtime::Result<A>
    where
        (A,): wasmtime::component::ComponentNamedList + wasmtime::component::Lift,
    {
        functions.call(store, Function::Question, (&self.context, &self.subject, &self.draft))
    }
}
