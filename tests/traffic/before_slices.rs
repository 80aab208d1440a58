//! Where the node's pods are known, a pod that a Service selects is translated before a slice lists it (P12): for two
//! seconds, and then only if one does.

use std::time::Duration;

use anyhow::{Result, ensure};
use lab::addresses::{NODE_V4, OUTSIDE_V4};
use lab::manifest::{self, EndpointSlice, PodObject, Service};
use lab::{Lab, Pod, Protocol, Seen};

use crate::fail_closed::{expect_sources, guarded};
use crate::fixture::{Fixture, WEB_V4, web};

/// Datagrams that leave before a slice lists their pod.
const DATAGRAMS: u32 = 1_000;

/// Longer than a pod is an endpoint without a slice.
const LONGER: Duration = Duration::from_secs(3);

fn selecting(service: Service) -> Service {
    service.selecting("app", "web").families(&["IPv4"])
}

fn object(lab: &Lab, number: u8, app: &str) -> PodObject {
    manifest::pod("default", &format!("pod-{number}"), [lab.pod(number).v4()]).label("app", app)
}

fn listed(pods: &[&Pod]) -> EndpointSlice {
    manifest::endpoints("web", pods.iter().map(|pod| pod.v4())).by_controller()
}

/// A Service that selects pods by their label, without any slice, on a node whose pods are known. Beside it stands a
/// masquerade like a CNI's.
fn fixture(service: Service) -> Result<Fixture> {
    let fixture = Fixture::new()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    fixture.manifests.write(&selecting(service))?;
    fixture.manifests.write(&object(&fixture.lab, 3, "batch"))?;
    Ok(fixture)
}

pub(crate) fn a_pod_is_translated_before_a_slice_lists_it_and_after_two_seconds_only_if_one_does() -> Result<()> {
    let fixture = fixture(web())?;
    let (lab, new) = (&fixture.lab, fixture.lab.pod(2));
    let mut egressd = fixture.run()?;
    fixture.manifests.write(&listed(&[lab.pod(1)]))?;
    fixture.manifests.write(&object(lab, 1, "web"))?;
    egressd.wait_until_seen(lab.pod(1), OUTSIDE_V4, WEB_V4.into())?;

    fixture.manifests.write(&object(lab, 2, "web"))?;
    egressd.wait_until_seen(new, OUTSIDE_V4, WEB_V4.into())?;
    egressd.wait_until_seen(new, OUTSIDE_V4, NODE_V4.into())?;
    // An update of the same pod does not bring it back; that it was read shows one that comes behind it.
    fixture.manifests.write(&object(lab, 2, "web").label("more", "labels"))?;
    fixture.manifests.write(&object(lab, 3, "web"))?;
    egressd.wait_until_seen(fixture.unselected(), OUTSIDE_V4, WEB_V4.into())?;
    egressd.expect_seen(new, OUTSIDE_V4, Protocol::Udp, NODE_V4)?;
    fixture.manifests.write(&object(lab, 3, "batch"))?;
    fixture.manifests.write(&listed(&[lab.pod(1), new]))?;
    egressd.wait_until_seen(new, OUTSIDE_V4, WEB_V4.into())?;
    egressd.wait_until_seen(fixture.unselected(), OUTSIDE_V4, NODE_V4.into())?;
    egressd.stop()
}

/// And a pod whose labels match no more leaves as any other at once.
pub(crate) fn no_packet_changes_its_source_when_the_slice_arrives() -> Result<()> {
    let fixture = fixture(web())?;
    let (lab, new) = (&fixture.lab, fixture.lab.pod(2));
    let mut egressd = fixture.run()?;
    fixture.manifests.write(&object(lab, 2, "web"))?;
    egressd.wait_until_seen(new, OUTSIDE_V4, WEB_V4.into())?;
    let flood = lab.flood(new, OUTSIDE_V4)?;
    flood.wait_until_sent(DATAGRAMS)?;
    fixture.manifests.write(&listed(&[new]))?;
    std::thread::sleep(LONGER);
    expect_sources(flood, &[WEB_V4])?;

    // Nothing lists this one.
    fixture.manifests.write(&object(lab, 1, "web"))?;
    egressd.wait_until_seen(lab.pod(1), OUTSIDE_V4, WEB_V4.into())?;
    fixture.manifests.write(&object(lab, 1, "batch"))?;
    egressd.wait_until_seen(lab.pod(1), OUTSIDE_V4, NODE_V4.into())?;
    egressd.stop()
}

/// With `drop` its first packet has the Service's address, where without a slice it was dropped before.
pub(crate) fn a_guarded_pod_leaves_with_the_services_address_from_the_first_packet_on() -> Result<()> {
    let fixture = fixture(guarded(web()))?;
    let (lab, new) = (&fixture.lab, fixture.lab.pod(2));
    let mut egressd = fixture.run()?;
    fixture.manifests.write(&object(lab, 2, "web"))?;
    egressd.wait_until_seen(new, OUTSIDE_V4, WEB_V4.into())?;
    fixture.manifests.write(&listed(&[new]))?;
    std::thread::sleep(LONGER);
    egressd.expect_seen(new, OUTSIDE_V4, Protocol::Udp, WEB_V4)?;
    fixture.manifests.write(&listed(&[]))?;
    egressd.wait_until("nothing of the pod leaves", || {
        Ok(lab.seen_from(new, OUTSIDE_V4, Protocol::Udp)? == Seen::Nothing)
    })?;
    ensure!(lab.node().ruleset()?.contains(&new.v4().to_string()), "it is not guarded");
    egressd.stop()
}
