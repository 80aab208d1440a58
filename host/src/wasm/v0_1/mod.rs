//! Contract 0.1.0: what it is shown of a Service, and how its answers are read.

mod bindings;
mod convert;

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
pub(super) enum V0_1 {}

impl ContractTypes for V0_1 {
    type Context = types::Context;
    type Subject = types::Service;
    type Draft = types::Draft;
    type Description = types::Description;
    type Diagnostic = types::Diagnostic;
    type Outcome = types::Outcome;

    fn context(context: &Context, settings: &str) -> types::Context {
        convert::context(context, settings)
    }

    fn subject(view: &SubjectView, configured: &Configured, _: &Context) -> Option<types::Service> {
        convert::service(view, &configured.description)
    }

    fn draft(draft: &Draft) -> types::Draft {
        convert::draft(draft)
    }

    fn size(service: &types::Service) -> Size {
        Size::of(service.endpoints.len(), &service.annotations)
    }

    fn settings_findings(reported: Vec<types::Diagnostic>) -> Result<Vec<Finding>, InvalidAnswer> {
        convert::settings_findings(reported)
    }

    fn description(description: types::Description) -> Result<Description, InvalidAnswer> {
        Ok(convert::description(description))
    }

    fn outcome(answer: types::Outcome, sent: &SentInput<'_, types::Service>) -> Result<Outcome, InvalidAnswer> {
        convert::outcome(answer, sent.subject, sent.draft)
    }

    fn diagnostics(reported: Vec<types::Diagnostic>, sent: &types::Service) -> Result<Vec<Diagnostic>, InvalidAnswer> {
        convert::diagnostics(reported, sent)
    }
}
