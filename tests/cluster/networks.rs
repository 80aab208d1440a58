//! Networks of the cluster that network plugins and installers name (P2): they are found where they exist, with the
//! rights of the component; without the objects or the rights everything else works.

use anyhow::{Context, Result, ensure};
use egressd::rights::NETWORK_RIGHTS;
use lab::cluster::{Cluster, Decision};
use lab::neighbours::Plugins;
use lab::{DEADLINE, Egressd, Program, wait_until};
use serde_json::{Value, json};

use crate::fixture::{WEB, expect_exact, program, with_web};

const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/egressd-networks";
const NAMESPACES: &str = "/api/v1/namespaces";

/// An object that names networks of pods or Services.
struct NetworkSource {
    collection: String,
    object: Value,
    networks: Vec<&'static str>,
}

fn detecting() -> Program {
    program().environment("EGRESSD_DETECT_NETWORKS", "all")
}

fn config_map(namespace: &str, name: &str, key: &str, text: &str, networks: Vec<&'static str>) -> NetworkSource {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {key: text}});
    NetworkSource { collection: format!("{NAMESPACES}/{namespace}/configmaps"), object, networks }
}

fn network_sources() -> Vec<NetworkSource> {
    let [pools, nodes, pod_pools] = Plugins::collections();
    let of = |collection: String, version: &str, kind: &str, spec: Value, networks| {
        let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "one"}, "spec": spec});
        NetworkSource { collection, object, networks }
    };
    let flannel = r#"{"Network": "10.84.0.0/16", "EnableIPv6": true, "IPv6Network": "fd00:84::/56"}"#;
    let older = r#"{"Network": "10.85.0.0/16", "Backend": {"Type": "vxlan"}}"#;
    let kubeadm = "networking:\n  podSubnet: 10.86.0.0/16,fd00:86::/56\n  serviceSubnet: 10.87.0.0/16\n";
    vec![
        of(
            pools,
            "crd.projectcalico.org/v1",
            "IPPool",
            json!({"cidr": "10.81.0.0/16", "disabled": true}),
            vec!["10.81.0.0/16"],
        ),
        of(nodes, "cilium.io/v2", "CiliumNode", json!({"ipam": {"podCIDRs": ["10.82.7.0/24"]}}), vec!["10.82.7.0/24"]),
        of(
            pod_pools,
            "cilium.io/v2alpha1",
            "CiliumPodIPPool",
            json!({"ipv4": {"cidrs": ["10.83.0.0/16"], "maskSize": 24}, "ipv6": {"cidrs": ["fd00:83::/64"], "maskSize": 120}}),
            vec!["10.83.0.0/16", "fd00:83::/64"],
        ),
        config_map("kube-flannel", "kube-flannel-cfg", "net-conf.json", flannel, vec!["10.84.0.0/16", "fd00:84::/56"]),
        config_map("kube-system", "kube-flannel-cfg", "net-conf.json", older, vec!["10.85.0.0/16"]),
        config_map(
            "kube-system",
            "kubeadm-config",
            "ClusterConfiguration",
            kubeadm,
            // Two that are neighbours are one range.
            vec!["10.86.0.0/15", "fd00:86::/56"],
        ),
    ]
}

fn wait_until_excluded(cluster: &Cluster, egressd: &Egressd<'_>, networks: &[&str], expected: Expected) -> Result<()> {
    let what = format!("{networks:?} are {expected:?} of what is not translated to");
    let waited = wait_until(&what, DEADLINE, || {
        let excluded = cluster.lab.node().excluded()?;
        Ok(networks.iter().all(|network| excluded.contains(*network) == (expected == Expected::Excluded)))
    });
    waited.with_context(|| egressd.circumstances())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Excluded,
    NotExcluded,
}

pub(crate) fn networks_of_plugins_and_installers_are_added_and_removed() -> Result<()> {
    let cluster = with_web(Cluster::builder().without_streaming_lists().build()?)?;
    Plugins::define_kinds(&cluster.api)?;
    cluster.api.create(NAMESPACES, &json!({"metadata": {"name": "kube-flannel"}}))?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    let egressd = cluster.run(&detecting(), cluster.lab.node())?;
    expect_exact(&cluster, &[(pod, WEB)]).with_context(|| egressd.circumstances())?;
    for NetworkSource { collection, object, networks } in network_sources() {
        cluster.api.create(&collection, &object)?;
        wait_until_excluded(&cluster, &egressd, &networks, Expected::Excluded)?;
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        cluster.api.delete(&format!("{collection}/{name}"))?;
        wait_until_excluded(&cluster, &egressd, &networks, Expected::NotExcluded)?;
    }
    expect_exact(&cluster, &[(pod, WEB)]).with_context(|| egressd.circumstances())?;
    expect_used(&cluster)?;
    egressd.stop()
}

/// Each of the rights of the component was used, and the component granted it.
fn expect_used(cluster: &Cluster) -> Result<()> {
    let audit = cluster.audit()?;
    for right in NETWORK_RIGHTS {
        let is_it =
            |decision: &Decision| matches!(decision, Decision::Otherwise(why) if why.contains("\"egressd-networks\""));
        let used = audit.iter().any(|request| {
            [request.verb.as_str(), request.group.as_str(), request.resource.as_str()]
                == [right.verb, right.group, right.resource]
                && is_it(&request.decision)
        });
        ensure!(used, "{right} was not used: {audit:?}");
    }
    Ok(())
}

/// First the kinds are missing, as in most clusters, and then the rights too, as with the roles of an earlier release.
pub(crate) fn missing_kinds_and_rights_are_not_errors() -> Result<()> {
    let cluster = with_web(Cluster::builder().build()?)?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    for round in ["without the kinds", "without the rights"] {
        let egressd = cluster.run(&detecting(), cluster.lab.node())?;
        expect_exact(&cluster, &[(pod, WEB)]).context(round).with_context(|| egressd.circumstances())?;
        let log = egressd.log();
        // With a blank before it, since times and digests have such digits too.
        let about =
            |line: &&str| ["api-server", "ippools", "cilium", " 403", " 404"].iter().any(|part| line.contains(part));
        let reported: Vec<&str> = log.lines().filter(about).collect();
        ensure!(reported.is_empty(), "{round}: {reported:?}");
        egressd.stop()?;
        if round == "without the kinds" {
            cluster.api.delete(BINDING)?;
        }
    }
    Ok(())
}

/// After a right is withdrawn, the known networks stay inside the cluster.
pub(crate) fn networks_read_before_a_right_was_withdrawn_stay_inside() -> Result<()> {
    let cluster = with_web(Cluster::builder().build()?)?;
    Plugins::define_kinds(&cluster.api)?;
    let Some(NetworkSource { collection, object, networks }) = network_sources().into_iter().next() else {
        return Ok(());
    };
    cluster.api.create(&collection, &object)?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    let mut egressd = cluster.run(&detecting(), cluster.lab.node())?;
    egressd.wait_until_seen(pod, lab::addresses::OUTSIDE_V4, WEB[0].into())?;
    wait_until_excluded(&cluster, &egressd, &networks, Expected::Excluded)?;
    cluster.api.delete(BINDING)?;
    // A server checks rights when a watch begins.
    cluster.kill_api_server();
    cluster.restart_api_server()?;
    let refused = |decision: &Decision| matches!(decision, Decision::Refused(why) if why.contains("ippools"));
    wait_until("the right is missed", DEADLINE * 4, || {
        Ok(cluster.audit()?.iter().any(|request| refused(&request.decision)))
    })?;
    wait_until_excluded(&cluster, &egressd, &networks, Expected::Excluded)?;
    egressd.stop()
}
