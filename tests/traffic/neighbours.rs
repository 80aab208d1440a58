//! With other programs that write nftables rules on the same node.

use std::time::Duration;

use anyhow::{Result, ensure};
use lab::addresses::{NODE_V4, OUTSIDE_V4};
use lab::manifest::{self, endpoints};
use lab::neighbours::Committer;
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

/// A masquerade of another program at this priority, in both families.
fn masquerade_at(priority: i32) -> String {
    format!(
        "table inet lab_early {{
           chain leave {{ type nat hook postrouting priority {priority}; oifname != \"lo\" masquerade; }}
         }}"
    )
}

fn at(priority: &str) -> Program {
    program().environment("EGRESSD_PRIORITY", priority)
}

/// P3, P13: what another program translates first is reported as long as it does, and a smaller priority wins.
pub(crate) fn a_chain_that_translates_before_ours_is_reported_until_ours_is_first() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (node, pod) = (fixture.lab.node(), fixture.selected());
    let mut egressd = fixture.run_until_translated()?;
    node.nft(&masquerade_at(80))?;
    egressd.wait_until_log_has("chain leave in table inet lab_early translates sources at priority 80, before")?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, NODE_V4)?;
    let (_, status) = program().status(&fixture.lab, &fixture.manifests, &[])?;
    ensure!(status.contains("set --priority (EGRESSD_PRIORITY) to 79 or less"), "{status}");
    egressd.stop()?;

    let mut egressd = at("70").run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    for protocol in Protocol::ALL {
        egressd.expect_seen(pod, OUTSIDE_V4, protocol, WEB_V4)?;
    }
    let (_, status) = program().status(&fixture.lab, &fixture.manifests, &[])?;
    ensure!(!status.contains("nat-before-ours") && !status.contains("lab_early"), "{status}");
    egressd.stop()
}

/// Which of two chains at one priority runs first cannot be read. Others commit all the time meanwhile.
pub(crate) fn a_chain_at_our_priority_is_reported_until_it_is_gone() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let node = fixture.lab.node();
    let committer = Committer::start(node, Duration::from_millis(5))?;
    node.nft(&masquerade_at(90))?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("before egressd's chain at 90 if it was registered later")?;
    node.nft("delete table inet lab_early\n")?;
    egressd.wait_until_log_has("resolved: other programs' chains and flowtables")?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    committer.end()?;
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
