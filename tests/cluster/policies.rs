//! Policies that are ConfigMaps of the API server.

use std::path::Path;
use std::thread;

use anyhow::{Context, Result, ensure};
use lab::addresses::{OTHER_OUTSIDE_V4, OUTSIDE_V4};
use lab::cluster::{Cluster, POLICIES, json_of};
use lab::manifest::{Policy, policy};
use lab::{DEADLINE, Egressd, Pod, Protocol, wait_until};

use crate::fixture::{QUIET_TIME, WEB, WEB_V4, cluster, expect_exact, run_with_pod};
use crate::reporting::{Regarding, wait_for_event};

#[path = "../../host/build/guest.rs"]
mod guest;

/// The policy is added, becomes invalid, becomes a shadow, and is deleted.
pub(crate) fn a_policy_is_in_force_as_its_config_map_says() -> Result<()> {
    let cluster = cluster()?;
    let (mut all, pod) = run_with_pod(&cluster)?;
    let egressd = &mut all[0];
    cluster.api.create(POLICIES, &json_of(&guard()?))?;
    expect_guarded(egressd, pod)?;
    expect_reported(&cluster, ("Applied", "the policy is loaded and enforced"), "enforced")?;

    write(&cluster, &policy("guard").wasm(b"bad"))?;
    egressd.wait_until_log_has("the last good one stays in force")?;
    expect_guarded(egressd, pod)?;
    expect_reported(&cluster, ("Invalid", "the last good one stays in force"), "the last good one stays in force")?;

    write(&cluster, &guard()?.annotation("mode", "shadow"))?;
    expect_exact(&cluster, &[(pod, WEB)])?;
    expect_reported(&cluster, ("Applied", "loaded in shadow mode"), "shadow")?;
    expect_written_once(&cluster)?;
    write(&cluster, &guard()?)?;
    expect_guarded(egressd, pod)?;
    cluster.api.delete(&format!("{POLICIES}/guard"))?;
    expect_exact(&cluster, &[(pod, WEB)])
}

/// It never returns, so its evaluation is stopped; the last good rules stay, and both objects report it.
pub(crate) fn a_failing_policy_is_reported_on_its_config_map_and_on_the_service() -> Result<()> {
    let cluster = cluster()?;
    let (_egressd, pod) = run_with_pod(&cluster)?;
    cluster.api.create(POLICIES, &json_of(&endless()?))?;
    expect_reported(
        &cluster,
        ("PolicyFailed", "evaluation failed for Service default/"),
        r#""failure":"evaluation failed for"#,
    )?;
    wait_for_event(&cluster, Regarding::Service("web"), "PolicyFailed", "guard")?;
    expect_exact(&cluster, &[(pod, WEB)])
}

/// Not translated to the guarded destination, translated elsewhere.
fn expect_guarded(egressd: &mut Egressd<'_>, pod: &Pod) -> Result<()> {
    egressd.wait_until_seen(pod, OUTSIDE_V4, pod.v4().into())?;
    egressd.expect_seen(pod, OTHER_OUTSIDE_V4, Protocol::Tcp, WEB_V4)
}

/// An Event about the ConfigMap has this message, and so has its status annotation.
fn expect_reported(cluster: &Cluster, (reason, message): (&str, &str), status: &str) -> Result<()> {
    wait_for_event(cluster, Regarding::Policy("guard"), reason, message)?;
    let mut last = serde_json::Value::Null;
    let is_status = || {
        last = cluster.api.get(&format!("{POLICIES}/guard"))?["metadata"]["annotations"]["egressd.io/status"].take();
        Ok(last.as_str().is_some_and(|text| text.contains(status)))
    };
    wait_until(&format!("the status says {status:?}"), DEADLINE, is_status)
        .with_context(|| format!("the status is {last}"))
}

/// Once everything is reported, the ConfigMap is not written any more.
fn expect_written_once(cluster: &Cluster) -> Result<()> {
    let version = || Ok::<_, anyhow::Error>(cluster.api.get(&format!("{POLICIES}/guard"))?["metadata"].take());
    let before = version()?;
    thread::sleep(QUIET_TIME);
    let after = version()?;
    ensure!(before["resourceVersion"] == after["resourceVersion"], "it is written on: {before} and {after}");
    Ok(())
}

fn write(cluster: &Cluster, policy: &Policy) -> Result<()> {
    cluster.api.replace(&format!("{POLICIES}/guard"), &json_of(policy)).map(drop)
}

/// Excludes the destination that most tests call.
fn guard() -> Result<Policy> {
    let component = component("egressd-policy-private-guard")?;
    Ok(policy("guard").wasm(&component).annotation("order", "100").settings(r#"{"networks": ["172.18.0.0/24"]}"#))
}

fn endless() -> Result<Policy> {
    let component = component("egressd-test-hostile")?;
    Ok(policy("guard").wasm(&component).annotation("order", "100").settings(r#"{"do": "loop"}"#))
}

pub(crate) fn component(package: &str) -> Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    guest::component(&root, package, &target).ok().with_context(|| format!("{package} does not compile"))
}
