//! Which node translates: the one that holds the address.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lab::addresses::{MOVING_V4, MOVING_V6, NODE_NAME, OUTSIDE_V4, OUTSIDE_V6, SECOND_NODE_NAME};
use lab::manifest::{self, Service, endpoints};
use lab::{Call, Destination, Egressd, Lab, Node, Pod, Protocol, Seen};

use crate::fixture::{Fixture, WEB_V4, WEB_V6, program, web};

/// The promised delay after an address was added or removed.
const MOVE_LATENCY_LIMIT: Duration = Duration::from_secs(1);

/// Time between two moves, so that there are calls to evaluate.
const MOVE_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) fn an_address_is_translated_to_while_an_interface_has_it() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (pod, node) = (fixture.selected(), fixture.lab.node());
    let egressd = fixture.run_until_translated()?;
    for _ in 0..3 {
        node.release(WEB_V4, "lo")?;
        at_once(&egressd, &fixture.lab, pod, pod.v4())?;
        node.hold(WEB_V4, "up0")?;
        at_once(&egressd, &fixture.lab, pod, WEB_V4)?;
        node.hold(WEB_V4, "lo")?;
        node.release(WEB_V4, "up0")?;
        egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Udp, WEB_V4)?;
    }
    ensure!(egressd.log().contains("held-elsewhere"), "nothing was reported\n{}", egressd.circumstances());
    egressd.stop()
}

pub(crate) fn one_familys_address_may_be_removed_while_the_other_stays() -> Result<()> {
    let fixture = Fixture::new()?;
    let pod = fixture.selected();
    for endpoints in [endpoints("web", [pod.v4()]), endpoints("web", [pod.v6()])] {
        fixture.manifests.write(&endpoints)?;
    }
    fixture.manifests.write(&web().egress_ipv6())?;
    let mut egressd = fixture.run_until_translated()?;
    egressd.wait_until_seen(pod, OUTSIDE_V6, WEB_V6.into())?;

    fixture.lab.node().release(WEB_V6, "lo")?;
    at_once(&egressd, &fixture.lab, pod, pod.v6())?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    egressd.stop()
}

/// P6: addresses that are not read yet do not count as removed.
pub(crate) fn a_restart_while_the_address_is_held_changes_no_packet() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let tally = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Udp, || {
        for _ in 0..3 {
            egressd.kill()?;
            egressd = fixture.run()?;
            egressd.wait_until_log_has("state=translating")?;
        }
        egressd.stop()
    })?;
    crate::fixture::expect_only(&tally, WEB_V4)
}

pub(crate) fn addresses_on_the_ipvs_interface_alone_do_not_count() -> Result<()> {
    let fixture = with_moving(moving_service())?;
    let (pod, node) = (fixture.selected(), fixture.lab.node());
    // Really a dummy interface, which not every kernel has; the name is what counts.
    node.namespace.ip("link add kube-ipvs0 type bridge")?;
    node.hold(MOVING_V4, "kube-ipvs0")?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("held-elsewhere")?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Udp, pod.v4())?;

    node.hold(MOVING_V4, "up0")?;
    fixture.lab.lead_to(node, MOVING_V4)?;
    at_once(&egressd, &fixture.lab, pod, MOVING_V4)?;
    node.release(MOVING_V4, "up0")?;
    at_once(&egressd, &fixture.lab, pod, pod.v4())?;
    egressd.stop()
}

/// The default: the interface has it, and no source says that another node does.
pub(crate) fn a_vip_host_that_names_another_node_is_accepted() -> Result<()> {
    let fixture = with_moving(moving_service().vip_host(SECOND_NODE_NAME))?;
    let pod = fixture.selected();
    fixture.lab.node().hold(MOVING_V4, "up0")?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("kube-vip.io/vipHost names node node-2")?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Udp, pod.v4())?;

    fixture.manifests.write(&moving_service().vip_host(NODE_NAME))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, MOVING_V4.into())?;
    egressd.stop()
}

pub(crate) fn by_address_a_vip_host_that_is_another_node_is_ignored() -> Result<()> {
    let fixture = with_moving(moving_service().vip_host(SECOND_NODE_NAME))?;
    let (pod, node) = (fixture.selected(), fixture.lab.node());
    node.hold(MOVING_V4, "up0")?;
    let mut egressd = program().environment("EGRESSD_OWNER", "address").run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, MOVING_V4.into())?;
    node.release(MOVING_V4, "up0")?;
    at_once(&egressd, &fixture.lab, pod, pod.v4())?;
    egressd.stop()
}

pub(crate) fn by_vip_host_the_named_node_translates_without_an_interface_that_has_it() -> Result<()> {
    let fixture = with_moving(moving_service())?;
    let pod = fixture.selected();
    let mut egressd = program().environment("EGRESSD_OWNER", "vip-host").run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_log_has("kube-vip.io/vipHost is not set yet")?;
    fixture.manifests.write(&moving_service().vip_host(NODE_NAME))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, MOVING_V4.into())?;
    fixture.manifests.write(&moving_service().vip_host(SECOND_NODE_NAME))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, pod.v4().into())?;
    egressd.stop()
}

pub(crate) fn with_any_every_node_translates() -> Result<()> {
    let fixture = with_moving(moving_service().vip_host(SECOND_NODE_NAME))?;
    let mut egressd = program().environment("EGRESSD_OWNER", "any").run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, MOVING_V4.into())?;
    egressd.stop()
}

/// The kernel drops messages that do not fit into a socket; the listener only learns that some are missing.
pub(crate) fn lost_notifications_are_recovered() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (pod, node) = (fixture.selected(), fixture.lab.node());
    let egressd = fixture.run_until_translated()?;
    egressd.paused(|| {
        let noise = "addr add 11.0.0.99/32 dev lo\naddr del 11.0.0.99/32 dev lo\n".repeat(10_000);
        node.namespace.ip(&noise)?;
        node.release(WEB_V4, "lo")
    })?;
    at_once(&egressd, &fixture.lab, pod, pod.v4())?;
    node.hold(WEB_V4, "lo")?;
    at_once(&egressd, &fixture.lab, pod, WEB_V4)?;
    egressd.stop()
}

pub(crate) fn an_ipv6_address_counts_when_no_other_machine_has_it() -> Result<()> {
    let fixture = with_moving(moving_service())?;
    let (pod, node) = (fixture.selected(), fixture.lab.node());
    fixture.lab.lead_to(node, MOVING_V6)?;
    node.detect_duplicates()?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("held-elsewhere")?;

    node.namespace.ip(&format!("addr add {MOVING_V6}/128 dev up0"))?;
    egressd.wait_until_log_has("address-tentative")?;
    egressd.wait_until_seen(pod, OUTSIDE_V6, MOVING_V6.into())?;

    node.release(MOVING_V6, "up0")?;
    at_once(&egressd, &fixture.lab, pod, pod.v6())?;
    fixture.lab.outside().namespace.ip(&format!("addr add {MOVING_V6}/128 dev lan0 nodad"))?;
    node.namespace.ip(&format!("addr add {MOVING_V6}/128 dev up0"))?;
    egressd.wait_until_log_has("address-duplicate")?;
    egressd.expect_seen(pod, OUTSIDE_V6, Protocol::Udp, pod.v6())?;
    egressd.stop()
}

pub(crate) fn plan_reads_the_interfaces_once() -> Result<()> {
    let fixture = with_moving(moving_service())?;
    let directory = fixture.manifests.path();
    let plan = |options: &[&str]| -> Result<String> {
        let (state, directory) = (fixture.manifests.state(), directory.to_string_lossy());
        let state = state.to_string_lossy();
        let arguments = ["plan", "--node", NODE_NAME, "--manifests", &directory, "--state-dir", &state];
        let output = program().output(&fixture.lab, &[&arguments, options].concat())?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    };
    let expect = |printed: String, text: &str| {
        ensure!(printed.contains(text), "no {text:?} in:\n{printed}");
        Ok(())
    };
    expect(plan(&[])?, "nothing is translated on this node")?;
    expect(plan(&[])?, "[held-elsewhere]")?;
    expect(plan(&["--owner", "any"])?, "default/moving")?;
    fixture.lab.node().hold(MOVING_V4, "up0")?;
    expect(plan(&[])?, &MOVING_V4.to_string())
}

/// Measures: both nodes' pods call repeatedly, each call a new connection with its time. After every
/// move a node's calls change their source within a second and never back, until the address comes or goes again: so
/// no connection that begins later has an address which its node does not hold. Those that begin in the moment between
/// the kernel's change and ours cannot be avoided, since the kernel reports it afterwards.
pub(crate) fn an_address_that_moves_between_two_nodes_is_translated_to_where_it_is() -> Result<()> {
    let fixture = two_nodes()?;
    let lab = &fixture.lab;
    let mut egressds: Vec<Egressd<'_>> =
        lab.nodes().iter().map(|node| program().run_on(lab, node, &fixture.manifests)).collect::<Result<_>>()?;
    for egressd in &mut egressds {
        egressd.wait_until_log_has("held-elsewhere")?;
    }
    let [first, second] = lab.nodes() else { anyhow::bail!("the lab has two nodes") };
    let ((moves, of_second), of_first) = lab.calls_during(first.pod(1), OUTSIDE_V4, Protocol::Udp, || {
        lab.calls_during(second.pod(1), OUTSIDE_V4, Protocol::Udp, || move_between_nodes(lab, &mut egressds))
    })?;
    let slowest =
        [expect_no_way_back(first.pod(1), &of_first, &moves)?, expect_no_way_back(second.pod(1), &of_second, &moves)?];
    let slowest = slowest.into_iter().max().unwrap_or_default();
    ensure!(slowest < MOVE_LATENCY_LIMIT, "the slowest of {} changes took {slowest:?}", moves.len());
    egressds.into_iter().try_for_each(Egressd::stop)
}

/// From `at` on a node holds the address, or does not; at `shown` its calls show it.
struct AddressMove {
    at: Instant,
    shown: Instant,
    node: u8,
    source: Seen,
}

/// Twenty times from one node to the other; the first has it first.
fn move_between_nodes(lab: &Lab, egressds: &mut [Egressd<'_>]) -> Result<Vec<AddressMove>> {
    let mut moves = Vec::new();
    for turn in 0..20 {
        let (node, egressd) = (&lab.nodes()[turn % 2], &mut egressds[turn % 2]);
        lab.lead_to(node, MOVING_V4)?;
        moves.push(moved(lab, node, egressd, MOVING_V4.into())?);
        moves.push(moved(lab, node, egressd, node.pod(1).v4().into())?);
    }
    Ok(moves)
}

/// Puts the address on the node, or takes it away, as its source is to show.
fn moved(lab: &Lab, node: &Node, egressd: &mut Egressd<'_>, source: Seen) -> Result<AddressMove> {
    let at = Instant::now();
    if source == MOVING_V4.into() {
        node.hold(MOVING_V4, "up0")?
    } else {
        node.release(MOVING_V4, "up0")?
    }
    // Not TCP: it repeats a lost SYN after a second, which would distort the measurement.
    egressd.wait_until("the move shows", || Ok(lab.seen_from(node.pod(1), OUTSIDE_V4, Protocol::Udp)? == source))?;
    let shown = Instant::now();
    thread::sleep(MOVE_INTERVAL);
    Ok(AddressMove { at, shown, node: node.number, source })
}

/// The longest time from a move to the call that shows it. Whatever begins later, and before the next move, has to
/// show it too.
fn expect_no_way_back(pod: &Pod, calls: &[Call], moves: &[AddressMove]) -> Result<Duration> {
    let moves: Vec<&AddressMove> = moves.iter().filter(|moved| moved.node == pod.node).collect();
    ensure!(moves.len() == 20, "{} moves", moves.len());
    let (mut slowest, mut looked_at) = (Duration::ZERO, 0);
    for (index, moved) in moves.iter().enumerate() {
        let next = moves.get(index + 1).map_or_else(Instant::now, |next| next.at);
        for call in calls.iter().filter(|call| call.begun >= moved.shown && call.ended <= next) {
            looked_at += 1;
            ensure!(call.seen == moved.source, "node {}, move {index} shows {}: {call:?}", pod.node, moved.source);
        }
        slowest = slowest.max(moved.shown - moved.at);
    }
    ensure!(looked_at >= moves.len(), "only {looked_at} calls to look at");
    Ok(slowest)
}

fn two_nodes() -> Result<Fixture> {
    let lab = Lab::builder().pods(1).two_nodes().build()?;
    let fixture = Fixture::in_lab(lab)?;
    fixture.manifests.write(&manifest::second_node())?;
    for node in fixture.lab.nodes() {
        fixture.manifests.write(&endpoints("moving", [node.pod(1).v4()]).on_node(node.name()))?;
    }
    fixture.manifests.write(&moving_service())?;
    Ok(fixture)
}

/// A Service with addresses that no node holds yet.
fn moving_service() -> Service {
    manifest::service("moving").addresses([MOVING_V4, MOVING_V6]).egress().egress_ipv6()
}

/// With the Service in front of pod 1, and the outside's answers coming to the node.
fn with_moving(service: Service) -> Result<Fixture> {
    let fixture = Fixture::new()?;
    let pod = fixture.selected();
    for endpoints in [endpoints("moving", [pod.v4()]), endpoints("moving", [pod.v6()])] {
        fixture.manifests.write(&endpoints)?;
    }
    fixture.manifests.write(&service)?;
    Ok(fixture)
}

/// That a pod's calls are seen as expected in less than a second from now.
fn at_once(egressd: &Egressd<'_>, lab: &Lab, pod: &Pod, expected: IpAddr) -> Result<()> {
    let begun = Instant::now();
    let destination: Destination = if expected.is_ipv4() { OUTSIDE_V4 } else { OUTSIDE_V6 }.into();
    loop {
        let seen = lab.seen_from(pod, destination, Protocol::Udp)?;
        if seen == expected.into() {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < MOVE_LATENCY_LIMIT,
            "after {:?} still seen as {seen}, not as {expected}\n{}",
            begun.elapsed(),
            egressd.circumstances()
        );
    }
}
