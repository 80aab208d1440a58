//! The draft that earlier policies left, as a golden case writes it down: the `draft.yaml` of the SDK's test kit.

use std::net::IpAddr;

use egressd_core::decision::{Draft, OnChange, OnUnavailable, Rule};
use egressd_core::net::{PortMatch, Protocol};
use ipnet::IpNet;
use serde::Deserialize;

use crate::source::documents;

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
    Ok(Draft {
        rules: written.rules.into_iter().map(rule).collect::<Result<_, _>>()?,
        on_change: match written.on_change {
            WrittenOnChange::Keep => OnChange::Keep,
            WrittenOnChange::Sever => OnChange::Sever,
        },
        on_unavailable: match written.on_unavailable {
            WrittenOnUnavailable::Pass => OnUnavailable::Pass,
            WrittenOnUnavailable::Drop => OnUnavailable::Drop,
        },
    })
}

fn rule(written: WrittenRule) -> Result<Rule, String> {
    let WrittenRule { id, address, sources, to, except, source_ports, destination_ports } = written;
    let about = |what: String| format!("rule {id:?}: {what}");
    let networks = |texts: Vec<String>| -> Result<Vec<IpNet>, String> {
        texts.iter().map(|text| network(text).map_err(about)).collect()
    };
    let ports = |texts: Vec<String>| -> Result<Vec<PortMatch>, String> {
        texts.iter().map(|text| port(text).map_err(about)).collect()
    };
    let (include, exclude) = (networks(to)?, networks(except)?);
    let (source_ports, destination_ports) = (ports(source_ports)?, ports(destination_ports)?);
    Ok(Rule { id, sources, include, exclude, source_ports, destination_ports, address })
}

/// An address is a network of itself.
fn network(text: &str) -> Result<IpNet, String> {
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let parsed = parsed.map_err(|_| format!("{text:?} is no network; write one like 10.0.0.0/8"))?;
    if parsed.trunc() == parsed { Ok(parsed) } else { Err(format!("{parsed} is no network; write {}", parsed.trunc())) }
}

fn port(text: &str) -> Result<PortMatch, String> {
    let wrong = || format!("{text:?} is no range of ports; write one like tcp:443 or tcp:8000-8999");
    let (name, range) = text.split_once(':').ok_or_else(wrong)?;
    let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    let protocol = all.into_iter().find(|protocol| protocol.to_string() == name).ok_or_else(wrong)?;
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u16>().map_err(|_| wrong());
    PortMatch::new(protocol, number(first)?, number(last)?).map_err(|error| format!("{text:?}: {error}"))
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
