//! P12 where little is known yet, or something is known no more: before anything was read after a start of the machine,
//! and without this node's Node.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use lab::addresses::{NODE_NAME, NODE_V4, OUTSIDE_V4};
use lab::manifest;
use lab::{Egressd, Program, Protocol, Seen};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program, web};

const NO_SERVER: &str = "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, \
    user: a}}], clusters: [{name: a, cluster: {server: 'https://192.0.2.1'}}], users: [{name: a, user: {}}]}";

fn fixture() -> Result<Fixture> {
    let fixture = Fixture::with_web()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    Ok(fixture)
}

/// As the kernel is after a start of the machine.
fn start_machine(egressd: Egressd<'_>, fixture: &Fixture) -> Result<()> {
    egressd.kill()?;
    fixture.lab.node().nft("delete table ip kube_vip_v4; delete table ip6 kube_vip_v6;")?;
    fixture.lab.expect_seen(fixture.unselected(), OUTSIDE_V4, Protocol::Tcp, NODE_V4)
}

/// egressd with the same state, and an API server that does not answer.
fn without_a_server<'lab>(program: &Program, fixture: &'lab Fixture) -> Result<Egressd<'lab>> {
    fs::write(fixture.manifests.state().with_file_name("kubeconfig"), NO_SERVER)?;
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let state = path(&fixture.manifests.state());
    let kubeconfig = path(&fixture.manifests.state().with_file_name("kubeconfig"));
    let socket = path(&fixture.manifests.socket());
    let further = ["--pods", "watch", "--state-dir", &state, "--socket", &socket];
    program.begin(&fixture.lab, &[&["run", "--node", NODE_NAME, "--kubeconfig", &kubeconfig], &further[..]].concat())
}

/// P12. Nothing that is stored names a pod, so no address of the node's pod networks leaves before objects are read.
pub(crate) fn after_a_start_of_the_machine_no_unknown_pod_leaves_before_anything_is_read() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod) = (&fixture.lab, fixture.selected());
    for number in [1, 3] {
        fixture.manifests.write(&manifest::pod("default", &format!("pod-{number}"), [lab.pod(number).v4()]))?;
    }
    let program = program().environment("EGRESSD_UNKNOWN_PODS", "drop");
    let mut egressd = program.run(lab, &fixture.manifests)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    egressd.wait_until_seen(fixture.unselected(), OUTSIDE_V4, NODE_V4.into())?;
    start_machine(egressd, &fixture)?;
    let mut egressd = without_a_server(&program, &fixture)?;
    for source in [pod, fixture.unselected()] {
        egressd.wait_until_seen(source, OUTSIDE_V4, Seen::Nothing).context("before anything is read")?;
        lab.expect_seen(source, lab.pod(2).v4(), Protocol::Tcp, source.v4())?;
    }
    egressd.stop()?;
    let mut egressd = program.run(lab, &fixture.manifests)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    egressd.wait_until_seen(fixture.unselected(), OUTSIDE_V4, NODE_V4.into())?;
    egressd.stop()
}

/// P12: what is outside was outside before, and private destinations are no exception.
pub(crate) fn without_its_node_a_guarded_pod_reaches_no_private_destination_over_a_restart_too() -> Result<()> {
    let fixture = fixture()?;
    let pod = fixture.selected();
    fixture.manifests.write(&manifest::second_node())?;
    fixture.manifests.write(&web().annotation_of("egressd.io", "on-unavailable", "drop"))?;
    let mut egressd = fixture.run_until_translated()?;
    fixture.manifests.write(&web().addresses([]).annotation_of("egressd.io", "on-unavailable", "drop"))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, Seen::Nothing)?;
    fixture.manifests.remove(&manifest::node())?;
    for _ in 0..2 {
        egressd.wait_until_log_has("node-networks-kept")?;
        fixture.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, Seen::Nothing)?;
        egressd.kill()?;
        egressd = fixture.run()?;
    }
    fixture.manifests.write(&web().addresses([OTHER_V4]).annotation_of("egressd.io", "on-unavailable", "drop"))?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into())?;
    egressd.stop()
}
