//! The manifests of `deploy/`, at a real API server. Every trial's cluster is deployed from there; this tests the
//! result.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::cluster::{Cluster, DeployedPod, Overlay, SERVICES, balanced};
use lab::{Egressd, Node, Protocol, wait_until};
use serde_json::{Value, json};

use crate::fixture::{OTHER, WEB, expect_exact, program, run, with_web};

pub(crate) fn the_deployment_puts_one_pod_on_every_node() -> Result<()> {
    let cluster = Cluster::builder().two_nodes().build()?;
    let pods = cluster.deployed_pods()?;
    let mut nodes: Vec<_> = pods.iter().map(|pod| pod.node().unwrap_or_default()).collect();
    nodes.sort_unstable();
    ensure!(nodes == ["node-1", "node-2"], "the DaemonSet has pods for {nodes:?}");
    Ok(())
}

/// So the label in `deploy/components/namespace` is needed, and this API server enforces it.
pub(crate) fn a_namespace_with_a_stricter_pod_security_level_would_refuse_the_pod() -> Result<()> {
    let cluster = Cluster::builder().build()?;
    let pod = cluster.deployed_pods()?.pop().context("there is no pod")?;
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
    let namespace = json!({"metadata": {"name": "strict", "labels": labels}});
    cluster.api.create("/api/v1/namespaces", &namespace)?;
    let copy = json!({"metadata": {"name": "egressd"}, "spec": pod.object()["spec"]});
    let created = cluster.api.create("/api/v1/namespaces/strict/pods", &copy);
    let refusal = created.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(refusal.contains("violates PodSecurity \"baseline:latest\""), "{refusal}");
    Ok(())
}

/// Its arguments, its environment, its volumes, and nothing else of the machine but what every container has.
pub(crate) fn the_container_of_the_daemon_set_translates_with_its_one_capability() -> Result<()> {
    let cluster = with_web(Cluster::builder().build()?)?;
    let (node, pod) = (cluster.lab.node(), cluster.lab.pod(1));
    cluster.create_pod("web-1", "web", pod)?;
    let deployed = cluster.deployed_pods()?.pop().context("there is no pod")?;
    let egressd = cluster.run_deployed(&program(), node)?;
    expect_probes(&cluster, &egressd, &deployed, node)?;
    expect_exact(&cluster, &[(pod, WEB)]).with_context(|| egressd.circumstances())?;
    let process = fs::read_to_string(format!("/proc/{}/status", egressd.id()))?;
    // CAP_NET_ADMIN is the thirteenth bit.
    for line in ["CapEff:\t0000000000001000\n", "CapBnd:\t0000000000001000\n", "NoNewPrivs:\t1\n"] {
        ensure!(process.contains(line), "{line:?} is missing:\n{process}");
    }
    ensure!(egressd.log().lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", egressd.log());
    egressd.stop()
}

/// Probes as the kubelet does.
fn expect_probes(cluster: &Cluster, egressd: &Egressd<'_>, deployed: &DeployedPod, node: &Node) -> Result<()> {
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let command = deployed.probe(probe)?;
        let mut printed = String::new();
        let waited = wait_until(&format!("the {probe} ends well"), lab::DEADLINE, || {
            let (well, output) = cluster.execute(egressd, node, &command)?;
            printed = output;
            Ok(well)
        });
        waited.with_context(|| format!("{printed}\n{}", egressd.circumstances()))?;
    }
    Ok(())
}

/// The component is added to a running DaemonSet, where the server merges the environments.
pub(crate) fn metrics_are_reached_from_outside_of_the_node_with_their_component() -> Result<()> {
    let cluster = with_web(Cluster::builder().build()?)?;
    let (node, pod) = (cluster.lab.node(), cluster.lab.pod(1));
    cluster.create_pod("web-1", "web", pod)?;
    cluster.apply(&Overlay::default().components(&["namespace", "metrics"]))?;
    let deployed = wait_for_pod(&cluster, |pod| pod["spec"]["containers"][0]["ports"][0]["name"] == json!("metrics"))?;
    let egressd = cluster.run_deployed(&program(), node)?;
    expect_probes(&cluster, &egressd, &deployed, node)?;
    expect_exact(&cluster, &[(pod, WEB)]).with_context(|| egressd.circumstances())?;
    let port = deployed.object()["spec"]["containers"][0]["ports"][0]["containerPort"].as_u64();
    let port = port.context("it names a port")?.try_into()?;
    let address = SocketAddr::from((lab::addresses::node_v4(node.number), port));
    for namespace in [&pod.host.namespace, &cluster.lab.outside().namespace] {
        let (status, body) = namespace.http(address, "/metrics")?;
        ensure!(status.contains("200") && body.contains("service=\"web\""), "{status}\n{body}");
    }
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    ensure!(node.http(local, "/metrics").is_err(), "{local} is served, too");
    egressd.stop()
}

/// Waits until the DaemonSet's pods are all like this, and returns one.
pub(crate) fn wait_for_pod(cluster: &Cluster, like: impl Fn(&Value) -> bool) -> Result<DeployedPod> {
    wait_until("the pods are as the DaemonSet has them now", lab::DEADLINE, || {
        Ok(cluster.deployed_pods()?.iter().all(|pod| like(pod.object())))
    })?;
    cluster.deployed_pods()?.pop().context("there is no pod")
}

/// As the page about installing has it: a patch, and then nothing is left on the node, which a probe shows.
pub(crate) fn the_removal_patch_leaves_nothing_on_the_node() -> Result<()> {
    let cluster = with_web(Cluster::builder().build()?)?;
    let (node, pod) = (cluster.lab.node(), cluster.lab.pod(1));
    cluster.create_pod("web-1", "web", pod)?;
    let egressd = cluster.run_deployed(&program(), node)?;
    expect_exact(&cluster, &[(pod, WEB)]).with_context(|| egressd.circumstances())?;
    egressd.stop()?;
    let patch = ["patch", "daemonset", "egressd", "--patch-file", "deploy/components/remove/daemonset.yaml"];
    cluster.kubectl(&[&["--namespace", "egressd"], &patch[..]].concat())?;
    let deployed = wait_for_pod(&cluster, |pod| pod["spec"]["containers"][0]["args"][0] == json!("clean"))?;
    let remover = cluster.run_deployed(&program(), node)?;
    expect_probes(&cluster, &remover, &deployed, node)?;
    ensure!(!node.tables()?.contains("kube_vip"), "{}", remover.circumstances());
    remover.stop()
}

pub(crate) fn the_examples_translate_as_documented() -> Result<()> {
    let cluster = Cluster::builder().build()?;
    apply_examples(&cluster)?;
    for (name, addresses) in [("web", WEB), ("partner", OTHER)] {
        cluster.api.patch_status(&format!("{SERVICES}/{name}"), &balanced(&addresses))?;
    }
    let [web, partner] = [1, 2].map(|number| cluster.lab.pod(number));
    cluster.create_pod("web-1", "web", web)?;
    cluster.create_pod("partner-1", "partner", partner)?;
    let mut egressd = run(&cluster)?.remove(0);
    egressd.wait_until_seen(web, OUTSIDE_V4, WEB[0].into())?;
    let mut last = Vec::new();
    egressd.wait_until("both families of the partner have a chain", || {
        last = cluster.lab.node().translations()?.1;
        let has_chain = |address: String| last.iter().any(|element| element.contains(&address));
        Ok(has_chain(partner.v4().to_string()) && has_chain(partner.v6().to_string()))
    })?;
    // None of its networks.
    cluster.lab.expect_seen(partner, OUTSIDE_V4, Protocol::Tcp, partner.v4())
}

fn apply_examples(cluster: &Cluster) -> Result<()> {
    let arguments = ["apply", "--server-side", "--validate=strict", "--filename", "deploy/examples/service.yaml"];
    // A server that has just come up may not know yet which ClusterIPs are free.
    wait_until("the API server takes the examples", lab::DEADLINE, || match cluster.kubectl(&arguments) {
        Ok(_) => Ok(true),
        Err(error) if format!("{error:#}").contains("failed to allocate a serviceIP") => Ok(false),
        Err(error) => Err(error),
    })
}
