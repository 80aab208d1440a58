//! Annotations and Events: how egressd reports state in the cluster.

use std::collections::BTreeSet;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use lab::cluster::{Cluster, POLICIES, SERVICES};
use lab::wait_until;
use serde_json::{Value, json};

use crate::fixture::{WEB, annotate, cluster, expect_exact, expect_still, patch, run, run_with_pod};

/// How often a controller overwrites what is published, and how long it waits in between: ten seconds in all, in
/// which waits of 5 and then 10 seconds put it right once or twice.
const STALE_WRITES: usize = 40;
const STALE_WRITE_INTERVAL: Duration = Duration::from_millis(250);

/// The Service that these tests are about.
const WEB_ITSELF: Regarding<'static> = Regarding::Service("web");

/// The object that an Event is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Regarding<'a> {
    Service(&'a str),
    Policy(&'a str),
    Node(&'a str),
}

/// The Events about an object in its present life: reason and note.
pub(crate) fn events(cluster: &Cluster, about: Regarding<'_>) -> Result<Vec<(String, String)>> {
    let (namespace, path) = match about {
        Regarding::Service(name) => ("default", format!("{SERVICES}/{name}")),
        Regarding::Policy(name) => ("egressd", format!("{POLICIES}/{name}")),
        Regarding::Node(name) => ("default", format!("/api/v1/nodes/{name}")),
    };
    let mut object = cluster.api.get(&path)?;
    if let Regarding::Node(name) = about {
        // As the kubelet refers to it.
        object["metadata"]["uid"] = name.into();
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = cluster.api.list(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"), "")?;
    let about = all.iter().filter(|event| event["regarding"]["uid"] == object["metadata"]["uid"]);
    Ok(about.map(|event| (text(&event["reason"]), text(&event["note"]))).collect())
}

/// Waits until an Event about an object has this reason, and this part of its note.
pub(crate) fn wait_for_event(cluster: &Cluster, about: Regarding<'_>, reason: &str, part: &str) -> Result<()> {
    let mut last = Vec::new();
    let is_reported = || {
        last = events(cluster, about)?;
        Ok(last.iter().any(|(one, note)| one == reason && note.contains(part)))
    };
    wait_until(&format!("an Event {reason} says {part:?}"), lab::DEADLINE * 3, is_reported)
        .with_context(|| format!("the Events are {last:?}"))
}

fn active_endpoint(cluster: &Cluster) -> Result<Value> {
    let service = cluster.api.get(&format!("{SERVICES}/web"))?;
    Ok(service["metadata"]["annotations"]["kube-vip.io/active-endpoint"].clone())
}

/// Annotations and Events; and once everything is reported, nothing is written any more.
pub(crate) fn the_state_of_a_service_is_published_in_the_cluster() -> Result<()> {
    let cluster = cluster()?;
    let _egressd = run(&cluster)?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    wait_until("the active endpoint is published", lab::DEADLINE, || {
        Ok(active_endpoint(&cluster)? == pod.v4().to_string())
    })?;
    wait_for_event(&cluster, WEB_ITSELF, "Applied", &format!("translates {}", pod.v4()))?;
    expect_still(&cluster)?;
    annotate(&cluster, "web", "egress-destination-ports", Some("tcp:http"))?;
    wait_for_event(&cluster, WEB_ITSELF, "Invalid", "tcp:http")?;
    // What was accepted last stays in force.
    expect_exact(&cluster, &[(pod, WEB)])?;
    annotate(&cluster, "web", "egress-destination-ports", None)?;
    annotate(&cluster, "web", "egress", None)?;
    annotate(&cluster, "web", "egress-ipv6", None)?;
    expect_exact(&cluster, &[])?;
    wait_until("nothing is published any more", lab::DEADLINE, || Ok(active_endpoint(&cluster)?.is_null()))?;
    let reported = events(&cluster, WEB_ITSELF)?;
    ensure!(reported.len() < 10, "too many Events: {reported:?}");
    expect_still(&cluster)
}

/// Of an instance that has ended, on a kernel without owners.
pub(crate) fn an_orphaned_table_is_an_event_on_the_node() -> Result<()> {
    let cluster = Cluster::builder().build()?;
    let node = cluster.lab.node();
    node.nft("table ip6 kube_vip_old_v6 { comment \"managed by egressd\"; }\n")?;
    fs::write(node.locks().join("old.lock"), "")?;
    let egressd = run(&cluster)?.remove(0);
    let message = "table ip6 kube_vip_old_v6 is orphaned";
    wait_for_event(&cluster, Regarding::Node(node.name()), "OrphanedTable", message)?;
    let shown = cluster.kubectl(&["describe", "node", node.name()])?;
    ensure!(shown.contains("OrphanedTable") && shown.contains(message), "{shown}");
    egressd.stop()
}

/// A controller repeatedly overwrites the Service with a stale version: the kernel's state
/// does not change, the annotations are restored later each time, and are correct in the end.
pub(crate) fn a_controller_that_writes_back_a_stale_service_starts_no_write_loop() -> Result<()> {
    let cluster = cluster()?;
    let path = format!("{SERVICES}/web");
    let mut stale = cluster.api.get(&path)?;
    // Without a version, the server takes it whatever has happened since.
    stale["metadata"].as_object_mut().context("a Service has metadata")?.remove("resourceVersion");
    let (_egressd, pod) = run_with_pod(&cluster)?;
    let mut undone = 0;
    for _ in 0..STALE_WRITES {
        undone += usize::from(active_endpoint(&cluster)? == pod.v4().to_string());
        cluster.api.replace(&path, &stale)?;
        thread::sleep(STALE_WRITE_INTERVAL);
    }
    ensure!((1..=3).contains(&undone), "what was published was undone {undone} times in {STALE_WRITES} writes");
    wait_until("the active endpoint is published again", lab::DEADLINE * 3, || {
        Ok(active_endpoint(&cluster)? == pod.v4().to_string())
    })?;
    expect_exact(&cluster, &[(pod, WEB)])
}

/// Under the traffic policy `Local`, which moves no pod.
pub(crate) fn pods_that_run_where_the_address_is_not_are_reported_on_the_service() -> Result<()> {
    let cluster = cluster()?;
    patch(&cluster, "web", &json!({"spec": {"externalTrafficPolicy": "Local"}}))?;
    let [holder, other] = [0, 1].map(|index| &cluster.lab.nodes()[index]);
    cluster.create_pod("web-2", "web", other.pod(1))?;
    let _egressd = run(&cluster)?;
    let apart = format!("{} holds", holder.name());
    wait_for_event(&cluster, WEB_ITSELF, "NotApplied", &apart)?;
    cluster.create_pod("web-1", "web", holder.pod(1))?;
    // One of each family.
    let left_out = format!("2 endpoints of the Service run on {} and are not translated", other.name());
    wait_for_event(&cluster, WEB_ITSELF, "Applied", &left_out)?;
    cluster.delete_pod("web-2")?;
    let well = format!("node {} translates {}", holder.name(), holder.pod(1).v4());
    wait_until("an Event reports that all is well again", lab::DEADLINE * 5, || {
        Ok(events(&cluster, WEB_ITSELF)?.iter().any(|(_, note)| note.starts_with(&well) && !note.contains("endpoints")))
    })
}

/// Writes the whole Service with another active endpoint, as kube-vip does.
fn write_as_kube_vip(cluster: &Cluster, active: &str) -> Result<()> {
    let path = format!("{SERVICES}/web");
    wait_until("kube-vip writes its active endpoint", lab::DEADLINE, || {
        let mut service = cluster.api.get(&path)?;
        service["metadata"]["annotations"]["kube-vip.io/active-endpoint"] = json!(active);
        // egressd may have been faster; then kube-vip reads again.
        Ok(cluster.api.replace_as("kube-vip", &path, &service).is_ok())
    })
}

/// When kube-vip wrote, by the Events. Pods become known one after the other, so several Events may have one moment.
fn moments_of_kube_vip(events: &[(String, String)]) -> BTreeSet<&str> {
    let after = events.iter().filter_map(|(_, note)| note.split_once("was written by kube-vip at "));
    after.filter_map(|(_, after)| after.split_once(": ")).map(|(moment, _)| moment).collect()
}

/// kube-vip's value is kept, or the two would overwrite each other; without it egressd's own value is published again.
pub(crate) fn kube_vips_own_egress_is_reported_on_the_service_in_any_order_of_start() -> Result<()> {
    let cluster = cluster()?;
    let [first, second] = [1, 2].map(|number| cluster.lab.pod(number));
    cluster.create_pod("web-1", "web", first)?;
    cluster.create_pod("web-2", "web", second)?;
    // An active endpoint that is no endpoint of the Service counts as left behind, and is written over.
    cluster.wait_for_endpoints("web", &[first.v4(), first.v6(), second.v4(), second.v6()])?;
    write_as_kube_vip(&cluster, &second.v4().to_string())?;
    let _egressd = run(&cluster)?;
    for turn in 1..=2 {
        wait_until("an Event names kube-vip's egress", lab::DEADLINE * 3, || {
            Ok(moments_of_kube_vip(&events(&cluster, WEB_ITSELF)?).len() == turn)
        })
        .with_context(|| format!("turn {turn}: the Events are {:?}", events(&cluster, WEB_ITSELF)))?;
        expect_still(&cluster)?;
        ensure!(active_endpoint(&cluster)? == second.v4().to_string(), "turn {turn}: what kube-vip wrote is gone");
        expect_exact(&cluster, &[(first, WEB), (second, WEB)])?;
        annotate(&cluster, "web", "active-endpoint", None)?;
        wait_until("egressd's own active endpoint is published", lab::DEADLINE * 3, || {
            Ok(active_endpoint(&cluster)? == first.v4().to_string())
        })?;
        if turn == 1 {
            write_as_kube_vip(&cluster, &second.v4().to_string())?;
        }
    }
    expect_still(&cluster)
}
