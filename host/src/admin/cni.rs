//! What whoever sets up the network of pods asks on the unix socket: `POST /cni/add` with the addresses of a pod, and how
//! far egressd is with it. Other releases ask here, so what is understood today stays.

use std::net::IpAddr;
use std::time::Duration;

use egressd_core::model::{ObjectReference, SubjectKey, Uid, UidError};
use egressd_core::pipeline::{Missing, PodAnnouncement, PodProgress};
use serde::Deserialize;
use serde_json::json;

use crate::pod_wait::{MOST_WAITING, WaitEnd, WaitState};

/// Where a pod is announced.
pub const ADD: &str = "/cni/add";

/// The longest body, in bytes.
pub const MAX_BODY: usize = 4096;

/// The longest wait.
pub const MAX_WAIT: Duration = Duration::from_mins(1);

/// The most addresses of a pod.
const MAX_ADDRESSES: usize = 16;

/// The longest name that Kubernetes takes.
const MAX_NAME: usize = 253;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    #[error("the body is not the JSON object of a pod: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0} is empty or longer than {MAX_NAME} bytes")]
    Name(&'static str),
    #[error(transparent)]
    Uid(#[from] UidError),
    #[error("the pod has no address, or more than {MAX_ADDRESSES}")]
    Addresses,
    #[error("wait_ms is greater than 60000")]
    Wait,
    #[error("the body is longer than {MAX_BODY} bytes, or ends early")]
    Body,
}

/// A pod that was announced, and how long its sender waits.
#[derive(Debug)]
pub struct AddRequest {
    pub announcement: PodAnnouncement,
    pub wait: Duration,
}

#[derive(Deserialize)]
struct Body {
    namespace: String,
    name: String,
    #[serde(default)]
    uid: String,
    addresses: Vec<IpAddr>,
    wait_ms: u64,
}

impl AddRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// When it is none, or beyond a bound.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let Body { namespace, name, uid, addresses, wait_ms } = serde_json::from_slice(body)?;
        let is_name = |text: &str| !text.is_empty() && text.len() <= MAX_NAME;
        for (what, text) in [("namespace", &namespace), ("name", &name)] {
            if !is_name(text) {
                return Err(Malformed::Name(what));
            }
        }
        if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
            return Err(Malformed::Addresses);
        }
        let wait = Duration::from_millis(wait_ms);
        if wait > MAX_WAIT {
            return Err(Malformed::Wait);
        }
        let uid = if uid.is_empty() { None } else { Some(Uid::new(uid)?) };
        let addresses = addresses.iter().map(IpAddr::to_canonical).collect();
        let pod = ObjectReference::new(namespace, name);
        Ok(Self { announcement: PodAnnouncement { pod, uid, addresses }, wait })
    }
}

/// The answer about a pod, as JSON. `trouble` is why something newer is not in force, where that is so.
pub fn answer(pod: &ObjectReference, end: &WaitEnd, trouble: Option<&str>) -> String {
    let name = format!("pod {}/{}", pod.namespace, pod.name);
    let (answer, message) = match end {
        WaitEnd::Done(progress) | WaitEnd::Late(WaitState::Known(progress)) => known(&name, progress, trouble),
        WaitEnd::Late(WaitState::NotBegun) => ("timeout", "egressd has not begun to follow Services yet".to_owned()),
        WaitEnd::TooMany => {
            ("timeout", format!("{MOST_WAITING} pods are waited for already, and {name} was not taken"))
        }
    };
    json!({"answer": answer, "message": message}).to_string()
}

fn known(name: &str, progress: &PodProgress, trouble: Option<&str>) -> (&'static str, String) {
    match progress {
        PodProgress::InForce(services) => {
            let services: Vec<String> = services.iter().map(SubjectKey::to_string).collect();
            ("in-force", format!("{name} is translated or guarded, by {}", services.join(", ")))
        }
        PodProgress::Unselected => ("unselected", format!("nothing with egress here is about {name}")),
        PodProgress::NotWatched => {
            ("unavailable", "the pods of this node are not watched; add the component pods (EGRESSD_PODS)".to_owned())
        }
        PodProgress::Waits(missing) => ("timeout", late(name, missing, trouble)),
    }
}

fn late(name: &str, missing: &Missing, trouble: Option<&str>) -> String {
    match (missing, trouble) {
        (Missing::Object, _) => format!("the object of {name} is not known yet"),
        (Missing::Address, _) => {
            format!(
                "the addresses are not those of {name} alone: its status has others, or another pod has one of them"
            )
        }
        (Missing::Answer(key), _) => format!("the policies have not answered about {key} yet, which selects {name}"),
        (Missing::Commit(key), None) => format!("what {key} asks for {name} is not in the kernel yet"),
        (Missing::Commit(key), Some(trouble)) => format!("what {key} asks for {name} is not in the kernel: {trouble}"),
    }
}

#[cfg(test)]
#[path = "cni_tests.rs"]
mod tests;
