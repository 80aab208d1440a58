//! EgressNodes in a directory, for several nodes of one machine without an API server.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::Protocol::Tcp;
use lab::addresses::{OTHER_OUTSIDE_V4, OUTSIDE_V4};
use lab::{Node, wait_until};
use serde_json::Value;

use crate::fixture::{Fixture, WEB_V4, program, web};

fn file(directory: &Path, node: &Node) -> Result<Value> {
    let path = directory.join(format!("{}.json", node.name()));
    let text = fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_slice(&text)?)
}

/// Another one after each write.
fn inode(directory: &Path, node: &Node) -> Result<u64> {
    Ok(fs::metadata(directory.join(format!("{}.json", node.name())))?.ino())
}

fn lists(spec: &Value, member: &str, address: &str) -> bool {
    spec[member].as_array().is_some_and(|list| list.iter().any(|one| one == address))
}

/// P2, with two egressds that know each other by a directory alone. A node that ended leaves its file, which counts.
pub(crate) fn addresses_that_another_egressd_of_this_machine_publishes_in_a_directory_stay_inside() -> Result<()> {
    let fixture = Fixture::on_two_nodes("web", &web())?;
    let [first, second] = [0, 1].map(|at| &fixture.lab.nodes()[at]);
    let directory = tempfile::tempdir()?;
    let program = program().environment("EGRESSD_PUBLISH_DIR", &directory.path().display().to_string());
    let run = |node| program.run_on(&fixture.lab, node, &fixture.manifests);
    let (mut egressd, other) = (run(first)?, run(second)?);
    let pod = fixture.selected();
    egressd.wait_until_seen(pod, OTHER_OUTSIDE_V4, WEB_V4.into())?;
    wait_until("both nodes published themselves", lab::DEADLINE, || {
        let says = |node: &Node, member, address: &str| {
            file(directory.path(), node).is_ok_and(|object| lists(&object["spec"], member, address))
        };
        let all = says(first, "held", &WEB_V4.to_string()) && says(first, "addresses", "192.168.0.200");
        Ok(all && says(second, "addresses", "192.168.0.201"))
    })?;
    second.hold(OTHER_OUTSIDE_V4, "lo")?;
    egressd.wait_until_seen(pod, OTHER_OUTSIDE_V4, pod.v4().into())?;
    egressd.expect_seen(pod, OUTSIDE_V4, Tcp, WEB_V4)?;

    let before = inode(directory.path(), second)?;
    other.stop()?;
    egressd.expect_seen(pod, OTHER_OUTSIDE_V4, Tcp, pod.v4())?;
    let mut other = run(second)?;
    other.wait_until_log_has("running")?;
    egressd.expect_seen(pod, OTHER_OUTSIDE_V4, Tcp, pod.v4())?;
    ensure!(inode(directory.path(), second)? == before, "a restart wrote its file");
    second.release(OTHER_OUTSIDE_V4, "lo")?;
    egressd.wait_until_seen(pod, OTHER_OUTSIDE_V4, WEB_V4.into())?;
    other.stop()?;
    egressd.stop()
}
