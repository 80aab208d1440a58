//! The fixture of most tests: a cluster with the Service `web`, and egressd on every node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result, bail};
use lab::addresses::{
    NEIGHBOUR_V4, NODE_PODS_V4, NODE_PODS_V6, OUTSIDE_V4, OUTSIDE_V6, SERVICE_NETWORK_V4, SERVICE_NETWORK_V6,
    load_balancer_v4, load_balancer_v6,
};
use lab::cluster::{Cluster, SERVICES, service};
use lab::{Egressd, Pod, Program, Protocol, wait_until};
use serde_json::{Value, json};

/// The address of the Service `web`, IPv4.
pub(crate) const WEB_V4: IpAddr = load_balancer_v4(2);
/// The same, IPv6.
pub(crate) const WEB_V6: IpAddr = load_balancer_v6(2);
pub(crate) const WEB: [IpAddr; 2] = [WEB_V4, WEB_V6];
/// The addresses of another Service.
pub(crate) const OTHER: [IpAddr; 2] = [load_balancer_v4(3), load_balancer_v6(3)];
/// Egress for both families.
pub(crate) const EGRESS: [(&str, &str); 2] = [("egress", "true"), ("egress-ipv6", "true")];

/// The variable that names another program to test.
const PROGRAM: &str = "EGRESSD_TESTS_PROGRAM";

/// Loopback, link-local, multicast and broadcast.
const STAYS: [&str; 6] = ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255", "fe80::/10", "ff00::/8"];

/// How long a whole catch-up may take: a watch that lost its server retries after a while.
pub(crate) const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long nothing may be written before it counts as nothing more.
pub(crate) const QUIET_TIME: Duration = Duration::from_secs(3);

/// As it was built for tests, or as the image has it: `make test-static` names that one.
pub(crate) fn program() -> Program {
    Program::new(env::var_os(PROGRAM).unwrap_or_else(|| env!("CARGO_BIN_EXE_egressd").into()))
}

/// Two nodes, and the Service `web` with egress and no pods. Its addresses are held by the first.
pub(crate) fn cluster() -> Result<Cluster> {
    with_web(Cluster::builder().two_nodes().build()?)
}

/// The Service `web` in a cluster that was just built.
pub(crate) fn with_web(cluster: Cluster) -> Result<Cluster> {
    cluster.create_service(&service("web", &EGRESS), &WEB)?;
    Ok(cluster)
}

pub(crate) fn run(cluster: &Cluster) -> Result<Vec<Egressd<'_>>> {
    cluster.lab.nodes().iter().map(|node| cluster.run(&program(), node)).collect()
}

/// egressd on every node, and pod 1 behind `web`, translated.
pub(crate) fn run_with_pod(cluster: &Cluster) -> Result<(Vec<Egressd<'_>>, &Pod)> {
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    let egressd = run(cluster)?;
    expect_exact(cluster, &[(pod, WEB)])?;
    Ok((egressd, pod))
}

/// Merges into the Service of this name.
pub(crate) fn patch(cluster: &Cluster, name: &str, patch: &Value) -> Result<()> {
    cluster.api.patch(&format!("{SERVICES}/{name}"), patch).map(drop)
}

/// Gives the Service an annotation of kube-vip's, or takes it away.
pub(crate) fn annotate(cluster: &Cluster, service: &str, name: &str, value: Option<&str>) -> Result<()> {
    patch(cluster, service, &json!({"metadata": {"annotations": {(format!("kube-vip.io/{name}")): value}}}))
}

/// Which pods are to leave with which addresses, both families.
pub(crate) type Expected<'a> = &'a [(&'a Pod, [IpAddr; 2])];

/// Waits until every node translates those of these pods that are its own, in both families, and nothing else; then
/// calls from all pods, and sees each with the right source; and then Services are not written any more.
pub(crate) fn expect_exact(cluster: &Cluster, expected: Expected<'_>) -> Result<()> {
    for node in cluster.lab.nodes() {
        let own: Vec<_> = expected.iter().copied().filter(|(pod, _)| pod.node == node.number).collect();
        wait_until_exact(cluster, usize::from(node.number), &own)?;
        let (mut last, known) = (BTreeSet::new(), excluded(cluster));
        let waited = wait_until("what is inside is excluded, and nothing else", CATCH_UP_TIMEOUT, || {
            last = node.excluded()?;
            // Those that it holds, which differ from node to node and from trial to trial.
            last.retain(|network| !network.starts_with("11.0.0.") && !network.starts_with("fc00:11:"));
            Ok(last == known)
        });
        waited.with_context(|| format!("{} excludes {last:?}, not {known:?}", node.name()))?;
        (1..=3).try_for_each(|number| expect_source(cluster, node.pod(number), expected))?;
    }
    expect_still(cluster)
}

/// Expects the source address of a pod in both families.
fn expect_source(cluster: &Cluster, pod: &Pod, expected: Expected<'_>) -> Result<()> {
    let holds = expected.iter().find(|(one, _)| (one.number, one.node) == (pod.number, pod.node));
    let seen = holds.map_or([pod.v4(), pod.v6()], |(_, addresses)| *addresses);
    cluster.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, seen[0])?;
    cluster.lab.expect_seen(pod, OUTSIDE_V6, Protocol::Udp, seen[1])
}

/// The networks of the cluster as the API reports them, and those that are never routed.
fn excluded(cluster: &Cluster) -> BTreeSet<String> {
    let (services, server) = ([SERVICE_NETWORK_V4, SERVICE_NETWORK_V6], NEIGHBOUR_V4.to_string());
    // Neighbours are merged: the pods of the two nodes, and their own addresses.
    let reported = match cluster.lab.nodes().len() {
        1 => [NODE_PODS_V4, NODE_PODS_V6, "192.168.0.200", "fd00:192::200"],
        _ => ["10.0.0.0/23", "fd00:10:244::/63", "192.168.0.200/31", "fd00:192::200/127"],
    };
    services.iter().chain(&reported).chain(&STAYS).copied().chain([server.as_str()]).map(str::to_owned).collect()
}

/// Waits until a node, from 1, translates these pods in both families, and nothing else.
pub(crate) fn wait_until_exact(cluster: &Cluster, node: usize, expected: Expected<'_>) -> Result<()> {
    let pairs = expected.iter().flat_map(|(pod, to)| [(pod.v4(), to[0]), (pod.v6(), to[1])]);
    wait_until_maps_are(cluster, node, &pairs.collect())
}

/// The same, by address.
pub(crate) fn wait_until_maps_are(cluster: &Cluster, node: usize, expected: &BTreeMap<IpAddr, IpAddr>) -> Result<()> {
    let node = &cluster.lab.nodes()[node - 1];
    let mut last = String::new();
    let waited = wait_until("the kernel translates what is expected and no more", CATCH_UP_TIMEOUT, || {
        // There are no tables at first.
        let Ok((pods, others)) = node.translations() else { return Ok(false) };
        last = format!("{pods:?}, and by ports or networks {others:?}");
        Ok(pods == *expected && others.is_empty())
    });
    waited.with_context(|| format!("{}: expected {expected:?}; there is {last}", node.name()))
}

/// Waits until no Service is written to any more, and fails when that does not happen: what is in force may be
/// published a moment later, and then there is nothing more to write.
pub(crate) fn expect_still(cluster: &Cluster) -> Result<()> {
    let mut seen = vec![cluster.versions()?];
    while seen.len() < 4 {
        thread::sleep(QUIET_TIME);
        let now = cluster.versions()?;
        if seen.last() == Some(&now) {
            return Ok(());
        }
        seen.push(now);
    }
    bail!("Services are still written: {seen:?}")
}
