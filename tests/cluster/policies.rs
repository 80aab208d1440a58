//! Policies that are ConfigMaps of the API server.

use std::path::Path;

use anyhow::{Context, Result};
use lab::addresses::{OTHER_OUTSIDE_V4, OUTSIDE_V4};
use lab::cluster::{Cluster, POLICIES, json_of};
use lab::manifest::{Policy, policy};
use lab::{Egressd, Pod, Protocol};

use crate::stage::{WEB, WEB_V4, cluster, expect_exact, run};

#[path = "../../host/build/guest.rs"]
mod guest;

/// Comes, goes wrong, becomes a shadow, and goes.
pub(crate) fn a_policy_is_in_force_as_its_config_map_says() -> Result<()> {
    let cluster = cluster()?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    let mut egressd = run(&cluster)?.remove(0);
    expect_exact(&cluster, &[(pod, WEB)])?;
    cluster.api.create(POLICIES, &json_of(&guard()?))?;
    expect_guarded(&mut egressd, pod)?;

    write(&cluster, &policy("guard").wasm(b"bad"))?;
    egressd.wait_until_log_has("the last good one stays in force")?;
    expect_guarded(&mut egressd, pod)?;

    write(&cluster, &guard()?.annotation("mode", "shadow"))?;
    expect_exact(&cluster, &[(pod, WEB)])?;
    write(&cluster, &guard()?)?;
    expect_guarded(&mut egressd, pod)?;
    cluster.api.delete(&format!("{POLICIES}/guard"))?;
    expect_exact(&cluster, &[(pod, WEB)])
}

/// Untouched at what the guard protects, translated elsewhere.
fn expect_guarded(egressd: &mut Egressd<'_>, pod: &Pod) -> Result<()> {
    egressd.wait_until_seen(pod, OUTSIDE_V4, pod.v4().into())?;
    egressd.expect_seen(pod, OTHER_OUTSIDE_V4, Protocol::Tcp, WEB_V4)
}

fn write(cluster: &Cluster, policy: &Policy) -> Result<()> {
    cluster.api.replace(&format!("{POLICIES}/guard"), &json_of(policy)).map(drop)
}

/// Leaves alone what goes to where most tests call.
fn guard() -> Result<Policy> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let component = guest::component(&root, "egressd-policy-private-guard", &target);
    let bytes = component.ok().context("the guard does not compile")?;
    Ok(policy("guard").wasm(&bytes).annotation("order", "100").settings(r#"{"networks": ["172.18.0.0/24"]}"#))
}
