//! What a component of contract 0.2.0 answers. It is checked value by value; an answer is never narrowed or widened, it is
//! refused.

use egressd_core::decision::{Diagnostic, Outcome};
use egressd_core::finding::{Finding, at_most};
use egressd_core::text::{Text, quoted};
use egressd_vocabulary::ContractError;

use super::super::description::Description;
use super::super::invalid_answer::{InvalidAnswer, check_span};
use super::types;

pub(super) fn description(description: types::Description) -> Result<Description, InvalidAnswer> {
    if let Some((name, _)) = description.extra.first() {
        let name = quoted(name);
        return Err(InvalidAnswer(format!(
            "its description has {name} in its extra, which this egressd does not know"
        )));
    }
    if description.subject_kinds.is_empty() {
        let what = "its description lists no kinds of subjects, so it can be asked about nothing; list Service";
        return Err(InvalidAnswer(what.to_owned()));
    }
    Ok(Description {
        name: Text::new(description.name).into(),
        version: Text::new(description.version).into(),
        summary: Text::new(description.summary).into(),
        settings_schema: description.settings_schema,
        subject_kinds: description.subject_kinds.into_iter().map(|kind| Text::new(kind).into()).collect(),
        annotation_prefixes: description.annotation_prefixes,
        label_prefixes: description.label_prefixes,
        namespace_annotation_prefixes: description.namespace_annotation_prefixes,
        endpoints: description.endpoints.into(),
    })
}

/// Settings are no annotation, so their findings have no span.
pub(super) fn settings_findings(reported: Vec<types::Diagnostic>) -> Result<Vec<Finding>, InvalidAnswer> {
    let checked: Vec<Diagnostic> = reported.into_iter().map(Diagnostic::try_from).collect::<Result<_, _>>()?;
    Ok(at_most(checked.into_iter().map(|one| Finding::from(Diagnostic { span: None, ..one }))))
}

/// The policy's answer about the subject that was `sent`.
pub(super) fn outcome(answer: types::Outcome, sent: &types::Subject) -> Result<Outcome, InvalidAnswer> {
    let outcome = Outcome::try_from(answer)?;
    outcome.diagnostics.iter().try_for_each(|diagnostic| check(diagnostic, sent))?;
    Ok(outcome)
}

/// What is reported about the subject that was `sent`: a validator's whole answer.
pub(super) fn diagnostics(
    reported: Vec<types::Diagnostic>,
    sent: &types::Subject,
) -> Result<Vec<Diagnostic>, InvalidAnswer> {
    let checked: Vec<Diagnostic> = reported.into_iter().map(Diagnostic::try_from).collect::<Result<_, _>>()?;
    checked.iter().try_for_each(|diagnostic| check(diagnostic, sent))?;
    Ok(checked)
}

/// What only the host knows of a diagnostic.
fn check(diagnostic: &Diagnostic, sent: &types::Subject) -> Result<(), InvalidAnswer> {
    diagnostic.rule.as_deref().map_or(Ok(()), ContractError::check_id)?;
    diagnostic.span.as_ref().map_or(Ok(()), |span| check_span(span, &sent.annotations))
}
