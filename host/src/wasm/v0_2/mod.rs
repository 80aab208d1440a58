//! Contract 0.2.0: what it is shown of a subject, and how its answers are read.

mod answers;
mod bindings;
mod show;
#[path = "../../../../policy-sdk/vocabulary/contract/v0_2/mod.rs"]
mod vocabulary;

use egressd_core::decision::{Diagnostic, Draft, Outcome};
use egressd_core::finding::Finding;
use egressd_core::model::{Context, SubjectView};

pub(super) use bindings::Policy as Imports;
use bindings::types;

use super::ask::{ContractTypes, SentInput};
use super::configured::Configured;
use super::description::Description;
use super::invalid_answer::InvalidAnswer;
use super::limits::Size;

/// The types of this version.
pub(super) enum V0_2 {}

impl ContractTypes for V0_2 {
    type Context = types::Context;
    type Subject = types::Subject;
    type Draft = types::Draft;
    type Description = types::Description;
    type Diagnostic = types::Diagnostic;
    type Outcome = types::Outcome;

    fn context(context: &Context, settings: &str) -> types::Context {
        show::context(context, settings)
    }

    fn subject(view: &SubjectView, configured: &Configured, context: &Context) -> Option<types::Subject> {
        let viewer = show::Viewer { node: &context.node, description: &configured.description };
        Some(viewer.subject(view))
    }

    fn draft(draft: &Draft) -> types::Draft {
        draft.into()
    }

    fn size(subject: &types::Subject) -> Size {
        Size::of(subject.endpoints.len(), subject.annotations.iter().chain(&subject.namespace.annotations))
    }

    fn settings_findings(reported: Vec<types::Diagnostic>) -> Result<Vec<Finding>, InvalidAnswer> {
        answers::settings_findings(reported)
    }

    fn description(description: types::Description) -> Result<Description, InvalidAnswer> {
        answers::description(description)
    }

    fn outcome(answer: types::Outcome, sent: &SentInput<'_, types::Subject>) -> Result<Outcome, InvalidAnswer> {
        answers::outcome(answer, sent.subject)
    }

    fn diagnostics(reported: Vec<types::Diagnostic>, sent: &types::Subject) -> Result<Vec<Diagnostic>, InvalidAnswer> {
        answers::diagnostics(reported, sent)
    }
}
