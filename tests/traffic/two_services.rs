//! P13: a pod behind several Services has one documented outcome.

use std::net::IpAddr;

use anyhow::Result;
use lab::Egressd;
use lab::Protocol::{Icmp, Tcp, Udp};
use lab::addresses::{OTHER_OUTSIDE_V4, OUTSIDE_V4, load_balancer_v4};
use lab::manifest::{self, Service, endpoints};

use crate::fixture::Fixture;

const A: IpAddr = load_balancer_v4(2);
const B: IpAddr = load_balancer_v4(3);
const C: IpAddr = load_balancer_v4(4);

const OLD: &str = "2026-01-01T00:00:00Z";
const NEW: &str = "2026-02-01T00:00:00Z";

fn service(name: &str, address: IpAddr) -> Service {
    manifest::service(name).addresses([address]).egress()
}

/// Writes Services that all select pod 1.
fn write_services(fixture: &Fixture, services: &[(&str, Service)]) -> Result<()> {
    for (name, service) in services {
        fixture.manifests.write(service)?;
        fixture.manifests.write(&endpoints(name, [fixture.selected().v4()]))?;
    }
    Ok(())
}

fn run<'a>(fixture: &'a Fixture, awaited: IpAddr) -> Result<Egressd<'a>> {
    let mut egressd = fixture.run()?;
    // An earlier one's rules may be in force until then.
    egressd.wait_until_log_has("state=translating")?;
    egressd.wait_until_seen(fixture.selected(), (OUTSIDE_V4, 80), awaited.into())?;
    Ok(egressd)
}

/// P13. The order of names and ages is against it.
pub(crate) fn networks_go_before_ports_and_ports_before_everything() -> Result<()> {
    let fixture = Fixture::new()?;
    let networks = service("c", C).created(NEW).annotation("egress-allowed-networks", "172.18.0.0/16");
    let ports = service("b", B).created(NEW).annotation("egress-destination-ports", "tcp:80,udp:53");
    write_services(&fixture, &[("a", service("a", A).created(OLD)), ("b", ports), ("c", networks)])?;
    let egressd = run(&fixture, C)?;
    let pod = fixture.selected();
    for (destination, protocol, expected) in [
        ((OUTSIDE_V4, 80), Tcp, C),
        ((OUTSIDE_V4, 8080), Udp, C),
        ((OUTSIDE_V4, 0), Icmp, C),
        ((OTHER_OUTSIDE_V4, 80), Tcp, B),
        ((OTHER_OUTSIDE_V4, 53), Udp, B),
        ((OTHER_OUTSIDE_V4, 8080), Tcp, A),
        ((OTHER_OUTSIDE_V4, 80), Udp, A),
        ((OTHER_OUTSIDE_V4, 0), Icmp, A),
    ] {
        egressd.expect_seen(pod, destination, protocol, expected)?;
    }
    egressd.stop()
}

/// P13: a Service concerns its own address only, so its denied networks do not restrict other Services.
pub(crate) fn a_packet_that_a_service_denies_is_matched_against_the_next() -> Result<()> {
    let fixture = Fixture::new()?;
    let first = service("a", A).created(OLD).annotation("egress-denied-networks", "172.19.0.0/16");
    let second = service("b", B)
        .created(NEW)
        .annotation("egress-allowed-networks", "172.16.0.0/12")
        .annotation("egress-denied-networks", "172.18.0.0/16")
        .annotation("egress-destination-ports", "tcp:80");
    write_services(&fixture, &[("a", first), ("b", second), ("c", service("c", C))])?;
    let egressd = run(&fixture, A)?;
    let pod = fixture.selected();
    egressd.expect_seen(pod, (OUTSIDE_V4, 8080), Tcp, A)?;
    egressd.expect_seen(pod, (OTHER_OUTSIDE_V4, 80), Tcp, B)?;
    egressd.expect_seen(pod, (OTHER_OUTSIDE_V4, 8080), Tcp, C)?;
    egressd.expect_seen(pod, OTHER_OUTSIDE_V4, Icmp, C)?;
    egressd.stop()
}

/// P13: for every rank, whatever the names, and the same after a restart.
pub(crate) fn the_older_of_two_equal_services_wins() -> Result<()> {
    let fixture = Fixture::new()?;
    let annotate = |service: Service, filter: Option<(&str, &str)>| match filter {
        Some((name, value)) => service.annotation(name, value),
        None => service,
    };
    let filters = [
        None,
        Some(("egress-destination-ports", "tcp:80")),
        Some(("egress-destination-ports", "tcp:80-90")),
        Some(("egress-allowed-networks", "172.16.0.0/12")),
    ];
    for filter in filters {
        let (old, new) = (service("z", B).created(OLD), service("a", A).created(NEW));
        write_services(&fixture, &[("a", annotate(new, filter)), ("z", annotate(old, filter))])?;
        run(&fixture, B)?.stop()?;
        let egressd = run(&fixture, B)?;
        egressd.expect_seen(fixture.selected(), (OTHER_OUTSIDE_V4, 80), Tcp, B)?;
        egressd.stop()?;
    }
    write_services(&fixture, &[("a", service("a", A).created(OLD)), ("z", service("z", B).created(OLD))])?;
    run(&fixture, A)?.stop()
}

/// P13: what needs a chain in the kernel and what needs an element is no matter of rank.
pub(crate) fn source_ports_and_ranges_rank_like_single_ports() -> Result<()> {
    let fixture = Fixture::new()?;
    let single = service("a", A).created(OLD).annotation("egress-destination-ports", "tcp:80");
    let range = service("b", B).created(NEW).annotation("egress-destination-ports", "tcp:80-8080");
    let source = service("c", C).created("2026-03-01T00:00:00Z").annotation("egress-source-ports", "udp:1-65535");
    write_services(&fixture, &[("a", single), ("b", range), ("c", source)])?;
    let egressd = run(&fixture, A)?;
    let pod = fixture.selected();
    egressd.expect_seen(pod, (OUTSIDE_V4, 8080), Tcp, B)?;
    egressd.expect_seen(pod, (OUTSIDE_V4, 53), Tcp, pod.v4())?;
    egressd.expect_seen(pod, (OUTSIDE_V4, 80), Udp, C)?;
    egressd.expect_seen(pod, OUTSIDE_V4, Icmp, pod.v4())?;
    egressd.stop()
}

/// P13, P5.
pub(crate) fn the_next_service_takes_over_when_the_first_is_deleted() -> Result<()> {
    let fixture = Fixture::new()?;
    let first = service("a", A).annotation("egress-allowed-networks", "0.0.0.0/0");
    write_services(&fixture, &[("a", first.clone()), ("b", service("b", B))])?;
    let mut egressd = run(&fixture, A)?;
    let pod = fixture.selected();
    fixture.manifests.remove(&first)?;
    egressd.wait_until_seen(pod, (OUTSIDE_V4, 80), B.into())?;
    fixture.manifests.write(&first)?;
    egressd.wait_until_seen(pod, (OUTSIDE_V4, 80), A.into())?;
    egressd.expect_seen(pod, OUTSIDE_V4, Udp, A)?;
    egressd.stop()
}
