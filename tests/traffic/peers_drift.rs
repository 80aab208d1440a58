//! Case 41 of what other projects test, where egressd promises more (P8, P12): another program removes the tables or an
//! element, and egressd comes late to the repair, since it is stopped meanwhile.

use anyhow::{Context, Result};
use lab::addresses::{NODE_V4, OUTSIDE_V4};
use lab::{Egressd, Protocol, Seen, manifest};

use crate::busy::unowned;
use crate::fixture::{Fixture, WEB_V4};
use crate::foreign_floods::in_flight;
use crate::peers_cases::{object, unknown_dropped};
use crate::{backstop, fail_closed};

/// What a firewall does that loads all of its rules anew.
const RELOAD: &str = "flush ruleset
table inet firewalld {
  chain nat_POSTROUTING { type nat hook postrouting priority srcnat + 10; oifname \"up0\" masquerade; }
}";

/// All pods are known, and the tables have no owner.
fn run(fixture: &Fixture) -> Result<Egressd<'_>> {
    for number in 1..=3 {
        fixture.manifests.write(&object(fixture.lab.pod(number)))?;
    }
    let mut egressd = unknown_dropped().run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_log_has("running")?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    backstop::wait_for_policies(fixture, &mut egressd)?;
    Ok(egressd)
}

pub(crate) fn while_the_rules_are_flushed_deleted_or_reloaded_a_guarded_pod_is_blocked_and_then_as_before() -> Result<()>
{
    for script in ["flush ruleset", "delete table ip kube_vip_v4", RELOAD] {
        lost(script).context(script)?;
    }
    Ok(())
}

fn lost(script: &str) -> Result<()> {
    let fixture = backstop::fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    let mut egressd = run(&fixture)?;
    let mut kept = lab.connect(pod, OUTSIDE_V4)?;
    let flood = lab.flood(pod, OUTSIDE_V4)?;
    egressd.paused(|| {
        lab.node().nft(script)?;
        for protocol in Protocol::ALL {
            lab.expect_seen(pod, OUTSIDE_V4, protocol, Seen::Nothing)?;
            lab.expect_seen(pod, lab.pod(2).v4(), protocol, pod.v4())?;
            let usual = if script == RELOAD { NODE_V4 } else { fixture.unselected().v4() };
            lab.expect_seen(fixture.unselected(), OUTSIDE_V4, protocol, usual)?;
        }
        Ok(())
    })?;
    egressd.wait_until_log_has("table-changed")?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    let wrong = flood.end()?.into_values().filter(|source| *source != WEB_V4).count();
    anyhow::ensure!(wrong <= in_flight(1)?, "{wrong} datagrams had another source");
    anyhow::ensure!(kept.seen()? == WEB_V4.into(), "the connection from before has another source");
    egressd.stop()
}

/// One element removed blocks the pod. What began while it was neither translated nor guarded does not go on after the
/// repair.
pub(crate) fn no_connection_keeps_the_source_that_it_began_with_before_a_repair() -> Result<()> {
    let fixture = fail_closed::fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    fixture.manifests.write(&manifest::endpoints("web", [pod.v6()]))?;
    unowned(&fixture)?;
    let mut egressd = run(&fixture)?;
    let mut begun = egressd.paused(|| {
        lab.node().nft("delete element ip kube_vip_v4 egress_addrs { 10.0.0.1 }")?;
        for protocol in Protocol::ALL {
            lab.expect_seen(pod, OUTSIDE_V4, protocol, Seen::Nothing)?;
        }
        lab.node().nft("delete element ip kube_vip_v4 egress_guarded { 10.0.0.1 }")?;
        // What is not guarded is not marked either, and policies block it.
        lab.expect_seen(pod, OUTSIDE_V4, Protocol::Udp, Seen::Nothing)?;
        lab.node()
            .nft("add element ip kube_vip_v4 egress_guarded { 10.0.0.1 }\nflush chain ip kube_vip_v4 egress_guard")?;
        let mut begun = lab.connect(pod, OUTSIDE_V4)?;
        anyhow::ensure!(begun.seen()? == NODE_V4.into(), "the trial needs a connection with the node's address");
        Ok(begun)
    })?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    egressd.wait_until_log_has("table-changed")?;
    lab.expect_seen(fixture.unselected(), OUTSIDE_V4, Protocol::Tcp, NODE_V4)?;
    // It is blocked, or severed already, and then its peer resets what it does not know.
    if let Ok(Seen::Source(seen)) = begun.seen() {
        anyhow::bail!("the connection from before the repair is seen as {seen}");
    }
    egressd.stop()
}
