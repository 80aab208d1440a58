//! Beside others who write nftables on the same node.

use anyhow::{Result, ensure};
use lab::addresses::{NODE_V4, OUTSIDE_V4};
use lab::{Egressd, Protocol};

use crate::stage::{Stage, WEB_V4};

/// P1: chains of equal priority run in an order that depends on who came last; ours must not depend on it.
pub(crate) fn egressd_wins_against_a_masquerade_that_was_there_before() -> Result<()> {
    let stage = Stage::with_web()?;
    stage.lab.node().masquerade_like_a_cni()?;
    let egressd = stage.run_until_translated()?;
    expect_that_egressd_wins(&stage, egressd)
}

/// P1.
pub(crate) fn egressd_wins_against_a_masquerade_that_comes_later() -> Result<()> {
    let stage = Stage::with_web()?;
    let egressd = stage.run_until_translated()?;
    stage.lab.node().masquerade_like_a_cni()?;
    expect_that_egressd_wins(&stage, egressd)
}

/// P10.
pub(crate) fn other_tables_stay_as_they_are() -> Result<()> {
    let stage = Stage::with_web()?;
    let node = stage.lab.node();
    node.masquerade_like_a_cni()?;
    let before = node.ruleset()?;
    let egressd = stage.run_until_translated()?;
    egressd.stop()?;
    crate::stage::program().clean(&stage.lab)?;
    let after = node.ruleset()?;
    ensure!(before == after, "before:\n{before}\nafter:\n{after}");
    Ok(())
}

fn expect_that_egressd_wins(stage: &Stage, egressd: Egressd<'_>) -> Result<()> {
    for protocol in Protocol::ALL {
        egressd.expect_seen(stage.selected(), OUTSIDE_V4, protocol, WEB_V4)?;
        egressd.expect_seen(stage.unselected(), OUTSIDE_V4, protocol, NODE_V4)?;
    }
    egressd.stop()
}

/// In some of its modes packets pass by nftables, and nothing else would tell.
pub(crate) fn cilium_on_the_node_is_said_at_the_start() -> Result<()> {
    let stage = Stage::with_web()?;
    let egressd = stage.run_until_translated()?;
    ensure!(!egressd.log().contains("cilium-present"), "{}", egressd.log());
    egressd.stop()?;
    stage.lab.node().namespace.ip("link add cilium_host type bridge")?;
    let mut egressd = stage.run()?;
    egressd.wait_until_log_has("set bpf.hostLegacyRouting=true in Cilium")?;
    egressd.stop()
}
