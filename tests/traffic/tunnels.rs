//! What is left of a tunnel to other nodes: it goes with `egressd clean` and with a start without one, and what is not
//! egressd's stays.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use egressd_core::compile::{Instance, InstanceName};
use egressd_core::net::{Family, GatewayIndex, TunnelMarks};
use egressd_core::node::{
    MtuLimits, Part as _, Tunnel, TunnelKind, TunnelMaker, TunnelMtu, TunnelSettings, TunnelState, TunnelWays,
};
use lab::addresses::OUTSIDE_V4;
use lab::{Protocol, Unsupported, output_of};

use crate::fixture::{Fixture, WEB_V4, program};

/// A tunnel as an egressd makes it, to one gateway.
fn tunnel(instance: &Instance) -> Result<TunnelState> {
    let kind = TunnelKind::VxlanGpe;
    let limits = MtuLimits { uplink: 1500, outer: Family::Ipv4, pods: None };
    let settings = TunnelSettings {
        kind,
        port: 4790.try_into()?,
        mtu: TunnelMtu::within(limits, kind).context("an MTU")?,
        marks: TunnelMarks::DEFAULT,
        maker: TunnelMaker::of(&instance.tables()),
    };
    let gateways = [(GatewayIndex::new(1).context("a number")?, Some("192.168.7.2".parse()?))].into();
    let ways = TunnelWays { gateways, homes: BTreeMap::new() };
    Ok(TunnelState::of(&settings, &Family::ALL.map(|family| (family, ways.clone())).into()))
}

fn run(fixture: &Fixture, commands: &str) -> Result<String> {
    output_of(fixture.lab.node().namespace.command("sh").args(["-ec", commands]))
}

/// Leaves what a process left that ended.
fn leave(fixture: &Fixture, instance: &Instance) -> Result<usize> {
    run(fixture, "ip link add lab_probe type vxlan external gpe dstport 4999 && ip link del lab_probe")
        .map_err(|_| Unsupported("this kernel has no VXLAN".to_owned()))?;
    let tunnel = tunnel(instance)?;
    run(fixture, &Tunnel::text(&tunnel))?;
    Ok(tunnel.objects())
}

/// What there is of one.
fn left(fixture: &Fixture) -> Result<String> {
    run(
        fixture,
        "ip rule; ip -6 rule; for family in -4 -6; do for table in 1162280961 1162281086; do
           ip $family route show table $table 2>/dev/null || true
         done; done; ip -o link show egressd0 2>/dev/null || true",
    )
}

fn is_gone(fixture: &Fixture) -> Result<bool> {
    let left = left(fixture)?;
    Ok(!left.contains("proto 69") && !left.contains("vxlan") && !left.contains("egressd0"))
}

fn clean(fixture: &Fixture, arguments: &[&str]) -> Result<String> {
    let output = program().output(&fixture.lab, &[&["clean"], arguments].concat())?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// P5 for a tunnel, with its device and after that was deleted.
pub(crate) fn what_is_left_of_a_tunnel_goes_with_clean() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let objects = leave(&fixture, &Instance::Default)?;
    let named = format!("tunnel to other nodes ({objects} objects)");
    let shown = clean(&fixture, &["--dry-run"])?;
    ensure!(shown == format!("would remove {named}\n"), "{shown}");
    ensure!(left(&fixture)?.contains("proto 69"), "a dry run changes something");
    let removed = clean(&fixture, &[])?;
    ensure!(removed == format!("removed {named}\n"), "{removed}");
    ensure!(is_gone(&fixture)?, "{}", left(&fixture)?);
    ensure!(clean(&fixture, &[])? == "nothing to remove\n");
    leave(&fixture, &Instance::Default)?;
    run(&fixture, "ip link del egressd0; ip link add egressd0 type bridge; ip rule add pref 310 lookup main")?;
    clean(&fixture, &[])?;
    let left = left(&fixture)?;
    ensure!(!left.contains("proto 69") && left.contains("egressd0") && left.contains("310:"), "{left}");
    Ok(())
}

/// A node whose tunnel was turned off, or whose egressd is of a release without one that knows of it.
pub(crate) fn what_is_left_of_a_tunnel_goes_with_a_start_without_one() -> Result<()> {
    let fixture = Fixture::with_web()?;
    leave(&fixture, &Instance::Default)?;
    let mut egressd = fixture.run_until_translated()?;
    egressd.wait_until("nothing of a tunnel is left", || is_gone(&fixture))?;
    egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Udp, WEB_V4)?;
    ensure!(!egressd.log().contains("tunnel-"), "{}", egressd.log());
    egressd.stop()
}

/// There is one in a network namespace, and it is of the egressd that made its device.
pub(crate) fn the_tunnel_of_another_egressd_stays() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let theirs = Instance::Named(InstanceName::new("blue").context("a name")?);
    leave(&fixture, &theirs)?;
    let before = left(&fixture)?;
    let egressd = fixture.run_until_translated()?;
    egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Udp, WEB_V4)?;
    egressd.stop()?;
    ensure!(!clean(&fixture, &[])?.contains("tunnel"));
    ensure!(left(&fixture)? == before, "{}", left(&fixture)?);
    let removed = clean(&fixture, &["--instance-name=blue"])?;
    ensure!(removed.contains("tunnel to other nodes") && is_gone(&fixture)?, "{removed}");
    Ok(())
}
