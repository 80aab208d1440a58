//! Answers that mean nothing, and what is checked in every version of the contract alike.

use std::fmt;

use egressd_core::text::quoted;

/// The longest code of a diagnostic, in bytes: it is a label of metrics.
const MOST_CODE: usize = 64;

/// An answer that means nothing, as a sentence without a full stop.
#[derive(Debug)]
pub(super) struct Nonsense(pub(super) String);

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its answer makes no sense: {}", self.0)
    }
}

/// The code of a diagnostic, if it is one.
pub(super) fn checked_code(code: String) -> Result<String, Nonsense> {
    let kebab = code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if code.is_empty() || !kebab || code.len() > MOST_CODE {
        let code = quoted(&code);
        return Err(Nonsense(format!("diagnostic code {code} is not kebab-case of at most {MOST_CODE} bytes")));
    }
    Ok(code)
}
