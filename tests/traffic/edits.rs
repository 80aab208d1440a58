//! Annotations edited while egressd runs: in force at once, and nowhere else.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::addresses::{OTHER_OUTSIDE_V4, OUTSIDE_V4, OUTSIDE_V6, load_balancer_v4};
use lab::manifest::{self, Service, endpoints};
use lab::{Destination, Egressd, Protocol, Seen};
use serde_json::Value;
use std::net::IpAddr;

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, WEB_V6, web};

/// What an edit may take until it is in force, half of the time: a machine that is busy with something else may hold
/// up single ones.
const MEDIAN_LATENCY_LIMIT: Duration = Duration::from_secs(1);

/// An annotation with a value, a call, and its source addresses without and with it.
type Edit = (&'static str, &'static str, Destination, [IpAddr; 2]);

fn edits(fixture: &Fixture) -> Vec<Edit> {
    let (pod, outside) = (fixture.selected(), |port| Destination::from((OUTSIDE_V4, port)));
    let third = load_balancer_v4(4);
    vec![
        ("egress", "false", outside(80), [WEB_V4, pod.v4()]),
        ("egress-ipv6", "true", OUTSIDE_V6.into(), [pod.v6(), WEB_V6]),
        ("egress-destination-ports", "tcp:80", outside(8080), [WEB_V4, pod.v4()]),
        ("egress-destination-ports", "tcp:80-90", outside(8080), [WEB_V4, pod.v4()]),
        ("egress-source-ports", "tcp:1000-2000", outside(80), [WEB_V4, pod.v4()]),
        ("egress-allowed-networks", "172.18.0.0/16", OTHER_OUTSIDE_V4.into(), [WEB_V4, pod.v4()]),
        ("egress-denied-networks", "172.18.0.1", outside(80), [WEB_V4, pod.v4()]),
        ("loadbalancerIPs", "11.0.0.4", outside(80), [WEB_V4, third]),
    ]
}

/// `web` with this annotation in place of its own of that name.
fn edited(name: &str, value: &str) -> Service {
    let service = manifest::service("web").addresses([WEB_V4, WEB_V6]);
    if name == "egress" { service.annotation(name, value) } else { service.egress().annotation(name, value) }
}

/// P1, P3: also when an annotation goes. Beside `web` are a Service that costs an element of a map, and one that costs
/// a chain; their counters go on, so they were not replaced.
pub(crate) fn every_annotation_takes_effect_while_running_and_nowhere_else() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.manifests.write(&endpoints("web", [fixture.selected().v6()]))?;
    add_service_for_pod(&fixture, "plain", 2, manifest::service("plain").addresses([OTHER_V4]).egress())?;
    let ranges = manifest::service("ranges").addresses([load_balancer_v4(5)]).egress();
    add_service_for_pod(&fixture, "ranges", 3, ranges.annotation("egress-destination-ports", "tcp:1-9999"))?;
    let mut egressd = fixture.run_until_translated()?;
    let neighbours = [(2, OTHER_V4, "egress_addrs"), (3, load_balancer_v4(5), "egress_chains")];
    for (pod, address, _) in neighbours {
        egressd.wait_until_seen(fixture.lab.pod(pod), OUTSIDE_V4, address.into())?;
    }
    let before = neighbours.map(|(pod, _, map)| connections(&fixture, map, fixture.lab.pod(pod).v4()));

    let mut times = Vec::new();
    for (name, value, call, [without, with]) in edits(&fixture) {
        times.push(timed(&fixture, &mut egressd, &edited(name, value), call, with)?);
        times.push(timed(&fixture, &mut egressd, &web(), call, without)?);
    }
    times.sort();
    ensure!(times[times.len() / 2] < MEDIAN_LATENCY_LIMIT, "edits took {times:?}");

    for ((pod, address, map), before) in neighbours.into_iter().zip(before) {
        let pod = fixture.lab.pod(pod);
        egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, address)?;
        let (before, after) = (before?, connections(&fixture, map, pod.v4())?);
        ensure!(after == before + 1, "{map} of {}: {before} connections, then one more, now {after}", pod.v4());
    }
    egressd.stop()
}

/// P3, P13: the element of one Service is not the element of the other.
pub(crate) fn an_edit_of_one_service_of_a_pod_leaves_the_other_as_it_was() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let ports = manifest::service("ports").addresses([OTHER_V4]).egress();
    add_service_for_pod(&fixture, "ports", 1, ports.annotation("egress-destination-ports", "tcp:80"))?;
    let mut egressd = fixture.run_until_translated()?;
    let pod = fixture.selected();
    egressd.wait_until_seen(pod, (OUTSIDE_V4, 80), OTHER_V4.into())?;
    let before = connections(&fixture, "egress_ports", pod.v4())?;

    timed(&fixture, &mut egressd, &edited("loadbalancerIPs", "11.0.0.4"), OUTSIDE_V4.into(), load_balancer_v4(4))?;
    egressd.expect_seen(pod, (OUTSIDE_V4, 80), Protocol::Tcp, OTHER_V4)?;
    let after = connections(&fixture, "egress_ports", pod.v4())?;
    ensure!(after == before + 1, "{before} connections, then one more, now {after}");
    egressd.stop()
}

/// Another Service that selects this pod.
fn add_service_for_pod(fixture: &Fixture, name: &str, pod: u8, service: Service) -> Result<()> {
    fixture.manifests.write(&service)?;
    fixture.manifests.write(&endpoints(name, [fixture.lab.pod(pod).v4()]))
}

/// How long it takes until an edit is in force.
fn timed(
    fixture: &Fixture,
    egressd: &mut Egressd<'_>,
    service: &Service,
    call: Destination,
    seen: impl Into<Seen>,
) -> Result<Duration> {
    let begun = Instant::now();
    fixture.manifests.write(service)?;
    egressd.wait_until_seen(fixture.selected(), call, seen.into())?;
    Ok(begun.elapsed())
}

/// The counter of the first element of a pod in a map.
fn connections(fixture: &Fixture, map: &str, pod: IpAddr) -> Result<u64> {
    let listing = fixture.lab.node().namespace.nft_list_as_json(&format!("map ip kube_vip_v4 {map}"))?;
    let listing: Value = serde_json::from_str(&listing)?;
    let objects = listing["nftables"].as_array().context("nft lists nothing")?;
    let elements = objects.iter().filter_map(|object| object["map"]["elem"].as_array()).flatten();
    let of_pod = |element: &&Value| {
        let key = &element[0]["elem"]["val"];
        let first = if key["concat"].is_array() { &key["concat"][0] } else { key };
        first.as_str() == Some(&pod.to_string())
    };
    let mut of_pod = elements.filter(of_pod);
    let element = of_pod.next().with_context(|| format!("no element of {pod} in {listing}"))?;
    element[0]["elem"]["counter"]["packets"].as_u64().with_context(|| format!("no counter in {element}"))
}
