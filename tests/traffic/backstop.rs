//! P12 where other programs may write to the tables: what guarded pods send out of the cluster is blocked by the kernel's
//! IPsec policies for as long as the tables are lost.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use lab::addresses::{OUTSIDE_V4, OUTSIDE_V6};
use lab::{Egressd, Protocol, Seen, fewer, manifest, output_of};

use crate::busy::unowned;
use crate::fixture::{Fixture, WEB_V4, program, web};

/// How many datagrams a pod sends at least while the tables are lost.
const DATAGRAMS: u32 = 100_000;

pub(crate) fn policies(fixture: &Fixture) -> Result<String> {
    output_of(fixture.lab.node().namespace.command("ip").args(["xfrm", "policy"]))
}

fn flush(fixture: &Fixture) -> Result<()> {
    fixture.lab.node().nft("flush ruleset")
}

/// A guarded Service, on tables without an owner; both families have a guarded pod.
pub(crate) fn fixture() -> Result<Fixture> {
    let fixture = Fixture::new()?;
    fixture.manifests.write(&web().annotation_of("egressd.io", "on-unavailable", "drop"))?;
    let pod = fixture.selected();
    fixture.manifests.write(&fixture.web_endpoints())?;
    fixture.manifests.write(&manifest::endpoints("web", [pod.v6()]))?;
    unowned(&fixture)?;
    Ok(fixture)
}

pub(crate) fn run(fixture: &Fixture) -> Result<Egressd<'_>> {
    let mut egressd = fixture.run_until_translated()?;
    wait_for_policies(fixture, &mut egressd)?;
    Ok(egressd)
}

/// Of pod 1, in the families in which it is guarded.
pub(crate) fn wait_for_policies(fixture: &Fixture, egressd: &mut Egressd<'_>) -> Result<()> {
    let pods =
        [format!("src {}/32 dst 0.0.0.0/0", fixture.selected().v4()), format!("src {}/128", fixture.selected().v6())];
    egressd.wait_until("the pod has policies", || {
        let policies = policies(fixture)?;
        Ok(pods.iter().all(|pod| policies.contains(pod)))
    })
}

/// P12 for loss of the tables while egressd does not run, and P6 and the rest of the node beside it.
pub(crate) fn while_the_tables_are_lost_a_guarded_pod_reaches_the_cluster_and_nothing_else() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    let egressd = run(&fixture)?;
    everything_inside_is_reached(&fixture)?;
    lab.expect_seen(pod, OUTSIDE_V4, Protocol::Udp, WEB_V4)?;
    lab.expect_seen(fixture.unselected(), OUTSIDE_V4, Protocol::Udp, fixture.unselected().v4())?;
    egressd.kill()?;
    lab.expect_seen(pod, OUTSIDE_V4, Protocol::Udp, WEB_V4)?;
    flush(&fixture)?;
    for protocol in Protocol::ALL {
        lab.expect_seen(pod, OUTSIDE_V4, protocol, Seen::Nothing)?;
        lab.expect_seen(pod, OUTSIDE_V6, protocol, Seen::Nothing)?;
        lab.expect_seen(fixture.unselected(), OUTSIDE_V4, protocol, fixture.unselected().v4())?;
    }
    everything_inside_is_reached(&fixture)?;
    let flood = lab.flood(pod, OUTSIDE_V4)?;
    flood.wait_until_sent(fewer(DATAGRAMS))?;
    let egressd = fixture.run_until_translated()?;
    let seen = flood.end()?;
    let wrong: Vec<&IpAddr> = seen.values().filter(|source| **source != WEB_V4).collect();
    ensure!(wrong.is_empty(), "{} of {} datagrams with {:?}", wrong.len(), seen.len(), wrong[0]);
    egressd.stop()
}

fn everything_inside_is_reached(fixture: &Fixture) -> Result<()> {
    let (lab, pod, other) = (&fixture.lab, fixture.selected(), fixture.lab.pod(2));
    for protocol in Protocol::ALL {
        lab.expect_seen(pod, other.v4(), protocol, pod.v4())?;
        lab.expect_seen(other, pod.v4(), protocol, other.v4())?;
        lab.expect_seen(pod, other.v6(), protocol, pod.v6())?;
    }
    Ok(())
}

/// P12: whoever guards no more pays for nothing any more.
pub(crate) fn with_the_last_guarded_pod_policies_and_marks_go() -> Result<()> {
    let fixture = fixture()?;
    let mut egressd = run(&fixture)?;
    fixture.manifests.write(&web())?;
    egressd.wait_until("no policy is left", || Ok(policies(&fixture)?.is_empty()))?;
    let ruleset = fixture.lab.node().ruleset()?;
    ensure!(!ruleset.contains("egress_mark"), "{ruleset}");
    fixture.lab.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Udp, WEB_V4)?;
    egressd.stop()
}

/// The bit is gone where a packet leaves; and where no other program may write to the tables, there are neither marks nor
/// policies.
pub(crate) fn the_mark_is_seen_by_no_other_program_and_owned_tables_have_none() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    let egressd = run(&fixture)?;
    lab.node().nft(
        "table inet lab_late {
           counter marked { }
           chain out { type filter hook postrouting priority 300; meta mark != 0 counter name marked
           }
         }",
    )?;
    for protocol in Protocol::ALL {
        lab.expect_seen(pod, OUTSIDE_V4, protocol, WEB_V4)?;
        lab.expect_seen(pod, lab.pod(2).v4(), protocol, pod.v4())?;
    }
    let counted = lab.node().namespace.nft_list("counter inet lab_late marked")?;
    ensure!(counted.contains("packets 0 "), "{counted}");
    egressd.stop()?;
    // Whatever was there is removed, and what egressd makes itself is owned where the kernel has owners.
    program().clean(lab)?;
    ensure!(policies(&fixture)?.is_empty(), "{}", policies(&fixture)?);
    let egressd = fixture.run_until_translated()?;
    let owned = lab.node().ruleset()?.contains("owner");
    let policies = policies(&fixture)?;
    ensure!(policies.is_empty() == owned, "{policies}");
    egressd.stop()
}

/// Policies of other programs are theirs: egressd adds none beside them, and reports it.
pub(crate) fn beside_ipsec_of_others_there_are_no_policies_of_ours() -> Result<()> {
    let fixture = fixture()?;
    fixture.lab.node().namespace.ip("xfrm policy add src 192.0.2.0/24 dst 198.51.100.0/24 dir out priority 7")?;
    let mut egressd = fixture.run_until_translated()?;
    egressd.wait_until_log_has("ipsec-in-use")?;
    let (_, status) = program().status(&fixture.lab, &fixture.manifests, &["-o", "json"])?;
    let status: serde_json::Value = serde_json::from_str(&status).context("the status")?;
    ensure!(status.to_string().contains("ipsec-in-use"), "{status}");
    let policies = policies(&fixture)?;
    ensure!(policies.matches("src ").count() == 1, "{policies}");
    egressd.stop()
}
