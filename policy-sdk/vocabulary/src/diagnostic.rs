//! What a policy reports to people.

use std::fmt;

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

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
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

    /// The same, about this part of an annotation's value: what `part` borrows from `value`, or else where its text
    /// stands first, or else all of it.
    ///
    /// ```
    /// use egressd_vocabulary::Diagnostic;
    ///
    /// let (name, value) = ("example.com/ports", "tcp:80, tcp:x, tcp:x");
    /// let last = value.split(", ").last().unwrap_or_default();
    /// let wrong = Diagnostic::error("not-a-port", "ports: \"tcp:x\" has no number; write one like tcp:80");
    /// assert_eq!(wrong.about(name, value, last).span.map(|span| (span.offset, span.length)), Some((15, 5)));
    /// ```
    #[must_use]
    pub fn about(self, annotation: &str, value: &str, part: &str) -> Self {
        let (offset, length) = match borrowed_at(value, part).or_else(|| value.find(part)) {
            Some(offset) => (offset, part.len()),
            None => (0, value.len()),
        };
        self.at(Span { annotation: annotation.to_owned(), offset, length })
    }

    /// The same, about this rule.
    #[must_use]
    pub fn for_rule(self, id: &str) -> Self {
        Self { rule: Some(id.to_owned()), ..self }
    }
}

/// Where a slice of `value` begins in it; none for text from elsewhere.
fn borrowed_at(value: &str, part: &str) -> Option<usize> {
    let offset = part.as_ptr().addr().checked_sub(value.as_ptr().addr())?;
    value.get(offset..offset.checked_add(part.len())?).map(|_| offset)
}

#[cfg(test)]
mod tests {
    use super::Diagnostic;

    fn place(value: &str, part: &str) -> Option<(usize, usize)> {
        Diagnostic::info("a", "a").about("a", value, part).span.map(|span| (span.offset, span.length))
    }

    #[test]
    fn a_part_is_found_where_it_was_taken_from() {
        let value = "a,b,a";
        assert_eq!(place(value, &value[4..]), Some((4, 1)));
        assert_eq!(place(value, &value[2..3]), Some((2, 1)));
    }

    #[test]
    fn text_from_elsewhere_is_searched_and_else_everything_is_meant() {
        let elsewhere = String::from("b");
        assert_eq!(place("a,b,b", &elsewhere), Some((2, 1)));
        assert_eq!(place("a,b", &String::from("c")), Some((0, 3)));
    }
}
