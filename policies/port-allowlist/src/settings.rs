//! The validator's settings: `{"allow": [{"namespaces": {"names": ["shop"]}, "ports": ["tcp:443"]}]}`.

use egressd_policy_sdk::{Diagnostic, PortRange, Selector, from_json};
use serde::Deserialize;

/// What an operator can choose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A namespace may ask for what all entries that select it allow together.
    pub allow: Vec<Entry>,
}

/// What some namespaces may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// Which namespaces.
    #[serde(default)]
    pub namespaces: Selector,
    /// Destination ports.
    #[serde(default)]
    pub ports: Vec<PortRange>,
    /// For rules without a port.
    #[serde(default)]
    pub without_ports: WithoutPorts,
}

/// Whether a rule may name no port, and so ask for all ports and protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithoutPorts {
    /// It may not.
    #[default]
    Deny,
    /// It may, and so a rule may name any port too.
    Allow,
}

impl egressd_policy_sdk::Settings for Settings {
    const SCHEMA: &'static str = include_str!("../settings.schema.json");

    fn parse(text: &str) -> Result<Self, Diagnostic> {
        from_json(text)
    }
}
