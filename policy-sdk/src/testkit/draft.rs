//! Drafts that earlier policies left.

use std::net::IpAddr;

use serde::Deserialize;

use super::service::parse;
use crate::draft::{Draft, OnChange, OnUnavailable};
use crate::network::Network;
use crate::port::PortRange;
use crate::rule::{Rule, RuleError};

/// A draft of these rules.
///
/// # Panics
/// When two of them have the same id.
pub fn draft(rules: impl IntoIterator<Item = Rule>) -> Draft {
    let rules = rules.into_iter().collect();
    Draft::default().with_rules(rules).unwrap_or_else(|error| panic!("{error}"))
}

/// A rule from these sources to everywhere.
///
/// # Panics
/// When something is no address, or of another family than the rule.
pub fn rule(id: &str, address: &str, sources: &[&str]) -> Rule {
    let rule = Rule::new(id, parse(address)).from(sources.iter().map(|source| parse(source)));
    rule.unwrap_or_else(|error| panic!("{error}"))
}

/// Networks as text.
///
/// # Panics
/// When one is none.
pub fn networks(texts: &[&str]) -> Vec<ipnet::IpNet> {
    let network = |text: &&str| text.parse::<Network>().unwrap_or_else(|error| panic!("{error}")).into();
    texts.iter().map(network).collect()
}

/// Ranges of ports as text.
///
/// # Panics
/// When one is none.
pub fn ports(texts: &[&str]) -> Vec<PortRange> {
    texts.iter().map(|text| text.parse().unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Reads the YAML of a case's `draft.yaml`:
///
/// ```yaml
/// on-change: sever            # or keep, which it is when nothing is said
/// on-unavailable: drop        # or pass, which it is when nothing is said
/// rules:
/// - id: ipv4
///   sources: [10.244.1.7]
///   address: 192.0.2.10
///   to: [198.51.100.0/24]             # nothing: everywhere
///   except: [198.51.100.7]
///   source-ports: ["tcp:1024-65535"]  # nothing: all
///   destination-ports: ["tcp:443"]    # nothing: all
/// ```
///
/// # Errors
/// What is wrong, in one sentence.
pub fn draft_from_yaml(text: &str) -> Result<Draft, String> {
    let written: WrittenDraft = serde_saphyr::from_str(text).map_err(|error| super::objects::sentence(&error))?;
    let rules = written.rules.into_iter().map(WrittenRule::rule).collect::<Result<_, RuleError>>();
    let draft = Draft {
        on_change: match written.on_change {
            WrittenOnChange::Keep => OnChange::Keep,
            WrittenOnChange::Sever => OnChange::Sever,
        },
        on_unavailable: match written.on_unavailable {
            WrittenOnUnavailable::Pass => OnUnavailable::Pass,
            WrittenOnUnavailable::Drop => OnUnavailable::Drop,
        },
        ..Draft::default()
    };
    rules.and_then(|rules| draft.with_rules(rules)).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenDraft {
    #[serde(default)]
    rules: Vec<WrittenRule>,
    #[serde(default)]
    on_change: WrittenOnChange,
    #[serde(default)]
    on_unavailable: WrittenOnUnavailable,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenOnChange {
    #[default]
    Keep,
    Sever,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenOnUnavailable {
    #[default]
    Pass,
    Drop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenRule {
    id: String,
    address: IpAddr,
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
}

impl WrittenRule {
    /// A list that is left out or empty is a filter that is not there.
    fn rule(self) -> Result<Rule, RuleError> {
        let mut rule =
            Rule::new(self.id, self.address).from(self.sources)?.except(self.except.into_iter().map(Into::into))?;
        if !self.to.is_empty() {
            rule = rule.to(self.to.into_iter().map(Into::into))?;
        }
        if !self.source_ports.is_empty() {
            rule = rule.with_source_ports(self.source_ports)?;
        }
        if !self.destination_ports.is_empty() {
            rule = rule.with_destination_ports(self.destination_ports)?;
        }
        Ok(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::draft_from_yaml;

    #[test]
    fn what_is_wrong_with_a_draft_is_told() {
        for (text, part) in [
            ("rules: [{id: a}]", "address"),
            ("rules: [{id: a, address: 192.0.2.1, from: []}]", "from"),
            ("rules: [{id: a, address: 192.0.2.1, to: [10.0.0.1/8]}]", "write 10.0.0.0/8"),
            ("rules: [{id: a, address: 192.0.2.1, sources: ['::1']}]", "is not IPv4"),
            ("on-change: cut", "cut"),
        ] {
            let message = draft_from_yaml(text).err().unwrap_or_default();
            assert!(message.contains(part), "{text}: {message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}
