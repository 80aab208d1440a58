//! Label selectors as kubectl writes them: `team=shop,tier!=test,env in (prod, stage),!legacy`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::model::Labels;

/// What labels must be like. Empty: everything is selected.
///
/// Grammar and meaning are those of Kubernetes' `labels.Parse`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    label: String,
    must: Must,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Must {
    Exist,
    NotExist,
    BeOneOf(BTreeSet<String>),
    /// A label that is not there is none of them.
    BeNoneOf(BTreeSet<String>),
}

/// Why a text selects nothing, as a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} is no requirement; write NAME=VALUE, NAME!=VALUE, NAME in (A,B), NAME notin (A,B), NAME or !NAME")]
pub struct SelectorError {
    part: String,
}

impl Selector {
    /// Whether labels are as required.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.holds(labels))
    }

    /// The labels on which that depends.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|requirement| requirement.label.as_str())
    }
}

impl Requirement {
    fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.label);
        match &self.must {
            Must::Exist => value.is_some(),
            Must::NotExist => value.is_none(),
            Must::BeOneOf(values) => value.is_some_and(|value| values.contains(value)),
            Must::BeNoneOf(values) => value.is_none_or(|value| !values.contains(value)),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        parts(text).map(requirement).collect::<Result<_, _>>().map(Self)
    }
}

/// Split at the commas outside parentheses.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.split(move |c| {
        inside = (inside || c == '(') && c != ')';
        c == ',' && !inside
    })
}

fn requirement(part: &str) -> Result<Requirement, SelectorError> {
    let part = part.trim();
    let wrong = || SelectorError { part: part.to_owned() };
    let (label, must) = split(part).ok_or_else(wrong)?;
    if !is_name(label) {
        return Err(wrong());
    }
    Ok(Requirement { label: label.to_owned(), must })
}

fn split(part: &str) -> Option<(&str, Must)> {
    if let Some(label) = part.strip_prefix('!') {
        return Some((label.trim(), Must::NotExist));
    }
    if let Some(head) = part.strip_suffix(')') {
        let (head, values) = head.split_once('(')?;
        let (label, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        let values = values.split(',').map(value).collect::<Option<_>>()?;
        return match operator {
            "in" => Some((label.trim(), Must::BeOneOf(values))),
            "notin" => Some((label.trim(), Must::BeNoneOf(values))),
            _ => None,
        };
    }
    let one = |text| value(text).map(|value| BTreeSet::from([value]));
    if let Some((label, text)) = part.split_once("!=") {
        return Some((label.trim(), Must::BeNoneOf(one(text)?)));
    }
    match part.split_once("==").or_else(|| part.split_once('=')) {
        Some((label, text)) => Some((label.trim(), Must::BeOneOf(one(text)?))),
        None => Some((part, Must::Exist)),
    }
}

/// A label's value; it may be empty.
fn value(text: &str) -> Option<String> {
    let text = text.trim();
    text.bytes().all(is_label_byte).then(|| text.to_owned())
}

/// `name` or `prefix/name`.
fn is_name(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(is_label_byte);
    match text.split_once('/') {
        Some((prefix, name)) => plain(prefix) && plain(name),
        None => plain(text),
    }
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for Requirement { label, must } in &self.0 {
            let list = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
            match must {
                Must::Exist => write!(f, "{comma}{label}")?,
                Must::NotExist => write!(f, "{comma}!{label}")?,
                Must::BeOneOf(values) => write!(f, "{comma}{label} in ({})", list(values))?,
                Must::BeNoneOf(values) => write!(f, "{comma}{label} notin ({})", list(values))?,
            }
            comma = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        selector.parse::<Selector>().unwrap().selects(&labels)
    }

    #[test]
    fn requirements_mean_what_they_mean_to_kubectl() {
        let shop = [("team", "shop"), ("example.com/tier", "web"), ("empty", "")];
        for (selector, expected) in [
            ("", true),
            ("team=shop", true),
            ("team==shop", true),
            ("team=bank", false),
            ("team!=bank", true),
            ("other!=bank", true),
            ("team in (bank, shop)", true),
            ("team notin (bank,shop)", false),
            ("other notin (bank)", true),
            ("other in (bank)", false),
            ("example.com/tier", true),
            ("!example.com/tier", false),
            ("!other", true),
            ("empty=", true),
            (" team = shop , example.com/tier in (web,db), !other ", true),
            ("team=shop,other", false),
        ] {
            assert_eq!(selects(selector, &shop), expected, "{selector:?}");
        }
    }

    #[test]
    fn what_is_no_requirement_is_named() {
        for (selector, part) in [
            ("team=shop,", ""),
            ("team in bank", "team in bank"),
            ("team of (a)", "team of (a)"),
            ("team=a b", "team=a b"),
            ("=shop", "=shop"),
            ("a/b/c=d", "a/b/c=d"),
            ("team in (a,b", "team in (a,b"),
            ("team > 3", "team > 3"),
        ] {
            let error = selector.parse::<Selector>().unwrap_err();
            assert_eq!(error.part, part, "{selector:?}");
        }
    }

    #[test]
    fn it_prints_what_it_reads() {
        for text in ["", "a in (b)", "a notin (b,c)", "a,!b"] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
    }
}
