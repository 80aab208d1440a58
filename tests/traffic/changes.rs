//! Changes of Services: endpoints are added and removed, types change, also while egressd does not
//! run. After each, the kernel has exactly the rules for the manifests.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use lab::Protocol;
use lab::addresses::OUTSIDE_V4;
use lab::manifest::{self, Service};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program, web};

/// The kernel's state is what `run` makes of the manifests, no more and no less.
pub(crate) fn expect_exact(fixture: &Fixture) -> Result<()> {
    let (code, printed) = program().diff(&fixture.lab, &fixture.manifests)?;
    ensure!(code == Some(0), "the kernel differs from the manifests ({code:?}):\n{printed}");
    Ok(())
}

/// The numbers of the pods, of three, that are seen as `web`.
fn translated(fixture: &Fixture) -> Result<Vec<u8>> {
    let seen = |number: &u8| {
        let pod = fixture.lab.pod(*number);
        fixture.lab.seen_from(pod, OUTSIDE_V4, Protocol::Udp).map(|seen| seen == WEB_V4.into())
    };
    let mut numbers = Vec::new();
    for number in 1..=3 {
        if seen(&number)? {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

fn endpoints(fixture: &Fixture, service: &str, pods: &[u8]) -> Result<()> {
    let addresses: Vec<IpAddr> = pods.iter().map(|number| fixture.lab.pod(*number).v4()).collect();
    fixture.manifests.write(&manifest::endpoints(service, addresses))
}

/// P5: one, three, none, one.
pub(crate) fn endpoints_come_and_go() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    for pods in [&[1, 2, 3][..], &[], &[2]] {
        endpoints(&fixture, "web", pods)?;
        egressd.wait_until(&format!("pods {pods:?} are translated"), || Ok(translated(&fixture)? == pods))?;
        expect_exact(&fixture)?;
    }
    egressd.stop()
}

/// P5: a ClusterIP has no address to translate to.
pub(crate) fn a_service_that_turns_into_a_cluster_ip_loses_its_snat() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    fixture.manifests.write(&web().of_type("ClusterIP"))?;
    egressd.wait_until("no pod is translated", || Ok(translated(&fixture)?.is_empty()))?;
    expect_exact(&fixture)?;
    fixture.expect_no_element()?;
    egressd.stop()
}

/// P5 and P6: one Service goes, one changes, one comes, without a restart.
pub(crate) fn changes_while_egressd_is_down_are_applied_exactly_after_the_start() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let asking = |name: &str, address: IpAddr| -> Service { manifest::service(name).addresses([address]).egress() };
    fixture.manifests.write(&asking("goes", OTHER_V4))?;
    endpoints(&fixture, "goes", &[2])?;
    fixture.run_until_translated()?.stop()?;

    fixture.manifests.remove(&asking("goes", OTHER_V4))?;
    fixture.manifests.write(&web().annotation("egress-destination-ports", "udp:53"))?;
    fixture.manifests.write(&asking("comes", OTHER_V4))?;
    endpoints(&fixture, "comes", &[3])?;

    let mut egressd = fixture.run()?;
    egressd.wait_until_seen(fixture.lab.pod(3), OUTSIDE_V4, OTHER_V4.into())?;
    expect_exact(&fixture)?;
    let [web, gone] = [1, 2].map(|number| fixture.lab.pod(number));
    fixture.lab.expect_seen(web, (OUTSIDE_V4, 53), Protocol::Udp, WEB_V4)?;
    fixture.lab.expect_seen(web, (OUTSIDE_V4, 80), Protocol::Udp, web.v4())?;
    fixture.lab.expect_seen(gone, OUTSIDE_V4, Protocol::Udp, gone.v4())?;
    egressd.stop()
}

/// P4 over a restart: what was accepted last is remembered in the state directory, and only there.
pub(crate) fn the_last_accepted_configuration_survives_a_restart_with_the_state_directory() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.run_until_translated()?.stop()?;
    let misspelled = manifest::service("web").addresses([WEB_V4]).annotation("egress", "ture");
    fixture.manifests.write(&misspelled)?;

    let mut egressd = fixture.run()?;
    endpoints(&fixture, "web", &[1, 2])?;
    egressd.wait_until("today's endpoints are translated", || Ok(translated(&fixture)? == [1, 2]))?;
    egressd.stop()?;

    std::fs::remove_dir_all(fixture.manifests.state())?;
    let mut egressd = fixture.run()?;
    // The accepted configuration is then unknown, not absent.
    egressd.wait_until_log_has("state-lost")?;
    egressd.wait_until_log_has("kernel-rules-kept")?;
    anyhow::ensure!(translated(&fixture)? == [1, 2], "{}", egressd.circumstances());
    egressd.stop()
}
