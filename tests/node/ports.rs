//! Replies to callers from outside, and traffic inside: by the address of the load balancer, by NodePort, hostPort and
//! the host network, in both modes of kube-proxy.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, ensure};
use lab::addresses::{NEIGHBOUR_V4, NEIGHBOUR_V6, PORT};
use lab::node::{Cluster, Pod, Policy, ProxyMode, service};
use lab::wait_until;
use serde_json::json;

use crate::fixture::EgressService;
use crate::traffic::ExpectedSources;

/// A host port that no other program of a node uses.
const HOST_PORT: u16 = 8088;

/// The nodes start in nftables mode.
pub(crate) fn callers_from_outside_are_answered_with_kube_proxy_in_nftables_mode() -> Result<()> {
    answered("nftables", ProxyMode::Nftables)
}

pub(crate) fn callers_from_outside_are_answered_with_kube_proxy_in_iptables_mode() -> Result<()> {
    answered("iptables", ProxyMode::Iptables)
}

fn answered(name: &'static str, mode: ProxyMode) -> Result<()> {
    EgressService::run_trial(name, 3, |cluster, fixture| {
        [1, 2].into_iter().try_for_each(|node| cluster.node_mut(node).run_proxy(mode))?;
        let tried = matrix(cluster, fixture);
        [1, 2].into_iter().try_for_each(|node| cluster.node_mut(node).run_proxy(ProxyMode::Nftables))?;
        tried
    })
}

fn matrix(cluster: &Cluster, fixture: &EgressService) -> Result<()> {
    let pods = fixture.run(cluster, &fixture.app().on("node-1").replicas(2), 2)?;
    let expected = fixture.translated(&pods);
    let settled = expected.wait_until_settled(cluster)?;
    for policy in [Policy::Local, Policy::Cluster] {
        cluster.apply(&[service(fixture.name, fixture.name, policy)])?;
        fixture.balance(cluster, fixture.name)?;
        let context = || format!("externalTrafficPolicy: {}", policy.name());
        from_outside(cluster, fixture, &pods, policy).with_context(context)?;
        from_a_pod(cluster, fixture, &pods).with_context(context)?;
    }
    expected.ensure_only(cluster, settled).map(drop)
}

/// To the load balancer's address and to NodePorts: a pod of the Service answers. Where a Service is served on the node
/// of the pod, the pod sees who calls.
fn from_outside(cluster: &Cluster, fixture: &EgressService, pods: &[Pod], policy: Policy) -> Result<()> {
    let port = node_port(cluster, fixture)?;
    let [first, second] = [1, 2].map(|node| SocketAddr::new(cluster.node(node).addresses()[0], port));
    let mut targets = vec![SocketAddr::new(fixture.addresses[0], 80), SocketAddr::new(fixture.addresses[1], 80), first];
    match policy {
        Policy::Local => {}
        Policy::Cluster => targets.push(second),
    }
    for target in targets {
        let mut last = String::new();
        let waited = wait_until(&format!("{target} is answered by a pod of the Service"), lab::DEADLINE, || {
            let answer = cluster.outside.ask(target);
            last = format!("{answer:?}");
            Ok(answer.is_ok_and(|answer| {
                let kept = [NEIGHBOUR_V4, NEIGHBOUR_V6].contains(&answer.source);
                pods.iter().any(|pod| pod.name == answer.name) && (kept || policy == Policy::Cluster)
            }))
        });
        waited.with_context(|| last)?;
    }
    Ok(())
}

/// To all that belongs to the cluster: it is reached, and the Service's address is not seen there.
fn from_a_pod(cluster: &Cluster, fixture: &EgressService, pods: &[Pod]) -> Result<()> {
    let port = node_port(cluster, fixture)?;
    let cluster_ip = cluster.api.get(&service_path(fixture))?["spec"]["clusterIP"].take();
    let cluster_ip = cluster_ip.as_str().context("the Service has no ClusterIP")?.parse()?;
    let nodes = [1, 2].map(|node| SocketAddr::new(cluster.node(node).addresses()[0], port));
    let targets = [
        SocketAddr::new(cluster_ip, 80),
        SocketAddr::new(fixture.addresses[0], 80),
        nodes[0],
        SocketAddr::new(pods[1].v4, PORT),
    ];
    let asked = ask(cluster, fixture, &pods[0], &targets)?;
    for (target, (source, answerer)) in targets.iter().zip(&asked) {
        ensure!(!fixture.addresses.contains(source), "{} asks {target}, and is seen as {source}", pods[0].name);
        ensure!(pods.iter().any(|pod| pod.name == *answerer), "{target} is answered by {answerer}");
    }
    // To a neighbour on its node a pod is itself.
    ensure!(asked[3].0 == pods[0].v4, "a pod is seen by another as {}", asked[3].0);
    // The API server speaks TLS alone, and ends a connection without. That it does shows that it was reached.
    let server =
        cluster.kubectl(&["--namespace", fixture.name, "exec", &pods[0].name, "--", "/probe", "ask", "10.96.0.1:443"]);
    ensure!(
        server.as_ref().is_ok_and(|answer| answer.contains("400") || answer.contains("EOF")),
        "the API server answers {server:?}"
    );
    Ok(())
}

/// The answer of each address to a pod: the source address that was seen, and the receiver.
fn ask(cluster: &Cluster, fixture: &EgressService, pod: &Pod, targets: &[SocketAddr]) -> Result<Vec<(IpAddr, String)>> {
    let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
    let mut arguments = vec!["--namespace", fixture.name, "exec", &pod.name, "--", "/probe", "ask"];
    arguments.extend(targets.iter().map(String::as_str));
    let printed = cluster.kubectl(&arguments)?;
    let answer = |line: &str| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [_, source, name] = parts[..] else { return None };
        Some((source.parse::<IpAddr>().ok()?.to_canonical(), name.to_owned()))
    };
    printed.lines().map(|line| answer(line).with_context(|| format!("{}: {line}", pod.name))).collect()
}

/// Pods with a host port are translated like any, and answer there.
pub(crate) fn a_pod_with_a_host_port_is_translated_and_answers_there() -> Result<()> {
    EgressService::run_trial("hostport", 4, |cluster, fixture| {
        let pods = fixture.run(cluster, &fixture.app().on("node-1").host_port(HOST_PORT), 1)?;
        let expected = fixture.translated(&pods);
        let settled = expected.wait_until_settled(cluster)?;
        let answer = cluster.outside.ask(SocketAddr::new(cluster.node(1).addresses()[0], HOST_PORT))?;
        ensure!(answer.name == pods[0].name, "{answer:?}");
        ensure!(answer.source == NEIGHBOUR_V4, "{answer:?}");
        expected.ensure_only(cluster, settled).map(drop)
    })
}

/// A pod on the host network is never translated, and the Service reports it.
pub(crate) fn a_pod_on_the_host_network_is_not_translated_and_reported() -> Result<()> {
    EgressService::run_trial("hostnet", 5, |cluster, fixture| {
        let mut object = fixture.app().on("node-1").on_host_network().object();
        // Its port is the node's, too.
        object["spec"]["template"]["spec"]["containers"][0]["args"][0] = json!("serve=18080");
        cluster.apply(&[object])?;
        cluster.wait_for_pods(fixture.name, fixture.name, 1)?;
        let node = cluster.node(1);
        let expected = ExpectedSources { names: vec![node.name().to_owned()], addresses: node.addresses().to_vec() };
        let settled = expected.wait_until_settled(cluster)?;
        wait_until("the Service warns of it", lab::DEADLINE * 2, || {
            let shown = cluster.kubectl(&["--namespace", fixture.name, "describe", "service", fixture.name])?;
            Ok(shown.contains("(host network)"))
        })?;
        expected.ensure_only(cluster, settled).map(drop)
    })
}

fn service_path(fixture: &EgressService) -> String {
    format!("/api/v1/namespaces/{0}/services/{0}", fixture.name)
}

fn node_port(cluster: &Cluster, fixture: &EgressService) -> Result<u16> {
    let port = cluster.api.get(&service_path(fixture))?["spec"]["ports"][0]["nodePort"].as_u64();
    u16::try_from(port.context("the Service has no NodePort")?).context("a NodePort is no port")
}
