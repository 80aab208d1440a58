//! The policy's settings: `{"services": {"labels": {"example.com/egress": "spread"}}, "key": "pod"}`.

use egressd_policy_sdk::{Diagnostic, Selector, from_json, is_empty};
use serde::Deserialize;

/// What an operator can choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Services of which namespaces.
    pub namespaces: Selector,
    /// Which Services of those.
    pub services: Selector,
    /// What decides a pod's address.
    pub key: Key,
}

/// What decides a pod's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// Its namespace and name, where Kubernetes says them, else its address: a pod of a StatefulSet keeps its egress
    /// address when it is started again, and both families go together.
    #[default]
    Pod,
    /// Its own address.
    Address,
}

impl egressd_policy_sdk::Settings for Settings {
    const SCHEMA: &'static str = include_str!("../settings.schema.json");

    fn parse(text: &str) -> Result<Self, Diagnostic> {
        if is_empty(text) { Ok(Self::default()) } else { from_json(text) }
    }
}
