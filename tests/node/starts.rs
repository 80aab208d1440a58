//! Pods that begin. A pod calls before its address is known, so its first packets leave with the node's: the
//! duration is measured and printed here, and not asserted. The trials assert the state that follows.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::addresses::{OUTSIDE_V4, PORT};
use lab::node::{App, Arrival, Cluster, Pod, Role};

use crate::fixture::{EgressService, roles, say};

/// Pods that start together.
const CONCURRENT_PODS: u32 = 16;
/// Pods that start one by one.
const SINGLE_PODS: u32 = 4;

/// One after the other, on the node that has the address.
pub(crate) fn a_single_new_pod_is_translated() -> Result<()> {
    EgressService::run_trial("first", 7, |cluster, fixture| {
        // What begins with the first instruction keeps the source that it began with.
        let first = [format!("hold={OUTSIDE_V4}:{PORT}"), format!("send={OUTSIDE_V4}:{PORT}")];
        let app = App::new(fixture.name, fixture.name, &[roles(), first.to_vec()].concat()).on("node-1");
        let (mut windows, mut known) = (Vec::new(), BTreeSet::new());
        for number in 1..=SINGLE_PODS {
            let pods = fixture.run(cluster, &app.clone().replicas(number), number as usize)?;
            fixture.translated(&pods).wait_until_settled(cluster)?;
            for pod in pods.iter().filter(|pod| known.insert(pod.name.clone())) {
                windows.push(window(cluster, fixture, pod)?);
                for (role, what) in [(Role::Hold, "connection"), (Role::Send, "port of datagrams")] {
                    say(&format!("pod {number}, its first {what}: {}", kept(cluster, fixture, pod, role)?));
                }
            }
        }
        say_windows(&format!("{SINGLE_PODS} pods, one after the other"), windows);
        Ok(())
    })
}

/// All pods start together.
pub(crate) fn many_new_pods_are_all_translated() -> Result<()> {
    EgressService::run_trial("many", 2, |cluster, fixture| {
        let pods =
            fixture.run(cluster, &fixture.app().on("node-1").replicas(CONCURRENT_PODS), CONCURRENT_PODS as usize)?;
        let expected = fixture.translated(&pods);
        let settled = expected.wait_until_settled(cluster)?;
        let windows = pods.iter().map(|pod| window(cluster, fixture, pod)).collect::<Result<_>>()?;
        say_windows(&format!("{CONCURRENT_PODS} pods at once"), windows);
        expected.ensure_only(cluster, settled).map(drop)
    })
}

/// From a pod's first instruction to its first call with the Service's address, and how many calls came before.
fn window(cluster: &Cluster, fixture: &EgressService, pod: &Pod) -> Result<(Duration, u32)> {
    let calls = of_pod(cluster, pod, Role::Call);
    let translated = calls.iter().find(|call| call.source == fixture.addresses[0]);
    translated.map(|call| (call.age, call.count)).with_context(|| format!("{} was never translated", pod.name))
}

/// The source address of a pod's first connection or port once new ones are translated.
fn kept(cluster: &Cluster, fixture: &EgressService, pod: &Pod, role: Role) -> Result<&'static str> {
    let mark = cluster.outside.mark();
    lab::wait_until("it says something", lab::DEADLINE, || {
        Ok(cluster.outside.since(mark).iter().any(|arrival| arrival.role == role && arrival.name == pod.name))
    })?;
    let last = of_pod(cluster, pod, role).pop().context("it was never seen")?;
    Ok(if last.source == fixture.addresses[0] { "the Service's address" } else { "the node's address, for its life" })
}

fn of_pod(cluster: &Cluster, pod: &Pod, role: Role) -> Vec<Arrival> {
    let is_its = |arrival: &Arrival| arrival.role == role && arrival.name == pod.name && arrival.source.is_ipv4();
    cluster.outside.since(0).into_iter().filter(is_its).collect()
}

fn say_windows(what: &str, mut windows: Vec<(Duration, u32)>) {
    windows.sort_unstable();
    let at = |share: usize| {
        let (age, calls) = windows[(windows.len() - 1) * share / 100];
        format!("{:.1} ms ({calls} calls before)", age.as_secs_f64() * 1e3)
    };
    let (median, most, longest) = (at(50), at(90), at(100));
    say(&format!("{what}, from the first instruction to the first call with the Service's address:"));
    say(&format!("  median {median}, 90 % at most {most}, longest {longest}"));
}
