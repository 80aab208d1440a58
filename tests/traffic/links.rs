//! A directory of manifests that is reached through links, as deployments swap them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use lab::Protocol;
use lab::addresses::OUTSIDE_V4;
use lab::manifest::Manifest;

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, web};

/// P3: as git-sync does with its link, the old revision staying where it was.
pub(crate) fn a_swapped_link_is_followed_and_the_pods_own_address_is_never_seen() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fs::rename(fixture.manifests.path(), sibling_path(&fixture, "rev1"))?;
    symlink("rev1", fixture.manifests.path())?;
    revision(&fixture, "rev2")?;
    let mut egressd = fixture.run_until_translated()?;
    let pod = fixture.selected();
    let tally = fixture.lab.seen_during(pod, OUTSIDE_V4, Protocol::Udp, || {
        for (target, address) in [("rev2", OTHER_V4), ("rev1", WEB_V4), ("rev2", OTHER_V4)] {
            symlink(target, sibling_path(&fixture, "next"))?;
            fs::rename(sibling_path(&fixture, "next"), fixture.manifests.path())?;
            egressd.wait_until_seen(pod, OUTSIDE_V4, address.into()).with_context(|| target)?;
        }
        Ok(())
    })?;
    let expected = [WEB_V4.into(), OTHER_V4.into()];
    ensure!(tally.keys().all(|seen| expected.contains(seen)), "seen as: {tally:?}");
    egressd.stop()
}

/// P4: the file itself lies elsewhere, and is replaced, written in place, and away for a while.
pub(crate) fn a_file_behind_a_link_is_followed_and_stays_in_force_while_it_is_away() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fs::create_dir(sibling_path(&fixture, "elsewhere"))?;
    let file = sibling_path(&fixture, "elsewhere").join("web");
    fs::rename(fixture.manifests.path_of(&web()), &file)?;
    symlink("../elsewhere/web", fixture.manifests.path_of(&web()))?;
    let mut egressd = fixture.run_until_translated()?;
    let pod = fixture.selected();

    let moved = web().addresses([OTHER_V4]).yaml().to_string();
    fs::write(sibling_path(&fixture, "draft"), moved)?;
    fs::rename(sibling_path(&fixture, "draft"), &file)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into()).context("replaced")?;
    fs::write(&file, web().yaml().to_string())?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into()).context("written in place")?;

    egressd.turn_page();
    fs::rename(sibling_path(&fixture, "elsewhere"), sibling_path(&fixture, "away"))?;
    egressd.wait_until_log_has("it cannot be read: No such file")?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    fs::write(sibling_path(&fixture, "away").join("web"), web().addresses([OTHER_V4]).yaml().to_string())?;
    fs::rename(sibling_path(&fixture, "away"), sibling_path(&fixture, "elsewhere"))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into()).context("back")?;
    egressd.stop()
}

/// P4: edits made meanwhile count when it is back; a directory that is recreated empty says
/// nothing.
pub(crate) fn a_directory_that_returns_is_followed_again_and_an_empty_one_in_its_place_removes_nothing() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let pod = fixture.selected();
    egressd.turn_page();
    fixture.manifests.move_away()?;
    egressd.wait_until_log_has("manifests-unreachable")?;
    fs::create_dir(fixture.manifests.path())?;
    egressd.wait_until_log_has("was replaced by an empty one")?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;

    fs::remove_dir(fixture.manifests.path())?;
    let edited = web().addresses([OTHER_V4]);
    fs::write(sibling_path(&fixture, "away").join(edited.file_name()), edited.yaml().to_string())?;
    fixture.manifests.move_back()?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into())?;
    egressd.stop()
}

fn sibling_path(fixture: &Fixture, name: &str) -> PathBuf {
    fixture.manifests.path().with_file_name(name)
}

/// A copy of the directory, in which `web` has its other address.
fn revision(fixture: &Fixture, name: &str) -> Result<()> {
    let copy = sibling_path(fixture, name);
    fs::create_dir(&copy)?;
    for entry in fs::read_dir(fixture.manifests.path())? {
        let entry = entry?;
        fs::copy(entry.path(), copy.join(entry.file_name()))?;
    }
    let web = web().addresses([OTHER_V4]);
    Ok(fs::write(copy.join(web.file_name()), web.yaml().to_string())?)
}
