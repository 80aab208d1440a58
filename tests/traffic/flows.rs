//! P11: what a change makes of open connections. Each change with one UDP flow and one TCP connection that were open
//! before, kept and severed; what no rule contradicts stays as it is.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::addresses::{NODE_V4, OUTSIDE_V4};
use lab::manifest::{self, Service};
use lab::{Connection, Egressd, Flow, Pod, Protocol, Seen};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, web};

/// How long a connection is watched that is to be kept: longer than a severed one lives.
const KEPT_FOR: Duration = Duration::from_millis(700);

/// What the Service asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Keep,
    Sever,
}

/// A change after which a connection of pod 1 contradicts the rules.
struct FlowChange {
    name: &'static str,
    make: fn(&Fixture, Asked) -> Result<()>,
    /// As whom new connections are seen then.
    then: IpAddr,
}

const CHANGES: [FlowChange; 6] = [
    FlowChange { name: "another address", make: another_address, then: OTHER_V4 },
    FlowChange { name: "destination denied", make: denied, then: NODE_V4 },
    FlowChange { name: "port not selected", make: another_port, then: NODE_V4 },
    FlowChange { name: "Service deleted", make: deleted, then: NODE_V4 },
    FlowChange { name: "endpoint of another Service", make: handed_over, then: OTHER_V4 },
    FlowChange { name: "address gone from the node", make: address_gone, then: NODE_V4 },
];

fn asking(service: Service, asked: Asked) -> Service {
    match asked {
        Asked::Keep => service,
        Asked::Sever => service.annotation("flush-conntrack", "true"),
    }
}

fn another_address(fixture: &Fixture, asked: Asked) -> Result<()> {
    fixture.manifests.write(&asking(manifest::service("web").addresses([OTHER_V4]).egress(), asked))
}

fn denied(fixture: &Fixture, asked: Asked) -> Result<()> {
    let network = format!("{OUTSIDE_V4}/32");
    fixture.manifests.write(&asking(web().annotation("egress-denied-networks", &network), asked))
}

fn another_port(fixture: &Fixture, asked: Asked) -> Result<()> {
    fixture.manifests.write(&asking(web().annotation("egress-destination-ports", "tcp:1,udp:1"), asked))
}

fn deleted(fixture: &Fixture, _: Asked) -> Result<()> {
    fixture.manifests.remove(&web())
}

fn handed_over(fixture: &Fixture, _: Asked) -> Result<()> {
    fixture.manifests.write(&manifest::endpoints("web", []))?;
    fixture.manifests.write(&manifest::endpoints("other", [fixture.selected().v4(), fixture.lab.pod(2).v4()]))
}

fn address_gone(fixture: &Fixture, _: Asked) -> Result<()> {
    fixture.lab.node().release(WEB_V4, "lo")
}

/// The Service `web` in front of pod 1, and `other`, which asks for nothing, in front of pod 2.
fn fixture(asked: Asked) -> Result<Fixture> {
    let fixture = Fixture::with_web()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    fixture.manifests.write(&asking(web(), asked))?;
    fixture.manifests.write(&manifest::service("other").addresses([OTHER_V4]).egress())?;
    fixture.manifests.write(&manifest::endpoints("other", [fixture.lab.pod(2).v4()]))?;
    Ok(fixture)
}

/// One open connection of each kind.
pub(crate) struct OpenConnections {
    udp: Flow,
    tcp: Connection,
}

impl OpenConnections {
    pub(crate) fn of(fixture: &Fixture, pod: &Pod) -> Result<Self> {
        Ok(Self { udp: fixture.lab.talk(pod, OUTSIDE_V4)?, tcp: fixture.lab.connect(pod, OUTSIDE_V4)? })
    }

    /// Both live, and are seen as this address.
    pub(crate) fn expect_seen(&mut self, address: IpAddr) -> Result<()> {
        let (udp, tcp) = (self.udp.seen()?, self.tcp.seen().context("the TCP connection ended")?);
        ensure!([udp, tcp] == [Seen::from(address); 2], "UDP is seen as {udp}, TCP as {tcp}, not as {address}");
        Ok(())
    }

    pub(crate) fn expect_kept(&mut self, address: IpAddr) -> Result<()> {
        std::thread::sleep(KEPT_FOR);
        self.expect_seen(address)
    }

    /// The UDP flow goes on with this address, and the TCP connection is refused by its peer, which knows no such one.
    pub(crate) fn expect_severed(&mut self, egressd: &mut Egressd<'_>, address: IpAddr) -> Result<()> {
        let Self { udp, tcp } = self;
        egressd.wait_until("the UDP flow follows", || Ok(is_seen(udp.seen(), address)))?;
        egressd.wait_until("the TCP connection ends", || Ok(!matches!(tcp.seen(), Ok(Seen::Source(_)))))
    }
}

/// A call that is severed on its way is no answer yet.
pub(crate) fn is_seen(call: Result<Seen>, address: IpAddr) -> bool {
    call.is_ok_and(|seen| seen == Seen::from(address))
}

fn wait_for_new(fixture: &Fixture, egressd: &mut Egressd<'_>, then: IpAddr) -> Result<()> {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        egressd.wait_until(&format!("new connections are seen as {then}"), || {
            Ok(is_seen(fixture.lab.seen_from(fixture.selected(), OUTSIDE_V4, protocol), then))
        })?;
    }
    Ok(())
}

fn change(change: &FlowChange, asked: Asked) -> Result<()> {
    let fixture = fixture(asked)?;
    let mut egressd = fixture.run_until_translated()?;
    let mut open = OpenConnections::of(&fixture, fixture.selected())?;
    let mut others = OpenConnections::of(&fixture, fixture.lab.pod(2))?;
    let mut unselected = OpenConnections::of(&fixture, fixture.unselected())?;
    open.expect_seen(WEB_V4)?;
    others.expect_seen(OTHER_V4)?;
    (change.make)(&fixture, asked)?;
    wait_for_new(&fixture, &mut egressd, change.then)?;
    match asked {
        Asked::Keep => open.expect_kept(WEB_V4)?,
        Asked::Sever => open.expect_severed(&mut egressd, change.then)?,
    }
    others.expect_seen(OTHER_V4)?;
    unselected.expect_seen(NODE_V4)?;
    egressd.stop()
}

pub(crate) fn what_contradicts_a_change_is_kept_by_default() -> Result<()> {
    CHANGES.iter().try_for_each(|one| change(one, Asked::Keep).with_context(|| one.name))
}

pub(crate) fn what_contradicts_a_change_is_severed_where_that_is_asked_for_and_nothing_else() -> Result<()> {
    CHANGES.iter().try_for_each(|one| change(one, Asked::Sever).with_context(|| one.name))
}

/// What changed while no egressd ran, with the tables and the state directory that are left.
fn change_while_down(change: &FlowChange, asked: Asked) -> Result<()> {
    let fixture = fixture(asked)?;
    let egressd = fixture.run_until_translated()?;
    let mut open = OpenConnections::of(&fixture, fixture.selected())?;
    let mut others = OpenConnections::of(&fixture, fixture.lab.pod(2))?;
    open.expect_seen(WEB_V4)?;
    others.expect_seen(OTHER_V4)?;
    egressd.kill()?;
    (change.make)(&fixture, asked)?;
    let mut egressd = fixture.run()?;
    wait_for_new(&fixture, &mut egressd, change.then)?;
    match asked {
        Asked::Keep => open.expect_kept(WEB_V4)?,
        Asked::Sever => open.expect_severed(&mut egressd, change.then)?,
    }
    others.expect_seen(OTHER_V4)?;
    egressd.stop()
}

pub(crate) fn what_changed_while_no_egressd_ran_is_severed_at_the_start_where_that_is_asked_for() -> Result<()> {
    for asked in [Asked::Keep, Asked::Sever] {
        for one in &CHANGES {
            change_while_down(one, asked).with_context(|| format!("{asked:?}: {}", one.name))?;
        }
    }
    Ok(())
}

/// P16: unasked, an installation, an address that comes and a Service that begins to select a running pod end nothing.
pub(crate) fn what_begins_to_be_translated_keeps_its_open_connections_unasked() -> Result<()> {
    let fixture = fixture(Asked::Keep)?;
    let mut open = OpenConnections::of(&fixture, fixture.selected())?;
    open.expect_seen(NODE_V4)?;
    let mut egressd = fixture.run_until_translated()?;
    open.expect_kept(NODE_V4)?;

    let pod = fixture.unselected();
    let mut selected = OpenConnections::of(&fixture, pod)?;
    selected.expect_seen(NODE_V4)?;
    fixture.manifests.write(&manifest::endpoints("web", [fixture.selected().v4(), pod.v4()]))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    selected.expect_kept(NODE_V4)?;

    fixture.lab.node().release(WEB_V4, "lo")?;
    wait_for_new(&fixture, &mut egressd, NODE_V4)?;
    let mut without = OpenConnections::of(&fixture, pod)?;
    without.expect_seen(NODE_V4)?;
    fixture.lab.node().hold(WEB_V4, "lo")?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    without.expect_kept(NODE_V4)?;
    egressd.stop()
}
