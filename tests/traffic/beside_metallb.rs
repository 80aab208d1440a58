//! Beside MetalLB in layer 2: its addresses are on no interface, and its speaker answers for them.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use lab::addresses::{MOVING_V4, MOVING_V6, NODE_NAME, OUTSIDE_V4, OUTSIDE_V6};
use lab::manifest::{Service, l2_status, service};
use lab::neighbours::Speaker;
use lab::{Egressd, Node, Program, Protocol};

use crate::fixture::{Fixture, program};

const ADDRESSES: [IpAddr; 2] = [MOVING_V4, MOVING_V6];

/// Nothing on the node shows which one answers: egressd translates nothing, states why and names the option.
pub(crate) fn by_default_an_address_that_metallb_answers_for_is_translated_to_nowhere() -> Result<()> {
    let fixture = Fixture::on_two_nodes("web", &web())?;
    let _speaker = Speaker::start(&fixture.lab, fixture.lab.node(), &ADDRESSES)?;
    for node in fixture.lab.nodes() {
        let mut egressd = program().run_on(&fixture.lab, node, &fixture.manifests)?;
        for address in ADDRESSES {
            egressd.wait_until_log_has(&format!("nothing is translated to {address} here"))?;
        }
        egressd.wait_until_log_has("if the load balancer assigns it to no interface, see --owner")?;
        egressd.expect_seen(node.pod(1), OUTSIDE_V4, Protocol::Tcp, node.pod(1).v4())?;
        egressd.expect_seen(node.pod(1), OUTSIDE_V6, Protocol::Tcp, node.pod(1).v6())?;
        egressd.stop()?;
    }
    Ok(())
}

/// With the option, and an annotation that follows the speaker, as docs/beside.md recommends.
pub(crate) fn with_a_vip_host_the_answers_come_back_through_the_speaker() -> Result<()> {
    let fixture = Fixture::on_two_nodes("web", &web())?;
    let nodes = fixture.lab.nodes();
    let run = |node| by_vip_host().run_on(&fixture.lab, node, &fixture.manifests);
    let mut egressds: Vec<Egressd<'_>> = nodes.iter().map(run).collect::<Result<_>>()?;
    let mut speaker = None;
    for turn in 0..4 {
        let (to, from) = (&nodes[turn % 2], &nodes[(turn + 1) % 2]);
        drop(speaker.take());
        speaker = Some(Speaker::start(&fixture.lab, to, &ADDRESSES)?);
        fixture.manifests.write(&web().vip_host(to.name()))?;
        expect(&mut egressds[(turn + 1) % 2], &fixture, from, [from.pod(1).v4(), from.pod(1).v6()])?;
        expect(&mut egressds[turn % 2], &fixture, to, ADDRESSES)?;
    }
    egressds.into_iter().try_for_each(Egressd::stop)
}

/// With MetalLB's objects beside the other manifests, and no setting: the first of the two after a move is left for a
/// while, as by a speaker that has ended.
pub(crate) fn with_the_status_of_metallb_the_answers_come_back_through_the_speaker() -> Result<()> {
    let fixture = Fixture::on_two_nodes("web", &web())?;
    let nodes = fixture.lab.nodes();
    let run = |node| program().run_on(&fixture.lab, node, &fixture.manifests);
    let mut egressds: Vec<Egressd<'_>> = nodes.iter().map(run).collect::<Result<_>>()?;
    let mut speaker = None;
    for turn in 0..3_usize {
        let (to, from) = (&nodes[turn % 2], &nodes[(turn + 1) % 2]);
        drop(speaker.take());
        speaker = Some(Speaker::start(&fixture.lab, to, &ADDRESSES)?);
        fixture.manifests.write(&l2_status("web", to.name()).number(turn))?;
        expect(&mut egressds[(turn + 1) % 2], &fixture, from, [from.pod(1).v4(), from.pod(1).v6()])?;
        expect(&mut egressds[turn % 2], &fixture, to, ADDRESSES)?;
    }
    egressds.into_iter().try_for_each(Egressd::stop)
}

/// The annotation is all that egressd has: where it stays, answers reach a node that has no such connection.
pub(crate) fn a_vip_host_that_stays_behind_loses_the_answers() -> Result<()> {
    let fixture = Fixture::on_two_nodes("web", &web())?;
    fixture.manifests.write(&web().vip_host(NODE_NAME))?;
    let speaker = Speaker::start(&fixture.lab, fixture.lab.node(), &ADDRESSES)?;
    let mut egressd = by_vip_host().run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, MOVING_V4.into())?;

    drop(speaker);
    // Linux ignores announcements within a second of the last answer (`neigh/default/locktime`).
    sleep(Duration::from_millis(1_200));
    let _speaker = Speaker::start(&fixture.lab, &fixture.lab.nodes()[1], &ADDRESSES)?;
    let lost = fixture.lab.seen_from(fixture.selected(), OUTSIDE_V4, Protocol::Udp);
    let outcome = lost.map_or_else(|error| format!("{error:#}"), |seen| format!("an answer came back to {seen}"));
    ensure!(outcome.contains(&format!("arrived with source {MOVING_V4}")), "{outcome}");
    egressd.stop()
}

fn by_vip_host() -> Program {
    program().environment("EGRESSD_OWNER", "vip-host")
}

fn web() -> Service {
    service("web").addresses(ADDRESSES).egress().egress_ipv6()
}

/// Seen so and answered, over TCP, which needs every packet of both ways. Until the one that loses the address knows,
/// its answers go astray.
fn expect(egressd: &mut Egressd<'_>, fixture: &Fixture, node: &Node, seen: [IpAddr; 2]) -> Result<()> {
    for (outside, expected) in [OUTSIDE_V4, OUTSIDE_V6].into_iter().zip(seen) {
        egressd.wait_until(&format!("{} is seen as {expected}, and answered", node.name()), || {
            let seen = fixture.lab.seen_from(node.pod(1), outside, Protocol::Tcp);
            Ok(seen.is_ok_and(|seen| seen == expected.into()))
        })?;
    }
    egressd.expect_seen(node.pod(1), OUTSIDE_V4, Protocol::Icmp, seen[0])?;
    egressd.expect_seen(node.pod(1), OUTSIDE_V6, Protocol::Udp, seen[1])
}
