//! A directory of manifests that is edited, broken and removed while egressd runs.

use anyhow::{Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::manifest::{self, Manifest, endpoints};
use lab::{Egressd, Protocol};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, web};

/// P1: the annotation decides, and nothing needs a restart.
pub(crate) fn an_edited_annotation_takes_effect_at_once() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let pod = fixture.selected();
    let mut egressd = fixture.run_until_translated()?;

    fixture.manifests.write(&manifest::service("web").addresses([WEB_V4]).annotation("egress", "false"))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, pod.v4().into())?;

    fixture.manifests.write(&manifest::service("web").asks_for(&[OTHER_V4]).egress())?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into())?;
    egressd.stop()
}

/// P3.
pub(crate) fn during_a_change_of_address_the_pods_own_address_is_never_seen() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let pod = fixture.selected();
    let mut egressd = fixture.run_until_translated()?;
    let tally = fixture.lab.seen_during(pod, OUTSIDE_V4, Protocol::Udp, || {
        for address in [OTHER_V4, WEB_V4, OTHER_V4, WEB_V4, OTHER_V4] {
            fixture.manifests.write(&web().addresses([address]))?;
            egressd.wait_until_seen(pod, OUTSIDE_V4, address.into())?;
        }
        Ok(())
    })?;
    let expected = [WEB_V4.into(), OTHER_V4.into()];
    ensure!(tally.keys().all(|seen| expected.contains(seen)), "seen as: {tally:?}");
    egressd.stop()
}

/// P4.
pub(crate) fn a_broken_file_is_named_and_its_last_good_state_stays() -> Result<()> {
    expect_that_the_last_good_state_stays("kind: Service\nmetadata: [this, is, never, closed\n")
}

/// P4.
pub(crate) fn a_truncated_file_is_named_and_its_last_good_state_stays() -> Result<()> {
    let whole = web().yaml().to_string();
    let cut = whole.find("\"true\"").map_or(0, |quote| quote + 3);
    expect_that_the_last_good_state_stays(&whole[..cut])
}

/// P4: a correction takes effect.
pub(crate) fn a_corrected_file_takes_effect() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    break_web(&fixture, &mut egressd, "{")?;
    fixture.manifests.write(&web().addresses([OTHER_V4]))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    egressd.stop()
}

/// P4: a directory that cannot be read is no order to delete everything.
pub(crate) fn a_vanished_directory_is_named_and_everything_stays_in_force() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    egressd.turn_page();
    fixture.manifests.move_away()?;
    egressd.wait_until_log_has(&fixture.manifests.path().to_string_lossy())?;
    egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;

    fixture.manifests.move_back()?;
    fixture.manifests.write(&web().addresses([OTHER_V4]))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    egressd.stop()
}

/// The file of `web` gets a text that is not a manifest; then another Service shows that everything else works.
fn expect_that_the_last_good_state_stays(text: &str) -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    break_web(&fixture, &mut egressd, text)?;

    let pod = fixture.lab.pod(2);
    fixture.manifests.write(&manifest::service("api").addresses([OTHER_V4]).egress())?;
    fixture.manifests.write(&endpoints("api", [pod.v4()]))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into())?;
    egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    egressd.stop()
}

fn break_web(fixture: &Fixture, egressd: &mut Egressd<'_>, text: &str) -> Result<()> {
    egressd.turn_page();
    fixture.manifests.write_text(&web().file_name(), text)?;
    egressd.wait_until_log_has(&web().file_name())
}
