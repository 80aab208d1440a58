//! Label selectors, as Kubernetes has them.

use std::collections::BTreeSet;
use std::fmt;

use crate::quote::quoted;

/// The longest value of a label, and the longest name without its prefix, in bytes.
const LONGEST_NAME: usize = 63;

/// The longest prefix of a label's name, in bytes.
const LONGEST_PREFIX: usize = 253;

/// Which objects are meant, by their labels: those that meet all requirements. Without any it is every object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<LabelRequirement>);

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRequirement {
    key: String,
    operator: LabelOperator,
}

/// What a label must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelOperator {
    /// It is there, with one of these values.
    In(BTreeSet<String>),
    /// It is missing, or has none of these values.
    NotIn(BTreeSet<String>),
    /// It is there.
    Exists,
    /// It is missing.
    DoesNotExist,
}

/// Why a requirement has no meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectorError {
    /// A text that cannot be a label's name.
    Key(String),
    /// A text that cannot be a label's value.
    Value {
        /// Of which label.
        key: String,
        /// The text.
        value: String,
    },
    /// A list of values without any.
    NoValues {
        /// Of which label.
        key: String,
    },
}

impl LabelSelector {
    /// Objects that meet all of these.
    pub fn new(requirements: impl IntoIterator<Item = LabelRequirement>) -> Self {
        Self(requirements.into_iter().collect())
    }

    /// The requirements, in order.
    pub fn requirements(&self) -> &[LabelRequirement] {
        &self.0
    }

    /// Whether an object with these labels is selected. `value` gives the value of a label by its name, none where the
    /// object does not have it.
    pub fn selects<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.0.iter().all(|requirement| requirement.operator.accepts(value(&requirement.key)))
    }

    /// The labels on which that depends.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(LabelRequirement::key)
    }
}

impl LabelRequirement {
    /// A requirement on the label of this name.
    ///
    /// # Errors
    /// When the name or a value cannot be a label's, or a list of values is empty.
    pub fn new(key: impl Into<String>, operator: LabelOperator) -> Result<Self, SelectorError> {
        let key = key.into();
        if !is_key(&key) {
            return Err(SelectorError::Key(key));
        }
        let (LabelOperator::In(values) | LabelOperator::NotIn(values)) = &operator else {
            return Ok(Self { key, operator });
        };
        if values.is_empty() {
            return Err(SelectorError::NoValues { key });
        }
        match values.iter().find(|value| !is_value(value)) {
            Some(value) => Err(SelectorError::Value { key, value: value.clone() }),
            None => Ok(Self { key, operator }),
        }
    }

    /// The label with this value.
    ///
    /// # Errors
    /// When the name or the value cannot be a label's.
    pub fn equal(key: impl Into<String>, value: impl Into<String>) -> Result<Self, SelectorError> {
        Self::new(key, LabelOperator::In(BTreeSet::from([value.into()])))
    }

    /// The label's name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What it must be like.
    pub fn operator(&self) -> &LabelOperator {
        &self.operator
    }
}

impl LabelOperator {
    fn accepts(&self, value: Option<&str>) -> bool {
        match self {
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
        }
    }
}

/// `name`, or `prefix/name` where the prefix is a DNS name.
fn is_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    !name.is_empty() && is_value(name) && prefix.is_none_or(is_prefix)
}

fn is_prefix(text: &str) -> bool {
    let plain = |label: &str| is_value(label) && !label.is_empty() && !label.contains(['_', '.']);
    text.len() <= LONGEST_PREFIX && text.split('.').all(plain)
}

/// Letters, digits and `-_.` between letters or digits; empty is a value, too.
fn is_value(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let at_ends = [text.bytes().next(), text.bytes().last()];
    text.len() <= LONGEST_NAME
        && text.bytes().all(inside)
        && at_ends.into_iter().flatten().all(|byte| byte.is_ascii_alphanumeric())
}

/// As kubectl writes it: `a in (b),c notin (d,e),f,!g`.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for requirement in &self.0 {
            write!(f, "{comma}{requirement}")?;
            comma = ",";
        }
        Ok(())
    }
}

impl fmt::Display for LabelRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let key = &self.key;
        match &self.operator {
            LabelOperator::In(values) => write!(f, "{key} in ({})", list(values)),
            LabelOperator::NotIn(values) => write!(f, "{key} notin ({})", list(values)),
            LabelOperator::Exists => f.write_str(key),
            LabelOperator::DoesNotExist => write!(f, "!{key}"),
        }
    }
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => {
                write!(f, "{} is not a label's name; write one like team or example.com/team", quoted(key))
            }
            Self::Value { key, value } => write!(
                f,
                "{} is not a value of label {key}; write at most 63 letters, digits, '-', '_' or '.'",
                quoted(value)
            ),
            Self::NoValues { key } => {
                write!(f, "label {key} has a list without values, which selects nothing; name one, or leave it out")
            }
        }
    }
}

impl std::error::Error for SelectorError {}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests")]

    use super::{LabelOperator, LabelRequirement, LabelSelector};

    fn values(values: &[&str]) -> std::collections::BTreeSet<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn refused(key: &str, operator: LabelOperator) -> String {
        LabelRequirement::new(key, operator).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn all_requirements_are_met_and_a_missing_label_has_none_of_the_values() {
        let labels = |name: &str| (name == "team").then_some("shop");
        for (key, operator, selected) in [
            ("team", LabelOperator::In(values(&["bank", "shop"])), true),
            ("team", LabelOperator::NotIn(values(&["shop"])), false),
            ("tier", LabelOperator::NotIn(values(&["web"])), true),
            ("tier", LabelOperator::In(values(&["web"])), false),
            ("team", LabelOperator::Exists, true),
            ("tier", LabelOperator::DoesNotExist, true),
        ] {
            let requirement = LabelRequirement::new(key, operator).expect("a requirement");
            assert_eq!(LabelSelector::new([requirement.clone()]).selects(labels), selected, "{requirement}");
            let exists = LabelRequirement::new("tier", LabelOperator::Exists).expect("a requirement");
            assert!(!LabelSelector::new([requirement, exists]).selects(labels));
        }
        assert!(LabelSelector::default().selects(labels));
    }

    #[test]
    fn names_and_values_are_those_that_kubernetes_takes() {
        for key in ["a", "a.b_c-d", "example.com/tier"] {
            assert_eq!(refused(key, LabelOperator::Exists), "", "{key}");
        }
        let long = "x".repeat(64);
        for key in ["", "a/", "/a", "a/b/c", "-a", "a-", "a b", "ä", "a_b/c", &long] {
            assert!(refused(key, LabelOperator::Exists).contains("is not a label's name"), "{key}");
        }
        assert_eq!(refused("a", LabelOperator::In(values(&["", "b"]))), "");
        assert!(refused("a", LabelOperator::In(values(&["b c"]))).starts_with("\"b c\" is not a value of label a"));
        assert!(refused("a", LabelOperator::NotIn(values(&[]))).contains("a list without values"));
    }
}
