//! Updates of egressd, a drained node, restarts of a node's parts: packets are not affected.

use anyhow::{Context, Result, ensure};
use lab::node::{Cluster, EGRESSD, NodeServer};
use lab::wait_until;

use crate::fixture::{EgressService, say};
use crate::page::Reader;
use crate::traffic::ExpectedSources;

/// The name of the image after the update.
const NEXT: &str = "ghcr.io/egressd/egressd:0.1.1";

/// Two pods call all the time, a connection is held, and each node's egressd is replaced.
pub(crate) fn an_update_under_traffic_changes_no_source() -> Result<()> {
    EgressService::run_trial("update", 3, |cluster, fixture| {
        let pods = fixture.run(cluster, &fixture.app().on("node-1").replicas(2), 2)?;
        let expected = fixture.translated(&pods);
        let settled = expected.wait_until_settled(cluster)?;
        let before = egressd_pods(cluster)?;
        for node in cluster.nodes() {
            node.tag(EGRESSD, NEXT)?;
        }
        let reader = Reader::new(cluster)?;
        let next = "images:\n  - {name: ghcr.io/egressd/egressd, newTag: 0.1.1}\n";
        reader.append("deploy/kustomization.yaml", next)?;
        reader.follow(cluster, "Update", "").with_context(|| cluster.circumstances())?;
        let after = egressd_pods(cluster)?;
        ensure!(before.iter().all(|pod| !after.contains(pod)), "before: {before:?}; after: {after:?}");
        let calls = expected.ensure_only(cluster, settled)?;
        say(&format!("update: {calls} calls, all with the Service's addresses"));
        Ok(())
    })
}

/// The pods go to the other node, and the address after them: from then on they are translated there.
pub(crate) fn pods_of_a_drained_node_are_translated_where_the_address_follows() -> Result<()> {
    EgressService::run_trial("drain", 4, |cluster, fixture| {
        cluster.kubectl(&["cordon", "node-2"])?;
        let pods = fixture.run(cluster, &fixture.app().replicas(2), 2);
        cluster.kubectl(&["uncordon", "node-2"])?;
        fixture.translated(&pods?).wait_until_settled(cluster)?;
        let drained = drain(cluster, fixture);
        cluster.kubectl(&["uncordon", "node-1"])?;
        drained
    })
}

/// With the address on one node, pods on the other leave as that node, at any time; the Service's own are not
/// disturbed.
pub(crate) fn replicas_on_another_node_than_the_address_leave_as_their_node() -> Result<()> {
    EgressService::run_trial("spread", 6, |cluster, fixture| {
        let here = fixture.run(cluster, &fixture.app().on("node-1"), 1)?;
        let mut elsewhere = fixture.app().on("node-2").object();
        elsewhere["metadata"]["name"] = "spread-elsewhere".into();
        cluster.apply(&[elsewhere])?;
        let all = cluster.wait_for_pods(fixture.name, fixture.name, 2)?;
        let expected = fixture.translated(&here);
        let settled = expected.wait_until_settled(cluster)?;
        let names = all.iter().filter(|pod| pod.node == "node-2").map(|pod| pod.name.clone()).collect();
        let others = ExpectedSources { names, addresses: cluster.node(2).addresses().to_vec() };
        let begun = others.wait_until_settled(cluster)?;
        others.call_on(cluster)?;
        others.ensure_only(cluster, begun)?;
        expected.ensure_only(cluster, settled).map(drop)
    })
}

fn drain(cluster: &Cluster, fixture: &EgressService) -> Result<()> {
    cluster.kubectl(&["drain", "node-1", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s"])?;
    let moved = cluster.wait_for_pods(fixture.name, fixture.name, 2)?;
    ensure!(moved.iter().all(|pod| pod.node == "node-2"), "{moved:?}");
    fixture.move_to(cluster, 2)?;
    let expected = fixture.translated(&moved);
    let settled = expected.wait_until_settled(cluster)?;
    ensure!(egressd_pods(cluster)?.len() == 2, "a drain leaves egressd where it is");
    expected.ensure_only(cluster, settled).map(drop)
}

/// One after the other, each in the most disruptive way.
pub(crate) fn restarts_of_a_nodes_components_change_no_source() -> Result<()> {
    EgressService::run_trial("parts", 5, |cluster, fixture| {
        let pods = fixture.run(cluster, &fixture.app().on("node-1").replicas(2), 2)?;
        let expected = fixture.translated(&pods);
        let settled = expected.wait_until_settled(cluster)?;
        for part in [NodeServer::Kubelet, NodeServer::Proxy, NodeServer::Containerd] {
            cluster.node_mut(1).kill(part);
            expected.call_on(cluster)?;
            expected.ensure_only(cluster, settled).with_context(|| format!("without {part:?}"))?;
            cluster.node_mut(1).start(part)?;
            expected.call_on(cluster)?;
        }
        cluster.node(1).configure_network(1400)?;
        cluster.wait_until_ready()?;
        expected.ensure_only(cluster, settled)?;
        // And it all still works: a pod that comes is translated, too.
        let pods = fixture.run(cluster, &fixture.app().on("node-1").replicas(3), 3)?;
        fixture.translated(&pods).wait_until_settled(cluster)?;
        let calls = expected.ensure_only(cluster, settled)?;
        say(&format!("parts restarted: {calls} calls, all with the Service's addresses"));
        Ok(())
    })
}

/// The API server's own restart is another test's; here egressd alone dies, and the kubelet starts it again.
pub(crate) fn a_killed_egressd_is_started_again_and_changes_no_source() -> Result<()> {
    EgressService::run_trial("killed", 6, |cluster, fixture| {
        let pods = fixture.run(cluster, &fixture.app().on("node-1"), 1)?;
        let expected = fixture.translated(&pods);
        let settled = expected.wait_until_settled(cluster)?;
        cluster.node(1).shell("kill -KILL $(pidof egressd)")?;
        wait_until("the kubelet has started it again", lab::DEADLINE * 4, || {
            let restarts = cluster.kubectl(&[
                "--namespace=egressd",
                "get",
                "pods",
                "--field-selector=spec.nodeName=node-1",
                "--output=jsonpath={.items[*].status.containerStatuses[*].restartCount}/{.items[*].status.containerStatuses[*].ready}",
            ])?;
            Ok(!restarts.starts_with('0') && restarts.ends_with("true"))
        })?;
        let more = fixture.run(cluster, &fixture.app().on("node-1").replicas(2), 2)?;
        fixture.translated(&more).wait_until_settled(cluster)?;
        expected.ensure_only(cluster, settled).map(drop)
    })
}

fn egressd_pods(cluster: &Cluster) -> Result<Vec<String>> {
    let names = cluster.kubectl(&["--namespace=egressd", "get", "pods", "--output=name"])?;
    Ok(names.lines().map(str::to_owned).collect())
}
