//! P1 where packets leave the node by another device than an Ethernet one.

use anyhow::Result;
use lab::addresses::{OUTSIDE_V4, OUTSIDE_V6, PORT};
use lab::{Protocol, Uplink};

use crate::fixture::{Fixture, WEB_V4, WEB_V6, web};

pub(crate) fn behind_a_vlan_sources_are_as_behind_a_cable() -> Result<()> {
    as_behind_a_cable(Uplink::Vlan)
}

pub(crate) fn behind_a_bond_sources_are_as_behind_a_cable() -> Result<()> {
    as_behind_a_cable(Uplink::Bond)
}

pub(crate) fn behind_wireguard_sources_are_as_behind_a_cable() -> Result<()> {
    as_behind_a_cable(Uplink::WireGuard)
}

fn as_behind_a_cable(uplink: Uplink) -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.lab.lead_over(uplink)?;
    let egressd = fixture.run_in_both_families(&web().egress_ipv6(), PORT)?;
    let (pod, other) = (fixture.selected(), fixture.unselected());
    for protocol in Protocol::ALL {
        egressd.expect_seen(pod, OUTSIDE_V4, protocol, WEB_V4)?;
        egressd.expect_seen(pod, OUTSIDE_V6, protocol, WEB_V6)?;
        egressd.expect_seen(other, OUTSIDE_V4, protocol, other.v4())?;
        egressd.expect_seen(other, OUTSIDE_V6, protocol, other.v6())?;
    }
    let sent = fixture.lab.node().packets_from("over0")?;
    anyhow::ensure!(sent > 0, "nothing came back over the device");
    egressd.stop()
}
