//! What cannot be read of an object: the field, what it says, and what would be right.

use std::fmt;

use egressd_core::text::quoted;
use serde_json::Value;

/// A field that is left out, because it is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} {value} is not {expected}")]
pub struct Fault {
    /// Its path, with the places in lists: `status.addresses[1].address`.
    pub path: String,
    /// What it says, shortened and on one line.
    pub value: String,
    /// What it should be.
    pub expected: &'static str,
}

/// Why nothing can be made of an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing to call it by.
    #[error("metadata.name is missing")]
    NoName,
    /// A field that has to be right.
    #[error(transparent)]
    Field(#[from] Fault),
}

/// So many signs of a name are shown: a prefix and a name fit.
const LONGEST_SHOWN: usize = 40;

impl Fault {
    /// About the value at a path.
    pub(super) fn new(path: impl fmt::Display, value: &Value, expected: &'static str) -> Self {
        Self { path: path.to_string(), value: shown(value), expected }
    }

    /// About a name of a label or annotation: its first sign that is none of ASCII is shown as its number.
    pub(super) fn about_name(path: impl fmt::Display, name: &str) -> Self {
        let shown = |sign: char| match sign {
            '\u{20}'..='\u{7e}' => sign.to_string(),
            sign => format!("<U+{:04X}>", u32::from(sign)),
        };
        let shown: String = name.chars().take(LONGEST_SHOWN).map(shown).collect();
        let expected = "a name: it has a sign that is none of ASCII, shown by its number; write the name anew";
        Self { path: path.to_string(), value: format!("\"{shown}\""), expected }
    }
}

/// Text in quotation marks, everything else as JSON writes it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(_) => "[...]".to_owned(),
        Value::Object(_) => "{...}".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
