//! P12 where the node's pods are known: a pod that the selector of a `drop` Service matches leaves the cluster with the
//! Service's address or not at all, by all its addresses, whether or not a slice lists them.

use anyhow::{Context, Result, ensure};
use lab::addresses::{NODE_V4, NODE_V6, OUTSIDE_V4, OUTSIDE_V6};
use lab::manifest::{self, Manifest, PodObject, Service};
use lab::{Egressd, Lab, Pod, Protocol, Seen};
use serde_json::Value;

use crate::fail_closed::{expect_sources, guarded};
use crate::fixture::{Fixture, WEB_V4, program, web};

/// Datagrams of a pod before a slice lists it.
const DATAGRAMS: u32 = 10_000;

fn selecting(service: Service) -> Service {
    service.selecting("app", "web")
}

fn dual_stack(name: &str, pod: &Pod) -> PodObject {
    manifest::pod("default", name, [pod.v4(), pod.v6()])
}

/// A Service that selects pods 1 and 2 of the node by their label; a slice lists pod 1 alone. Beside it stands a
/// masquerade like a CNI's.
fn fixture() -> Result<Fixture> {
    let fixture = Fixture::with_web()?;
    let lab = &fixture.lab;
    lab.node().masquerade_like_a_cni()?;
    fixture.manifests.write(&selecting(guarded(web())))?;
    let labelled = |number: u8| dual_stack(&format!("web-{number}"), lab.pod(number)).label("app", "web");
    let pods = [labelled(1), labelled(2), dual_stack("batch", lab.pod(3)).label("app", "batch")];
    let pods: Vec<&dyn Manifest> = pods.iter().map(|pod| pod as &dyn Manifest).collect();
    pods.into_iter().try_for_each(|pod| fixture.manifests.write(pod))?;
    Ok(fixture)
}

fn wait_until_blocked(egressd: &mut Egressd<'_>, lab: &Lab, pod: &Pod) -> Result<()> {
    egressd
        .wait_until("nothing of the pod leaves", || Ok(lab.seen_from(pod, OUTSIDE_V4, Protocol::Udp)? == Seen::Nothing))
}

/// What the status has about the Service.
fn status(fixture: &Fixture) -> Result<Value> {
    let (_, status) = program().status(&fixture.lab, &fixture.manifests, &["-o", "json"])?;
    let status: Value = serde_json::from_str(&status).context("the status")?;
    Ok(status["services"][0].clone())
}

/// With its neighbours: a pod with another label, and traffic that stays inside.
pub(crate) fn a_pod_does_not_leave_before_a_slice_lists_it_and_then_with_the_services_address() -> Result<()> {
    let fixture = fixture()?;
    let (lab, new) = (&fixture.lab, fixture.lab.pod(2));
    let mut egressd = fixture.run_until_translated()?;
    for protocol in Protocol::ALL {
        egressd.expect_seen(new, OUTSIDE_V4, protocol, Seen::Nothing)?;
        egressd.expect_seen(new, lab.pod(1).v4(), protocol, new.v4())?;
        egressd.expect_seen(fixture.unselected(), OUTSIDE_V4, protocol, NODE_V4)?;
    }
    let flood = lab.flood(new, OUTSIDE_V4)?;
    flood.wait_until_sent(DATAGRAMS)?;
    fixture.manifests.write(&manifest::endpoints("web", [lab.pod(1).v4(), new.v4()]))?;
    egressd.wait_until_seen(new, OUTSIDE_V4, WEB_V4.into())?;
    fixture.manifests.write(&fixture.web_endpoints())?;
    wait_until_blocked(&mut egressd, lab, new)?;
    expect_sources(flood, &[WEB_V4])?;

    fixture.manifests.write(&dual_stack("web-2", new).label("app", "other"))?;
    egressd.wait_until_seen(new, OUTSIDE_V4, NODE_V4.into())?;
    fixture.manifests.write(&dual_stack("web-2", new).label("app", "web"))?;
    wait_until_blocked(&mut egressd, lab, new)?;
    fixture.manifests.write(&selecting(web()))?;
    egressd.wait_until_seen(new, OUTSIDE_V4, NODE_V4.into())?;
    egressd.stop()
}

/// The Service has IPv4 alone, so no slice ever lists what its pods have of IPv6.
pub(crate) fn what_a_single_stack_service_selects_does_not_leave_by_the_other_family() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    let mut egressd = fixture.run_until_translated()?;
    for protocol in Protocol::ALL {
        egressd.expect_seen(pod, OUTSIDE_V4, protocol, WEB_V4)?;
        egressd.expect_seen(pod, OUTSIDE_V6, protocol, Seen::Nothing)?;
        egressd.expect_seen(pod, lab.pod(2).v6(), protocol, pod.v6())?;
        egressd.expect_seen(fixture.unselected(), OUTSIDE_V6, protocol, NODE_V6)?;
    }
    let service = status(&fixture)?;
    let has = |list: &str, wanted: &dyn Fn(&Value) -> bool| {
        service[list].as_array().is_some_and(|all| all.iter().any(wanted))
    };
    ensure!(has("guarded", &|guarded| *guarded == serde_json::json!(pod.v6())), "{service}");
    ensure!(has("findings", &|finding| finding["code"] == "pods-not-listed"), "{service}");
    fixture.manifests.write(&selecting(web()))?;
    egressd.wait_until_seen(pod, OUTSIDE_V6, NODE_V6.into())?;
    egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    egressd.stop()
}
