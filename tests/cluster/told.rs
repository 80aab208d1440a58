//! What the people of a cluster are told, in its own ways.

use anyhow::{Context, Result, ensure};
use lab::cluster::{Cluster, SERVICES};
use lab::wait_until;
use serde_json::Value;

use crate::stage::{WEB, annotate, cluster, expect_exact, expect_still, run};

/// The Events about an object: reason and note.
fn events(cluster: &Cluster, about: &str) -> Result<Vec<(String, String)>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = cluster.api.list("/apis/events.k8s.io/v1/namespaces/default/events", "")?;
    let about = all.iter().filter(|event| event["regarding"]["name"] == about);
    Ok(about.map(|event| (text(&event["reason"]), text(&event["note"]))).collect())
}

/// Waits until an Event about `web` has this reason, and these words.
pub(crate) fn wait_for_event(cluster: &Cluster, reason: &str, words: &str) -> Result<()> {
    let mut last = Vec::new();
    let is_told = || {
        last = events(cluster, "web")?;
        Ok(last.iter().any(|(one, note)| one == reason && note.contains(words)))
    };
    wait_until(&format!("an Event {reason} says {words:?}"), lab::DEADLINE * 3, is_told)
        .with_context(|| format!("the Events are {last:?}"))
}

fn active_endpoint(cluster: &Cluster) -> Result<Value> {
    let service = cluster.api.get(&format!("{SERVICES}/web"))?;
    Ok(service["metadata"]["annotations"]["kube-vip.io/active-endpoint"].clone())
}

/// Annotations and Events; and once everything is told, nothing is written any more.
pub(crate) fn a_service_says_in_the_cluster_what_became_of_it() -> Result<()> {
    let cluster = cluster()?;
    let _egressd = run(&cluster)?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    wait_until("the active endpoint is published", lab::DEADLINE, || {
        Ok(active_endpoint(&cluster)? == pod.v4().to_string())
    })?;
    wait_for_event(&cluster, "Applied", &format!("translates {}", pod.v4()))?;
    expect_still(&cluster)?;
    annotate(&cluster, "web", "egress-destination-ports", Some("tcp:http"))?;
    wait_for_event(&cluster, "Invalid", "tcp:http")?;
    // What was accepted last stays in force.
    expect_exact(&cluster, &[(pod, WEB)])?;
    annotate(&cluster, "web", "egress-destination-ports", None)?;
    annotate(&cluster, "web", "egress", None)?;
    annotate(&cluster, "web", "egress-ipv6", None)?;
    expect_exact(&cluster, &[])?;
    wait_until("nothing is published any more", lab::DEADLINE, || Ok(active_endpoint(&cluster)?.is_null()))?;
    let told = events(&cluster, "web")?;
    ensure!(told.len() < 10, "a Service's life is no storm: {told:?}");
    expect_still(&cluster)
}
