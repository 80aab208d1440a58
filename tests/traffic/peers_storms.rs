//! Case 40 of what other projects test, where egressd promises more (P12, P6): it is killed while many pods start.

use std::net::IpAddr;

use anyhow::{Context, Result};
use lab::addresses::{NODE_PODS_V6, OTHER_OUTSIDE_V4, OUTSIDE_V4};
use lab::manifest::{self, Manifest, PodObject, Service};
use lab::{Lab, Pod};

use crate::fail_closed::{expect_sources, guarded};
use crate::fixture::{Fixture, OTHER_V4, WEB_V4};
use crate::peers_cases::{object, unknown_dropped};

/// How many pods come in one burst, with a Service of their own.
const BURST: u8 = 150;
/// As many bursts, each with one pod that sends.
const BURSTS: u8 = 6;
/// The node's pods are more than one of its usual networks has addresses for.
const NODE_PODS: &str = "10.0.0.0/20";
/// How many datagrams a pod sends between two steps.
const STEP: u32 = 300;

/// The Service of a burst, and its pods: one of the lab's, and others that only the API knows.
struct Burst {
    name: String,
    service: Service,
    addresses: Vec<IpAddr>,
    objects: Vec<PodObject>,
}

impl Burst {
    fn of(pod: &Pod) -> Self {
        let name = format!("storm-{}", pod.number);
        let others = (0..BURST).map(|number| IpAddr::from([10, 0, pod.number, number]));
        let with_name = |address: IpAddr| manifest::pod("default", &format!("{name}-{address}"), [address]);
        Self {
            service: guarded(manifest::service(&name).addresses([address_of(pod)]).egress()),
            addresses: others.clone().chain([pod.v4()]).collect(),
            objects: others.map(with_name).chain([object(pod)]).collect(),
            name,
        }
    }

    /// Everything about it, in one file as it is at one moment.
    fn write(&self, fixture: &Fixture, objects: &[PodObject]) -> Result<()> {
        let slice = manifest::endpoints(&self.name, self.addresses.iter().copied());
        let mut all: Vec<&dyn Manifest> = vec![&self.service, &slice];
        all.extend(objects.iter().map(|object| object as &dyn Manifest));
        fixture.manifests.write_together(&format!("{}.yaml", self.name), &all)
    }
}

fn address_of(pod: &Pod) -> IpAddr {
    [WEB_V4, OTHER_V4][usize::from(pod.number % 2)]
}

/// Case 40: 900 pods of six Services, and `kill -9` while egressd reads and commits them.
pub(crate) fn killed_again_and_again_while_many_pods_start_egressd_lets_none_leave_with_another_source() -> Result<()> {
    let fixture = Fixture::in_lab(Lab::builder().pods(BURSTS).build()?)?;
    fixture.lab.node().masquerade_like_a_cni()?;
    fixture.manifests.write(&manifest::node().pod_networks(&[NODE_PODS, NODE_PODS_V6]))?;
    let first = fixture.lab.pod(1);
    Burst::of(first).write(&fixture, &Burst::of(first).objects)?;
    let mut egressd = unknown_dropped().run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(first, OUTSIDE_V4, address_of(first).into())?;
    egressd.kill()?;
    let running = fixture.lab.flood(first, OUTSIDE_V4)?;
    for number in 2..=BURSTS {
        starts(&fixture, fixture.lab.pod(number))?;
    }
    expect_sources(running, &[address_of(first)]).context("the pod that was there before")?;
    let mut egressd = unknown_dropped().run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_log_has("running")?;
    for number in 1..=BURSTS {
        let pod = fixture.lab.pod(number);
        egressd.wait_until_seen(pod, OUTSIDE_V4, address_of(pod).into())?;
    }
    egressd.stop()
}

/// One burst comes, half of its pods known first, while egressd is started and killed.
fn starts(fixture: &Fixture, pod: &Pod) -> Result<()> {
    let burst = Burst::of(pod);
    let flood = fixture.lab.flood(pod, OTHER_OUTSIDE_V4)?;
    for turn in 0..4 {
        let egressd = unknown_dropped().run(&fixture.lab, &fixture.manifests)?;
        flood.wait_until_sent(flood.position() + turn * STEP)?;
        let known = burst.objects.len() / 3 * turn as usize;
        burst.write(fixture, &burst.objects[..known.min(burst.objects.len() - 1)])?;
        flood.wait_until_sent(flood.position() + (3 - turn) * STEP)?;
        egressd.kill()?;
    }
    let mut egressd = unknown_dropped().run(&fixture.lab, &fixture.manifests)?;
    burst.write(fixture, &burst.objects)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, address_of(pod).into())?;
    flood.wait_until_sent(flood.position() + STEP)?;
    expect_sources(flood, &[address_of(pod)]).with_context(|| burst.name)?;
    egressd.kill()
}
