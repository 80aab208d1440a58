//! Starts, ends, and what is in force in between.

use anyhow::{Context, Result, ensure};
use lab::Protocol;
use lab::addresses::OUTSIDE_V4;

use crate::fixture::{Fixture, WEB_V4, expect_only, program, web};

/// P6.
pub(crate) fn stopping_egressd_changes_no_packet() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let tally = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Udp, || egressd.stop())?;
    expect_only(&tally, WEB_V4)?;
    fixture.lab.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)
}

/// P6.
pub(crate) fn a_restart_adopts_the_table_and_changes_no_packet() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let before = handle(&fixture)?;
    let tally = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Udp, || {
        egressd.stop()?;
        expect_life_goes_on(&fixture)
    })?;
    expect_only(&tally, WEB_V4)?;
    ensure!(before == handle(&fixture)?, "the table was replaced");
    Ok(())
}

/// P6.
pub(crate) fn after_kill_9_the_rules_stay_and_the_next_start_adopts_them() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let before = handle(&fixture)?;
    let tally = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, || {
        egressd.kill()?;
        expect_life_goes_on(&fixture)
    })?;
    expect_only(&tally, WEB_V4)?;
    ensure!(before == handle(&fixture)?, "the table was replaced");
    Ok(())
}

/// P6: connections are the kernel's, not the process's.
pub(crate) fn an_open_connection_survives_a_restart() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let mut connection = fixture.lab.connect(fixture.selected(), OUTSIDE_V4)?;
    egressd.stop()?;
    ensure!(connection.seen()? == WEB_V4.into(), "while egressd was down");
    expect_life_goes_on(&fixture)?;
    ensure!(connection.seen()? == WEB_V4.into(), "after the restart");
    Ok(())
}

/// P5.
pub(crate) fn a_service_deleted_meanwhile_leaves_nothing_after_the_start() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let pod = fixture.selected();
    fixture.run_until_translated()?.stop()?;
    fixture.manifests.remove(&web())?;
    fixture.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;

    let mut egressd = fixture.run()?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, pod.v4().into())?;
    fixture.expect_no_element()?;
    egressd.stop()
}

/// P5.
pub(crate) fn clean_removes_everything() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.run_until_translated()?.stop()?;
    ensure!(fixture.has_tables()?, "ending removed the tables");
    program().clean(&fixture.lab)?;
    ensure!(!fixture.has_tables()?, "left: {}", fixture.lab.node().tables()?);
    let pod = fixture.selected();
    fixture.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, pod.v4())?;
    program().clean(&fixture.lab).context("with nothing to remove")
}

/// A new process takes over: it makes the change, and then ends.
fn expect_life_goes_on(fixture: &Fixture) -> Result<()> {
    let pod = fixture.lab.pod(2);
    let endpoints = [fixture.selected().v4(), pod.v4()];
    fixture.manifests.write(&lab::manifest::endpoints("web", endpoints))?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    egressd.stop()
}

/// The kernel's number of our table: a replaced table has another. The rest of the line shows who owns it.
fn handle(fixture: &Fixture) -> Result<String> {
    let listing = fixture.lab.node().namespace.nft_list_with_handles("table ip kube_vip_v4")?;
    let first = listing.lines().next().context("nft lists nothing")?;
    let (_, handle) = first.split_once("# handle ").with_context(|| format!("no handle in {first:?}"))?;
    Ok(handle.chars().take_while(char::is_ascii_digit).collect())
}
