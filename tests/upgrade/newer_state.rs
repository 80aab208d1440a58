//! State files that an egressd of a later day wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::manifest::{self, Policy};
use lab::{Egressd, Protocol};

use crate::stage::{ADDRESS, KINDS, Stage, kind, program};

/// What the later one wrote; no earlier one can read it.
const NEWER: &[u8] = b"{\"version\":2,\"of\":\"a later day\"}\n\x00\xff not lines";

/// A state file of the stage's egressd.
fn file(stage: &Stage, name: &str) -> PathBuf {
    stage.manifests.state().join(name)
}

/// A value that no policy takes, in all Services.
fn spoil(stage: &Stage) -> Result<()> {
    for index in 0..KINDS.len() {
        stage.manifests.write(&kind(index).annotation("egress-denied-networks", "everywhere"))?;
    }
    Ok(())
}

fn wait_until_invalid(stage: &Stage, egressd: &mut Egressd<'_>) -> Result<()> {
    egressd.wait_until("all Services are invalid", || {
        Ok(stage.status()?.matches("\"state\": \"invalid\"").count() == KINDS.len())
    })
}

/// P4 and P6 over an update that is undone, and that undone again. What the later one remembered, this one cannot read, and
/// then every Service becomes invalid: what was accepted is in that file alone.
pub(crate) fn state_files_of_a_newer_version_are_kept_and_reported_and_no_packet_changes() -> Result<()> {
    let stage = Stage::new()?;
    stage.started(&program(), ADDRESS)?.stop()?;
    let names = ["accepted", "drafts", "policies/annotations.policy"];
    let mut known = BTreeMap::new();
    for name in names {
        let path = file(&stage, name);
        known.insert(name, fs::read(&path).with_context(|| format!("{name} is no state file any more"))?);
        fs::write(path, NEWER)?;
    }
    spoil(&stage)?;
    for index in 0..KINDS.len() {
        let mut egressd = stage.expect_only(index, || {
            let mut egressd = program().run(&stage.lab, &stage.manifests)?;
            wait_until_invalid(&stage, &mut egressd)?;
            Ok(egressd)
        })?;
        stage.expect_all("with invalid Services of which it is unknown what was accepted")?;
        let status = stage.status()?;
        ensure!(status.matches("\"code\": \"newer-state\"").count() == names.len(), "{status}");
        ensure!(status.matches("\"code\": \"kernel-keeps\"").count() == KINDS.len(), "{status}");
        // It works on: what is valid is in force, and a change of it, too.
        let pod = stage.lab.pod(5);
        stage.manifests.write(&manifest::service("other").addresses([ADDRESS]).egress())?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, ADDRESS.into())?;
        egressd.stop()?;
        for name in names {
            ensure!(fs::read(file(&stage, name))? == NEWER, "{name} was written");
        }
    }
    // The later one comes back, and reads its own.
    for (name, bytes) in known {
        fs::write(file(&stage, name), bytes)?;
    }
    let mut egressd = program().run(&stage.lab, &stage.manifests)?;
    wait_until_invalid(&stage, &mut egressd)?;
    stage.expect_all("when the newer one is back")?;
    ensure!(stage.status()?.matches("last valid annotations stay").count() == KINDS.len(), "{}", stage.status()?);
    egressd.stop()
}

fn guard() -> Policy {
    manifest::policy("guard").wasm(b"a mistake")
}

/// P7: a policy was in force, what it was is unknown, and today's is bad. What Services have stays; nothing new passes.
pub(crate) fn a_policy_of_which_only_a_newer_egressd_knows_what_was_in_force_lets_nothing_new_pass() -> Result<()> {
    let stage = Stage::new()?;
    stage.started(&program(), ADDRESS)?.stop()?;
    fs::write(file(&stage, "policies/guard.policy"), NEWER)?;
    stage.manifests.write(&guard())?;
    let new = manifest::service("new").addresses([ADDRESS]).egress();
    stage.manifests.remove(&manifest::service("other"))?;
    stage.manifests.write(&new)?;
    stage.manifests.write(&manifest::endpoints("new", [stage.lab.pod(5).v4()]))?;
    let mut egressd = stage.expect_only(0, || {
        let mut egressd = program().run(&stage.lab, &stage.manifests)?;
        egressd.wait_until("all Services have failed", || {
            Ok(stage.status()?.matches("\"state\": \"failed\"").count() == KINDS.len() + 1)
        })?;
        Ok(egressd)
    })?;
    stage.expect_all("without the guard")?;
    let pod = stage.lab.pod(5);
    stage.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, pod.v4())?;
    ensure!(stage.status()?.contains("\"state\": \"missed\""), "{}", stage.status()?);
    // Whoever removes the policy wants to go without it.
    stage.manifests.remove(&guard())?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, ADDRESS.into())?;
    ensure!(fs::read(file(&stage, "policies/guard.policy"))? == NEWER, "it was written");
    egressd.stop()
}
