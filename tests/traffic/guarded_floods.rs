//! P12 under a flood of new flows: guarded pods while the machine is short of disk or memory, and while another program
//! tries to change tables that egressd owns.

use anyhow::{Result, ensure};
use lab::addresses::{NODE_V4, OUTSIDE_V4};
use lab::manifest::{self, Service};
use lab::{Memory, Protocol, Unsupported};

use crate::busy::figure;
use crate::changes::expect_exact;
use crate::fail_closed::{expect_sources, fixture, guarded};
use crate::fixture::{OTHER_V4, WEB_V4, program, web};

/// The addresses that the Service has in turn.
const ADDRESSES: [std::net::IpAddr; 2] = [OTHER_V4, WEB_V4];
/// From less than any process needs up to what egressd takes, in MiB.
const LIMITS: [u64; 8] = [2, 8, 16, 24, 32, 48, 64, 128];
/// Where egressd owns its tables the kernel refuses these, and a flush of all rules leaves the tables.
const REFUSED: [&str; 7] = [
    "delete table ip kube_vip_v4",
    "add table ip kube_vip_v4 { flags dormant; }",
    "flush chain ip kube_vip_v4 egress_guard",
    "flush chain ip kube_vip_v4 egress_postrouting",
    "delete element ip kube_vip_v4 egress_guarded { 10.0.0.1 }",
    "delete element ip kube_vip_v4 egress_allowed_sources { 10.0.0.1 . 11.0.0.2 }",
    "delete element ip kube_vip_v4 egress_addrs { 10.0.0.1 }",
];

/// In force after each turn: with another address and ports than in the turn before, so that it has to be saved.
fn variant(turn: usize) -> Service {
    let web = manifest::service("web").addresses([ADDRESSES[turn % 2]]).egress();
    guarded(web).annotation("egress-destination-ports", &format!("udp:1-65535,tcp:1-{}", 65_000 + turn))
}

/// P12 and P4: whatever a restart remembers of a disk that takes nothing.
pub(crate) fn with_a_full_disk_no_restart_lets_a_guarded_pod_leave_with_another_source() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    fixture.run_until_translated()?.stop()?;
    let flood = lab.flood(pod, OUTSIDE_V4)?;
    let full = program().on_a_full_disk(&fixture.manifests);
    for turn in 0..4 {
        let mut egressd = full.run(lab, &fixture.manifests)?;
        egressd.wait_until_log_has("running")?;
        fixture.manifests.write(&variant(turn))?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, ADDRESSES[turn % 2].into())?;
        egressd.wait_until_log_has("state-unwritable")?;
        lab.expect_seen(fixture.unselected(), OUTSIDE_V4, Protocol::Tcp, NODE_V4)?;
        fixture.manifests.write(&variant(turn).annotation("egress-source-ports", "http"))?;
        if turn % 2 == 0 {
            egressd.kill()?;
        } else {
            egressd.stop()?;
        }
    }
    fixture.manifests.write(&guarded(web()))?;
    let egressd = fixture.run_until_translated()?;
    expect_sources(flood, &ADDRESSES)?;
    egressd.stop()
}

/// P12 where the kernel ends egressd for want of memory, at its start or in the middle of a change.
pub(crate) fn with_too_little_memory_no_guarded_pod_leaves_with_another_source() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    fixture.run_until_translated()?.kill()?;
    let flood = lab.flood(pod, OUTSIDE_V4)?;
    let mut in_force = Vec::new();
    for limit in LIMITS {
        let memory = Memory::limited(limit << 20)?;
        let mut egressd = program().within(&memory).run(lab, &fixture.manifests)?;
        let turn = usize::from(lab.seen_from(pod, OUTSIDE_V4, Protocol::Tcp)? == OTHER_V4.into());
        fixture.manifests.write(&variant(turn))?;
        let waited = egressd.wait_until_seen(pod, OUTSIDE_V4, ADDRESSES[turn].into());
        in_force.extend(waited.is_ok().then_some(limit));
        lab.expect_seen(fixture.unselected(), OUTSIDE_V4, Protocol::Tcp, NODE_V4)?;
    }
    figure(&format!("of memory limits {LIMITS:?} MiB a change came in force with {in_force:?}"));
    ensure!(in_force.len() < LIMITS.len(), "memory was never short");
    fixture.manifests.write(&guarded(web()))?;
    let egressd = fixture.run_until_translated()?;
    expect_sources(flood, &ADDRESSES)?;
    egressd.stop()
}

/// P8 and P12 where the kernel has owners of tables.
pub(crate) fn what_egressd_owns_no_other_program_changes_under_a_flood_of_a_guarded_pod() -> Result<()> {
    let fixture = fixture()?;
    let (node, pod) = (fixture.lab.node(), fixture.selected());
    let egressd = fixture.run_until_translated()?;
    if !node.ruleset()?.contains("owner") {
        return Err(Unsupported("this kernel has no owners of tables".to_owned()).into());
    }
    let flood = fixture.lab.flood(pod, OUTSIDE_V4)?;
    for script in REFUSED.iter().cycle().take(20 * REFUSED.len()) {
        ensure!(node.nft(script).is_err(), "the kernel accepted: {script}");
    }
    fixture.lab.expect_seen(fixture.unselected(), OUTSIDE_V4, Protocol::Tcp, NODE_V4)?;
    node.nft("flush ruleset")?;
    flood.wait_until_sent(flood.position() + 1_000)?;
    expect_exact(&fixture)?;
    expect_sources(flood, &[WEB_V4])?;
    egressd.stop()
}
