//! State files of a newer egressd.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::manifest::{self, Policy};
use lab::{Egressd, Protocol};

use crate::fixture::{ADDRESS, Fixture, KINDS, kind, program};

/// What the later one wrote; no earlier one can read it.
const NEWER: &[u8] = b"{\"version\":2,\"of\":\"a later day\"}\n\x00\xff not lines";

/// A state file of the fixture's egressd.
fn file(fixture: &Fixture, name: &str) -> PathBuf {
    fixture.manifests.state().join(name)
}

/// Writes an invalid value into all Services.
fn invalidate_all(fixture: &Fixture) -> Result<()> {
    for index in 0..KINDS.len() {
        fixture.manifests.write(&kind(index).annotation("egress-denied-networks", "everywhere"))?;
    }
    Ok(())
}

fn wait_until_invalid(fixture: &Fixture, egressd: &mut Egressd<'_>) -> Result<()> {
    egressd.wait_until("all Services are invalid", || {
        Ok(fixture.status()?.matches("\"state\": \"invalid\"").count() == KINDS.len())
    })
}

/// P4 and P6 over an update that is undone, and that undone again. What the later one remembered, this one cannot read,
/// and then every Service becomes invalid: what was accepted is in that file alone.
pub(crate) fn state_files_of_a_newer_version_are_kept_and_reported_and_no_packet_changes() -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.started(&program(), ADDRESS)?.stop()?;
    let names = ["accepted", "drafts", "policies/annotations.policy"];
    let mut known = BTreeMap::new();
    for name in names {
        let path = file(&fixture, name);
        known.insert(name, fs::read(&path).with_context(|| format!("{name} is no state file any more"))?);
        fs::write(path, NEWER)?;
    }
    invalidate_all(&fixture)?;
    for index in 0..KINDS.len() {
        let mut egressd = fixture.expect_only(index, || {
            let mut egressd = program().run(&fixture.lab, &fixture.manifests)?;
            wait_until_invalid(&fixture, &mut egressd)?;
            Ok(egressd)
        })?;
        fixture.expect_all("with invalid Services of which it is unknown what was accepted")?;
        let status = fixture.status()?;
        ensure!(status.matches("\"code\": \"newer-state\"").count() == names.len(), "{status}");
        ensure!(status.matches("\"code\": \"kernel-rules-kept\"").count() == KINDS.len(), "{status}");
        // It keeps working: valid configurations are in force, and changes of them, too.
        let pod = fixture.lab.pod(5);
        fixture.manifests.write(&manifest::service("other").addresses([ADDRESS]).egress())?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, ADDRESS.into())?;
        egressd.stop()?;
        for name in names {
            ensure!(fs::read(file(&fixture, name))? == NEWER, "{name} was written");
        }
    }
    // The later one comes back, and reads its own.
    for (name, bytes) in known {
        fs::write(file(&fixture, name), bytes)?;
    }
    let mut egressd = program().run(&fixture.lab, &fixture.manifests)?;
    wait_until_invalid(&fixture, &mut egressd)?;
    fixture.expect_all("when the newer one is back")?;
    ensure!(fixture.status()?.matches("last valid annotations stay").count() == KINDS.len(), "{}", fixture.status()?);
    egressd.stop()
}

fn guard() -> Policy {
    manifest::policy("guard").wasm(b"a mistake")
}

/// P7: an unknown policy was in force, and the current one is invalid. The rules of Services stay; no new ones are
/// added.
pub(crate) fn a_policy_whose_state_only_a_newer_egressd_can_read_adds_no_translation() -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.started(&program(), ADDRESS)?.stop()?;
    fs::write(file(&fixture, "policies/guard.policy"), NEWER)?;
    fixture.manifests.write(&guard())?;
    let new = manifest::service("new").addresses([ADDRESS]).egress();
    fixture.manifests.remove(&manifest::service("other"))?;
    fixture.manifests.write(&new)?;
    fixture.manifests.write(&manifest::endpoints("new", [fixture.lab.pod(5).v4()]))?;
    let mut egressd = fixture.expect_only(0, || {
        let mut egressd = program().run(&fixture.lab, &fixture.manifests)?;
        egressd.wait_until("all Services have failed", || {
            Ok(fixture.status()?.matches("\"state\": \"failed\"").count() == KINDS.len() + 1)
        })?;
        Ok(egressd)
    })?;
    fixture.expect_all("without the guard")?;
    let pod = fixture.lab.pod(5);
    fixture.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, pod.v4())?;
    ensure!(fixture.status()?.contains("\"state\": \"missed\""), "{}", fixture.status()?);
    // Without the ConfigMap the policy is not wanted any more.
    fixture.manifests.remove(&guard())?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, ADDRESS.into())?;
    ensure!(fs::read(file(&fixture, "policies/guard.policy"))? == NEWER, "it was written");
    egressd.stop()
}
