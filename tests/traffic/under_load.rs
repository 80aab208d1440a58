//! P3 and P6 under load: a pod makes new connections as fast as it can while everything around it changes.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::manifest::{self, Service};
use lab::{Egressd, Flood, Pod, Program, Seen};

use crate::changes::expect_exact;
use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program, web};
use crate::history::History;

/// The variants of `web`: plain, and restricted in ways that all include the outside host.
fn variant(turn: usize, address: IpAddr) -> Service {
    let web = manifest::service("web").addresses([address]).egress();
    match turn % 5 {
        0 => web,
        1 => web.annotation("egress-allowed-networks", "172.18.0.0/24"),
        2 => web.annotation("egress-allowed-networks", "172.18.0.1,172.19.0.0/16"),
        3 => web.annotation("egress-denied-networks", "172.19.0.0/16"),
        _ => web.annotation("egress-destination-ports", "udp:9000-9999,tcp:1-65535"),
    }
}

/// Services that come and go beside it, each with an endpoint of its own.
fn neighbours(fixture: &Fixture, turn: usize) -> Result<()> {
    let name = format!("neighbour-{}", turn % 7);
    let last = u8::try_from(100 + turn % 7)?;
    let endpoints = manifest::endpoints(&name, [IpAddr::from([10, 0, 0, last])]);
    if (turn / 7).is_multiple_of(2) {
        fixture.manifests.write(&manifest::service(&name).addresses([OTHER_V4]).egress())?;
        fixture.manifests.write(&endpoints)
    } else {
        fixture.manifests.remove(&manifest::service(&name))
    }
}

fn wait_until_seen(egressd: &mut Egressd<'_>, pod: &Pod, address: IpAddr) -> Result<()> {
    egressd.wait_until_seen(pod, OUTSIDE_V4, Seen::from(address))
}

/// P3.
pub(crate) fn a_hundred_thousand_connections_have_a_source_that_was_valid_at_the_time() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let flood = fixture.lab.flood(fixture.selected(), OUTSIDE_V4)?;
    let mut history = History::beginning_as(WEB_V4);
    let mut turn = 0;
    while flood.position() < 100_000 {
        neighbours(&fixture, turn)?;
        let address = if turn.is_multiple_of(2) { OTHER_V4 } else { WEB_V4 };
        let begun = flood.position();
        fixture.manifests.write(&variant(turn, address))?;
        wait_until_seen(&mut egressd, fixture.selected(), address)?;
        history.changed_to(address, [begun, flood.position()]);
        turn += 1;
    }
    end(flood, &history)?;
    expect_exact(&fixture)?;
    ensure!(turn >= 20, "only {turn} changes were made");
    Ok(())
}

/// P6.
pub(crate) fn restarts_and_kill_9_under_load_change_no_packet() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let flood = fixture.lab.flood(fixture.selected(), OUTSIDE_V4)?;
    for turn in 0..3 {
        egressd.stop()?;
        egressd = restarted(&program(), &fixture, turn)?;
        egressd.kill()?;
        egressd = restarted(&program(), &fixture, turn)?;
    }
    end(flood, &History::beginning_as(WEB_V4))?;
    expect_exact(&fixture)
}

/// P3, P6: the chain moves to another hook, and back to the default.
pub(crate) fn another_priority_after_a_restart_under_load_changes_no_packet() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let flood = fixture.lab.flood(fixture.selected(), OUTSIDE_V4)?;
    for (turn, priority) in ["70", "-199", "99", "0", "-1", "90"].into_iter().enumerate() {
        egressd.kill()?;
        egressd = restarted(&program().environment("EGRESSD_PRIORITY", priority), &fixture, turn)?;
        let chains = fixture.lab.node().ruleset()?;
        let places = chains.lines().filter(|line| line.contains("type nat hook postrouting"));
        ensure!(places.count() == 2, "one chain in each family at priority {priority}:\n{chains}");
    }
    end(flood, &History::beginning_as(WEB_V4))?;
    expect_exact(&fixture)
}

/// A start that has taken everything over: it makes a change.
fn restarted<'fixture>(program: &Program, fixture: &'fixture Fixture, turn: usize) -> Result<Egressd<'fixture>> {
    let mut egressd = program.run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_log_has("running")?;
    let (pod, address) = (fixture.lab.pod(2), [WEB_V4, OTHER_V4][turn % 2]);
    fixture.manifests.write(&manifest::service("other").addresses([address]).egress())?;
    fixture.manifests.write(&manifest::endpoints("other", [pod.v4()]))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, address.into())?;
    Ok(egressd)
}

/// A pod's address goes over to another Service's pod, and back.
pub(crate) fn an_address_that_moves_to_another_service_is_never_seen_with_the_old_one() -> Result<()> {
    let fixture = Fixture::new()?;
    let pod = fixture.selected().v4();
    // In one file, so that there is no moment in which the pod belongs to no Service.
    let give = |to, from| {
        let (with, without) = (manifest::endpoints(to, [pod]), manifest::endpoints(from, []));
        fixture.manifests.write_together("endpoints.yaml", &[&with, &without])
    };
    fixture.manifests.write(&web())?;
    fixture.manifests.write(&manifest::service("other").addresses([OTHER_V4]).egress())?;
    give("web", "other")?;
    let mut egressd = fixture.run_until_translated()?;
    let flood = fixture.lab.flood(fixture.selected(), OUTSIDE_V4)?;
    let mut history = History::beginning_as(WEB_V4);
    for turn in 0..10 {
        let (from, to, address) = if turn % 2 == 0 { ("web", "other", OTHER_V4) } else { ("other", "web", WEB_V4) };
        let begun = flood.position();
        give(to, from)?;
        wait_until_seen(&mut egressd, fixture.selected(), address)?;
        history.changed_to(address, [begun, flood.position()]);
    }
    end(flood, &history)?;
    expect_exact(&fixture)
}

fn end(flood: Flood, history: &History) -> Result<()> {
    let sent = flood.position();
    history.expect_right(&flood.end()?, sent)
}
