//! Drafts as people write them: the `draft.yaml` of a golden case.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::{
    ContractError, Draft, Dscp, LabelOperator, LabelRequirement, LabelSelector, Mark, Network, OnChange, OnUnavailable,
    PortRange, PortSpan, Rule, RuleParts, SelectorError,
};

/// Names as in the contract, with dashes; nothing is needed.
///
/// ```yaml
/// on-change: sever            # or keep
/// on-unavailable: drop        # or pass
/// gateways: {matchLabels: {egress: "yes"}}
/// rules:
/// - id: ipv4
///   sources: [10.244.1.7]
///   address: 192.0.2.10               # or addresses: [192.0.2.10, 192.0.2.11]
///   to: [198.51.100.0/24]             # nothing: everywhere
///   except: [198.51.100.7]
///   source-ports: ["tcp:1024-65535"]  # nothing: all
///   destination-ports: ["tcp:443"]    # nothing: all
///   translated-ports: {first: 1024, last: 2047}
///   dscp: 46
///   mark: {value: 1, mask: 255}
/// ```
impl<'de> Deserialize<'de> for Draft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WrittenDraft::deserialize(deserializer)?.draft().map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenDraft {
    #[serde(default)]
    rules: Vec<WrittenRule>,
    on_change: Option<WrittenOnChange>,
    on_unavailable: Option<WrittenOnUnavailable>,
    gateways: Option<WrittenSelector>,
    #[serde(default)]
    extra: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenOnChange {
    Keep,
    Sever,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenOnUnavailable {
    Pass,
    Drop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenRule {
    id: String,
    address: Option<IpAddr>,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    sources: Vec<IpAddr>,
    #[serde(default)]
    to: Vec<Network>,
    #[serde(default)]
    except: Vec<Network>,
    #[serde(default)]
    source_ports: Vec<PortRange>,
    #[serde(default)]
    destination_ports: Vec<PortRange>,
    translated_ports: Option<WrittenSpan>,
    dscp: Option<u8>,
    mark: Option<WrittenMark>,
    #[serde(default)]
    extra: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSpan {
    first: u16,
    last: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMark {
    value: u32,
    mask: u32,
}

/// As in Kubernetes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenSelector {
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
    #[serde(default)]
    match_expressions: Vec<WrittenRequirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRequirement {
    key: String,
    operator: WrittenOperator,
    #[serde(default)]
    values: BTreeSet<String>,
}

#[derive(Deserialize)]
enum WrittenOperator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl WrittenDraft {
    fn draft(self) -> Result<Draft, ContractError> {
        let rules = self.rules.into_iter().map(WrittenRule::rule).collect::<Result<_, _>>()?;
        let gateways = self.gateways.map(WrittenSelector::selector).transpose()?;
        let mut draft = Draft::default().with_rules(rules)?;
        draft.on_change = self.on_change.map(|written| match written {
            WrittenOnChange::Keep => OnChange::Keep,
            WrittenOnChange::Sever => OnChange::Sever,
        });
        draft.on_unavailable = self.on_unavailable.map(|written| match written {
            WrittenOnUnavailable::Pass => OnUnavailable::Pass,
            WrittenOnUnavailable::Drop => OnUnavailable::Drop,
        });
        Ok(draft.with_gateways(gateways).with_extra(self.extra.into_iter().collect()))
    }
}

impl WrittenRule {
    fn rule(mut self) -> Result<Rule, ContractError> {
        let id = std::mem::take(&mut self.id);
        ContractError::check_id(&id)?;
        self.rule_of(&id).map_err(|error| error.in_rule(&id))
    }

    /// A list that is left out or empty is a filter that is not there.
    fn rule_of(self, id: &str) -> Result<Rule, ContractError> {
        let addresses: Vec<IpAddr> = self.address.into_iter().chain(self.addresses).collect();
        let first = *addresses.first().ok_or(ContractError::NoAddresses)?;
        let mark = self.mark.map(|mark| Mark::new(mark.value, mark.mask)).transpose();
        let span = self.translated_ports.map(|span| PortSpan::new(span.first, span.last)).transpose();
        let parts = RuleParts {
            sources: self.sources,
            include: self.to.into_iter().map(Into::into).collect(),
            exclude: self.except.into_iter().map(Into::into).collect(),
            source_ports: self.source_ports,
            destination_ports: self.destination_ports,
            translated_ports: span.map_err(ContractError::Ports)?,
            dscp: self.dscp.map(Dscp::new).transpose().map_err(ContractError::Dscp)?,
            mark: mark.map_err(ContractError::Mark)?,
            extra: self.extra.into_iter().collect(),
            ..Rule::new(id, first).with_addresses(addresses)?.into()
        };
        Ok(parts.checked()?)
    }
}

impl WrittenSelector {
    fn selector(self) -> Result<LabelSelector, ContractError> {
        let labels = self.match_labels.into_iter().map(|(key, value)| LabelRequirement::equal(key, value));
        let expressions = self.match_expressions.into_iter().map(WrittenRequirement::requirement);
        let all: Result<Vec<_>, SelectorError> = labels.chain(expressions).collect();
        all.map(LabelSelector::new).map_err(ContractError::Selector)
    }
}

impl WrittenRequirement {
    fn requirement(self) -> Result<LabelRequirement, SelectorError> {
        let operator = match self.operator {
            WrittenOperator::In => LabelOperator::In(self.values),
            WrittenOperator::NotIn => LabelOperator::NotIn(self.values),
            WrittenOperator::Exists => LabelOperator::Exists,
            WrittenOperator::DoesNotExist => LabelOperator::DoesNotExist,
        };
        LabelRequirement::new(self.key, operator)
    }
}
