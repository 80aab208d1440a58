//! A table of a newer egressd, with an unknown layout in its marker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use lab::{Egressd, wait_until};

use crate::fixture::{ADDRESS, Fixture, OTHER, program};

const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9808);

/// Tables that translate, with a marker of a later day.
fn newer(fixture: &Fixture) -> Result<()> {
    let manifests = fixture.manifests.path();
    let manifests = manifests.to_str().context("a path of the lab is text")?;
    let plan =
        ["plan", "--output=nft", "--owner=any", "--node=node-1", "--state-dir=/nowhere", "--manifests", manifests];
    let ruleset = String::from_utf8(program().output(&fixture.lab, &plan)?.stdout)?;
    let marked = ruleset.replace("\"managed by egressd, layout 2\"", "\"managed by egressd, layout 3, with more\"");
    ensure!(marked != ruleset, "there is no marker in\n{ruleset}");
    fixture.lab.node().nft(&marked)
}

/// The node's rules without counters.
fn rules(fixture: &Fixture) -> Result<String> {
    let number = |token: &str| token.bytes().all(|b| b.is_ascii_digit());
    let line = |line: &str| line.split(' ').filter(|token| !number(token)).collect::<Vec<_>>().join(" ");
    Ok(fixture.lab.node().ruleset()?.lines().map(line).collect::<Vec<_>>().join("\n"))
}

fn answer(fixture: &Fixture, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let output = program().output(&fixture.lab, arguments)?;
    Ok((output.status.code(), String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()))
}

/// It is live, not ready, and reports the reason.
fn expect_waiting(fixture: &Fixture, egressd: &mut Egressd<'_>) -> Result<()> {
    egressd.wait_until_log_has("newer-layout")?;
    // The log may be ahead of the served status.
    wait_until("egressd answers and is not ready", lab::DEADLINE, || {
        let ready = fixture.lab.node().http(HTTP, "/readyz");
        Ok(fixture.status().is_ok() && ready.is_ok_and(|(ready, _)| ready.contains("503")))
    })?;
    let status: &str = &fixture.status()?;
    ensure!(status.contains("\"code\": \"newer-layout\"") && status.contains("in layout 3"), "{status}");
    let (ready, why) = fixture.lab.node().http(HTTP, "/readyz")?;
    ensure!(
        ready.contains("503") && why.contains("newer-layout") && why.contains("clean --newer-layout"),
        "{ready}: {why}"
    );
    let (live, _) = fixture.lab.node().http(HTTP, "/livez")?;
    ensure!(live.contains("200"), "{live}");
    Ok(())
}

pub(crate) fn a_table_of_a_newer_layout_is_kept_and_reported_and_taken_over_once_it_is_gone() -> Result<()> {
    let fixture = Fixture::new()?;
    newer(&fixture)?;
    let before = rules(&fixture)?;
    let mut egressd = program().run_with(&fixture.lab, &fixture.manifests, &["--http", &HTTP.to_string()])?;
    fixture.expect_only(0, || expect_waiting(&fixture, &mut egressd))?;
    // A change that it would make.
    fixture.manifests.write(&crate::fixture::kind(0).addresses([OTHER]))?;
    let (code, printed) = program().diff(&fixture.lab, &fixture.manifests)?;
    ensure!(code == Some(2) && printed.contains("newer-layout"), "{code:?}: {printed}");
    fixture.expect_all("while it waits")?;
    ensure!(rules(&fixture)? == before, "the table was changed:\n{}", fixture.lab.node().ruleset()?);
    // As an undoing that is undone: the newer one would find its table.
    egressd.stop()?;
    ensure!(rules(&fixture)? == before, "the table was changed:\n{}", fixture.lab.node().ruleset()?);

    let mut egressd = program().run_with(&fixture.lab, &fixture.manifests, &["--http", &HTTP.to_string()])?;
    expect_waiting(&fixture, &mut egressd)?;
    let (code, printed) = answer(&fixture, &["clean", "--newer-layout"])?;
    ensure!(code == Some(0) && printed.contains("removed kube_vip_v4, kube_vip_v6"), "{code:?}: {printed}");
    egressd.wait_until_seen(fixture.pod(0), lab::addresses::OUTSIDE_V4, OTHER.into())?;
    egressd.wait_until_seen(fixture.pod(1), lab::addresses::OUTSIDE_V4, ADDRESS.into())?;
    let (ready, why) = fixture.lab.node().http(HTTP, "/readyz")?;
    ensure!(ready.contains("200"), "{ready}: {why}");
    ensure!(!fixture.status()?.contains("newer-layout"), "it is not reported any more");
    egressd.stop()
}

pub(crate) fn egress_clean_and_clean_keep_a_table_of_a_newer_layout() -> Result<()> {
    let fixture = Fixture::new()?;
    newer(&fixture)?;
    let before = rules(&fixture)?;
    let mut egressd =
        program().run_with(&fixture.lab, &fixture.manifests, &["--egress-clean", "--http", &HTTP.to_string()])?;
    expect_waiting(&fixture, &mut egressd)?;
    egressd.kill()?;
    for arguments in [&["clean"][..], &["clean", "--all"], &["clean", "--instance-name="]] {
        let (code, printed) = answer(&fixture, arguments)?;
        ensure!(
            code == Some(1) && printed.matches("(newer-layout)").count() == 2,
            "{arguments:?}: {code:?}: {printed}"
        );
        ensure!(printed.contains("--newer-layout") && printed.contains("nothing was removed"), "{printed}");
    }
    // Another instance searches for orphans, and ignores tables of unknown layouts.
    let other = program().run_with(&fixture.lab, &fixture.manifests, &["--instance-name=other"])?;
    wait_until("the other instance has looked for orphans", lab::DEADLINE, || {
        Ok(fixture.status()?.contains("kube_vip_other_v4"))
    })?;
    ensure!(!fixture.status()?.contains("orphaned-table"), "{}", fixture.status()?);
    other.stop()?;
    answer(&fixture, &["clean", "--instance-name=other"])?;
    fixture.expect_all("after all that")?;
    ensure!(rules(&fixture)? == before, "the table was changed:\n{}", fixture.lab.node().ruleset()?);
    Ok(())
}
