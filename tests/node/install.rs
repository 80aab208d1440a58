//! Installation by the commands of `docs/install.md`.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use lab::addresses::load_balancer_v4;
use lab::cluster::balanced;
use lab::node::{App, Cluster};
use lab::wait_until;

use crate::fixture::{roles, with_cluster, with_egressd};
use crate::page::{CommandHost, Reader, blocks};
use crate::traffic::ExpectedSources;

/// Sections of the page whose commands these trials run.
const FOLLOWED: [&str; 6] = ["The image", "Install", "A Service", "Ask a node", "Update", "Remove"];

/// The page is what the trials run, and nothing else.
pub(crate) fn every_command_of_the_page_is_in_a_section_that_is_followed() -> Result<()> {
    let commands: Vec<_> = blocks()?.into_iter().filter(|block| block.place != CommandHost::Registry).collect();
    let sections: BTreeSet<&str> = commands.iter().map(|block| block.section.as_str()).collect();
    ensure!(sections == FOLLOWED.into(), "docs/install.md has commands in {sections:?}, and {FOLLOWED:?} are followed");
    Ok(())
}

/// Installs egressd, until "successfully rolled out".
pub(crate) fn install(cluster: &Cluster) -> Result<()> {
    let reader = Reader::new(cluster)?;
    let install = || {
        reader.follow(cluster, "The image", "")?;
        reader.follow(cluster, "Install", "")
    };
    install().with_context(|| cluster.circumstances()).map(drop)
}

/// Then the page's own example.
pub(crate) fn the_page_installs_it_and_its_example_is_translated() -> Result<()> {
    with_egressd(|cluster| {
        let (address, reader) = (load_balancer_v4(2), Reader::new(cluster)?);
        reader.follow(cluster, "A Service", "")?;
        cluster.assign_address(address, 1)?;
        cluster.api.patch_status("/api/v1/namespaces/default/services/web", &balanced(&[address]))?;
        let app = App::new("default", "web", &roles()).on("node-1").replicas(2);
        cluster.apply(&[app.object()])?;
        let pods = cluster.wait_for_pods("default", "web", 2)?;
        let names: Vec<_> = pods.iter().map(|pod| pod.name.clone()).collect();
        let expected = ExpectedSources { names, addresses: vec![address] };
        expected.wait_until_settled(cluster)?;
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

pub(crate) fn the_nodes_are_real() -> Result<()> {
    with_cluster(|cluster| cluster.wait_until_ready())
}
