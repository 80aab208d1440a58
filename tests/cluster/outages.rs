//! What egressd could not see when it happened: it was stopped, or the API server was away.

use std::net::IpAddr;
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::cluster::{Cluster, SERVICES, service};
use lab::{Protocol, Seen};

use crate::stage::{EGRESS, OTHER, WEB, WEB_V4, cluster, expect_exact, run};

/// Seconds for which the API server is away, for those who have more of them.
const OUTAGE: &str = "EGRESSD_TESTS_OUTAGE_SECONDS";

/// SIGSTOP; scale, delete, a name with another UID, an address at another Service, etcd compacted; SIGCONT.
pub(crate) fn what_happens_while_egressd_is_stopped_is_exact_when_it_goes_on() -> Result<()> {
    let cluster = cluster()?;
    let [first, second, third] = [1, 2, 3].map(|number| cluster.lab.pod(number));
    cluster.create_service(&service("goes", &EGRESS), &OTHER)?;
    cluster.create_pod("web-1", "web", first)?;
    cluster.create_pod("goes-1", "goes", second)?;
    let egressd = run(&cluster)?;
    expect_exact(&cluster, &[(first, WEB), (second, OTHER)])?;
    egressd[0].paused(|| {
        cluster.api.delete(&format!("{SERVICES}/goes"))?;
        // The name again, and another Service.
        cluster.api.delete(&format!("{SERVICES}/web"))?;
        cluster.create_service(&service("web", &EGRESS), &OTHER)?;
        // An address goes over to it, and one goes away from it.
        cluster.delete_pod("goes-1")?;
        cluster.create_pod("web-2", "web", second)?;
        cluster.delete_pod("web-1")?;
        cluster.create_pod("web-3", "web", third)?;
        cluster.wait_for_endpoints("web", &[second.v4(), second.v6(), third.v4(), third.v6()])?;
        cluster.compact()
    })?;
    expect_exact(&cluster, &[(second, OTHER), (third, OTHER)])
}

/// Pods come and go until the server is away; then nothing may change; then all that was missed comes at once.
pub(crate) fn an_api_server_that_is_away_changes_no_packet_and_the_catch_up_is_exact() -> Result<()> {
    let cluster = cluster()?;
    let [first, second, _] = [1, 2, 3].map(|number| cluster.lab.pod(number));
    cluster.create_pod("web-1", "web", first)?;
    let egressd = run(&cluster)?;
    expect_exact(&cluster, &[(first, WEB)])?;
    let (seconds, churned) = (outage()?, &["churn-0", "churn-1", "churn-2"]);
    let seen = cluster.lab.seen_during(first, OUTSIDE_V4, Protocol::Tcp, || {
        churn(&cluster, churned)?;
        cluster.kill_api_server();
        thread::sleep(Duration::from_secs(seconds));
        cluster.restart_api_server()?;
        churn(&cluster, churned)?;
        cluster.create_pod("web-2", "web", second)
    })?;
    let all: Vec<Seen> = seen.keys().copied().collect();
    ensure!(all == [WEB_V4.into()], "while the API server was away: {seen:?}\n{}", egressd[0].circumstances());
    expect_exact(&cluster, &[(first, WEB), (second, WEB)])?;
    // And in the other direction, so that it is known that it looks again.
    cluster.delete_pod("web-1")?;
    expect_exact(&cluster, &[(second, WEB)])
}

/// Pods that are addresses only come and go.
fn churn(cluster: &Cluster, names: &[&str]) -> Result<()> {
    for (name, last) in names.iter().zip(100..) {
        cluster.create_pod_at(name, "web", 1, &[IpAddr::from([10, 0, 0, last])])?;
    }
    names.iter().try_for_each(|name| cluster.delete_pod(name))
}

fn outage() -> Result<u64> {
    let seconds = env::var(OUTAGE).unwrap_or_else(|_| "20".to_owned());
    seconds.parse().with_context(|| format!("{OUTAGE} is {seconds:?}, which is no number"))
}
