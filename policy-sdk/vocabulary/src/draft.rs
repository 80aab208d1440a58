//! All rules of one subject, as far as the policies have come.

use std::collections::BTreeSet;

use crate::{Extra, LabelSelector, Rule, RuleError};

/// What happens to connections that contradict the rules after a change (P11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnChange {
    /// They go on as they began.
    #[default]
    Keep,
    /// Their conntrack entries are deleted.
    Sever,
}

/// What happens to a selected pod that cannot be translated now (P12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnUnavailable {
    /// Its packets leave as they are.
    #[default]
    Pass,
    /// They do not leave.
    Drop,
}

/// The rules of one subject, as far as the policies have come. No two of them have the same id.
///
/// ```
/// use egressd_vocabulary::{Draft, Rule, RuleError};
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
    /// For connections that contradict a change; none: as the host's settings say.
    pub on_change: Option<OnChange>,
    /// For pods that cannot be translated; none: as the host's settings say.
    pub on_unavailable: Option<OnUnavailable>,
    rare: Option<Box<Rare>>,
}

/// What few drafts have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    gateways: Option<LabelSelector>,
    extra: Extra,
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

    /// Which nodes may hold the addresses and translate to them; none: any.
    pub fn gateways(&self) -> Option<&LabelSelector> {
        self.rare.as_deref().and_then(|rare| rare.gateways.as_ref())
    }

    /// Names and values for later policies of the chain.
    pub fn extra(&self) -> &[(String, String)] {
        self.rare.as_deref().map_or(&[], |rare| &rare.extra)
    }

    /// The same for these gateways; none: for any.
    #[must_use]
    pub fn with_gateways(self, gateways: impl Into<Option<LabelSelector>>) -> Self {
        self.with_rare(|rare| rare.gateways = gateways.into())
    }

    /// The same with these names and values for later policies, instead of those it had.
    #[must_use]
    pub fn with_extra(self, extra: Extra) -> Self {
        self.with_rare(|rare| rare.extra = extra)
    }

    /// Leaves out the rules for which this does not hold. It may narrow them and replace their addresses.
    pub fn retain_rules(&mut self, keep: impl FnMut(&mut Rule) -> bool) {
        self.rules.retain_mut(keep);
    }

    fn with_rare(mut self, change: impl FnOnce(&mut Rare)) -> Self {
        let mut rare = self.rare.take().map(|rare| *rare).unwrap_or_default();
        change(&mut rare);
        self.rare = (rare != Rare::default()).then(|| Box::new(rare));
        self
    }
}
