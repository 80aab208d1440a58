//! The draft that earlier policies left, as a golden case writes it down: the `draft.yaml` of the SDK's test kit.

use std::net::IpAddr;

use egressd_core::decision::{Draft, OnChange, OnUnavailable, Rule, RuleParts};
use egressd_core::net::{ParsePortRangeError, PortRange};
use ipnet::IpNet;
use serde::Deserialize;

use crate::source::documents;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenDraft {
    #[serde(default)]
    rules: Vec<WrittenRule>,
    on_change: Option<WrittenOnChange>,
    on_unavailable: Option<WrittenOnUnavailable>,
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
    address: IpAddr,
    #[serde(default)]
    sources: Vec<IpAddr>,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    source_ports: Vec<String>,
    #[serde(default)]
    destination_ports: Vec<String>,
}

/// Reads a draft; what is wrong with it is one sentence.
pub(super) fn from_yaml(text: &str) -> Result<Draft, String> {
    let written: WrittenDraft = serde_saphyr::from_str(text).map_err(|error| documents::sentence(&error))?;
    let rules = written.rules.into_iter().map(rule).collect::<Result<_, _>>()?;
    let mut draft = Draft::default().with_rules(rules).map_err(|error| error.to_string())?;
    draft.on_change = written.on_change.map(|written| match written {
        WrittenOnChange::Keep => OnChange::Keep,
        WrittenOnChange::Sever => OnChange::Sever,
    });
    draft.on_unavailable = written.on_unavailable.map(|written| match written {
        WrittenOnUnavailable::Pass => OnUnavailable::Pass,
        WrittenOnUnavailable::Drop => OnUnavailable::Drop,
    });
    Ok(draft)
}

fn rule(written: WrittenRule) -> Result<Rule, String> {
    let WrittenRule { id, address, sources, to, except, source_ports, destination_ports } = written;
    let about = |what: String| format!("rule {id:?}: {what}");
    let networks = |texts: Vec<String>| -> Result<Vec<IpNet>, String> {
        texts.iter().map(|text| network(text).map_err(about)).collect()
    };
    let ports = |texts: Vec<String>| -> Result<Vec<PortRange>, String> {
        texts.iter().map(|text| text.parse().map_err(|error: ParsePortRangeError| about(error.to_string()))).collect()
    };
    let (include, exclude) = (networks(to)?, networks(except)?);
    let (source_ports, destination_ports) = (ports(source_ports)?, ports(destination_ports)?);
    let parts =
        RuleParts { sources, include, exclude, source_ports, destination_ports, ..Rule::new(&id, address).into() };
    parts.checked().map_err(|error| error.to_string())
}

/// An address is a network of itself.
fn network(text: &str) -> Result<IpNet, String> {
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let parsed = parsed.map_err(|_| format!("{text:?} is no network; write one like 10.0.0.0/8"))?;
    if parsed.trunc() == parsed { Ok(parsed) } else { Err(format!("{parsed} is no network; write {}", parsed.trunc())) }
}

#[cfg(test)]
mod tests {
    use super::from_yaml;

    #[test]
    fn what_is_wrong_with_a_draft_is_told() {
        for (text, part) in [
            ("rules: [{id: a}]", "address"),
            (
                "rules: [{id: a, address: 192.0.2.1, to: [10.0.0.1/8]}]",
                "rule \"a\": 10.0.0.1/8 is no network; write 10.0.0.0/8",
            ),
            ("rules: [{id: a, address: 192.0.2.1, source-ports: [tcp:9-8]}]", "write 8-9"),
            ("rules: [{id: a, address: 192.0.2.1, destination-ports: ['443']}]", "write one like tcp:443"),
            ("on-change: cut", "cut"),
        ] {
            let message = from_yaml(text).err().unwrap_or_default();
            assert!(message.contains(part), "{text}: {message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}
