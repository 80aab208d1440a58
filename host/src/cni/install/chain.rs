//! The plugin's entry in a network configuration. It is put into the text and taken out of it, and everything else keeps
//! its bytes: members that egressd does not know, their order, and how the file is laid out.

use std::path::PathBuf;
use std::time::Duration;

use egressd_core::text::quoted;
use serde_json::{Map, Value, json};

use super::spans;
use crate::cni::config::OnFailure;
use crate::cni::spec_version::SpecVersion;
use crate::cni::{MAX_WAIT, PLUGIN_NAME};

/// What the plugin is to do on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whole seconds, from one to [`MAX_WAIT`].
    pub wait: Duration,
    pub on_failure: OnFailure,
    /// The path on the node; none for the plugin's default.
    pub socket: Option<PathBuf>,
}

/// Why a configuration is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it is no JSON object: {0}")]
    NoJson(String),
    #[error("it has no `plugins`: chain the plugin where the node's network is configured")]
    NoPlugins,
    #[error(
        "it is of CNI version {}, and the plugin speaks {}: set one of them, or install a newer egressd",
        quoted(.0), SpecVersion::names().join(", ")
    )]
    Version(String),
    #[error("its text cannot be changed safely: remove members that are there twice")]
    Ambiguous,
}

impl Entry {
    fn value(&self) -> Value {
        let wait = self.wait.clamp(Duration::from_secs(1), MAX_WAIT).as_secs();
        let mut entry = json!({"type": PLUGIN_NAME, "wait": wait, "fail": self.on_failure.name()});
        if let Some(socket) = &self.socket {
            entry["socket"] = json!(socket);
        }
        entry
    }
}

/// The text with the entry as its last plugin; none where it is in it, behind another one, as it should be. A plugin that
/// others have chained behind it stays there: two that both have to be last would never come to rest.
///
/// # Errors
/// When it cannot be chained.
pub(super) fn chained(text: &str, entry: &Entry) -> Result<Option<String>, Unusable> {
    let object = object(text)?;
    versions(&object)?;
    let entry = entry.value();
    let plugins = plugins(&object)?;
    let ours: Vec<usize> = (0..plugins.len()).filter(|at| is_ours(&plugins[*at])).collect();
    if matches!(ours[..], [at] if at > 0 && plugins[at] == entry) {
        return Ok(None);
    }
    let mut others = plugins.to_vec();
    others.retain(|plugin| !is_ours(plugin));
    if others.is_empty() {
        return Err(Unusable::NoPlugins);
    }
    others.push(entry.clone());
    let base = unchained(text)?.unwrap_or_else(|| text.to_owned());
    let changed = appended(&base, &entry.to_string()).ok_or(Unusable::Ambiguous)?;
    verified(changed, object, others).map(Some)
}

/// The text without entries of the plugin; none where it has none.
///
/// # Errors
/// When the text is none that has plugins, or cannot be changed.
pub(super) fn unchained(text: &str) -> Result<Option<String>, Unusable> {
    let object = object(text)?;
    let mut others = plugins(&object)?.to_vec();
    let count = others.len();
    others.retain(|plugin| !is_ours(plugin));
    if others.len() == count {
        return Ok(None);
    }
    let mut changed = text.to_owned();
    for _ in others.len()..count {
        changed = without_one(&changed).ok_or(Unusable::Ambiguous)?;
    }
    verified(changed, object, others).map(Some)
}

/// Whether the plugin may be in a text that is not JSON.
pub(super) fn may_be_in(text: &str) -> bool {
    text.contains(PLUGIN_NAME)
}

fn object(text: &str) -> Result<Map<String, Value>, Unusable> {
    serde_json::from_str(text).map_err(|error| Unusable::NoJson(error.to_string()))
}

fn plugins(object: &Map<String, Value>) -> Result<&[Value], Unusable> {
    object.get("plugins").and_then(Value::as_array).map(Vec::as_slice).ok_or(Unusable::NoPlugins)
}

fn is_ours(plugin: &Value) -> bool {
    plugin.get("type").and_then(Value::as_str) == Some(PLUGIN_NAME)
}

/// A runtime uses one of them, and a plugin that does not speak it would stop every pod.
fn versions(object: &Map<String, Value>) -> Result<(), Unusable> {
    let listed = object.get("cniVersions").and_then(Value::as_array).into_iter().flatten();
    let own = object.get("cniVersion");
    // By the specification.
    let oldest = json!("0.1.0");
    let own = own.or_else(|| object.get("cniVersions").is_none().then_some(&oldest));
    let unknown = own
        .into_iter()
        .chain(listed)
        .find(|version| version.as_str().is_none_or(|version| version.parse::<SpecVersion>().is_err()));
    unknown.map_or(Ok(()), |version| Err(Unusable::Version(version.as_str().unwrap_or_default().to_owned())))
}

/// The entry behind the last plugin, on a line of its own where that one begins a line.
fn appended(text: &str, entry: &str) -> Option<String> {
    let last = spans::elements(text, spans::member(text, "plugins")?)?.pop()?;
    let before = text.get(..last.start)?;
    let line = before.get(before.rfind('\n').unwrap_or_default()..)?;
    let blanks = if line.starts_with('\n') && line.trim().is_empty() { line } else { " " };
    Some(format!("{},{blanks}{entry}{}", text.get(..last.end)?, text.get(last.end..)?))
}

/// The text without the first entry of the plugin and its comma.
fn without_one(text: &str) -> Option<String> {
    let all = spans::elements(text, spans::member(text, "plugins")?)?;
    let is_ours = |at: &usize| {
        let element = text.get(all[*at].clone()).and_then(|element| serde_json::from_str(element).ok());
        element.is_some_and(|element: Value| is_ours(&element))
    };
    let at = (0..all.len()).find(is_ours)?;
    let from = if at > 0 { all[at - 1].end } else { all[at].start };
    let to = if at > 0 { all[at].end } else { all.get(1).map_or(all[at].end, |next| next.start) };
    Some(format!("{}{}", text.get(..from)?, text.get(to..)?))
}

/// The text, if it is what it has to be.
fn verified(text: String, mut object: Map<String, Value>, plugins: Vec<Value>) -> Result<String, Unusable> {
    object.insert("plugins".to_owned(), Value::Array(plugins));
    if serde_json::from_str::<Map<String, Value>>(&text).is_ok_and(|changed| changed == object) {
        Ok(text)
    } else {
        Err(Unusable::Ambiguous)
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
