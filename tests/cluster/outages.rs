//! Changes during an outage: egressd was stopped, or the API server was unreachable.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result, ensure};
use lab::addresses::{OUTSIDE_V4, OUTSIDE_V6};
use lab::cluster::{Cluster, PODS, SERVICES, service};
use lab::{DEADLINE, Protocol, Seen, wait_until};

use crate::fixture::{EGRESS, OTHER, WEB, WEB_V4, cluster, expect_exact, run, run_with_pod};

/// The variable with the duration of the outage in seconds; two minutes by default.
const OUTAGE: &str = "EGRESSD_TESTS_OUTAGE_SECONDS";
/// Pods that are created and deleted repeatedly.
const CHURNED: [&str; 3] = ["churn-0", "churn-1", "churn-2"];
/// How long they do before the API server is killed, and after it is back.
const CHURN_TIME: Duration = Duration::from_secs(3);
const CHURN_INTERVAL: Duration = Duration::from_millis(50);

/// SIGSTOP; scale, delete, a name with another UID, an address at another Service, etcd compacted; SIGCONT.
pub(crate) fn changes_while_egressd_is_paused_are_applied_exactly_when_it_continues() -> Result<()> {
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

/// The peer is gone and no packet reports it: later changes are in force long before a watch counts as silent.
pub(crate) fn connections_that_die_silently_are_detected() -> Result<()> {
    let cluster = cluster()?;
    let (_egressd, first) = run_with_pod(&cluster)?;
    let second = cluster.lab.pod(2);
    cluster.lab.node().lose_connections_to(lab::cluster::PORT)?;
    cluster.create_pod("web-2", "web", second)?;
    expect_exact(&cluster, &[(first, WEB), (second, WEB)])
}

/// Pods come and go all the time; the server is killed in the middle of that, and its past is forgotten meanwhile.
/// As long as it is away nothing may change; then all that was missed comes at once.
pub(crate) fn an_api_server_that_is_away_changes_no_packet_and_the_catch_up_is_exact() -> Result<()> {
    let cluster = cluster()?;
    let (mut egressd, first) = run_with_pod(&cluster)?;
    let [second, stranger] = [2, 3].map(|number| cluster.lab.pod(number));
    let seconds = outage()?;
    let mut untouched = BTreeMap::new();
    let translated = cluster.lab.seen_during(first, OUTSIDE_V4, Protocol::Tcp, || {
        let during = || churn_during(&cluster, || interrupt_api_server(&cluster, seconds));
        untouched = cluster.lab.seen_during(stranger, OUTSIDE_V6, Protocol::Udp, during)?;
        Ok(())
    })?;
    expect_only(&translated, WEB_V4)?;
    expect_only(&untouched, stranger.v6())?;
    egressd.iter_mut().try_for_each(|one| one.wait_until_log_has("everything is listed again"))?;
    cluster.create_pod("web-2", "web", second)?;
    expect_exact(&cluster, &[(first, WEB), (second, WEB)])?;
    // And in the other direction, which shows that egressd reads again.
    cluster.delete_pod("web-1")?;
    expect_exact(&cluster, &[(second, WEB)])
}

fn expect_only(seen: &BTreeMap<Seen, usize>, expected: IpAddr) -> Result<()> {
    ensure!(seen.keys().eq([&expected.into()]), "a pod was to be seen as {expected} alone: {seen:?}");
    Ok(())
}

fn interrupt_api_server(cluster: &Cluster, seconds: u64) -> Result<()> {
    thread::sleep(CHURN_TIME);
    cluster.kill_api_server();
    cluster.compact()?;
    thread::sleep(Duration::from_secs(seconds));
    cluster.restart_api_server()?;
    thread::sleep(CHURN_TIME);
    Ok(())
}

/// Adds and deletes pods of `web` (addresses only) while something else is done; none is left.
fn churn_during(cluster: &Cluster, during: impl FnOnce() -> Result<()>) -> Result<()> {
    let over = AtomicBool::new(false);
    let (done, churned) = thread::scope(|scope| {
        let churn = scope.spawn(|| churn_until(cluster, &over));
        let done = during();
        over.store(true, Ordering::Relaxed);
        (done, churn.join())
    });
    done?;
    let churned = churned.unwrap_or_default();
    ensure!(churned >= CHURNED.len() * 2, "only {churned} pods came and went");
    let gone = || {
        let pods = cluster.api.list(PODS, "app=web")?;
        let left = pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str()).filter(|name| CHURNED.contains(name));
        left.map(|name| cluster.delete_pod(name)).collect::<Result<Vec<()>>>().map(|deleted| deleted.is_empty())
    };
    wait_until("the last of these pods is gone", DEADLINE, gone)
}

/// The number of pods that were created. While the server is away none is created or deleted.
fn churn_until(cluster: &Cluster, over: &AtomicBool) -> usize {
    let mut churned = 0;
    while !over.load(Ordering::Relaxed) {
        for (name, last) in CHURNED.into_iter().zip(100..) {
            let came = cluster.create_pod_at(name, "web", 1, &[IpAddr::from([10, 0, 0, last])]);
            churned += usize::from(came.is_ok());
            thread::sleep(CHURN_INTERVAL);
        }
        for name in CHURNED {
            // It may not have come, or may not go now: the next turn tries again.
            cluster.delete_pod(name).ok();
        }
    }
    churned
}

fn outage() -> Result<u64> {
    let seconds = env::var(OUTAGE).unwrap_or_else(|_| "120".to_owned());
    seconds.parse().with_context(|| format!("{OUTAGE} is {seconds:?}, which is no number"))
}
