//! A rule taken apart, for what reads and writes rules in other forms.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::rule::Rare;
use crate::{Dscp, Extra, Mark, PortRange, PortSpan, Rule, RuleError};

/// All that a rule consists of. Empty lists mean what they mean in [`Rule`]: every destination, every port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleParts {
    /// [`Rule::id`].
    pub id: String,
    /// [`Rule::sources`].
    pub sources: Vec<IpAddr>,
    /// [`Rule::include`].
    pub include: Vec<IpNet>,
    /// [`Rule::exclude`].
    pub exclude: Vec<IpNet>,
    /// [`Rule::source_ports`].
    pub source_ports: Vec<PortRange>,
    /// [`Rule::destination_ports`].
    pub destination_ports: Vec<PortRange>,
    /// [`Rule::address`].
    pub address: IpAddr,
    /// [`Rule::alternatives`].
    pub alternatives: Vec<IpAddr>,
    /// [`Rule::translated_ports`].
    pub translated_ports: Option<PortSpan>,
    /// [`Rule::dscp`].
    pub dscp: Option<Dscp>,
    /// [`Rule::mark`].
    pub mark: Option<Mark>,
    /// [`Rule::extra`].
    pub extra: Extra,
}

impl From<Rule> for RuleParts {
    fn from(rule: Rule) -> Self {
        let Rule { id, sources, include, exclude, source_ports, destination_ports, address, rare } = rule;
        let Rare { alternatives, translated_ports, dscp, mark, extra } = rare.map(|rare| *rare).unwrap_or_default();
        Self {
            id,
            sources,
            include,
            exclude,
            source_ports,
            destination_ports,
            address,
            alternatives,
            translated_ports,
            dscp,
            mark,
            extra,
        }
    }
}

impl RuleParts {
    /// The rule.
    ///
    /// # Errors
    /// When it has no id, items of another family than its address, or networks with bits behind their prefix.
    pub fn checked(self) -> Result<Rule, RuleError> {
        if self.id.is_empty() {
            return Err(RuleError::NoId);
        }
        let rule = self.unchecked();
        for address in rule.alternatives().iter().chain(rule.sources()) {
            rule.same_family(*address, address)?;
        }
        for network in rule.include().iter().chain(rule.exclude()) {
            rule.fitting(*network)?;
        }
        Ok(rule)
    }

    /// The rule, whatever it says.
    #[cfg(feature = "testkit")]
    pub fn rule(self) -> Rule {
        self.unchecked()
    }

    fn unchecked(self) -> Rule {
        let Self { alternatives, translated_ports, dscp, mark, extra, .. } = self;
        let rare = Rare { alternatives, translated_ports, dscp, mark, extra }.boxed();
        let Self { id, sources, include, exclude, source_ports, destination_ports, address, .. } = self;
        Rule { id, sources, include, exclude, source_ports, destination_ports, address, rare }
    }
}

#[cfg(feature = "testkit")]
impl Rule {
    /// Changes what it consists of, without checks.
    pub fn change(&mut self, change: impl FnOnce(&mut RuleParts)) {
        let mut parts = RuleParts::from(self.clone());
        change(&mut parts);
        *self = parts.rule();
    }
}

#[cfg(feature = "testkit")]
impl crate::Draft {
    /// A draft of these rules, whatever their ids.
    pub fn of(rules: Vec<Rule>) -> Self {
        let mut draft = Self::default();
        draft.rules = rules;
        draft
    }
}
