//! Which pods are translated, and to which destinations none is.

use std::net::IpAddr;

use anyhow::Result;
use lab::addresses::{
    CLUSTER_IP_V4, CLUSTER_IP_V6, NEIGHBOUR_V4, NEIGHBOUR_V6, OTHER_OUTSIDE_V4, OTHER_OUTSIDE_V6, OUTSIDE_V4,
    OUTSIDE_V6,
};
use lab::manifest::{self, Directory, endpoints};
use lab::{Egressd, Lab, Protocol};

use crate::fixture::{Fixture, WEB_V4, WEB_V6, program, web};

/// A fixture on which `web` translates pods 1 and 2 in both families, once egressd runs.
fn dual_stack() -> Result<Fixture> {
    let fixture = Fixture::new()?;
    let pods = [fixture.lab.pod(1), fixture.lab.pod(2)];
    fixture.manifests.write(&web().egress_ipv6())?;
    fixture.manifests.write(&endpoints("web", pods.map(|pod| pod.v4())))?;
    fixture.manifests.write(&endpoints("web", pods.map(|pod| pod.v6())))?;
    Ok(fixture)
}

/// Runs egressd and waits until both families are translated.
fn run(fixture: &Fixture) -> Result<Egressd<'_>> {
    let mut egressd = fixture.run_until_translated()?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V6, WEB_V6.into())?;
    Ok(egressd)
}

/// P1.
pub(crate) fn every_endpoint_is_translated_over_every_protocol_in_both_families() -> Result<()> {
    let fixture = dual_stack()?;
    let egressd = run(&fixture)?;
    for pod in [fixture.lab.pod(1), fixture.lab.pod(2)] {
        for protocol in Protocol::ALL {
            for outside in [OUTSIDE_V4, OTHER_OUTSIDE_V4, NEIGHBOUR_V4] {
                egressd.expect_seen(pod, outside, protocol, WEB_V4)?;
            }
            for outside in [OUTSIDE_V6, OTHER_OUTSIDE_V6, NEIGHBOUR_V6] {
                egressd.expect_seen(pod, outside, protocol, WEB_V6)?;
            }
        }
    }
    egressd.stop()
}

/// P1.
pub(crate) fn a_pod_that_no_service_selects_is_untouched() -> Result<()> {
    let fixture = dual_stack()?;
    let egressd = run(&fixture)?;
    let pod = fixture.unselected();
    for protocol in Protocol::ALL {
        egressd.expect_seen(pod, OUTSIDE_V4, protocol, pod.v4())?;
        egressd.expect_seen(pod, OUTSIDE_V6, protocol, pod.v6())?;
    }
    egressd.stop()
}

/// P1: only the endpoints of this node are this node's to translate.
pub(crate) fn an_endpoint_on_another_node_is_not_translated_here() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let elsewhere = fixture.lab.pod(2);
    fixture.manifests.write(&manifest::service("far").addresses([WEB_V4]).egress())?;
    fixture.manifests.write(&endpoints("far", [elsewhere.v4()]).on_node("node-2"))?;
    let egressd = fixture.run_until_translated()?;
    egressd.expect_seen(elsewhere, OUTSIDE_V4, Protocol::Tcp, elsewhere.v4())?;
    egressd.stop()
}

/// P1.
pub(crate) fn a_service_without_the_annotation_gets_no_snat() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let pod = fixture.lab.pod(2);
    fixture.manifests.write(&manifest::service("plain").addresses([WEB_V4]))?;
    fixture.manifests.write(&endpoints("plain", [pod.v4()]))?;
    let egressd = fixture.run_until_translated()?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, pod.v4())?;
    egressd.stop()
}

/// P2.
pub(crate) fn pods_reach_each_other_untranslated() -> Result<()> {
    let fixture = dual_stack()?;
    let egressd = run(&fixture)?;
    let caller = fixture.selected();
    for called in [fixture.lab.pod(2), fixture.unselected()] {
        for protocol in Protocol::ALL {
            egressd.expect_seen(caller, called.v4(), protocol, caller.v4())?;
            egressd.expect_seen(caller, called.v6(), protocol, caller.v6())?;
        }
    }
    egressd.stop()
}

/// P2: the destination that the pod called counts, not the one after DNAT.
pub(crate) fn a_cluster_ip_is_untranslated_even_when_its_endpoint_is_outside() -> Result<()> {
    let fixture = dual_stack()?;
    let endpoints: [(IpAddr, IpAddr); 2] = [(CLUSTER_IP_V4, OUTSIDE_V4), (CLUSTER_IP_V6, OUTSIDE_V6)];
    for (cluster_ip, outside) in endpoints {
        fixture.lab.node().forward_like_kube_proxy((cluster_ip, 80).into(), (outside, 8080).into())?;
    }
    let egressd = run(&fixture)?;
    let pod = fixture.selected();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        egressd.expect_seen(pod, (CLUSTER_IP_V4, 80), protocol, pod.v4())?;
        egressd.expect_seen(pod, (CLUSTER_IP_V6, 80), protocol, pod.v6())?;
        egressd.expect_seen(pod, OUTSIDE_V4, protocol, WEB_V4)?;
    }
    egressd.stop()
}

/// P2: without known networks it is unknown what stays in the cluster. IPv4 has well-known ones.
pub(crate) fn ipv6_is_untranslated_until_its_networks_are_known() -> Result<()> {
    let lab = Lab::builder().pods(1).build()?;
    let pod = lab.pod(1);
    let manifests =
        Directory::with(&[&web().egress_ipv6(), &endpoints("web", [pod.v4()]), &endpoints("web", [pod.v6()])])?;
    let mut egressd = program().run(&lab, &manifests)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    egressd.expect_seen(pod, OUTSIDE_V6, Protocol::Tcp, pod.v6())?;

    manifests.write(&manifest::node())?;
    manifests.write(&manifest::service_networks())?;
    egressd.wait_until_seen(pod, OUTSIDE_V6, WEB_V6.into())?;
    egressd.stop()
}
