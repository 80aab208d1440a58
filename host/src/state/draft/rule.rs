//! A rule as JSON.

use std::net::IpAddr;

use egressd_core::decision::{Dscp, Extra, Mark, Rule, RuleParts};
use egressd_core::net::{PortRange, PortSpan, Protocol};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleLine {
    id: String,
    sources: Vec<IpAddr>,
    include: Vec<String>,
    exclude: Vec<String>,
    source_ports: Vec<PortLine>,
    destination_ports: Vec<PortLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    /// Instead of `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    translation: Option<Translation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extra: Extra,
}

/// The translation of a packet where that is more than one source address.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Translation {
    addresses: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ports: Option<(u16, u16)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dscp: Option<u8>,
    /// Value and mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<(u32, u32)>,
}

/// Protocol number, first and last port.
type PortLine = (u8, u16, u16);

impl RuleLine {
    pub(super) fn of(rule: &Rule) -> Self {
        let line = |port: &PortRange| (port.protocol().number(), port.first(), port.last());
        let [source_ports, destination_ports] =
            [rule.source_ports(), rule.destination_ports()].map(|ports| ports.iter().map(line).collect());
        let [include, exclude] =
            [rule.include(), rule.exclude()].map(|networks| networks.iter().map(IpNet::to_string).collect());
        let translation = Translation::of(rule);
        Self {
            id: rule.id().to_owned(),
            sources: rule.sources().to_vec(),
            include,
            exclude,
            source_ports,
            destination_ports,
            address: translation.is_none().then(|| rule.address()),
            translation,
            extra: rule.extra().to_vec(),
        }
    }

    pub(super) fn rule(self) -> Result<Rule, String> {
        let plain = match (self.address, self.translation) {
            (Some(address), None) => Rule::new(self.id, address),
            (None, Some(translation)) => translation.rule(self.id)?,
            (None, None) | (Some(_), Some(_)) => return Err("a rule has no address, or has it twice".to_owned()),
        };
        let parts = RuleParts {
            sources: self.sources,
            include: networks(&self.include)?,
            exclude: networks(&self.exclude)?,
            source_ports: ports(self.source_ports)?,
            destination_ports: ports(self.destination_ports)?,
            extra: self.extra,
            ..plain.into()
        };
        parts.checked().map_err(|error| error.to_string())
    }
}

impl Translation {
    /// None where it is one address alone.
    fn of(rule: &Rule) -> Option<Self> {
        let translation = Self {
            addresses: rule.addresses().collect(),
            ports: rule.translated_ports().map(|span| (span.first(), span.last())),
            dscp: rule.dscp().map(Dscp::value),
            mark: rule.mark().map(|mark| (mark.value(), mark.mask())),
        };
        let Self { addresses, ports, dscp, mark } = &translation;
        let is_plain = addresses.len() == 1 && ports.is_none() && dscp.is_none() && mark.is_none();
        (!is_plain).then_some(translation)
    }

    fn rule(self, id: String) -> Result<Rule, String> {
        let first = *self.addresses.first().ok_or("a rule has no address")?;
        let rule = Rule::new(id, first).with_addresses(self.addresses).map_err(|error| error.to_string())?;
        let ports = self.ports.map(|(first, last)| PortSpan::new(first, last)).transpose();
        let dscp = self.dscp.map(Dscp::new).transpose();
        let mark = self.mark.map(|(value, mask)| Mark::new(value, mask)).transpose();
        let rule = rule.with_translated_ports(ports.map_err(|error| error.to_string())?);
        let rule = rule.with_dscp(dscp.map_err(|error| error.to_string())?);
        Ok(rule.with_mark(mark.map_err(|error| error.to_string())?))
    }
}

fn networks(lines: &[String]) -> Result<Vec<IpNet>, String> {
    let network = |line: &String| line.parse().map_err(|_| format!("{line:?} is not a network"));
    lines.iter().map(network).collect()
}

fn ports(lines: Vec<PortLine>) -> Result<Vec<PortRange>, String> {
    let port = |(number, first, last)| {
        let protocol = Protocol::from_number(number).ok_or_else(|| format!("protocol {number} has no ports"))?;
        PortRange::new(protocol, first, last).map_err(|error| error.to_string())
    };
    lines.into_iter().map(port).collect()
}
