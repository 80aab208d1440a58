//! A guard that Services must not go without (P7).

use anyhow::{Result, ensure};
use lab::Egressd;
use lab::addresses::OUTSIDE_V4;
use lab::manifest::{Policy, policy};

use crate::fixture::{Fixture, WEB_V4, program};
use crate::guests::{PRIVATE_GUARD, policy_status, private_guard, wait_until_trouble};
use crate::tools::{HTTP, get};

/// An unused address: the guard takes nothing away.
const NOWHERE: &str = "192.0.2.0/24";

/// Whatever is wrong with it: a component, another annotation, or this one.
fn bad() -> [Policy; 4] {
    let guard = || policy("guard").annotation("order", "100");
    [
        guard().wasm(b"a mistake").annotation("required", "true"),
        guard().wasm(&PRIVATE_GUARD).annotation("required", "true").annotation("oder", "7"),
        guard().wasm(&PRIVATE_GUARD).annotation("required", "true").annotation("namespaces", "a b"),
        guard().wasm(&PRIVATE_GUARD).annotation("required", "ture"),
    ]
}

fn wait_until_ready(fixture: &Fixture, egressd: &mut Egressd<'_>, status: &str) -> Result<String> {
    let mut last = String::new();
    egressd.wait_until(&format!("/readyz is {status}"), || {
        // The listener opens a little after the program begins.
        let Ok((line, why)) = get(&fixture.lab, "/readyz") else { return Ok(false) };
        last = why;
        Ok(line.contains(status))
    })?;
    Ok(last)
}

pub(crate) fn a_required_policy_is_missed_and_the_node_not_ready_until_it_was_loaded_once() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let http = ["--http", &HTTP.to_string()];
    let good = private_guard(NOWHERE)?.annotation("required", "true");
    let mut egressd = program().run_with(&fixture.lab, &fixture.manifests, &http)?;
    for bad in bad() {
        egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
        wait_until_ready(&fixture, &mut egressd, "200")?;
        fixture.manifests.write(&bad)?;
        egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, fixture.selected().v4().into())?;
        let why = wait_until_ready(&fixture, &mut egressd, "503")?;
        ensure!(why.contains("policy guard is required and was never loaded: "), "{why}");
        let (code, status) = program().status(&fixture.lab, &fixture.manifests, &[])?;
        ensure!(code == Some(0) && status.contains("not ready: policy guard is required"), "{status}");
        let policy = policy_status(&fixture, "guard")?;
        ensure!(
            policy["state"] == "missed" && policy["onFailure"] == "closed" && policy["required"] == true,
            "{policy}"
        );
        fixture.manifests.remove(&bad)?;
    }
    fixture.manifests.write(&good)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    wait_until_ready(&fixture, &mut egressd, "200")?;

    // It was loaded once, and so it is after a restart.
    for bad in bad() {
        fixture.manifests.write(&bad)?;
        wait_until_trouble(&fixture, "guard", "the last good one stays in force")?;
        wait_until_ready(&fixture, &mut egressd, "200")?;
        egressd.stop()?;
        egressd = program().run_with(&fixture.lab, &fixture.manifests, &http)?;
        wait_until_ready(&fixture, &mut egressd, "200")?;
        egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    }
    egressd.stop()
}
