//! An address that moves between nodes, while another controller writes what it has read.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use lab::addresses::{MOVING_V4, MOVING_V6, OUTSIDE_V4, OUTSIDE_V6};
use lab::cluster::{Api, Cluster, SERVICES, service};
use lab::{Node, Protocol};
use serde_json::json;

use crate::fixture::{EGRESS, expect_still, run, wait_until_exact};

const MOVING: [IpAddr; 2] = [MOVING_V4, MOVING_V6];
/// Moves to the other node, and back.
const MOVES: usize = 20;
const MOVE_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) fn an_address_that_moves_during_full_puts_is_translated_to_where_it_is() -> Result<()> {
    let cluster = Cluster::builder().two_nodes().build()?;
    cluster.create_service(&service("web", &EGRESS), &MOVING)?;
    for (name, node) in ["web-1", "web-2"].into_iter().zip(cluster.lab.nodes()) {
        cluster.create_pod(name, "web", node.pod(1))?;
    }
    let _egressd = run(&cluster)?;
    let over = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| overwrite_until(&cluster.api, &over));
        let moved = move_repeatedly(&cluster);
        over.store(true, Ordering::Relaxed);
        let written = writer.join().unwrap_or_default();
        moved.map(|()| written)
    })?;
    ensure!(written >= MOVES, "the other controller wrote {written} times only");
    expect_still(&cluster)
}

fn move_repeatedly(cluster: &Cluster) -> Result<()> {
    let [first, second] = [0, 1].map(|index| &cluster.lab.nodes()[index]);
    for turn in 0..MOVES {
        let (from, to) = if turn % 2 == 0 { (second, first) } else { (first, second) };
        for address in MOVING {
            if turn > 0 {
                from.release(address, "lo")?;
            }
            to.hold(address, "lo")?;
            cluster.lab.lead_to(to, address)?;
        }
        expect_moved(cluster, from, to)?;
    }
    Ok(())
}

fn expect_moved(cluster: &Cluster, from: &Node, to: &Node) -> Result<()> {
    wait_until_exact(cluster, usize::from(to.number), &[(to.pod(1), MOVING)])?;
    wait_until_exact(cluster, usize::from(from.number), &[])?;
    cluster.lab.expect_seen(to.pod(1), OUTSIDE_V4, Protocol::Tcp, MOVING_V4)?;
    cluster.lab.expect_seen(to.pod(1), OUTSIDE_V6, Protocol::Tcp, MOVING_V6)?;
    cluster.lab.expect_seen(from.pod(1), OUTSIDE_V4, Protocol::Tcp, from.pod(1).v4())
}

/// Reads the Service and writes the whole of it with a change of its own; how often that succeeded.
fn overwrite_until(api: &Api, over: &AtomicBool) -> usize {
    let path = format!("{SERVICES}/web");
    let mut written = 0;
    while !over.load(Ordering::Relaxed) {
        // Others may have been faster: it tries again, as controllers do.
        let wrote = api.get(&path).and_then(|mut service| {
            service["metadata"]["annotations"]["example.com/turn"] = json!(written.to_string());
            api.replace(&path, &service)
        });
        written += usize::from(wrote.is_ok());
        thread::sleep(MOVE_INTERVAL);
    }
    written
}
