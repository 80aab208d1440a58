//! A state directory that cannot be written.

use std::fs;

use anyhow::{Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::{DEADLINE, Egressd, manifest, wait_until};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program, web};

/// P4, P6: it stops no change, is reported as long as it is so with what a restart would do, and nothing is lost when it can
/// be written again.
pub(crate) fn a_state_directory_that_cannot_be_written_is_reported_and_stops_no_change() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let state = fixture.manifests.state();
    let mut egressd = fixture.run_until_translated()?;
    // Again where egressd writes into it in that moment.
    wait_until("the state directory is gone", DEADLINE, || Ok(fs::remove_dir_all(&state).is_ok()))?;
    // Below a file not even root can write.
    fs::write(&state, "")?;
    move_to_other(&fixture, &mut egressd)?;
    egressd.wait_until_log_has(
        "accepted annotations and the last good drafts are not saved; nothing changes while egressd runs",
    )?;
    let (_, status) = program().status(&fixture.lab, &fixture.manifests, &[])?;
    ensure!(status.contains("state-unwritable") && status.contains("or none (P4)"), "{status}");

    fs::remove_file(&state)?;
    fixture.manifests.write(&web().annotation("egress-destination-ports", "tcp:1-65535"))?;
    egressd.wait_until_log_has("resolved: writing the state directory")?;
    let (_, status) = program().status(&fixture.lab, &fixture.manifests, &[])?;
    ensure!(!status.contains("state-unwritable"), "{status}");
    egressd.kill()?;

    fixture.manifests.write(&web().annotation("egress", "ture"))?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("running")?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    egressd.stop()
}

fn move_to_other(fixture: &Fixture, egressd: &mut Egressd<'_>) -> Result<()> {
    let moved = manifest::service("web").addresses([OTHER_V4]).egress();
    fixture.manifests.write(&moved.annotation("egress-destination-ports", "udp:1-65535,tcp:1-65535"))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())
}
