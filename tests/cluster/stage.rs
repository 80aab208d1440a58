//! What most tests begin with: a cluster with the Service `web`, and egressd on every node.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::addresses::{OUTSIDE_V4, OUTSIDE_V6, load_balancer_v4, load_balancer_v6};
use lab::cluster::{Cluster, SERVICES, service};
use lab::{Egressd, Pod, Program, Protocol, wait_until};
use serde_json::{Value, json};

/// The address of the Service `web`, IPv4.
pub(crate) const WEB_V4: IpAddr = load_balancer_v4(2);
/// The same, IPv6.
pub(crate) const WEB_V6: IpAddr = load_balancer_v6(2);
/// Both.
pub(crate) const WEB: [IpAddr; 2] = [WEB_V4, WEB_V6];
/// The addresses of another Service.
pub(crate) const OTHER: [IpAddr; 2] = [load_balancer_v4(3), load_balancer_v6(3)];
/// Egress for both families.
pub(crate) const EGRESS: [(&str, &str); 2] = [("egress", "true"), ("egress-ipv6", "true")];

/// How long a whole catch-up may take: a watch that lost its server asks again after a while.
const CATCH_UP: Duration = Duration::from_secs(60);
/// How long nothing may be written before it counts as nothing more.
const STILL: Duration = Duration::from_secs(3);

pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_egressd"))
}

/// One node, and the Service `web` with egress and no pods.
pub(crate) fn cluster() -> Result<Cluster> {
    with_web(Cluster::builder().build()?)
}

/// The Service `web` in a cluster that was just built.
pub(crate) fn with_web(cluster: Cluster) -> Result<Cluster> {
    cluster.create_service(&service("web", &EGRESS), &WEB)?;
    Ok(cluster)
}

/// egressd on every node.
pub(crate) fn run(cluster: &Cluster) -> Result<Vec<Egressd<'_>>> {
    cluster.lab.nodes().iter().map(|node| cluster.run(&program(), node)).collect()
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

/// Waits until the first node translates these pods in both families, and nothing else; then calls from all its pods,
/// and sees each with the right source; and then nobody writes to Services any more.
pub(crate) fn expect_exact(cluster: &Cluster, expected: Expected<'_>) -> Result<()> {
    wait_until_exact(cluster, 1, expected)?;
    for number in 1..=3 {
        let pod = cluster.lab.pod(number);
        let holds = expected.iter().find(|(one, _)| one.number == number && one.node == 1);
        let seen = holds.map_or([pod.v4(), pod.v6()], |(_, addresses)| *addresses);
        cluster.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, seen[0])?;
        cluster.lab.expect_seen(pod, OUTSIDE_V6, Protocol::Udp, seen[1])?;
    }
    expect_still(cluster)
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
    let waited = wait_until("the kernel translates what is expected and no more", CATCH_UP, || {
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
        thread::sleep(STILL);
        let now = cluster.versions()?;
        if seen.last() == Some(&now) {
            return Ok(());
        }
        seen.push(now);
    }
    bail!("somebody goes on writing to Services: {seen:?}")
}
