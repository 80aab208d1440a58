//! egressd's requests to the API server, and why they were allowed: the server's own audit log.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Cluster;

/// egressd's user name at the server.
pub const USER: &str = "system:serviceaccount:egressd:egressd";
const POLICY: &str = "audit-policy";
const LOG: &str = "audit.log";

/// A request by egressd.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    pub verb: String,
    /// The API group; empty for the core.
    pub group: String,
    /// The kind of objects; a path where the request is not about objects.
    pub resource: String,
    pub decision: Decision,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// Allowed by the ClusterRole `egressd`.
    ClusterRole,
    /// Allowed by the Role `egressd`.
    Role,
    /// Allowed for another reason, as the server states it.
    Otherwise(String),
    /// 403, with the reason.
    Refused(String),
}

impl Cluster {
    /// All requests of egressd that were answered so far, including streamed responses.
    ///
    /// # Errors
    /// When there is no log, or it cannot be read.
    pub fn audit(&self) -> Result<Vec<Request>> {
        let log = fs::read_to_string(self.plane.directory.path().join(LOG)).context("there is no audit log")?;
        // The last line may be under way.
        let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| Ok(request(&serde_json::from_str(line)?))).collect()
    }
}

/// Writes the audit policy; returns the server's flags for it.
pub(super) fn flags(directory: &Path) -> Result<Vec<String>> {
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": [USER]}, {"level": "None"}],
    });
    let [policy_file, log] = [POLICY, LOG].map(|name| directory.join(name));
    fs::write(&policy_file, policy.to_string())?;
    Ok(vec![format!("--audit-policy-file={}", policy_file.display()), format!("--audit-log-path={}", log.display())])
}

fn request(event: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["objectRef"];
    let resource = if object.is_null() { &event["requestURI"] } else { &object["resource"] };
    let reason = text(&event["annotations"]["authorization.k8s.io/reason"]);
    let decision = if event["responseStatus"]["code"] == 403 {
        Decision::Refused(format!("{reason} {}", text(&event["responseStatus"]["message"])))
    } else if reason.contains("of ClusterRole \"egressd\"") {
        Decision::ClusterRole
    } else if reason.contains("of Role \"egressd\"") {
        Decision::Role
    } else {
        Decision::Otherwise(reason)
    };
    Request { verb: text(&event["verb"]), group: text(&object["apiGroup"]), resource: text(resource), decision }
}
