//! Removal: by the page's commands, and by the component that tools apply. Nothing of egressd is left, whatever
//! instance names it had before.

use std::fs;

use anyhow::{Context, Result, ensure};
use lab::cluster::beside_a_clone;
use lab::node::{Cluster, Node};
use lab::wait_until;

use crate::fixture::{DAEMON_SET, roll_out, set_environment, with_egressd};
use crate::page::{self, Reader};

/// The kinds without a namespace of which `deploy/` has objects.
const CLUSTER_WIDE: &str =
    "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings";

/// Another instance name leaves the tables of the old one in force, and egressd reports it.
pub(crate) fn tables_of_an_instance_name_of_before_are_reported_and_removed() -> Result<()> {
    with_egressd(|cluster| {
        set_environment(cluster, "instance_name=before")?;
        roll_out(cluster)?;
        set_environment(cluster, "instance_name-")?;
        roll_out(cluster)?;
        for node in cluster.nodes() {
            ensure!(node.nft_list("tables")?.contains("kube_vip_before_v4"), "{} never had them", node.name());
            wait_until("the tables of before are reported", lab::DEADLINE * 4, || {
                Ok(Reader::new(cluster)?.follow(cluster, "Ask a node", node.name())?.contains("orphaned-table"))
            })?;
        }
        the_page_removes_it(cluster)
    })
}

fn the_page_removes_it(cluster: &Cluster) -> Result<()> {
    Reader::new(cluster)?.follow(cluster, "Remove", "").with_context(|| cluster.circumstances())?;
    expect_nothing(cluster)
}

/// The page's kustomization stays applied until every node is done; then it is removed. Before, egressd is installed
/// again.
pub(crate) fn the_component_remove_leaves_nothing() -> Result<()> {
    with_egressd(|cluster| {
        let overlay = beside_a_clone(&page::kustomization("Remove")?)?;
        let kustomize = |verb: &str| cluster.shell(&format!("kubectl {verb} --kustomize ."), overlay.path());
        kustomize("apply")?;
        roll_out(cluster)?;
        for node in cluster.nodes() {
            ensure!(own_tables(node)?.is_empty(), "{} is done, and has {:?}", node.name(), own_tables(node)?);
        }
        kustomize("delete")?;
        expect_nothing(cluster)
    })
}

/// Neither in the cluster nor in the kernel, nor as a process or a lock of any node.
fn expect_nothing(cluster: &Cluster) -> Result<()> {
    ensure!(cluster.api.get(DAEMON_SET).is_err(), "the DaemonSet is there");
    wait_until("the namespace is gone", lab::DEADLINE * 4, || {
        Ok(cluster.api.get("/api/v1/namespaces/egressd").is_err())
    })?;
    let left = cluster.kubectl(&["get", CLUSTER_WIDE, "--output=name"])?;
    ensure!(!left.contains("egressd"), "{left}");
    for node in cluster.nodes() {
        let (tables, locks, processes) = (own_tables(node)?, locks(node), node.shell("ps ax")?);
        ensure!(tables.is_empty() && locks.is_empty(), "{} has {tables:?} and {locks:?}", node.name());
        ensure!(!processes.contains("/egressd"), "{} runs {processes}", node.name());
    }
    Ok(())
}

fn own_tables(node: &Node) -> Result<Vec<String>> {
    let tables = node.nft_list("tables")?;
    Ok(tables.lines().filter(|line| line.contains("kube_vip")).map(str::to_owned).collect())
}

fn locks(node: &Node) -> Vec<String> {
    let files = fs::read_dir(node.path("/run/egressd")).into_iter().flatten().flatten();
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".lock")).collect()
}
