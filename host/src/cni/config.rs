//! The network configuration on standard input, as far as the plugin reads it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::error::Error;
use super::spec_version::SpecVersion;

/// Where egressd answers unless something else is set.
pub const DEFAULT_SOCKET: &str = "/run/egressd/egressd.sock";

/// For how long a pod waits. Commits come within some 50 ms, and within half a second where many pods begin at once; on two
/// cores at which 200 pods begin at once, one pod in five had no rules after 2 s. With more, an egressd that hangs would
/// hold up each pod for longer.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// A kubelet gives up on a sandbox after two minutes, and other plugins need their part of them.
pub const MAX_WAIT: Duration = Duration::from_mins(1);

/// The longest configuration, in bytes. That of a node with many interfaces has some thousands.
pub(super) const MAX_CONFIG: usize = 1 << 20;

/// What happens to a pod of which it is not known that its rules are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It begins.
    Open,
    /// It does not begin, and its runtime tries again.
    Closed,
}

impl OnFailure {
    /// As configurations have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// A configuration that the plugin can work with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NetworkConfig {
    pub(super) version: SpecVersion,
    pub(super) socket: PathBuf,
    /// [`MAX_WAIT`] at most.
    pub(super) wait: Duration,
    pub(super) on_failure: OnFailure,
    /// An object.
    pub(super) previous: Option<Value>,
}

impl NetworkConfig {
    /// # Errors
    /// When a field that the plugin reads has a value that it cannot use.
    pub(super) fn read(object: &Map<String, Value>) -> Result<Self, Error> {
        Ok(Self {
            version: version(object)?,
            socket: socket(object.get("socket"))?,
            wait: wait(object.get("wait"))?,
            on_failure: on_failure(object.get("fail"))?,
            previous: previous(object.get("prevResult"))?,
        })
    }
}

/// A configuration as an object.
///
/// # Errors
/// When it is none, or too long.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Error> {
    if bytes.len() > MAX_CONFIG {
        return Err(Error::Long(MAX_CONFIG));
    }
    serde_json::from_slice(bytes).map_err(|error| Error::NoJson { details: error.to_string() })
}

/// The version of a configuration. One without is of 0.1.0, by the specification.
pub(super) fn version(object: &Map<String, Value>) -> Result<SpecVersion, Error> {
    let found = object.get("cniVersion").map_or_else(|| "0.1.0".to_owned(), shown);
    found.parse().map_err(|_| Error::Version(found))
}

fn socket(found: Option<&Value>) -> Result<PathBuf, Error> {
    let Some(found) = found else { return Ok(DEFAULT_SOCKET.into()) };
    let path = found.as_str().map(Path::new).filter(|path| path.is_absolute());
    path.map(Path::to_owned).ok_or_else(|| invalid("socket", found, "an absolute path".to_owned()))
}

fn wait(found: Option<&Value>) -> Result<Duration, Error> {
    let Some(found) = found else { return Ok(DEFAULT_WAIT) };
    let seconds = found.as_u64().filter(|seconds| (1..=MAX_WAIT.as_secs()).contains(seconds));
    let expected = || format!("a whole number of seconds from 1 to {}", MAX_WAIT.as_secs());
    seconds.map(Duration::from_secs).ok_or_else(|| invalid("wait", found, expected()))
}

fn on_failure(found: Option<&Value>) -> Result<OnFailure, Error> {
    let Some(found) = found else { return Ok(OnFailure::Open) };
    let known = [OnFailure::Open, OnFailure::Closed];
    let named = known.into_iter().find(|on_failure| found.as_str() == Some(on_failure.name()));
    named.ok_or_else(|| invalid("fail", found, "`open` or `closed`".to_owned()))
}

fn previous(found: Option<&Value>) -> Result<Option<Value>, Error> {
    match found {
        None | Some(Value::Null) => Ok(None),
        Some(object @ Value::Object(_)) => Ok(Some(object.clone())),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_))) => {
            Err(invalid("prevResult", other, "an object".to_owned()))
        }
    }
}

fn invalid(field: &'static str, found: &Value, expected: String) -> Error {
    Error::Field { field, found: shown(found), expected }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
