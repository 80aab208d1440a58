//! Events.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::stolen_token::{OWN, StolenToken, expect_refused};

pub(super) const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";
/// The Events of the policies' namespace.
const OF_POLICIES: &str = "/apis/events.k8s.io/v1/namespaces/egressd/events";
/// The admission policy that refuses the attempts.
const POLICY: &str = "egressd-events";

/// An Event as egressd writes them, by the egressd of a node.
fn event(instance: &str, kind: &str, name: &str) -> Value {
    json!({
        "metadata": {"generateName": "web-"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "egressd.io/egressd",
        "reportingInstance": instance,
        "action": "Translate",
        "reason": "Applied",
        "type": "Normal",
        "note": "node node-1 translates",
        "regarding": {"apiVersion": "v1", "kind": kind, "name": name},
    })
}

pub(super) fn about(kind: &str, name: &str, namespace: &str) -> Value {
    let mut event = event("node-1", kind, name);
    event["regarding"]["namespace"] = json!(namespace);
    event
}

pub(crate) fn only_egressds_own_events_about_its_own_objects_may_be_written() -> Result<()> {
    let StolenToken { cluster, stolen } = StolenToken::build()?;
    let created = stolen.create(EVENTS, &about("Service", "web", "default"))?;
    stolen.create(EVENTS, &event("node-1", "Node", "node-1"))?;
    stolen.create(OF_POLICIES, &about("ConfigMap", "guard", "egressd"))?;
    let path = |event: &Value| format!("{EVENTS}/{}", event["metadata"]["name"].as_str().unwrap_or_default());
    let (own, series) =
        (path(&created), json!({"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}}));
    stolen.patch_as(OWN, &own, &series)?;

    let other = cluster.as_egressd_on(&cluster.lab.nodes()[1])?;
    let mut theirs = about("Service", "web", "default");
    theirs["reportingInstance"] = json!("node-2");
    let theirs = path(&other.create(EVENTS, &theirs)?);

    let mut kubelet = about("Service", "web", "default");
    kubelet["reportingController"] = json!("kubelet");
    for (event, message) in [
        (kubelet, "reportingController"),
        (event("node-2", "Node", "node-2"), "the node of the token"),
        (event("other", "Node", "node-1"), "the node of the token"),
        (event("node-1", "Node", "node-2"), "its own Node"),
        (about("Secret", "web", "default"), "writes Events about"),
        (about("ConfigMap", "elsewhere", "default"), "in its own namespace"),
    ] {
        expect_refused(POLICY, message, stolen.create(EVENTS, &event)).with_context(|| event.to_string())?;
    }
    for patch in
        [json!({"metadata": {"labels": {"new": "yes"}}}), json!({"metadata": {"finalizers": ["example.com/new"]}})]
    {
        expect_refused(POLICY, "how often", stolen.patch_as(OWN, &own, &patch)).with_context(|| patch.to_string())?;
    }
    expect_refused(POLICY, "field manager", stolen.patch_as("egressd-node-2", &own, &series))?;
    expect_refused(POLICY, "the node of the token", stolen.patch_as(OWN, &theirs, &series))?;
    expect_refused(POLICY, "nothing else", stolen.delete(&theirs).map(|()| Value::Null))
}
