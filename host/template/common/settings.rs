//! What operators can choose.

use egressd_policy_sdk::{Diagnostic, PortRange, from_json};
use serde::Deserialize;

/// As in `settings.schema.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The destination port, or range of ports.
    #[serde(default = "https")]
    pub port: PortRange,
}

impl egressd_policy_sdk::Settings for Settings {
    const SCHEMA: &'static str = include_str!("../settings.schema.json");

    fn parse(text: &str) -> Result<Self, Diagnostic> {
        from_json(text)
    }
}

fn https() -> PortRange {
    PortRange::new(egressd_policy_sdk::Protocol::Tcp, 443, 443).expect("443 is a port")
}
