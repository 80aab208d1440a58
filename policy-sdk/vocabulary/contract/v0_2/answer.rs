//! What a policy answers.

use egressd_vocabulary::{ContractError, Decision, Diagnostic, Outcome, Severity, Span};

use super::{all, types};

impl From<Severity> for types::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Info,
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}

impl From<types::Severity> for Severity {
    fn from(severity: types::Severity) -> Self {
        match severity {
            types::Severity::Info => Self::Info,
            types::Severity::Warning => Self::Warning,
            types::Severity::Error => Self::Error,
        }
    }
}

/// Values of annotations are at most 256 KiB, so nothing is lost of a span that lies in one.
impl From<Span> for types::Span {
    fn from(span: Span) -> Self {
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self { annotation: span.annotation, offset: number(span.offset), length: number(span.length) }
    }
}

/// Whether it lies in the annotation's value is for the host to check, which has the value.
impl From<types::Span> for Span {
    fn from(span: types::Span) -> Self {
        Self { annotation: span.annotation, offset: span.offset as usize, length: span.length as usize }
    }
}

impl From<Diagnostic> for types::Diagnostic {
    fn from(diagnostic: Diagnostic) -> Self {
        let Diagnostic { severity, code, message, span, rule } = diagnostic;
        Self { severity: severity.into(), code, message, span: span.map(Into::into), rule_id: rule, extra: Vec::new() }
    }
}

impl TryFrom<types::Diagnostic> for Diagnostic {
    type Error = ContractError;

    fn try_from(diagnostic: types::Diagnostic) -> Result<Self, ContractError> {
        let types::Diagnostic { severity, code, message, span, rule_id, extra } = diagnostic;
        ContractError::check_code(&code)?;
        if let Some((name, _)) = extra.into_iter().next() {
            return Err(ContractError::Unknown { what: "diagnostic", name });
        }
        Ok(Self { severity: severity.into(), code, message, span: span.map(Into::into), rule: rule_id })
    }
}

impl From<Outcome> for types::Outcome {
    fn from(outcome: Outcome) -> Self {
        let decision = match outcome.decision {
            Decision::Pass => types::Decision::Pass,
            Decision::Plan(draft) => types::Decision::Plan((&draft).into()),
            Decision::Invalid => types::Decision::Invalid,
            Decision::Deny => types::Decision::Deny,
        };
        Self { decision, diagnostics: outcome.diagnostics.into_iter().map(Into::into).collect() }
    }
}

impl TryFrom<types::Outcome> for Outcome {
    type Error = ContractError;

    fn try_from(outcome: types::Outcome) -> Result<Self, ContractError> {
        let decision = match outcome.decision {
            types::Decision::Pass => Decision::Pass,
            types::Decision::Plan(draft) => Decision::Plan(draft.try_into()?),
            types::Decision::Invalid => Decision::Invalid,
            types::Decision::Deny => Decision::Deny,
        };
        Ok(Self { decision, diagnostics: all(outcome.diagnostics)? })
    }
}
