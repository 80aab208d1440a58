//! What people are told: one sentence each, with a severity, and where possible the text it is about.

use std::fmt;

/// How bad it is. `Error` means that something asked for is not in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// In force, but probably not as meant.
    Warning,
    /// Not in force.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A part of an annotation's value, in bytes, so that `plan` and `explain` can underline it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The annotation's full name.
    pub annotation: String,
    /// Where the part begins in the value.
    pub offset: usize,
    /// How long it is.
    pub length: usize,
}

/// Something to tell about one Service, one file or the node.
///
/// Findings order by severity first, so that a sorted list reads from mild to bad.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Short, stable, kebab-case: what programs look at.
    pub code: String,
    /// One sentence: the item, what is wrong with it, what would be right.
    pub message: String,
    /// What to underline.
    pub span: Option<Span>,
}

impl Finding {
    /// A finding without a span.
    pub fn new(severity: Severity, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity, code: code.into(), message: message.into(), span: None }
    }

    /// Not in force: `code` and a sentence.
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// In force, but probably not as meant: `code` and a sentence.
    pub fn warning(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }
}

/// What several findings say, in one line.
pub fn sentences(findings: &[Finding]) -> String {
    findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.severity, self.message, self.code)
    }
}
