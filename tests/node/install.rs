//! Installing and removing, as the page about it says.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use lab::addresses::load_balancer_v4;
use lab::cluster::balanced;
use lab::node::{App, Cluster};
use lab::wait_until;

use crate::page::{Place, Reader, blocks};
use crate::stage::{DAEMON_SET, roles, with_cluster, with_egressd};
use crate::traffic::Expected;

/// Sections of the page whose commands these trials run.
const FOLLOWED: [&str; 6] = ["The image", "Install", "A Service", "Ask a node", "Update", "Remove"];

/// The page is what the trials run, and nothing else.
pub(crate) fn every_command_of_the_page_is_in_a_section_that_is_followed() -> Result<()> {
    let commands: Vec<_> = blocks()?.into_iter().filter(|block| block.place != Place::Registry).collect();
    let sections: BTreeSet<&str> = commands.iter().map(|block| block.section.as_str()).collect();
    ensure!(sections == FOLLOWED.into(), "docs/install.md has commands in {sections:?}, and {FOLLOWED:?} are followed");
    Ok(())
}

/// From nothing to "successfully rolled out".
pub(crate) fn install(cluster: &Cluster) -> Result<()> {
    let reader = Reader::new()?;
    let install = || {
        reader.follow(cluster, "The image", "")?;
        reader.follow(cluster, "Install", "")
    };
    install().with_context(|| cluster.circumstances()).map(drop)
}

/// The page's own example, then.
pub(crate) fn the_page_installs_it_and_its_example_is_translated() -> Result<()> {
    with_egressd(|cluster| {
        let (address, reader) = (load_balancer_v4(2), Reader::new()?);
        reader.follow(cluster, "A Service", "")?;
        cluster.give(address, 1)?;
        cluster.api.patch_status("/api/v1/namespaces/default/services/web", &balanced(&[address]))?;
        let app = App::new("default", "web", &roles()).on("node-1").replicas(2);
        cluster.apply(&[app.object()])?;
        let pods = cluster.wait_for_pods("default", "web", 2)?;
        let names: Vec<_> = pods.iter().map(|pod| pod.name.clone()).collect();
        let expected = Expected { names, addresses: vec![address] };
        expected.settle(cluster)?;
        let sources = pods.iter().map(|pod| pod.v4).collect::<BTreeSet<_>>();
        let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
        let sentence = format!("node node-1 translates {} to {address}", sources.join(", "));
        wait_until("describe says what is in force", lab::DEADLINE, || {
            Ok(reader.follow(cluster, "A Service", "")?.contains(&sentence))
        })?;
        let status = reader.follow(cluster, "Ask a node", "node-1")?;
        ensure!(status.contains("default/web") && status.contains("translating"), "{status}");
        cluster.kubectl(&["delete", "deployment", "web", "--wait=false"])?;
        cluster.kubectl(&["delete", "service", "web", "partner"])?;
        cluster.take(address)
    })
}

/// Another instance name leaves the tables of the old one in force, and egressd says so.
pub(crate) fn tables_of_an_instance_name_of_before_are_reported() -> Result<()> {
    with_egressd(|cluster| {
        let set = |variable: &str| -> Result<()> {
            cluster.kubectl(&["--namespace=egressd", "set", "env", "daemonset/egressd", variable])?;
            cluster.kubectl(&["--namespace=egressd", "rollout", "status", "daemonset/egressd"]).map(drop)
        };
        set("instance_name=before")?;
        set("instance_name-")?;
        for node in cluster.nodes() {
            wait_until("the tables of before are reported", lab::DEADLINE * 4, || {
                Ok(Reader::new()?.follow(cluster, "Ask a node", node.name())?.contains("orphaned-table"))
            })?;
        }
        Ok(())
    })
}

/// The way back: nothing of egressd is in the cluster or in the kernel of any node, whatever names were used before.
pub(crate) fn the_page_removes_it_and_leaves_nothing() -> Result<()> {
    with_egressd(|cluster| {
        Reader::new()?.follow(cluster, "Remove", "").with_context(|| cluster.circumstances())?;
        ensure!(cluster.api.get(DAEMON_SET).is_err(), "the DaemonSet is there");
        wait_until("the namespace is gone", lab::DEADLINE * 4, || {
            Ok(cluster.api.get("/api/v1/namespaces/egressd").is_err())
        })?;
        for node in cluster.nodes() {
            let (tables, processes) = (node.nft_list("tables")?, node.shell("ps ax")?);
            ensure!(!tables.contains("kube_vip"), "{} has {tables}", node.name());
            ensure!(!processes.contains("/egressd"), "{} runs {processes}", node.name());
        }
        Ok(())
    })
}

pub(crate) fn the_nodes_are_real() -> Result<()> {
    with_cluster(|cluster| cluster.wait_until_ready())
}
