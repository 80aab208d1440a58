//! The questions that are put to a component of contract 0.1.0.

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
use super::bindings::types;
use super::convert;

/// What it says about settings (JSON text).
pub(in crate::wasm) fn check_settings(
    guest: &Guest,
    functions: &Functions,
    settings: &str,
) -> Result<Vec<Finding>, PolicyFailure> {
    let answer = guest.call(Size::default(), |store| functions.call(store, Function::CheckSettings, (settings,)))?;
    convert::settings_findings(answer).map_err(|nonsense| guest.nonsense(&nonsense))
}

/// What it is under these settings.
pub(in crate::wasm) fn describe(
    guest: &Guest,
    functions: &Functions,
    settings: &str,
) -> Result<Description, PolicyFailure> {
    let answer = guest.call(Size::default(), |store| functions.call(store, Function::Describe, (settings,)))?;
    Ok(convert::description(answer))
}

/// A policy's answer.
pub(in crate::wasm) fn evaluate(
    configured: &Configured,
    context: &Context,
    view: &SubjectView,
    draft: &Draft,
) -> Result<Outcome, PolicyFailure> {
    let question = Question::new(configured, context, view, draft)?;
    let guest = &configured.guest;
    let answer = guest.call(question.size, |store| question.put::<types::Outcome>(store, &configured.functions))?;
    convert::outcome(answer, &question.service, draft).map_err(|nonsense| guest.nonsense(&nonsense))
}

/// A validator's answer.
pub(in crate::wasm) fn validate(
    configured: &Configured,
    context: &Context,
    view: &SubjectView,
    draft: &Draft,
) -> Result<Vec<Diagnostic>, PolicyFailure> {
    let question = Question::new(configured, context, view, draft)?;
    let guest = &configured.guest;
    let answer =
        guest.call(question.size, |store| question.put::<Vec<types::Diagnostic>>(store, &configured.functions))?;
    convert::diagnostics(answer, &question.service).map_err(|nonsense| guest.nonsense(&nonsense))
}

/// One Service in the contract's types.
struct Question {
    context: types::Context,
    service: types::Service,
    draft: types::Draft,
    size: Size,
}

impl Question {
    fn new(
        configured: &Configured,
        context: &Context,
        view: &SubjectView,
        draft: &Draft,
    ) -> Result<Self, PolicyFailure> {
        let not_shown = || configured.guest.not_shown(view.subject.kind());
        let service = convert::service(view, &configured.description).ok_or_else(not_shown)?;
        let bytes = service.annotations.iter().map(|(name, value)| name.len() + value.len()).sum();
        let size = Size { endpoints: service.endpoints.len(), bytes };
        let (context, draft) = (convert::context(context, &configured.settings), convert::draft(draft));
        Ok(Self { context, service, draft, size })
    }

    fn put<A>(&self, store: &mut Store<Call>, functions: &Functions) -> wasmtime::Result<A>
    where
        (A,): wasmtime::component::ComponentNamedList + wasmtime::component::Lift,
    {
        functions.call(store, Function::Question, (&self.context, &self.service, &self.draft))
    }
}
