//! What a policy tells people.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// In force, but probably not as meant.
    Warning,
    /// Something asked for is not in force.
    Error,
}

/// A part of an annotation's value, so that tools can underline it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The annotation's full name.
    pub annotation: String,
    /// Where the part begins in the value, in bytes.
    pub offset: usize,
    /// How long it is, in bytes.
    pub length: usize,
}

/// One sentence to people. The host refuses a code that is not kebab-case and a span outside its annotation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Short, stable, kebab-case: what programs look at.
    pub code: String,
    /// One sentence: the item, what is wrong with it, and what would be right.
    pub message: String,
    /// What to underline.
    pub span: Option<Span>,
    /// The rule it is about.
    pub rule: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without a span.
    pub fn new(severity: Severity, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity, code: code.into(), message: message.into(), span: None, rule: None }
    }

    /// Worth knowing.
    pub fn info(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, message)
    }

    /// In force, but probably not as meant.
    pub fn warning(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Not in force.
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// The same, about this part of an annotation.
    #[must_use]
    pub fn at(self, span: Span) -> Self {
        Self { span: Some(span), ..self }
    }
}
