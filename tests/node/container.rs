//! The DaemonSet's container under a kubelet and a container runtime.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use lab::cluster::Overlay;
use lab::node::Cluster;
use lab::wait_until;

use crate::fixture::{roll_out, set_environment, with_egressd};
use crate::page::Reader;

/// A table as another program has it, under the name of an instance.
const TAKEN: &str = "nft 'add table ip kube_vip_taken_v4'";

/// CAP_NET_ADMIN is the thirteenth bit; 2 is a filter of system calls.
const BOUNDS: [&str; 4] = ["CapEff:\t0000000000001000", "CapBnd:\t0000000000001000", "NoNewPrivs:\t1", "Seccomp:\t2"];

pub(crate) fn the_container_has_one_capability_and_a_filter_of_system_calls() -> Result<()> {
    with_egressd(|cluster| {
        for node in cluster.nodes() {
            let status = node.shell("cat /proc/$(pidof egressd)/status")?;
            for bound in BOUNDS {
                ensure!(status.lines().any(|line| line == bound), "{}: {bound:?} is missing:\n{status}", node.name());
            }
            let mounts = node.shell("cat /proc/$(pidof egressd)/mounts")?;
            let root = mounts.lines().find(|line| line.split(' ').nth(1) == Some("/")).context("it has no root")?;
            ensure!(root.split([' ', ',']).any(|option| option == "ro"), "its root can be written to: {root}");
        }
        Ok(())
    })
}

/// The metrics and the probes are on the node's address then.
pub(crate) fn the_component_for_metrics_lets_others_read_them() -> Result<()> {
    with_egressd(|cluster| {
        let overlay = Overlay::default().components(&["namespace", "metrics"]).write()?;
        cluster.shell("kubectl apply --kustomize .", overlay.path())?;
        roll_out(cluster)?;
        for address in cluster.nodes().iter().map(|node| SocketAddr::new(node.addresses()[0], 9808)) {
            let (status, metrics) = cluster.outside.http(address, "/metrics")?;
            ensure!(status.contains("200") && metrics.contains("egressd_build_info"), "{status}\n{metrics}");
        }
        cluster.kubectl(&["--namespace=egressd", "delete", "service", "egressd-metrics"])?;
        Reader::new(cluster)?.follow(cluster, "Install", "").map(drop)
    })
}

/// A table of its name that it did not make: it does not start there, and `describe` has the reason.
pub(crate) fn the_reason_of_a_failed_start_is_in_describe() -> Result<()> {
    with_egressd(|cluster| {
        cluster.nodes().iter().try_for_each(|node| node.shell(TAKEN).map(drop))?;
        set_environment(cluster, "instance_name=taken")?;
        let shown = expect_reason(cluster);
        set_environment(cluster, "instance_name-")?;
        cluster.nodes().iter().try_for_each(|node| node.shell("nft delete table ip kube_vip_taken_v4").map(drop))?;
        shown?;
        roll_out(cluster)
    })
}

fn expect_reason(cluster: &Cluster) -> Result<()> {
    let mut shown = String::new();
    let waited = wait_until("describe shows why it does not start", lab::DEADLINE * 4, || {
        // It fails where a pod goes between its list and its description, as in a roll-out.
        let Ok(described) = cluster.kubectl(&["--namespace=egressd", "describe", "pods"]) else { return Ok(false) };
        shown = described;
        Ok(shown.contains("kube_vip_taken_v4: a table of this name exists and egressd did not make it"))
    });
    waited.with_context(|| shown)
}
