//! Beside a program that commits all the time egressd starts, whether the kernel lets others change its tables or not.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::manifest;
use lab::neighbours::Committer;

use crate::changes::expect_exact;
use crate::fixture::{Fixture, OTHER_V4, program};

/// A hundred commits a second.
const EVERY: Duration = Duration::from_millis(10);
/// Three Services with as many pods as one may have.
const SERVICES: u8 = 3;
const PODS: u16 = 10_000;
const STARTS: usize = 10;

/// P6, P8.
pub(crate) fn beside_a_hundred_commits_a_second_every_start_succeeds() -> Result<()> {
    let fixture = Fixture::with_web()?;
    crowd(&fixture)?;
    unowned(&fixture)?;
    let committer = Committer::start(fixture.lab.node(), EVERY)?;
    let times = starts(&fixture, &committer)?;
    figure(&format!("starts beside 100 commits a second, without an owner of the tables: {times:?} ms"));
    program().clean(&fixture.lab)?;
    fixture.run_until_translated()?.kill()?;
    let times = starts(&fixture, &committer)?;
    figure(&format!("starts beside 100 commits a second, with owned tables: {times:?} ms"));
    let mut egressd = fixture.run()?;
    fixture.manifests.write(&manifest::service("web").addresses([OTHER_V4]).egress())?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    committer.end()?;
    expect_exact(&fixture)
}

fn crowd(fixture: &Fixture) -> Result<()> {
    for number in 0..SERVICES {
        let name = format!("crowd-{number}");
        fixture.manifests.write(&manifest::service(&name).addresses([OTHER_V4]).egress())?;
        let pods = (0..PODS).map(|pod| IpAddr::from([10, 0, 64 * (number + 1) + (pod >> 8) as u8, pod as u8]));
        fixture.manifests.write(&manifest::endpoints(&name, pods))?;
    }
    Ok(())
}

/// Makes the tables as on a kernel without owners: `nft` makes them, so that they have no owner.
pub(crate) fn unowned(fixture: &Fixture) -> Result<()> {
    let manifests = fixture.manifests.path();
    let manifests = manifests.to_str().context("a path that is no text")?;
    let state = fixture.manifests.state();
    let state = state.to_str().context("a path that is no text")?;
    let arguments = ["plan", "--node", fixture.lab.node().name(), "--manifests", manifests, "--state-dir", state];
    let plan = program().output(&fixture.lab, &[&arguments[..], &["--output", "nft"]].concat())?;
    ensure!(plan.status.success(), "{}", String::from_utf8_lossy(&plan.stderr));
    fixture.lab.node().nft(&String::from_utf8(plan.stdout)?)
}

/// How long each start took until the tables were taken over, in milliseconds. Each process is killed then.
fn starts(fixture: &Fixture, committer: &Committer) -> Result<Vec<u128>> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let (begun, before) = (Instant::now(), committer.commits());
        let mut egressd = fixture.run()?;
        egressd.wait_until_log_has("running")?;
        times.push(begun.elapsed().as_millis());
        ensure!(committer.commits() > before, "nothing was committed meanwhile");
        egressd.kill()?;
    }
    times.sort_unstable();
    Ok(times)
}

#[expect(clippy::print_stdout, reason = "figures are for whoever reads the log")]
pub(crate) fn figure(text: &str) {
    println!("{text}");
}
