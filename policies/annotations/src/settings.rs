//! The policy's settings: `{"prefix": "kube-vip.io"}`.

use egressd_policy_sdk::{Diagnostic, bad_settings, is_empty};
use serde_json::Value;

/// What an operator can choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What stands before the slash in the names of the annotations.
    pub prefix: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { prefix: "kube-vip.io".to_owned() }
    }
}

impl egressd_policy_sdk::Settings for Settings {
    const SCHEMA: &'static str = include_str!("../settings.schema.json");

    fn parse(text: &str) -> Result<Self, Diagnostic> {
        let mut settings = Self::default();
        // What nearly every call sees, without a parser.
        if is_empty(text) {
            return Ok(settings);
        }
        let Ok(Value::Object(members)) = serde_json::from_str(text) else {
            return Err(bad_settings(r#"the settings are not a JSON object; write {"prefix": "kube-vip.io"} or {}"#));
        };
        for (name, value) in members {
            match (name.as_str(), value) {
                ("prefix", Value::String(prefix)) if is_prefix(&prefix) => settings.prefix = prefix,
                ("prefix", value) => return Err(bad_prefix(value.as_str())),
                (_, _) => {
                    return Err(bad_settings(format!("unknown setting {name:?}; the only one is \"prefix\"")));
                }
            }
        }
        Ok(settings)
    }
}

/// A DNS name in lower case, as Kubernetes wants it before the slash of an annotation's name.
fn is_prefix(text: &str) -> bool {
    let label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn bad_prefix(text: Option<&str>) -> Diagnostic {
    let what = text.map_or("is not a string".to_owned(), |text| format!("{text:?} is not a valid lowercase DNS name"));
    bad_settings(format!("setting \"prefix\": {what}; write one like \"kube-vip.io\""))
}

#[cfg(test)]
mod tests {
    use egressd_policy_sdk::{Settings as _, testkit};

    use super::Settings;

    #[test]
    fn the_schema_says_what_is_read() {
        testkit::check_schema::<Settings>();
    }

    #[test]
    fn nothing_means_kube_vip() {
        for text in ["", " ", "{}", " {} ", "{ }"] {
            assert_eq!(Settings::parse(text), Ok(Settings { prefix: "kube-vip.io".to_owned() }), "{text:?}");
        }
    }

    #[test]
    fn the_prefix_can_be_another_name() {
        let settings = Settings::parse(r#"{"prefix": "egress.example.com"}"#);
        assert_eq!(settings.map(|s| s.prefix), Ok("egress.example.com".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("[]", "not a JSON object"),
            ("{", "not a JSON object"),
            (r#"{"prefix": 1}"#, "is not a string"),
            (r#"{"prefix": ""}"#, "is not a valid lowercase DNS name"),
            (r#"{"prefix": "kube-vip.io/"}"#, "is not a valid lowercase DNS name"),
            (r#"{"prefix": "Kube-vip.io"}"#, "is not a valid lowercase DNS name"),
            (r#"{"suffix": "a"}"#, "unknown setting \"suffix\""),
        ] {
            let message = Settings::parse(text).err().map(|diagnostic| diagnostic.message);
            assert!(message.as_ref().is_some_and(|m| m.contains(part)), "{text}: {message:?}");
        }
    }
}
