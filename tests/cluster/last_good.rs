//! Objects that cannot be read when egressd starts, at a real API server: the set of destinations inside does not
//! shrink (P2, P6).

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use lab::cluster::Cluster;
use lab::{Egressd, wait_until};
use serde_json::{Value, json};

use crate::fixture::{CATCH_UP_TIMEOUT, WEB, cluster, program};

const NODE: &str = "/api/v1/nodes/node-2";

/// The other node has these addresses, or invalid texts: API servers accept any.
fn write_addresses(cluster: &Cluster, addresses: &[&str]) -> Result<()> {
    let one = |address: &&str| json!({"type": "InternalIP", "address": address});
    let addresses: Vec<Value> = addresses.iter().map(one).collect();
    cluster.api.patch_status(NODE, &json!({"addresses": addresses})).map(drop)
}

fn wait_until_excluded(egressd: &Egressd<'_>, cluster: &Cluster, expected: &BTreeSet<String>) -> Result<()> {
    let mut last = BTreeSet::new();
    let waited = wait_until("what is inside is what is expected", CATCH_UP_TIMEOUT, || {
        last = cluster.lab.node().excluded()?;
        Ok(last == *expected)
    });
    waited.with_context(|| format!("expected {expected:?}; there is {last:?}\n{}", egressd.circumstances()))
}

/// Its address is not one while egressd is away, twice; and when it is another one, the old one is outside.
pub(crate) fn a_nodes_unreadable_address_stays_inside_after_a_start() -> Result<()> {
    let cluster = cluster()?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    let run = || cluster.run(&program(), cluster.lab.node());
    let mut egressd = run()?;
    egressd.wait_until_seen(pod, lab::addresses::OUTSIDE_V4, WEB[0].into())?;
    let before = cluster.lab.node().excluded()?;
    egressd.stop()?;
    write_addresses(&cluster, &["192.168.0.2011", ""])?;
    for _ in 0..2 {
        let mut egressd = run()?;
        egressd.wait_until_log_has("status.addresses[0].address \"192.168.0.2011\" is not an address")?;
        egressd.wait_until_log_has("running")?;
        wait_until_excluded(&egressd, &cluster, &before)?;
        egressd.stop()?;
    }
    write_addresses(&cluster, &["192.168.0.77"])?;
    let egressd = run()?;
    let gone = ["192.168.0.200/31", "fd00:192::200/127"];
    let new = ["192.168.0.200", "fd00:192::200", "192.168.0.77"].map(str::to_owned);
    let mut after: BTreeSet<String> = before.into_iter().filter(|one| !gone.contains(&one.as_str())).collect();
    after.extend(new);
    wait_until_excluded(&egressd, &cluster, &after)?;
    egressd.stop()
}
