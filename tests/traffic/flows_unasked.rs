//! P11: which connections end though no Service asks for it, and that others of their kind stay; and how many entries of
//! others stay where some end.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use lab::addresses::{NODE_V4, OUTSIDE_V4};
use lab::manifest::{self, PodObject, Service};
use lab::{Lab, Seen};

use crate::busy::unowned;
use crate::fail_closed::guarded;
use crate::fixture::{Fixture, OTHER_V4, WEB_V4, web};
use crate::flows::{OpenConnections, is_seen};

/// By then the connections were looked at that are kept.
const LOOKED_AT: Duration = Duration::from_secs(6);
/// A kubelet writes whole seconds.
const NEXT_SECOND: Duration = Duration::from_millis(1_100);
/// Entries of others, as a busy node has them.
const OTHERS: u32 = 200_000;

fn selecting(service: Service) -> Service {
    service.selecting("app", "web").families(&["IPv4"])
}

fn object(lab: &Lab, number: u8, app: &str) -> PodObject {
    manifest::pod("default", &format!("pod-{number}"), [lab.pod(number).v4()]).label("app", app)
}

/// Pod 2 sends before anything knows of it; pod 3 runs already when its labels begin to match.
pub(crate) fn what_a_new_pod_began_before_its_rules_ends_and_what_a_running_one_began_stays() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let lab = &fixture.lab;
    lab.node().masquerade_like_a_cni()?;
    fixture.manifests.write(&selecting(web()))?;
    fixture.manifests.write(&object(lab, 1, "web"))?;
    fixture.manifests.write(&object(lab, 3, "batch"))?;
    let mut egressd = fixture.run_until_translated()?;
    let [mut new, mut running] =
        [OpenConnections::of(&fixture, lab.pod(2))?, OpenConnections::of(&fixture, lab.pod(3))?];
    new.expect_seen(NODE_V4)?;
    running.expect_seen(NODE_V4)?;

    let all = [1, 2, 3].map(|number| lab.pod(number).v4());
    fixture.manifests.write(&object(lab, 2, "web"))?;
    fixture.manifests.write(&object(lab, 3, "web"))?;
    fixture.manifests.write(&manifest::endpoints("web", all))?;
    egressd.wait_until_seen(lab.pod(3), OUTSIDE_V4, WEB_V4.into())?;
    new.expect_severed(&mut egressd, WEB_V4)?;
    running.expect_kept(NODE_V4)?;
    egressd.stop()
}

/// Pod 2 begins while no egressd runs; pod 3 began long before, and its labels begin to match meanwhile.
pub(crate) fn what_a_pod_began_while_no_egressd_ran_ends_and_what_an_older_one_began_stays() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (lab, long_ago) = (&fixture.lab, Timestamp::now() - Duration::from_secs(3600));
    lab.node().masquerade_like_a_cni()?;
    fixture.manifests.write(&selecting(web()))?;
    fixture.manifests.write(&object(lab, 1, "web").started(long_ago))?;
    fixture.manifests.write(&object(lab, 3, "batch").started(long_ago))?;
    fixture.run_until_translated()?.stop()?;
    sleep(NEXT_SECOND);
    let began = Timestamp::now();
    let [mut new, mut running] =
        [OpenConnections::of(&fixture, lab.pod(2))?, OpenConnections::of(&fixture, lab.pod(3))?];
    new.expect_seen(NODE_V4)?;
    running.expect_seen(NODE_V4)?;

    fixture.manifests.write(&object(lab, 2, "web").started(began))?;
    fixture.manifests.write(&object(lab, 3, "web").started(long_ago))?;
    fixture.manifests.write(&manifest::endpoints("web", [1, 2, 3].map(|number| lab.pod(number).v4())))?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_seen(lab.pod(3), OUTSIDE_V4, WEB_V4.into())?;
    new.expect_severed(&mut egressd, WEB_V4)?;
    running.expect_kept(NODE_V4)?;
    egressd.stop()
}

/// While egressd cannot act another program deletes its table.
pub(crate) fn what_began_while_the_rules_were_gone_ends_and_what_was_kept_before_stays() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    let mut before = OpenConnections::of(&fixture, fixture.selected())?;
    before.expect_seen(NODE_V4)?;
    unowned(&fixture)?;
    let mut egressd = fixture.run_until_translated()?;
    let mut by_rules = OpenConnections::of(&fixture, fixture.selected())?;
    by_rules.expect_seen(WEB_V4)?;
    fixture.manifests.write(&manifest::service("web").addresses([OTHER_V4]).egress())?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    sleep(LOOKED_AT);
    let mut in_gap = egressd.paused(|| {
        fixture.lab.node().nft("delete table ip kube_vip_v4")?;
        let mut in_gap = OpenConnections::of(&fixture, fixture.selected())?;
        in_gap.expect_seen(NODE_V4)?;
        Ok(in_gap)
    })?;
    in_gap.expect_severed(&mut egressd, OTHER_V4)?;
    before.expect_kept(NODE_V4)?;
    // Its translation went with the last table of type nat at the latest; the entry stays.
    by_rules.expect_seen(WEB_V4)?;
    egressd.stop()
}

/// A program that always sends from one port, as WireGuard does.
pub(crate) fn a_guarded_pod_that_keeps_its_port_is_translated_once_the_address_is_there() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let node = fixture.lab.node();
    node.masquerade_like_a_cni()?;
    node.release(WEB_V4, "lo")?;
    let mut flow = fixture.lab.talk(fixture.selected(), OUTSIDE_V4)?;
    ensure!(flow.seen()? == Seen::from(NODE_V4), "it is not masqueraded");
    fixture.manifests.write(&guarded(web()))?;
    let mut egressd = fixture.run()?;
    egressd.wait_until("the flow is blocked", || Ok(matches!(flow.seen(), Ok(Seen::Nothing))))?;
    node.hold(WEB_V4, "lo")?;
    egressd.wait_until("the flow is translated", || Ok(is_seen(flow.seen(), WEB_V4)))?;
    egressd.stop()
}

pub(crate) fn two_hundred_thousand_connections_of_others_stay_where_some_end() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.manifests.write(&web().annotation("flush-conntrack", "true"))?;
    let mut egressd = fixture.run_until_translated()?;
    let node = fixture.lab.node();
    node.forget_connections()?;
    node.make_connections(OTHERS)?;
    let mut open = OpenConnections::of(&fixture, fixture.selected())?;
    open.expect_seen(WEB_V4)?;
    let service = manifest::service("web").addresses([OTHER_V4]).egress();
    fixture.manifests.write(&service.annotation("flush-conntrack", "true"))?;
    open.expect_severed(&mut egressd, OTHER_V4)?;
    let left = node.connections()?;
    ensure!(left >= OTHERS as usize, "{left} connections are left of {OTHERS} and those of the test");
    egressd.stop()
}
