//! What the plugin does, without doing it: a request leads to an output or to a question, and a question with its outcome
//! to an output.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Outcome;
use super::arguments::{self, Pod};
use super::command::CniCommand;
use super::config::{self, NetworkConfig, OnFailure};
use super::error::Error;
use super::previous;
use super::spec_version::SpecVersion;

/// How a runtime starts the plugin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    /// `CNI_COMMAND`.
    pub(super) command: &'a str,
    /// `CNI_ARGS`.
    pub(super) arguments: &'a str,
    /// Standard input.
    pub(super) input: &'a [u8],
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Finish(Output),
    Ask(Question),
}

/// What is printed, and how the process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    /// On stdout; empty where the specification has nothing there.
    pub(super) result: String,
    /// On stderr, for the runtime's log.
    pub(super) note: Option<String>,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Success,
    Failure,
}

/// About one pod.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    pub(super) pod: Pod,
    /// At least one.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) socket: PathBuf,
    /// For how long in all.
    pub(super) wait: Duration,
    pub(super) on_failure: OnFailure,
    version: SpecVersion,
    /// What is printed if the pod begins.
    result: Value,
}

impl Question {
    /// The body of the request, for a wait of so long from now on.
    pub(super) fn body(&self, wait: Duration) -> Value {
        json!({
            "namespace": self.pod.namespace,
            "name": self.pod.name,
            "uid": self.pod.uid,
            "addresses": self.addresses,
            "wait_ms": u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// The output, given what is known at the end.
    pub(super) fn finish(&self, outcome: Outcome) -> Output {
        let Some(failure) = Failure::of(outcome, self.wait) else { return passed(&self.result, None) };
        let pod = format!("{}/{}", self.pod.namespace, self.pod.name);
        match self.on_failure {
            OnFailure::Open => {
                let Failure { state, details, .. } = failure;
                let note = format!("pod {pod} begins although {state}: {details}");
                passed(&self.result, Some(note))
            }
            OnFailure::Closed => {
                let Failure { state, remedy, details } = failure;
                failed(&Error::Blocked { pod, state, remedy, details }, self.version)
            }
        }
    }
}

/// Why it is not known that a pod's rules are in force.
struct Failure {
    state: String,
    remedy: &'static str,
    details: String,
}

impl Failure {
    fn of(outcome: Outcome, wait: Duration) -> Option<Self> {
        let failure = |state: &str, remedy, details| Some(Self { state: state.to_owned(), remedy, details });
        match outcome {
            Outcome::InForce | Outcome::Unselected => None,
            Outcome::Late(details) => {
                let state = format!("its rules were not in force within {} s", wait.as_secs());
                failure(&state, "see `egressd status` on this node", details)
            }
            Outcome::Unavailable(details) => {
                failure("egressd cannot know its rules", "see `egressd status` on this node", details)
            }
            Outcome::Refused(details) => {
                let remedy = "install the plugin of the egressd that runs, with `egressd cni install`";
                failure("egressd did not understand the question", remedy, details)
            }
            Outcome::Cut => Self::of(Outcome::Unreachable("each connection was closed".to_owned()), wait),
            Outcome::Unreachable(details) => {
                failure("no egressd answers on this node", "start egressd on this node", details)
            }
        }
    }
}

/// What a request leads to.
pub(super) fn begin(request: Request) -> Step {
    let result = match request.command.parse() {
        Ok(CniCommand::Add) => add(request),
        // What is made for a pod is the daemon's, which sees that the pod is gone; and a pod has to be able to go.
        Ok(CniCommand::Del) => Ok(Step::Finish(silent())),
        // A pod that runs is the daemon's: a failed CHECK could end it, and a failed STATUS the node's readiness.
        Ok(CniCommand::Check | CniCommand::Gc | CniCommand::Status) => checked(request.input),
        Ok(CniCommand::Version) => versions(request.input),
        Err(_) => Err(Error::Command(request.command.to_owned())),
    };
    let version = || config::object(request.input).and_then(|object| config::version(&object));
    result.unwrap_or_else(|error| Step::Finish(failed(&error, version().unwrap_or(SpecVersion::NEWEST))))
}

fn add(request: Request) -> Result<Step, Error> {
    let config = NetworkConfig::read(&config::object(request.input)?)?;
    let mut result = config.previous.ok_or(Error::NotChained)?;
    if result.get("cniVersion").is_none() {
        result["cniVersion"] = json!(config.version.name());
    }
    let addresses: Vec<IpAddr> = previous::addresses(&result).into_iter().collect();
    let pod = arguments::pod(request.arguments).filter(|_| !addresses.is_empty());
    // Nothing to ask about: a container that no kubelet began, or one without an address.
    let Some(pod) = pod else { return Ok(Step::Finish(passed(&result, None))) };
    Ok(Step::Ask(Question {
        pod,
        addresses,
        socket: config.socket,
        wait: config.wait,
        on_failure: config.on_failure,
        version: config.version,
        result,
    }))
}

fn checked(input: &[u8]) -> Result<Step, Error> {
    NetworkConfig::read(&config::object(input)?)?;
    Ok(Step::Finish(silent()))
}

fn versions(input: &[u8]) -> Result<Step, Error> {
    let object = config::object(input)?;
    let asked = object.get("cniVersion").and_then(Value::as_str).unwrap_or(SpecVersion::NEWEST.name());
    let answer = json!({"cniVersion": asked, "supportedVersions": SpecVersion::names()});
    Ok(Step::Finish(passed(&answer, None)))
}

fn silent() -> Output {
    Output { result: String::new(), note: None, end: End::Success }
}

fn passed(result: &Value, note: Option<String>) -> Output {
    Output { result: result.to_string(), note, end: End::Success }
}

fn failed(error: &Error, version: SpecVersion) -> Output {
    Output { result: error.document(version).to_string(), note: None, end: End::Failure }
}

#[cfg(test)]
#[path = "plugin_tests.rs"]
mod tests;
