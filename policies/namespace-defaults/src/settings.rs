//! The policy's settings: whose Services get which egress without asking for it.

use egressd_policy_sdk::{Diagnostic, Network, OnChange, OnUnavailable, PortRange, Selector, bad_settings, from_json};
use serde::{Deserialize, Deserializer, de};

/// What an operator can choose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What stands before the slash in the names of the annotations.
    #[serde(default = "kube_vip")]
    pub prefix: String,
    /// The first entry that selects a Service decides.
    pub defaults: Vec<Entry>,
}

/// Egress for some Services.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Services of which namespaces.
    #[serde(default)]
    pub namespaces: Selector,
    /// Which Services of those.
    #[serde(default)]
    pub services: Selector,
    /// What they get.
    pub egress: Egress,
}

/// What the annotations would say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Egress {
    /// IPv4 alone, or both.
    pub families: Families,
    /// None: every port and protocol.
    #[serde(deserialize_with = "some")]
    pub source_ports: Option<Vec<PortRange>>,
    /// None: every port and protocol.
    #[serde(deserialize_with = "some")]
    pub destination_ports: Option<Vec<PortRange>>,
    /// None: every destination. Both families.
    #[serde(deserialize_with = "some")]
    pub allowed_networks: Option<Vec<Network>>,
    /// Both families.
    #[serde(deserialize_with = "some")]
    pub denied_networks: Option<Vec<Network>>,
    /// For connections that contradict a change.
    pub on_change: Change,
    /// For pods that cannot be translated.
    pub on_unavailable: Unavailable,
}

/// Which families are translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Families {
    /// IPv4; on a Service that has IPv6 only, IPv6.
    #[default]
    Ipv4,
    /// Both.
    Both,
}

/// What happens to connections that contradict a change, as settings write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// They go on as they began.
    #[default]
    Keep,
    /// Their conntrack entries are deleted.
    Sever,
}

/// What happens to a pod that cannot be translated now, as settings write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unavailable {
    /// Its packets leave as they are.
    #[default]
    Pass,
    /// They do not leave.
    Drop,
}

impl From<Change> for OnChange {
    fn from(change: Change) -> Self {
        match change {
            Change::Keep => Self::Keep,
            Change::Sever => Self::Sever,
        }
    }
}

impl From<Unavailable> for OnUnavailable {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Pass => Self::Pass,
            Unavailable::Drop => Self::Drop,
        }
    }
}

impl egressd_policy_sdk::Settings for Settings {
    const SCHEMA: &'static str = include_str!("../settings.schema.json");

    fn parse(text: &str) -> Result<Self, Diagnostic> {
        let settings: Self = from_json(text)?;
        if is_prefix(&settings.prefix) {
            return Ok(settings);
        }
        let prefix = &settings.prefix;
        Err(bad_settings(format!(
            "setting \"prefix\": {prefix:?} is not a valid lowercase DNS name; write one like \"kube-vip.io\""
        )))
    }
}

fn kube_vip() -> String {
    "kube-vip.io".to_owned()
}

/// As Kubernetes wants it before the slash of an annotation's name.
fn is_prefix(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-');
    text.len() <= 253 && text.split('.').all(label)
}

/// A list with something in it: an empty one could mean nothing as well as everything.
fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    let items = Vec::deserialize(deserializer)?;
    if items.is_empty() {
        return Err(de::Error::custom("a list is empty; name something, or leave the list out for no limit"));
    }
    Ok(Some(items))
}
