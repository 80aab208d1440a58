//! Errors for people: one line with all causes.

use std::error::Error;

/// An error with everything that caused it, in one line. Some errors of libraries end in the text of their cause, which is
/// not repeated.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.ends_with(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the file")]
    struct Short(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read: {0}")]
    struct Long(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("cannot begin")]
    struct Begin(#[source] Long);

    #[test]
    fn each_cause_is_printed_once() {
        let cause = || io::Error::other("it is not there");
        assert_eq!(with_causes(&Short(cause())), "cannot read the file: it is not there");
        assert_eq!(with_causes(&Long(cause())), "failed to read: it is not there");
        assert_eq!(with_causes(&Begin(Long(cause()))), "cannot begin: failed to read: it is not there");
    }
}
