//! From an earlier egressd to this one and back, while a pod makes new connections as fast as it can.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::addresses::{NODE_PODS_V4, OUTSIDE_V4};
use lab::{Egressd, Program, manifest};

use crate::before::{Release, releases};
use crate::fixture::{ADDRESS, Fixture, KINDS, LAST_TO_MOVE, OTHER, program};

/// How the first process ends before the second starts.
#[derive(Clone, Copy, Debug)]
enum Shutdown {
    /// SIGTERM, as an update does it.
    Terminated,
    /// SIGKILL.
    Killed,
}

/// P6, between two releases: an update and its rollback, for every kind of Service, with the same
/// table and the same state directory.
pub(crate) fn an_update_and_its_rollback_change_no_packet() -> Result<()> {
    for release in releases()? {
        update_and_roll_back(release).with_context(|| format!("beside {}", release.name))?;
    }
    Ok(())
}

fn update_and_roll_back(release: Release) -> Result<()> {
    let (before, fixture) = (release.program()?, Fixture::new()?);
    let mut egressd = fixture.started(&before, ADDRESS)?;
    fixture.expect_all("before the first update")?;
    let ends = [Shutdown::Terminated, Shutdown::Killed].into_iter().cycle();
    // Plain Services twice: after each end.
    for (kind, end) in [0, 0].into_iter().chain(1..KINDS.len()).zip(ends) {
        egressd = replaced(&fixture, (egressd, end), (&program(), OTHER), kind)?;
        let log = egressd.log();
        ensure!(!log.contains("newer-") && !log.contains("refused"), "after the update:\n{log}");
        ensure!(fixture.has_its_tables_alone()?, "what stood in for the tables is there:\n{log}");
        // The earlier one has no other layout.
        egressd = replaced(&fixture, (egressd, end), (&first_layout(), OTHER), kind)?;
        egressd = replaced(&fixture, (egressd, end), (&before, ADDRESS), kind)?;
    }
    egressd.stop()
}

/// This egressd, as it is run before an update is undone.
fn first_layout() -> Program {
    program().environment("EGRESSD_TABLE_LAYOUT", "1")
}

/// If a process ends at any point of it, the next one continues.
pub(crate) fn the_second_layout_is_replaced_also_after_a_kill_halfway_and_no_packet_changes() -> Result<()> {
    over_ends_in_the_middle("1", "2")
}

/// The same for a rollback.
pub(crate) fn the_first_layout_is_replaced_also_after_a_kill_halfway_and_no_packet_changes() -> Result<()> {
    over_ends_in_the_middle("2", "1")
}

/// With one flood: the connections of a second one would find their ports taken.
fn over_ends_in_the_middle(from: &str, to: &str) -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.write_many()?;
    let [from, to] = [from, to].map(|layout| program().environment("EGRESSD_TABLE_LAYOUT", layout));
    let before = all_in_force(&fixture, &from)?;
    let egressd = fixture.expect_only(LAST_TO_MOVE, || {
        before.kill()?;
        for milliseconds in [150, 250, 350, 450, 600] {
            let begun = to.run(&fixture.lab, &fixture.manifests)?;
            sleep(Duration::from_millis(milliseconds));
            begun.kill()?;
        }
        let mut egressd = fixture.started(&to, OTHER)?;
        egressd.wait_until("what stood in for the tables is gone", || fixture.has_its_tables_alone())?;
        Ok(egressd)
    })?;
    fixture.expect_all("after ends in the middle")?;
    egressd.stop()
}

/// One that has carried out everything, the last slice too.
fn all_in_force<'s>(fixture: &'s Fixture, program: &Program) -> Result<Egressd<'s>> {
    let mut egressd = fixture.started(program, ADDRESS)?;
    egressd.wait_until_seen(fixture.pod(LAST_TO_MOVE), OUTSIDE_V4, ADDRESS.into())?;
    Ok(egressd)
}

/// An update that is undone before all of it is in force: the copy has what the new tables do not have yet. The process
/// ends as soon as it has carried out the first slice.
pub(crate) fn a_layout_change_that_is_reverted_halfway_changes_no_packet() -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.write_many()?;
    let [first, second] = ["1", "2"].map(|layout| program().environment("EGRESSD_TABLE_LAYOUT", layout));
    all_in_force(&fixture, &first)?.stop()?;
    fixture.expect_only(LAST_TO_MOVE, || {
        let mut begun = second.run(&fixture.lab, &fixture.manifests)?;
        begun.wait_until_log_has(" committed ")?;
        begun.kill()?;
        ensure!(!fixture.has_its_tables_alone()?, "it was not in the middle: {:?}", fixture.tables()?);
        let mut back = first.run(&fixture.lab, &fixture.manifests)?;
        back.wait_until("what stood in for the tables is gone", || fixture.has_its_tables_alone())?;
        back.kill()
    })
}

/// P10, where no layout changes.
pub(crate) fn another_programs_table_with_the_name_of_the_copy_stays_and_blocks_nothing() -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.lab.node().nft("add table ip egressd_bridge_v4\nadd chain ip egressd_bridge_v4 theirs")?;
    let egressd = fixture.started(&program(), ADDRESS)?;
    fixture.expect_all("beside a table with the name of the copy")?;
    ensure!(egressd.log().contains("has the name of egressd's copy"), "{}", egressd.log());
    ensure!(fixture.lab.node().ruleset()?.contains("chain theirs"), "what is another program's is gone");
    egressd.stop()
}

/// The one ends, and the other takes over and makes a change. A flood is over after some ten seconds, so each time has
/// one of its own.
fn replaced<'s>(
    fixture: &'s Fixture,
    (old, end): (Egressd<'s>, Shutdown),
    (new, address): (&Program, IpAddr),
    kind: usize,
) -> Result<Egressd<'s>> {
    let when = format!("{end:?}, then {new:?}, Service {}", KINDS[kind].0);
    let over = fixture.expect_only(kind, || {
        match end {
            Shutdown::Terminated => old.stop()?,
            Shutdown::Killed => old.kill()?,
        }
        fixture.started(new, address)
    });
    let over = over.with_context(|| when.clone())?;
    fixture.expect_all(&when)?;
    Ok(over)
}

/// P6 where P2 became stricter: what an earlier release translated, though it could not know whether that was a pod,
/// goes on over an update and restarts, is reported, and ends with the setting that answers the question.
pub(crate) fn doubtful_translation_continues_and_is_reported_until_the_setting_is_made() -> Result<()> {
    for release in releases()? {
        in_doubt(&release.program()?).with_context(|| format!("beside {}", release.name))?;
    }
    Ok(())
}

fn in_doubt(before: &Program) -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.manifests.write(&manifest::node().pod_networks(&[]))?;
    fixture.started(before, ADDRESS)?.stop()?;
    for address in [OTHER, ADDRESS] {
        let mut egressd = fixture.started(&program(), address)?;
        egressd.wait_until_log_has("as before the update")?;
        fixture.expect_all("after the update")?;
        egressd.stop()?;
    }
    let set = program().environment("EGRESSD_INSIDE_NETWORKS", NODE_PODS_V4);
    let egressd = fixture.started(&set, OTHER)?;
    fixture.expect_all("with the setting")?;
    ensure!(!egressd.log().contains("networks-assumed"), "{}", egressd.log());
    egressd.stop()?;
    let mut unset = program().run(&fixture.lab, &fixture.manifests)?;
    unset.wait_until_seen(fixture.pod(0), OUTSIDE_V4, fixture.pod(0).v4().into())?;
    unset.stop()
}
