//! All rules of one Service, as far as the policies have come.

use std::collections::BTreeSet;

use crate::rule::{Extra, Rule, RuleError};

/// What happens to connections that contradict the rules after a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnChange {
    /// They go on as they began.
    #[default]
    Keep,
    /// Their conntrack entries are deleted.
    Sever,
}

/// What happens to a selected pod that cannot be translated now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnUnavailable {
    /// Its packets leave as they are.
    #[default]
    Pass,
    /// They do not leave.
    Drop,
}

/// The rules of one Service, as far as the policies have come. No two of them have the same id.
///
/// ```
/// use egressd_policy_sdk::{Draft, Rule, RuleError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut draft = Draft::default();
/// draft.push(Rule::new("ipv4", "192.0.2.10".parse()?))?;
/// let again = draft.push(Rule::new("ipv4", "192.0.2.11".parse()?));
/// assert_eq!(again, Err(RuleError::SameId { id: "ipv4".into() }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub(crate) rules: Vec<Rule>,
    /// For connections that contradict a change.
    pub on_change: OnChange,
    /// For pods that cannot be translated.
    pub on_unavailable: OnUnavailable,
    pub(crate) extra: Extra,
}

impl Draft {
    /// In order; the first that matches decides.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// One more rule, tried after the others.
    ///
    /// # Errors
    /// When its id is empty or taken.
    pub fn push(&mut self, rule: Rule) -> Result<(), RuleError> {
        if rule.id.is_empty() {
            return Err(RuleError::NoId);
        }
        if self.rules.iter().any(|other| other.id == rule.id) {
            return Err(RuleError::SameId { id: rule.id });
        }
        self.rules.push(rule);
        Ok(())
    }

    /// Takes the rules out, to make others of them. What the draft says beside them stays.
    #[must_use]
    pub fn take_rules(&mut self) -> Vec<Rule> {
        std::mem::take(&mut self.rules)
    }

    /// The same draft with these rules instead of its own.
    ///
    /// # Errors
    /// When an id is empty or there twice.
    pub fn with_rules(self, rules: Vec<Rule>) -> Result<Self, RuleError> {
        let mut ids = BTreeSet::new();
        for rule in &rules {
            if rule.id.is_empty() {
                return Err(RuleError::NoId);
            }
            if !ids.insert(rule.id.as_str()) {
                return Err(RuleError::SameId { id: rule.id.clone() });
            }
        }
        Ok(Self { rules, ..self })
    }
}
