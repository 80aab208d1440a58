//! From an earlier egressd to this one and back, while a pod makes new connections as fast as it can.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::addresses::{NODE_PODS_V4, OUTSIDE_V4};
use lab::{Egressd, Program, manifest};

use crate::before::{Release, releases};
use crate::stage::{ADDRESS, KINDS, LAST, OTHER, Stage, program};

/// How the one ends after which the other begins.
#[derive(Clone, Copy, Debug)]
enum End {
    /// SIGTERM, as an update does it.
    Asked,
    /// SIGKILL.
    Killed,
}

/// P6, over the border between two releases: up and down again, for every kind of Service. What is in force is the same
/// table, and what is remembered the same state directory.
pub(crate) fn an_update_and_its_undoing_change_no_packet() -> Result<()> {
    for release in releases()? {
        up_and_down(release).with_context(|| format!("beside {}", release.name))?;
    }
    Ok(())
}

fn up_and_down(release: Release) -> Result<()> {
    let (before, stage) = (release.program()?, Stage::new()?);
    let mut egressd = stage.started(&before, ADDRESS)?;
    stage.expect_all("before the first update")?;
    let ends = [End::Asked, End::Killed].into_iter().cycle();
    // Plain Services twice: after each end.
    for (kind, end) in [0, 0].into_iter().chain(1..KINDS.len()).zip(ends) {
        egressd = gone_over(&stage, (egressd, end), (&program(), OTHER), kind)?;
        let log = egressd.log();
        ensure!(!log.contains("newer-") && !log.contains("refused"), "after the update:\n{log}");
        ensure!(stage.has_its_tables_alone()?, "what stood in for the tables is there:\n{log}");
        // The earlier one has no other layout.
        egressd = gone_over(&stage, (egressd, end), (&first_layout(), OTHER), kind)?;
        egressd = gone_over(&stage, (egressd, end), (&before, ADDRESS), kind)?;
    }
    egressd.stop()
}

/// This egressd, as it is run before an update is undone.
fn first_layout() -> Program {
    program().environment("EGRESSD_TABLE_LAYOUT", "1")
}

/// Where a process ends in the middle of it, whatever it came to, the next one goes on.
pub(crate) fn the_second_layout_is_made_over_ends_in_the_middle_without_a_packet_noticing() -> Result<()> {
    over_ends_in_the_middle("1", "2")
}

/// The same on the way back.
pub(crate) fn the_first_layout_is_made_over_ends_in_the_middle_without_a_packet_noticing() -> Result<()> {
    over_ends_in_the_middle("2", "1")
}

/// With one flood: the connections of a second one would find their ports taken.
fn over_ends_in_the_middle(from: &str, to: &str) -> Result<()> {
    let stage = Stage::new()?;
    stage.write_many()?;
    let [from, to] = [from, to].map(|layout| program().environment("EGRESSD_TABLE_LAYOUT", layout));
    let before = all_in_force(&stage, &from)?;
    let egressd = stage.expect_only(LAST, || {
        before.kill()?;
        for milliseconds in [150, 250, 350, 450, 600] {
            let begun = to.run(&stage.lab, &stage.manifests)?;
            sleep(Duration::from_millis(milliseconds));
            begun.kill()?;
        }
        let mut egressd = stage.started(&to, OTHER)?;
        egressd.wait_until("what stood in for the tables is gone", || stage.has_its_tables_alone())?;
        Ok(egressd)
    })?;
    stage.expect_all("after ends in the middle")?;
    egressd.stop()
}

/// One that has carried out everything, the last slice too.
fn all_in_force<'s>(stage: &'s Stage, program: &Program) -> Result<Egressd<'s>> {
    let mut egressd = stage.started(program, ADDRESS)?;
    egressd.wait_until_seen(stage.pod(LAST), OUTSIDE_V4, ADDRESS.into())?;
    Ok(egressd)
}

/// An update that is undone before all of it is in force: the copy has what the new tables do not have yet. The process ends
/// as soon as it has carried out the first slice.
pub(crate) fn a_layout_that_is_taken_back_in_the_middle_changes_no_packet() -> Result<()> {
    let stage = Stage::new()?;
    stage.write_many()?;
    let [first, second] = ["1", "2"].map(|layout| program().environment("EGRESSD_TABLE_LAYOUT", layout));
    all_in_force(&stage, &first)?.stop()?;
    stage.expect_only(LAST, || {
        let mut begun = second.run(&stage.lab, &stage.manifests)?;
        begun.wait_until_log_has(" committed ")?;
        begun.kill()?;
        ensure!(!stage.has_its_tables_alone()?, "it was not in the middle: {:?}", stage.tables()?);
        let mut back = first.run(&stage.lab, &stage.manifests)?;
        back.wait_until("what stood in for the tables is gone", || stage.has_its_tables_alone())?;
        back.kill()
    })
}

/// P10, where no layout changes.
pub(crate) fn another_programs_table_with_the_name_of_the_copy_stays_and_hinders_nothing() -> Result<()> {
    let stage = Stage::new()?;
    stage.lab.node().nft("add table ip egressd_bridge_v4\nadd chain ip egressd_bridge_v4 theirs")?;
    let egressd = stage.started(&program(), ADDRESS)?;
    stage.expect_all("beside a table with the name of the copy")?;
    ensure!(egressd.log().contains("a table has the name of egressd's copy"), "{}", egressd.log());
    ensure!(stage.lab.node().ruleset()?.contains("chain theirs"), "what is another program's is gone");
    egressd.stop()
}

/// The one ends, and the other takes over and makes a change. A flood is over after some ten seconds, so each time has one of
/// its own.
fn gone_over<'s>(
    stage: &'s Stage,
    (old, end): (Egressd<'s>, End),
    (new, address): (&Program, IpAddr),
    kind: usize,
) -> Result<Egressd<'s>> {
    let when = format!("{end:?}, then {new:?}, Service {}", KINDS[kind].0);
    let over = stage.expect_only(kind, || {
        match end {
            End::Asked => old.stop()?,
            End::Killed => old.kill()?,
        }
        stage.started(new, address)
    });
    let over = over.with_context(|| when.clone())?;
    stage.expect_all(&when)?;
    Ok(over)
}

/// P6 where P2 became stricter: what an earlier release translated, though it could not know whether that was a pod, goes on
/// over an update and restarts, is reported, and ends with the setting that answers the question.
pub(crate) fn what_was_translated_in_doubt_goes_on_and_is_reported_until_the_setting_is_made() -> Result<()> {
    for release in releases()? {
        in_doubt(&release.program()?).with_context(|| format!("beside {}", release.name))?;
    }
    Ok(())
}

fn in_doubt(before: &Program) -> Result<()> {
    let stage = Stage::new()?;
    stage.manifests.write(&manifest::node().pod_networks(&[]))?;
    stage.started(before, ADDRESS)?.stop()?;
    for address in [OTHER, ADDRESS] {
        let mut egressd = stage.started(&program(), address)?;
        egressd.wait_until_log_has("as before the update")?;
        stage.expect_all("after the update")?;
        egressd.stop()?;
    }
    let set = program().environment("EGRESSD_INSIDE_NETWORKS", NODE_PODS_V4);
    let egressd = stage.started(&set, OTHER)?;
    stage.expect_all("with the setting")?;
    ensure!(!egressd.log().contains("networks-assumed"), "{}", egressd.log());
    egressd.stop()?;
    let mut unset = program().run(&stage.lab, &stage.manifests)?;
    unset.wait_until_seen(stage.pod(0), OUTSIDE_V4, stage.pod(0).v4().into())?;
    unset.stop()
}
