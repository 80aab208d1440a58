//! A directory of manifests that is reached through links, as deployments swap them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use lab::Protocol;
use lab::addresses::OUTSIDE_V4;
use lab::manifest::Manifest;

use crate::stage::{OTHER_V4, Stage, WEB_V4, web};

/// P3: as git-sync does with its link, the old revision staying where it was.
pub(crate) fn a_swapped_link_is_followed_and_no_packet_shows_the_pod_in_between() -> Result<()> {
    let stage = Stage::with_web()?;
    fs::rename(stage.manifests.path(), beside(&stage, "rev1"))?;
    symlink("rev1", stage.manifests.path())?;
    revision(&stage, "rev2")?;
    let mut egressd = stage.run_until_translated()?;
    let pod = stage.selected();
    let tally = stage.lab.seen_during(pod, OUTSIDE_V4, Protocol::Udp, || {
        for (target, address) in [("rev2", OTHER_V4), ("rev1", WEB_V4), ("rev2", OTHER_V4)] {
            symlink(target, beside(&stage, "next"))?;
            fs::rename(beside(&stage, "next"), stage.manifests.path())?;
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
    let stage = Stage::with_web()?;
    fs::create_dir(beside(&stage, "elsewhere"))?;
    let file = beside(&stage, "elsewhere").join("web");
    fs::rename(stage.manifests.path_of(&web()), &file)?;
    symlink("../elsewhere/web", stage.manifests.path_of(&web()))?;
    let mut egressd = stage.run_until_translated()?;
    let pod = stage.selected();

    let moved = web().addresses([OTHER_V4]).yaml().to_string();
    fs::write(beside(&stage, "draft"), moved)?;
    fs::rename(beside(&stage, "draft"), &file)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into()).context("replaced")?;
    fs::write(&file, web().yaml().to_string())?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into()).context("written in place")?;

    egressd.turn_page();
    fs::rename(beside(&stage, "elsewhere"), beside(&stage, "away"))?;
    egressd.wait_until_log_has("it cannot be read: No such file")?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    fs::write(beside(&stage, "away").join("web"), web().addresses([OTHER_V4]).yaml().to_string())?;
    fs::rename(beside(&stage, "away"), beside(&stage, "elsewhere"))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into()).context("back")?;
    egressd.stop()
}

/// P4: what was edited meanwhile counts when it is back; a directory that is made again with nothing in it says nothing.
pub(crate) fn a_directory_that_was_away_is_followed_again_and_an_empty_one_in_its_place_takes_nothing() -> Result<()> {
    let stage = Stage::with_web()?;
    let mut egressd = stage.run_until_translated()?;
    let pod = stage.selected();
    egressd.turn_page();
    stage.manifests.vanish()?;
    egressd.wait_until_log_has("manifests-away")?;
    fs::create_dir(stage.manifests.path())?;
    egressd.wait_until_log_has("there is no manifest in it")?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;

    fs::remove_dir(stage.manifests.path())?;
    let edited = web().addresses([OTHER_V4]);
    fs::write(beside(&stage, "away").join(edited.file_name()), edited.yaml().to_string())?;
    stage.manifests.reappear()?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into())?;
    egressd.stop()
}

fn beside(stage: &Stage, name: &str) -> PathBuf {
    stage.manifests.path().with_file_name(name)
}

/// A copy of the directory, in which `web` has its other address.
fn revision(stage: &Stage, name: &str) -> Result<()> {
    let copy = beside(stage, name);
    fs::create_dir(&copy)?;
    for entry in fs::read_dir(stage.manifests.path())? {
        let entry = entry?;
        fs::copy(entry.path(), copy.join(entry.file_name()))?;
    }
    let web = web().addresses([OTHER_V4]);
    Ok(fs::write(copy.join(web.file_name()), web.yaml().to_string())?)
}
