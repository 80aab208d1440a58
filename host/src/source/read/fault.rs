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
    pub expected: &'static str,
}

/// Why nothing can be made of an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("metadata.name is missing")]
    NoName,
    #[error(transparent)]
    Field(#[from] Fault),
}

/// So many signs of a name are shown, the one that is wrong among them: a prefix and a name fit.
const MAX_SHOWN: usize = 40;

impl Fault {
    /// About the value at a path.
    pub(super) fn new(path: impl fmt::Display, value: &Value, expected: &'static str) -> Self {
        Self { path: path.to_string(), value: shown(value), expected }
    }

    /// About a name of a label or annotation: the signs in it that no name has are shown by their numbers. A blank is one of
    /// them where nothing worse is there.
    pub(super) fn about_name(path: impl fmt::Display, name: &str) -> Self {
        let is_plain = |sign: &char| matches!(sign, '\u{20}'..='\u{7e}');
        let (allowed, expected): (fn(&char) -> bool, _) = if name.is_empty() {
            (is_plain, "a name: it is empty; write one, or remove it")
        } else if name.chars().all(|sign| is_plain(&sign)) {
            (char::is_ascii_graphic, "a name: it has a blank, shown by its number (U+0020); remove the blank")
        } else if name.is_ascii() {
            (is_plain, "a name: it has a sign that cannot be seen, shown by its number; remove the sign")
        } else {
            (is_plain, "a name: it has a sign that is none of ASCII, shown by its number; write the name anew")
        };
        Self { path: path.to_string(), value: shown_name(name, allowed), expected }
    }
}

/// A name with each sign that is not allowed as its number; of a long one the part before the first of them.
fn shown_name(name: &str, allowed: fn(&char) -> bool) -> String {
    let shown = |sign: char| {
        if allowed(&sign) { sign.to_string() } else { format!("<U+{:04X}>", u32::from(sign)) }
    };
    let wrong = name.chars().position(|sign| !allowed(&sign)).unwrap_or_default();
    let left_out = (wrong + 1).saturating_sub(MAX_SHOWN);
    let shown: String = name.chars().skip(left_out).take(MAX_SHOWN).map(shown).collect();
    let before = if left_out > 0 { "..." } else { "" };
    format!("\"{before}{shown}\"")
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

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn of_a_name_the_sign_that_is_wrong_is_shown_and_called_what_it_is() {
        let blank = "it has a blank, shown by its number (U+0020); remove the blank";
        let unseen = "it has a sign that cannot be seen, shown by its number; remove the sign";
        let foreign = "it has a sign that is none of ASCII, shown by its number; write the name anew";
        for (name, shown, sentence) in [
            ("kube-vip.io/egress ", "kube-vip.io/egress<U+0020>", blank),
            (" kube-vip.io/egress", "<U+0020>kube-vip.io/egress", blank),
            ("kube-vip.io/egress\t", "kube-vip.io/egress<U+0009>", unseen),
            ("kube-vip.io/egress\u{a0}", "kube-vip.io/egress<U+00A0>", foreign),
            ("\u{a0} kube-vip.io/egress", "<U+00A0> kube-vip.io/egress", foreign),
            (
                "egress.of.a.long.domain.example.com/egress-denied-networks ",
                "...main.example.com/egress-denied-networks<U+0020>",
                blank,
            ),
            ("", "", "it is empty; write one, or remove it"),
        ] {
            let fault = Fault::about_name("metadata.annotations", name).to_string();
            assert_eq!(fault, format!("metadata.annotations \"{shown}\" is not a name: {sentence}"));
        }
    }
}
