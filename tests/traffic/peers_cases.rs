//! Cases that other projects test, where egressd promises more: with `drop`, and with unknown pods dropped (P12). Each
//! fixture has a masquerade like that of a CNI, so that what is not translated has the node's address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use lab::addresses::{MOVING_V4, NODE_V4, OTHER_OUTSIDE_V4, OUTSIDE_V4, node_v4};
use lab::manifest::{self, EndpointSlice, Manifest, PodObject, Service};
use lab::{Egressd, Pod, Program, Seen};

use crate::fail_closed::{blocked, expect_sources, guarded};
use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program, web};

/// How many datagrams are sent between two steps.
const BETWEEN: u32 = 500;
/// The file that has everything about a pod that comes and goes.
const COMING: &str = "coming.yaml";

pub(crate) fn unknown_dropped() -> Program {
    program().environment("EGRESSD_UNKNOWN_PODS", "drop")
}

pub(crate) fn object(pod: &Pod) -> PodObject {
    let name = format!("pod-{}", pod.number);
    manifest::pod("default", &name, [pod.v4(), pod.v6()])
}

/// Pod 2 is known and no Service's; pods 1 and 3 are not known.
fn fixture() -> Result<Fixture> {
    let fixture = Fixture::new()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    fixture.manifests.write(&object(fixture.lab.pod(2)))?;
    Ok(fixture)
}

fn run(fixture: &Fixture) -> Result<Egressd<'_>> {
    let mut egressd = unknown_dropped().run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(fixture.lab.pod(2), OUTSIDE_V4, NODE_V4.into())?;
    egressd.wait_until_seen(fixture.lab.pod(3), OUTSIDE_V4, Seen::Nothing)?;
    Ok(egressd)
}

/// The slice of `web` without a pod, as after its only one has ended.
fn no_endpoints() -> EndpointSlice {
    manifest::endpoints("web", [])
}

/// Case 14: the Service is there first, then a pod that sends at once, and ends; several, one after the other, with one
/// address. Whether the pod or its slice is known first differs.
pub(crate) fn a_one_shot_pod_sends_nothing_until_it_is_known_and_then_with_the_egress_address_alone() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    fixture.manifests.write(&guarded(web().selecting("app", "web")))?;
    let object = object(pod).label("app", "web");
    let slice = fixture.web_endpoints();
    let orders: [&[&dyn Manifest]; 3] = [&[&slice], &[&object], &[&slice, &object]];
    let mut egressd = run(&fixture)?;
    for first in orders {
        lab.node().forget_connections()?;
        let flood = lab.flood(pod, OUTSIDE_V4)?;
        flood.wait_until_sent(BETWEEN)?;
        let unknown = flood.position();
        fixture.manifests.write_together(COMING, first)?;
        flood.wait_until_sent(unknown + BETWEEN)?;
        fixture.manifests.write_together(COMING, &[&slice, &object])?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
        flood.wait_until_sent(flood.position() + BETWEEN)?;
        expect_sources(flood, &[WEB_V4]).context("a pod that comes")?;
        fixture.manifests.write_together(COMING, &[&no_endpoints()])?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, Seen::Nothing)?;
    }
    egressd.stop()
}

/// Case 22: while the Service is applied, edited and removed. Before and after, the pod leaves as without egress.
pub(crate) fn while_a_service_comes_changes_and_goes_no_packet_has_the_pods_own_address_or_an_old_one() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    fixture.manifests.write(&object(pod))?;
    let mut egressd = run(&fixture)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, NODE_V4.into())?;
    let flood = lab.flood(pod, OUTSIDE_V4)?;
    flood.wait_until_sent(BETWEEN)?;
    let begun = flood.position();
    fixture.manifests.write(&fixture.web_endpoints())?;
    fixture.manifests.write(&guarded(web()))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    let applied = flood.position() + 1;
    for (edited, seen) in edits() {
        fixture.manifests.write(&guarded(edited))?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, seen)?;
    }
    flood.wait_until_sent(flood.position() + BETWEEN)?;
    let removed = flood.position();
    fixture.manifests.remove(&web())?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, NODE_V4.into())?;
    let ended = flood.position() + 1;
    flood.wait_until_sent(ended + BETWEEN)?;
    let seen = flood.end()?;
    expect_between(&seen, [0, begun], &[NODE_V4])?;
    expect_between(&seen, [begun, applied], &[NODE_V4, WEB_V4])?;
    expect_between(&seen, [applied, removed], &[WEB_V4, OTHER_V4])?;
    expect_between(&seen, [removed, ended], &[WEB_V4, NODE_V4])?;
    expect_between(&seen, [ended, u32::MAX], &[NODE_V4])?;
    egressd.stop()
}

/// Each of these takes effect in another way: elements that change, move between maps, go, and come back.
fn edits() -> Vec<(Service, Seen)> {
    let with = |address: IpAddr| manifest::service("web").addresses([address]).egress();
    vec![
        (with(OTHER_V4), OTHER_V4.into()),
        (with(WEB_V4).annotation("egress-allowed-networks", "172.18.0.0/24"), WEB_V4.into()),
        (with(OTHER_V4).annotation("egress-destination-ports", "udp:9000-9999,tcp:1-65535"), OTHER_V4.into()),
        (with(MOVING_V4), Seen::Nothing),
        (with(WEB_V4), WEB_V4.into()),
    ]
}

/// That what arrived of these numbers has one of the sources, and that something arrived.
fn expect_between(seen: &BTreeMap<u32, IpAddr>, [from, to]: [u32; 2], allowed: &[IpAddr]) -> Result<()> {
    let wrong: Vec<_> = seen.range(from..to).filter(|(_, source)| !allowed.contains(source)).take(10).collect();
    ensure!(wrong.is_empty(), "between {from} and {to} only {allowed:?} were allowed: {wrong:?}");
    ensure!(seen.range(from..to).next().is_some(), "nothing arrived between {from} and {to}");
    Ok(())
}

fn two_nodes(service: &Service) -> Result<Fixture> {
    let fixture = Fixture::on_two_nodes("web", service)?;
    for node in fixture.lab.nodes() {
        node.masquerade_like_a_cni()?;
        let name = format!("{}-pod", node.name());
        let pod = node.pod(1);
        let object = manifest::pod("default", &name, [pod.v4(), pod.v6()]).on_node(node.name());
        fixture.manifests.write(&object)?;
    }
    Ok(fixture)
}

/// Case 27: drop and a finding where it is asked for, on the node without the address too when the other one has it;
/// and with `pass` each node's own address.
pub(crate) fn while_no_node_holds_the_address_pods_are_blocked_and_with_pass_they_leave_with_their_nodes() -> Result<()>
{
    let asking = manifest::service("web").addresses([MOVING_V4]).egress();
    let fixture = two_nodes(&guarded(asking.clone()))?;
    let lab = &fixture.lab;
    let [first, second] = [&lab.nodes()[0], &lab.nodes()[1]];
    let mut here = unknown_dropped().run_on(lab, first, &fixture.manifests)?;
    let mut there = unknown_dropped().run_on(lab, second, &fixture.manifests)?;
    for (egressd, node) in [(&mut here, first), (&mut there, second)] {
        egressd.wait_until_log_has("pods-blocked")?;
        egressd.wait_until_seen(node.pod(1), OUTSIDE_V4, Seen::Nothing)?;
    }
    blocked(&mut here, &fixture)?;
    let of_first = lab.flood(first.pod(1), OUTSIDE_V4)?;
    let of_second = lab.flood(second.pod(1), OTHER_OUTSIDE_V4)?;
    lab.lead_to(second, MOVING_V4)?;
    for _ in 0..2 {
        second.hold(MOVING_V4, "lo")?;
        there.wait_until_seen(second.pod(1), OUTSIDE_V4, MOVING_V4.into())?;
        here.wait_until_seen(first.pod(1), OUTSIDE_V4, Seen::Nothing)?;
        second.release(MOVING_V4, "lo")?;
        there.wait_until_seen(second.pod(1), OUTSIDE_V4, Seen::Nothing)?;
    }
    let seen = of_first.end()?;
    ensure!(seen.is_empty(), "{} datagrams of the node without the address arrived", seen.len());
    expect_sources(of_second, &[MOVING_V4])?;
    let (_, status) = program().status(lab, &fixture.manifests, &[])?;
    ensure!(status.contains("pods-blocked") && status.contains("held-elsewhere"), "{status}");
    fixture.manifests.write(&asking.annotation_of("egressd.io", "on-unavailable", "pass"))?;
    for (egressd, node) in [(&mut here, first), (&mut there, second)] {
        egressd.wait_until_seen(node.pod(1), OUTSIDE_V4, node_v4(node.number).into())?;
    }
    here.stop()?;
    there.stop()
}
