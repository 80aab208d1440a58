//! Rules.

use std::net::IpAddr;

use egressd_vocabulary::{ContractError, Dscp, Rule, RuleParts};

use super::{all, types};

impl From<&Rule> for types::Rule {
    fn from(rule: &Rule) -> Self {
        Self {
            id: rule.id().to_owned(),
            sources: rule.sources().iter().copied().map(Into::into).collect(),
            include: rule.include().iter().copied().map(Into::into).collect(),
            exclude: rule.exclude().iter().copied().map(Into::into).collect(),
            source_ports: rule.source_ports().iter().copied().map(Into::into).collect(),
            destination_ports: rule.destination_ports().iter().copied().map(Into::into).collect(),
            addresses: rule.addresses().map(Into::into).collect(),
            translated_ports: rule.translated_ports().map(Into::into),
            dscp: rule.dscp().map(Dscp::value),
            mark: rule.mark().map(Into::into),
            extra: rule.extra().to_vec(),
        }
    }
}

impl TryFrom<types::Rule> for Rule {
    type Error = ContractError;

    fn try_from(mut rule: types::Rule) -> Result<Self, ContractError> {
        let id = std::mem::take(&mut rule.id);
        ContractError::check_id(&id)?;
        rule_of(&id, rule).map_err(|error| error.in_rule(&id))
    }
}

fn rule_of(id: &str, rule: types::Rule) -> Result<Rule, ContractError> {
    let mut addresses = rule.addresses.into_iter().map(IpAddr::from);
    let address = addresses.next().ok_or(ContractError::NoAddresses)?;
    let plain = Rule::new(id, address).with_addresses(std::iter::once(address).chain(addresses))?;
    let parts = RuleParts {
        sources: rule.sources.into_iter().map(Into::into).collect(),
        include: all(rule.include)?,
        exclude: all(rule.exclude)?,
        source_ports: all(rule.source_ports)?,
        destination_ports: all(rule.destination_ports)?,
        translated_ports: rule.translated_ports.map(TryInto::try_into).transpose()?,
        dscp: rule.dscp.map(Dscp::new).transpose().map_err(ContractError::Dscp)?,
        mark: rule.mark.map(TryInto::try_into).transpose()?,
        extra: rule.extra,
        ..plain.into()
    };
    Ok(parts.checked()?)
}
