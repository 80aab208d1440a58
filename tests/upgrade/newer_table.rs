//! A table that an egressd of a later day made: what its marker says, this one does not know.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use lab::{Egressd, wait_until};

use crate::stage::{ADDRESS, OTHER, Stage, program};

const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9808);

/// Tables that translate, with a marker of a later day.
fn newer(stage: &Stage) -> Result<()> {
    let manifests = stage.manifests.path();
    let manifests = manifests.to_str().context("a path of the lab is text")?;
    let plan =
        ["plan", "--output=nft", "--owner=any", "--node=node-1", "--state-dir=/nowhere", "--manifests", manifests];
    let ruleset = String::from_utf8(program().output(&stage.lab, &plan)?.stdout)?;
    let marked = ruleset.replace("\"managed by egressd, layout 2\"", "\"managed by egressd, layout 3, with more\"");
    ensure!(marked != ruleset, "there is no marker in\n{ruleset}");
    stage.lab.node().nft(&marked)
}

/// The node's rules, but for what is counted.
fn rules(stage: &Stage) -> Result<String> {
    let number = |token: &str| token.bytes().all(|b| b.is_ascii_digit());
    let line = |line: &str| line.split(' ').filter(|token| !number(token)).collect::<Vec<_>>().join(" ");
    Ok(stage.lab.node().ruleset()?.lines().map(line).collect::<Vec<_>>().join("\n"))
}

fn answer(stage: &Stage, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let output = program().output(&stage.lab, arguments)?;
    Ok((output.status.code(), String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()))
}

/// It lives, is not ready, and says why.
fn expect_waiting(stage: &Stage, egressd: &mut Egressd<'_>) -> Result<()> {
    egressd.wait_until_log_has("newer-layout")?;
    // The log may be ahead of what is served.
    wait_until("egressd answers and is not ready", lab::DEADLINE, || {
        let ready = stage.lab.node().http(HTTP, "/readyz");
        Ok(stage.status().is_ok() && ready.is_ok_and(|(ready, _)| ready.contains("503")))
    })?;
    let status: &str = &stage.status()?;
    ensure!(status.contains("\"code\": \"newer-layout\"") && status.contains("in layout 3"), "{status}");
    let (ready, why) = stage.lab.node().http(HTTP, "/readyz")?;
    ensure!(
        ready.contains("503") && why.contains("newer-layout") && why.contains("clean --newer-layout"),
        "{ready}: {why}"
    );
    let (live, _) = stage.lab.node().http(HTTP, "/livez")?;
    ensure!(live.contains("200"), "{live}");
    Ok(())
}

pub(crate) fn a_table_of_a_newer_layout_is_kept_and_reported_and_taken_over_once_it_is_gone() -> Result<()> {
    let stage = Stage::new()?;
    newer(&stage)?;
    let before = rules(&stage)?;
    let mut egressd = program().run_with(&stage.lab, &stage.manifests, &["--http", &HTTP.to_string()])?;
    stage.expect_only(0, || expect_waiting(&stage, &mut egressd))?;
    // A change that it would make.
    stage.manifests.write(&crate::stage::kind(0).addresses([OTHER]))?;
    let (code, printed) = program().diff(&stage.lab, &stage.manifests)?;
    ensure!(code == Some(2) && printed.contains("newer-layout"), "{code:?}: {printed}");
    stage.expect_all("while it waits")?;
    ensure!(rules(&stage)? == before, "the table was changed:\n{}", stage.lab.node().ruleset()?);
    // As an undoing that is undone: the newer one would find its table.
    egressd.stop()?;
    ensure!(rules(&stage)? == before, "the table was changed:\n{}", stage.lab.node().ruleset()?);

    let mut egressd = program().run_with(&stage.lab, &stage.manifests, &["--http", &HTTP.to_string()])?;
    expect_waiting(&stage, &mut egressd)?;
    let (code, printed) = answer(&stage, &["clean", "--newer-layout"])?;
    ensure!(code == Some(0) && printed.contains("removed kube_vip_v4, kube_vip_v6"), "{code:?}: {printed}");
    egressd.wait_until_seen(stage.pod(0), lab::addresses::OUTSIDE_V4, OTHER.into())?;
    egressd.wait_until_seen(stage.pod(1), lab::addresses::OUTSIDE_V4, ADDRESS.into())?;
    let (ready, why) = stage.lab.node().http(HTTP, "/readyz")?;
    ensure!(ready.contains("200"), "{ready}: {why}");
    ensure!(!stage.status()?.contains("newer-layout"), "it is not reported any more");
    egressd.stop()
}

pub(crate) fn what_would_replace_or_remove_a_table_keeps_one_of_a_newer_layout() -> Result<()> {
    let stage = Stage::new()?;
    newer(&stage)?;
    let before = rules(&stage)?;
    let mut egressd =
        program().run_with(&stage.lab, &stage.manifests, &["--egress-clean", "--http", &HTTP.to_string()])?;
    expect_waiting(&stage, &mut egressd)?;
    egressd.kill()?;
    for arguments in [&["clean"][..], &["clean", "--all"], &["clean", "--instance-name="]] {
        let (code, printed) = answer(&stage, arguments)?;
        ensure!(
            code == Some(1) && printed.matches("(newer-layout)").count() == 2,
            "{arguments:?}: {code:?}: {printed}"
        );
        ensure!(printed.contains("--newer-layout") && printed.contains("nothing was removed"), "{printed}");
    }
    // Another instance looks for what has no egressd, and at nothing that it does not know.
    let other = program().run_with(&stage.lab, &stage.manifests, &["--instance-name=other"])?;
    wait_until("the other instance has looked for orphans", lab::DEADLINE, || {
        Ok(stage.status()?.contains("kube_vip_other_v4"))
    })?;
    ensure!(!stage.status()?.contains("orphaned-table"), "{}", stage.status()?);
    other.stop()?;
    answer(&stage, &["clean", "--instance-name=other"])?;
    stage.expect_all("after all that")?;
    ensure!(rules(&stage)? == before, "the table was changed:\n{}", stage.lab.node().ruleset()?);
    Ok(())
}
