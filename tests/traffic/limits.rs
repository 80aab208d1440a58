//! Requests of one tenant beyond a limit, or all at once, do not affect another (P4).

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};
use lab::Egressd;
use lab::Protocol::Tcp;
use lab::addresses::{OTHER_OUTSIDE_V4, OUTSIDE_V4, load_balancer_v4};
use lab::manifest::{endpoints, service};

use crate::fixture::{Fixture, OTHER_V4, program, web};

const TENANT_V4: IpAddr = load_balancer_v4(4);
/// Two networks, three, and two others; [`OUTSIDE_V4`] lies in the first of each, [`OTHER_OUTSIDE_V4`] in the second of
/// the last two.
const ACCEPTED: &str = "172.18.0.0/16,198.18.0.0/24";
const EXCESSIVE: &str = "172.18.0.0/16,172.19.0.0/16,198.18.0.0/24";
const FEWER: &str = "172.18.0.0/16,172.19.0.0/16";

fn run_limited(fixture: &Fixture) -> Result<Egressd<'_>> {
    let program = program().environment("EGRESSD_LIMIT_NAMESPACE_NETWORKS", "2");
    program.run(&fixture.lab, &fixture.manifests)
}

fn write_tenants(fixture: &Fixture, networks: &str) -> Result<()> {
    let x = service("x").namespace("tenant").addresses([TENANT_V4]).egress();
    let x = x.annotation("egress-allowed-networks", networks);
    let slice = endpoints("x", [fixture.lab.pod(2).v4()]).namespace("tenant");
    fixture.manifests.write_together("x.yaml", &[&x, &slice])
}

fn expect_accepted(fixture: &Fixture, egressd: &mut Egressd<'_>) -> Result<()> {
    let pod = fixture.lab.pod(2);
    egressd.wait_until_log_has("namespace tenant would have 3 networks on this node, and the limit is 2")?;
    egressd.expect_seen(pod, OUTSIDE_V4, Tcp, TENANT_V4)?;
    egressd.expect_seen(pod, OTHER_OUTSIDE_V4, Tcp, pod.v4())
}

/// P4: what was accepted stays in force, over a restart too, and other tenants' changes are followed.
pub(crate) fn a_change_beyond_a_tenants_limit_is_not_in_force_and_others_are() -> Result<()> {
    let fixture = Fixture::with_web()?;
    write_tenants(&fixture, ACCEPTED)?;
    let mut egressd = run_limited(&fixture)?;
    egressd.wait_until_seen(fixture.lab.pod(2), OUTSIDE_V4, TENANT_V4.into())?;
    write_tenants(&fixture, EXCESSIVE)?;
    expect_accepted(&fixture, &mut egressd)?;
    fixture.manifests.write(&web().addresses([OTHER_V4]))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    egressd.stop()?;
    let mut egressd = run_limited(&fixture)?;
    expect_accepted(&fixture, &mut egressd)?;
    write_tenants(&fixture, FEWER)?;
    egressd.wait_until_seen(fixture.lab.pod(2), OTHER_OUTSIDE_V4, TENANT_V4.into())?;
    egressd.stop()
}

/// Fifteen thousand elements of one tenant, and one of another, in one update.
pub(crate) fn a_small_change_is_in_force_before_a_large_one_that_came_with_it() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let many = (0..5_000_u32).map(|i| IpAddr::from(Ipv4Addr::from(0x0a00_4000 + i)));
    let slice = endpoints("x", many.chain([fixture.lab.pod(2).v4()])).namespace("tenant");
    let x = service("x").namespace("tenant").addresses([TENANT_V4]).egress();
    let x = x.annotation("egress-destination-ports", "tcp:80,tcp:81,tcp:82");
    egressd.paused(|| {
        fixture.manifests.write_together("x.yaml", &[&x, &slice])?;
        fixture.manifests.write(&web().addresses([OTHER_V4]))
    })?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    egressd.wait_until_seen(fixture.lab.pod(2), (OUTSIDE_V4, 80), TENANT_V4.into())?;
    egressd.wait_until_log_has("service=tenant/x state=translating")?;
    let log = egressd.log();
    let place = |text: &str| log.find(text).with_context(|| format!("the log has no {text:?}"));
    let small = place(&format!("service=default/web state=translating addresses=\"{OTHER_V4}\""))?;
    let (begun, done) = (place("code=change-under-way")?, place("service=tenant/x state=translating")?);
    ensure!(small < done && begun < done, "{log}");
    egressd.stop()
}
