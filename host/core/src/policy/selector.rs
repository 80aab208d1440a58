//! Label selectors as kubectl writes them: `team=shop,tier!=test,env in (prod, stage),!legacy`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use egressd_vocabulary::{LabelOperator, LabelRequirement, LabelSelector};

use crate::model::Labels;

/// What labels must be like. Empty: everything is selected.
///
/// Grammar and meaning are those of Kubernetes' `labels.Parse`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(LabelSelector);

/// Why a text selects nothing, as a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{part:?} is not a label requirement; write NAME=VALUE, NAME!=VALUE, NAME in (A,B), NAME notin (A,B), NAME or \
     !NAME"
)]
pub struct SelectorError {
    part: String,
}

impl Selector {
    /// Whether labels are as required.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.0.selects(|name| labels.get(name))
    }

    /// The labels on which that depends.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.keys()
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let requirements: Vec<LabelRequirement> = parts(text).map(requirement).collect::<Result<_, _>>()?;
        Ok(Self(LabelSelector::new(requirements)))
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

fn requirement(part: &str) -> Result<LabelRequirement, SelectorError> {
    let part = part.trim();
    let parsed = split(part).and_then(|(label, operator)| LabelRequirement::new(label, operator).ok());
    parsed.ok_or_else(|| SelectorError { part: part.to_owned() })
}

fn split(part: &str) -> Option<(&str, LabelOperator)> {
    if let Some(label) = part.strip_prefix('!') {
        return Some((label.trim(), LabelOperator::DoesNotExist));
    }
    if let Some(head) = part.strip_suffix(')') {
        let (head, values) = head.split_once('(')?;
        let (label, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        return match operator {
            "in" => Some((label.trim(), LabelOperator::In(values))),
            "notin" => Some((label.trim(), LabelOperator::NotIn(values))),
            _ => None,
        };
    }
    let single = |text: &str| BTreeSet::from([text.trim().to_owned()]);
    if let Some((label, text)) = part.split_once("!=") {
        return Some((label.trim(), LabelOperator::NotIn(single(text))));
    }
    match part.split_once("==").or_else(|| part.split_once('=')) {
        Some((label, text)) => Some((label.trim(), LabelOperator::In(single(text)))),
        None => Some((part, LabelOperator::Exists)),
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
