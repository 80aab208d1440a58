//! What one tenant, or one node, writes changes no packet of another's pods (P1, P2, P13).

use std::net::IpAddr;

use anyhow::Result;
use lab::Egressd;
use lab::Protocol::{self, Tcp};
use lab::addresses::{
    LOAD_BALANCER_NETWORK_V4, NEIGHBOUR_V4, OUTSIDE_V4, SECOND_NODE_NAME, gateway_v4, load_balancer_v4, pod_v4_on,
};
use lab::manifest::{Manifest, Service, egress_node, endpoints, node, second_node, service};

use crate::fixture::{Fixture, WEB_V4, program, web};

const EVIL: IpAddr = load_balancer_v4(4);

/// Of another namespace, and younger than `web`.
fn attackers_service() -> Service {
    service("x").namespace("evil").created("2026-03-01T00:00:00Z").addresses([EVIL]).egress()
}

/// With `web` in front of pod 1, and in force.
fn with_victim(also: &[&dyn Manifest]) -> Result<Fixture> {
    let fixture = Fixture::new()?;
    fixture.manifests.write(&web().created("2020-01-01T00:00:00Z"))?;
    fixture.manifests.write(&fixture.web_endpoints())?;
    also.iter().try_for_each(|manifest| fixture.manifests.write(*manifest))?;
    Ok(fixture)
}

fn expect_unharmed(fixture: &Fixture, egressd: &mut Egressd<'_>) -> Result<()> {
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    for port in [80, 443] {
        egressd.expect_seen(fixture.selected(), (OUTSIDE_V4, port), Tcp, WEB_V4)?;
    }
    for protocol in Protocol::ALL {
        egressd.expect_seen(fixture.selected(), OUTSIDE_V4, protocol, WEB_V4)?;
    }
    Ok(())
}

/// P13: whatever the other Service requests, before and after a restart.
pub(crate) fn a_slice_that_lists_another_tenants_pod_does_not_take_it_over() -> Result<()> {
    let fixture = with_victim(&[])?;
    let slice = endpoints("x", [fixture.selected().v4(), fixture.lab.pod(2).v4()]).namespace("evil");
    fixture.manifests.write(&slice)?;
    for evil in [
        attackers_service(),
        attackers_service().annotation("egress-destination-ports", "tcp:80"),
        attackers_service().annotation("egress-allowed-networks", "0.0.0.0/0"),
    ] {
        fixture.manifests.write(&evil)?;
        let mut egressd = fixture.run()?;
        // The rules of the one before are in force until then.
        egressd.wait_until_log_has("service=evil/x")?;
        egressd.wait_until_seen(fixture.lab.pod(2), (OUTSIDE_V4, 80), EVIL.into())?;
        expect_unharmed(&fixture, &mut egressd)?;
        egressd.stop()?;
    }
    Ok(())
}

/// P1: the address of the pods' bridge is not a pod's, and no Node object lists it.
pub(crate) fn an_endpoint_that_is_this_nodes_interface_is_not_translated() -> Result<()> {
    let fixture = with_victim(&[&attackers_service()])?;
    let gateway = gateway_v4(1);
    fixture.manifests.write(&endpoints("x", [gateway, fixture.lab.pod(2).v4()]).namespace("evil"))?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_seen(fixture.lab.pod(2), OUTSIDE_V4, EVIL.into())?;
    egressd.wait_until_log_has("endpoint-is-this-node")?;
    let table = fixture.lab.node().namespace.nft_list("table ip kube_vip_v4")?;
    anyhow::ensure!(!table.contains(&gateway.to_string()), "{table}");
    egressd.stop()
}

/// Another node claims a pod of this one, or the Service's address.
pub(crate) fn a_node_that_claims_what_is_not_its_own_changes_no_packet() -> Result<()> {
    let fixture = with_victim(&[])?;
    let pod = fixture.selected().v4();
    let claims =
        node().name("node-evil").addresses(&[pod, WEB_V4]).pod_networks(&["0.0.0.0/0", LOAD_BALANCER_NETWORK_V4]);
    fixture.manifests.write(&claims)?;
    let mut egressd = fixture.run()?;
    expect_unharmed(&fixture, &mut egressd)?;
    egressd.wait_until_log_has("node-address-in-pod-network")?;
    egressd.wait_until_log_has("node-network-too-wide")?;
    egressd.stop()
}

/// P2: what another node publishes about itself is inside, and as long as it does. P1: it can claim no more than a
/// destination.
pub(crate) fn addresses_that_another_node_publishes_stay_inside_and_disable_no_translation() -> Result<()> {
    let second = second_node();
    let claims = [NEIGHBOUR_V4, stage_pod(), WEB_V4];
    let fixture = with_victim(&[&second, &egress_node("node-without-node", [OUTSIDE_V4])])?;
    let pod = fixture.selected();
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("egress-node-without-node")?;
    egressd.wait_until_seen(pod, NEIGHBOUR_V4, WEB_V4.into())?;
    let published = egress_node(SECOND_NODE_NAME, claims);
    fixture.manifests.write(&published)?;
    egressd.wait_until_seen(pod, NEIGHBOUR_V4, pod.v4().into())?;
    expect_unharmed(&fixture, &mut egressd)?;
    let (_, text) = program().status(&fixture.lab, &fixture.manifests, &["--inside"])?;
    let line = |text: &str| text.starts_with(&NEIGHBOUR_V4.to_string()) && text.contains("as its EgressNode says");
    anyhow::ensure!(text.lines().any(line), "{text}");
    fixture.manifests.remove(&published)?;
    egressd.wait_until_seen(pod, NEIGHBOUR_V4, WEB_V4.into())?;
    egressd.stop()
}

/// The first pod of the first node.
fn stage_pod() -> IpAddr {
    pod_v4_on(1, 1)
}

/// Reported on both, or left to the older.
pub(crate) fn an_address_of_two_tenants_is_shared_or_belongs_to_the_oldest() -> Result<()> {
    let fixture = with_victim(&[&attackers_service().addresses([WEB_V4])])?;
    let other = fixture.lab.pod(2);
    fixture.manifests.write(&endpoints("x", [other.v4()]).namespace("evil"))?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_seen(other, OUTSIDE_V4, WEB_V4.into())?;
    egressd.wait_until_log_has("shared-address")?;
    egressd.stop()?;

    let mut egressd =
        program().environment("EGRESSD_SHARED_ADDRESSES", "oldest").run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_log_has("shared-address-taken")?;
    egressd.wait_until_seen(other, OUTSIDE_V4, other.v4().into())?;
    expect_unharmed(&fixture, &mut egressd)?;
    egressd.stop()
}
