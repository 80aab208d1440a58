//! Pods that a tenant can take over by writing EndpointSlices: the table of `docs/security.md`, with packets. In each
//! row every pod calls, first without knowledge of pods, then with the pods of the node known (P1, P13).

use std::net::IpAddr;

use anyhow::Result;
use lab::addresses::{OUTSIDE_V4, load_balancer_v4};
use lab::manifest::{EndpointSlice, Manifest, PodObject, Service, endpoints, pod, service};
use lab::{Egressd, Lab, Pod, Protocol};

use crate::fixture::{Fixture, WEB_V4, expect_only, web};

const EVIL: IpAddr = load_balancer_v4(4);
const PORTS: [u16; 2] = [80, 443];

/// The pods of the lab, by their numbers.
const SELECTED: u8 = 1;
const OWN: u8 = 2;
const UNSELECTED: u8 = 3;
const NO_POD: u8 = 4;
const FORGED: u8 = 5;

/// An annotation of kube-vip's, by its name.
type Annotation = (&'static str, &'static str);

/// The request of the evil Service, and the ports that it matches.
const KINDS: [(Option<Annotation>, &[u16]); 3] = [
    (None, &PORTS),
    (Some(("egress-destination-ports", "tcp:80")), &[80]),
    (Some(("egress-allowed-networks", "0.0.0.0/0")), &PORTS),
];

/// The Service `web` of the namespace `default` is in front of pods 1 and 5, which run there. That of `evil`, which is
/// older, lists all pods, and claims pod 5 as its own.
struct ForeignPodClaim {
    fixture: Fixture,
}

impl ForeignPodClaim {
    fn new() -> Result<Self> {
        let fixture = Fixture::in_lab(Lab::builder().pods(5).build()?)?;
        let tenants = Self { fixture };
        let [first, last] = [SELECTED, FORGED].map(|number| tenants.pod(number).v4());
        let slice = endpoints("web", [first, last]).naming(first, "default", "web-1").naming(last, "default", "web-2");
        tenants.fixture.manifests.write(&web().created("2020-01-01T00:00:00Z"))?;
        tenants.fixture.manifests.write(&slice)?;
        tenants.fixture.manifests.write(&tenants.forged())?;
        Ok(tenants)
    }

    fn pod(&self, number: u8) -> &Pod {
        self.fixture.lab.pod(number)
    }

    fn forged(&self) -> EndpointSlice {
        let all = (1..=5).map(|number| self.pod(number).v4());
        let slice = endpoints("x", all).namespace("evil").naming(self.pod(OWN).v4(), "evil", "x-1");
        slice.naming(self.pod(FORGED).v4(), "evil", "x-2")
    }

    /// As the kubelet of the node reports them.
    fn pods(&self) -> Vec<PodObject> {
        let named = [
            (SELECTED, "default", "web-1"),
            (OWN, "evil", "x-1"),
            (UNSELECTED, "default", "batch-1"),
            (FORGED, "default", "web-2"),
        ];
        let pod = |(number, namespace, name): (u8, &str, &str)| pod(namespace, name, [self.pod(number).v4()]);
        named.map(pod).to_vec()
    }

    fn write_pods(&self) -> Result<()> {
        let pods = self.pods();
        let pods: Vec<&dyn Manifest> = pods.iter().map(|pod| pod as &dyn Manifest).collect();
        self.fixture.manifests.write_together("pods.yaml", &pods)
    }

    /// The source address of each pod at each port. `evil` is that of a pod that its Service takes over; other packets
    /// fall to `rest`.
    fn expect(&self, egressd: &Egressd<'_>, number: u8, evil: &[u16], rest: IpAddr) -> Result<()> {
        PORTS.into_iter().try_for_each(|port| {
            let expected = if evil.contains(&port) { EVIL } else { rest };
            egressd.expect_seen(self.pod(number), (OUTSIDE_V4, port), Protocol::Tcp, expected)
        })
    }

    /// Where only slices are known: by their age, and by their `targetRef`.
    fn expect_without_pods(&self, egressd: &Egressd<'_>, evil: &[u16]) -> Result<()> {
        self.expect(egressd, SELECTED, &[], WEB_V4)?;
        self.expect(egressd, FORGED, evil, WEB_V4)?;
        [OWN, UNSELECTED, NO_POD].into_iter().try_for_each(|number| {
            let own = self.pod(number).v4();
            self.expect(egressd, number, evil, own)
        })
    }

    /// Where the node's pods are known: its own, and nothing else.
    fn expect_with_pods(&self, egressd: &Egressd<'_>, evil: &[u16]) -> Result<()> {
        self.expect(egressd, OWN, evil, self.pod(OWN).v4())?;
        [SELECTED, FORGED].into_iter().try_for_each(|number| self.expect(egressd, number, &[], WEB_V4))?;
        [UNSELECTED, NO_POD].into_iter().try_for_each(|number| {
            let own = self.pod(number).v4();
            self.expect(egressd, number, &[], own)
        })
    }
}

fn attackers_service(annotation: Option<Annotation>) -> Service {
    let plain = service("x").namespace("evil").created("2010-01-01T00:00:00Z").addresses([EVIL]).egress();
    annotation.into_iter().fold(plain, |service, (name, value)| service.annotation(name, value))
}

pub(crate) fn pods_that_a_slice_takes_over_without_and_with_the_pods_of_the_node() -> Result<()> {
    for (annotation, ports) in KINDS {
        let tenants = ForeignPodClaim::new()?;
        let fixture = &tenants.fixture;
        fixture.manifests.write(&attackers_service(annotation))?;
        let mut egressd = fixture.run()?;
        egressd.wait_until_seen(tenants.pod(NO_POD), (OUTSIDE_V4, 80), EVIL.into())?;
        egressd.wait_until_seen(tenants.pod(SELECTED), (OUTSIDE_V4, 80), WEB_V4.into())?;
        tenants.expect_without_pods(&egressd, ports)?;

        // The victim is not affected by pods that are taken from the other.
        let during = || {
            tenants.write_pods()?;
            let unknown = tenants.pod(NO_POD);
            egressd.wait_until_seen(unknown, (OUTSIDE_V4, 80), unknown.v4().into())?;
            ["foreign-pod", "unknown-pod"].into_iter().try_for_each(|code| egressd.wait_until_log_has(code))
        };
        let seen = fixture.lab.seen_during(tenants.pod(SELECTED), (OUTSIDE_V4, 443), Protocol::Tcp, during)?;
        expect_only(&seen, WEB_V4)?;
        tenants.expect_with_pods(&egressd, ports)?;
        egressd.stop()?;

        // And so it is from the start.
        let mut egressd = fixture.run()?;
        egressd.wait_until_log_has("unknown-pod")?;
        tenants.expect_with_pods(&egressd, ports)?;
        egressd.stop()?;
    }
    Ok(())
}

pub(crate) fn an_endpoint_whose_pod_is_gone_is_reported_and_translated_again_when_it_is_back() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (selected, other) = (fixture.selected(), fixture.lab.pod(2));
    let web_1 = pod("default", "web-1", [selected.v4()]);
    fixture.manifests.write(&web_1)?;
    fixture.manifests.write(&pod("default", "other", [other.v4()]))?;
    let mut egressd = fixture.run_until_translated()?;
    fixture.manifests.remove(&web_1)?;
    egressd.wait_until_log_has("unknown-pod")?;
    egressd.wait_until_seen(selected, OUTSIDE_V4, selected.v4().into())?;
    fixture.manifests.write(&web_1)?;
    egressd.wait_until_seen(selected, OUTSIDE_V4, WEB_V4.into())?;
    egressd.stop()
}
