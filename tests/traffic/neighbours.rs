//! With other programs that write nftables rules on the same node.

use anyhow::{Result, ensure};
use lab::addresses::{NODE_V4, OUTSIDE_V4};
use lab::manifest::{self, endpoints};
use lab::{Egressd, Program, Protocol};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program};

/// P1: chains of equal priority run in an order that depends on their creation; ours must not depend on it.
pub(crate) fn egressd_wins_against_a_masquerade_that_was_there_before() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    let egressd = fixture.run_until_translated()?;
    expect_that_egressd_wins(&fixture, egressd)
}

/// P1.
pub(crate) fn egressd_wins_against_a_masquerade_that_is_added_later() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    expect_that_egressd_wins(&fixture, egressd)
}

/// P10.
pub(crate) fn other_tables_stay_as_they_are() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let node = fixture.lab.node();
    node.masquerade_like_a_cni()?;
    let before = node.ruleset()?;
    let egressd = fixture.run_until_translated()?;
    egressd.stop()?;
    program().clean(&fixture.lab)?;
    let after = node.ruleset()?;
    ensure!(before == after, "before:\n{before}\nafter:\n{after}");
    Ok(())
}

fn expect_that_egressd_wins(fixture: &Fixture, egressd: Egressd<'_>) -> Result<()> {
    for protocol in Protocol::ALL {
        egressd.expect_seen(fixture.selected(), OUTSIDE_V4, protocol, WEB_V4)?;
        egressd.expect_seen(fixture.unselected(), OUTSIDE_V4, protocol, NODE_V4)?;
    }
    egressd.stop()
}

/// In some of its modes packets bypass nftables, and nothing else would show it.
pub(crate) fn cilium_on_the_node_is_reported_at_the_start() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    ensure!(!egressd.log().contains("cilium-present"), "{}", egressd.log());
    egressd.stop()?;
    fixture.lab.node().namespace.ip("link add cilium_host type bridge")?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("set bpf.hostLegacyRouting=true in Cilium")?;
    egressd.stop()
}

/// A prefix that kube-vip does not know.
const OURS: &str = "egress.example.com";

/// The names of kube-vip's own tables.
const KUBE_VIPS: &str = "add table ip kube_vip_v4\nadd chain ip kube_vip_v4 theirs\n";

fn named() -> Program {
    program().environment("instance_name", "egressd")
}

/// P10. Without a prefix of its own an instance name separates the tables and not the Services, in any order of start;
/// with both there is nothing to report.
pub(crate) fn kube_vips_tables_are_reported_where_both_act_on_a_service() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (node, second) = (fixture.lab.node(), fixture.lab.pod(2));
    let mut egressd = named().run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    ensure!(!egressd.log().contains("kube-vip-egress"), "{}", egressd.circumstances());
    node.nft(KUBE_VIPS)?;
    fixture.manifests.write(&endpoints("web", [fixture.selected().v4(), second.v4()]))?;
    egressd.wait_until_log_has("table kube_vip_v4 on this node has kube-vip's name")?;
    egressd.stop()?;
    let mut second_to_come = named().run(&fixture.lab, &fixture.manifests)?;
    second_to_come.wait_until_log_has("kube-vip-egress")?;
    second_to_come.stop()?;

    let ours = manifest::service("ours").addresses([OTHER_V4]).annotation_of(OURS, "egress", "true");
    fixture.manifests.write(&ours)?;
    fixture.manifests.write(&endpoints("ours", [fixture.lab.pod(3).v4()]))?;
    let apart = named().environment("EGRESSD_ANNOTATION_PREFIX", OURS);
    let mut egressd = apart.run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(fixture.lab.pod(3), OUTSIDE_V4, OTHER_V4.into())?;
    ensure!(!egressd.log().contains("kube-vip-egress"), "{}", egressd.circumstances());
    ensure!(node.ruleset()?.contains("theirs"), "the table of the other is touched");
    egressd.stop()
}
