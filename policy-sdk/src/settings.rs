//! What operators can choose: JSON text, read into a type.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::Diagnostic;

/// The settings of a policy. For a type with serde's `Deserialize`, [`from_json`] is all that `parse` needs.
///
/// ```
/// use egressd_policy_sdk::{Diagnostic, PortRange, Settings, from_json};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct OnePort {
///     port: PortRange,
/// }
///
/// impl Settings for OnePort {
///     const SCHEMA: &'static str = r#"{
///         "type": "object",
///         "required": ["port"],
///         "properties": {"port": {"type": "string"}},
///         "examples": [{"port": "tcp:443"}]
///     }"#;
///
///     fn parse(text: &str) -> Result<Self, Diagnostic> {
///         from_json(text)
///     }
/// }
///
/// assert!(OnePort::parse(r#"{"port": "tcp:443"}"#).is_ok());
/// let wrong = OnePort::parse(r#"{"port": "443"}"#).map(|settings| settings.port);
/// let sentence = "line 1, column 15: \"443\" has no protocol; write one like tcp:443 or udp:443";
/// assert_eq!(wrong, Err(Diagnostic::error("bad-settings", format!("the settings cannot be used: {sentence}"))));
/// ```
pub trait Settings: Sized {
    /// A JSON schema of the settings, as text: usually `include_str!("../settings.schema.json")`.
    const SCHEMA: &'static str;

    /// Reads JSON text, which is `{}` or empty where no settings are given.
    ///
    /// # Errors
    /// What is wrong, in one sentence, with the code `bad-settings`.
    fn parse(text: &str) -> Result<Self, Diagnostic>;
}

/// For a policy without settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoSettings;

impl Settings for NoSettings {
    const SCHEMA: &'static str = r#"{"type": "object", "additionalProperties": false, "examples": [{}]}"#;

    fn parse(text: &str) -> Result<Self, Diagnostic> {
        // What every good call sees, without a parser.
        if is_empty(text) {
            return Ok(Self);
        }
        Err(bad_settings("the policy has no settings, and these are not empty; write {} or leave them out"))
    }
}

/// Reads JSON text into a type; nothing at all is an empty object.
///
/// # Errors
/// What is wrong and where, in one sentence, with the code `bad-settings`. Types say in their `Deserialize` what
/// would be right.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Diagnostic> {
    let text = if text.trim_ascii().is_empty() { "{}" } else { text };
    if !text.trim_ascii_start().starts_with('{') {
        return Err(bad_settings("the settings are not a JSON object; write one, {} for no settings"));
    }
    serde_json::from_str(text).map_err(|error| refused(&error))
}

/// An error of severity `Error` about settings, for what [`Settings::parse`] and `check` refuse.
pub fn bad_settings(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("bad-settings", message)
}

/// Whether no settings are given: the text is empty or `{}`, apart from blanks.
pub fn is_empty(text: &str) -> bool {
    matches!(text.trim_ascii(), "" | "{}")
}

/// serde_json's message with the place before it, not behind.
fn refused(error: &serde_json::Error) -> Diagnostic {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let message =
        message.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&message).replace('`', "\"");
    let what = match error.classify() {
        Category::Data => "cannot be used",
        Category::Syntax | Category::Eof | Category::Io => "are not JSON",
    };
    bad_settings(format!("the settings {what}: line {line}, column {column}: {message}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{NoSettings, Settings, from_json};

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Two {
        one: u8,
        two: String,
    }

    fn refused(text: &str) -> String {
        from_json::<Two>(text).map_or_else(|diagnostic| diagnostic.message, |two| format!("{two:?}"))
    }

    #[test]
    fn nothing_is_an_empty_object() {
        for text in ["", " ", "{}", " { } "] {
            assert_eq!(from_json::<Two>(text), Ok(Two::default()), "{text:?}");
        }
        assert_eq!(NoSettings::parse(" {} "), Ok(NoSettings));
    }

    #[test]
    fn what_is_wrong_is_reported_with_its_place() {
        for (text, sentence) in [
            ("[]", "the settings are not a JSON object; write one, {} for no settings"),
            (
                "{\"three\": 3}",
                "the settings cannot be used: line 1, column 8: unknown field \"three\", expected \"one\" or \"two\"",
            ),
            (
                "{\n\"one\": 256}",
                "the settings cannot be used: line 2, column 10: invalid value: integer \"256\", expected u8",
            ),
            ("{\"one\": 1", "the settings are not JSON: line 1, column 9: EOF while parsing an object"),
        ] {
            assert_eq!(refused(text), sentence);
        }
        assert!(NoSettings::parse("{\"a\": 1}").is_err());
    }
}
