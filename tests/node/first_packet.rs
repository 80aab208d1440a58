//! The CNI plugin on real nodes, one with a bridge and one with a cable to each pod: a pod that calls with its first
//! instruction is seen with the Service's address from its first call on, and whatever becomes of egressd, pods begin.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use egressd::clock;
use lab::cluster::Overlay;
use lab::node::{App, Arrival, Cluster, Node, Pod, Role};
use lab::{Unsupported, wait_until};
use serde_json::json;

use crate::fixture::{EgressService, roles, roll_out, say};
use crate::install::install;

/// As `docs/first-packet.md` has them.
const COMPONENTS: [&str; 5] = ["namespace", "admission", "networks", "pods", "cni"];
/// Pods that begin at once.
const MANY_PODS: u32 = 200;
/// Pods that begin one after the other.
const SINGLE_PODS: u32 = 4;
/// Until very many pods run, on a machine that does other things, too.
const MANY_PODS_TIMEOUT: Duration = Duration::from_secs(600);

/// What has to be set for the trial with very many pods, which keeps two cores busy for minutes.
const WANTED: &str = "EGRESSD_NODE_TESTS_MANY_PODS";

/// Runs a trial with the plugin on both nodes, and takes it away again.
fn with_plugin(
    name: &'static str,
    number: u8,
    trial: impl FnOnce(&mut Cluster, &EgressService) -> Result<()>,
) -> Result<()> {
    EgressService::run_trial(name, number, |cluster, fixture| {
        let before = configurations(cluster)?;
        apply(cluster, &COMPONENTS)?;
        wait_until("both nodes have the plugin in their chain", lab::DEADLINE * 4, || {
            Ok(configurations(cluster)?.iter().all(|text| text.contains("egressd-cni")))
        })?;
        let played = trial(cluster, fixture);
        let left = remove(cluster).and_then(|()| expect_removed(cluster, &before));
        // Installing alone would leave what these components have and the page has not, such as cluster roles.
        kustomize(cluster, "delete", &COMPONENTS)?;
        install(cluster)?;
        played.and(left)
    })
}

fn apply(cluster: &Cluster, components: &[&str]) -> Result<()> {
    kustomize(cluster, "apply", components)?;
    roll_out(cluster)
}

fn remove(cluster: &Cluster) -> Result<()> {
    apply(cluster, &[&COMPONENTS[..], &["remove"]].concat())
}

fn kustomize(cluster: &Cluster, verb: &str, components: &[&str]) -> Result<()> {
    let [plugins, configs] = Node::network_directories();
    let volume =
        |name: &str, path: &str| json!({"name": name, "hostPath": {"path": path, "type": "DirectoryOrCreate"}});
    // Whatever these nodes write is in their memory, and a program without optimisation is large.
    // And on two cores that all pods of a trial keep busy, rules take longer than the usual wait.
    let wait = json!([{"name": "EGRESSD_CNI_WAIT", "value": "60"}]);
    let container = json!({"name": "egressd-cni", "env": wait, "resources": {"limits": {"memory": "2Gi"}}});
    let patch = json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "egressd"},
        "spec": {"template": {"spec": {
            "containers": [container],
            "volumes": [volume("cni-plugins", plugins), volume("cni-configs", configs)],
        }}},
    });
    let patches = json!([{"target": {"kind": "DaemonSet", "name": "egressd"}, "patch": patch.to_string()}]);
    let overlay = Overlay::default().components(components).field("patches", patches).write()?;
    cluster.shell(&format!("kubectl {verb} --kustomize ."), overlay.path()).map(drop)
}

fn configurations(cluster: &Cluster) -> Result<Vec<String>> {
    cluster.nodes().iter().map(Node::network_configuration).collect()
}

fn expect_removed(cluster: &Cluster, before: &[String]) -> Result<()> {
    let [plugins, _] = Node::network_directories();
    let after = configurations(cluster)?;
    ensure!(after == before, "{after:?} was {before:?}");
    for node in cluster.nodes() {
        ensure!(!node.path(&format!("{plugins}/egressd-cni")).exists(), "{} has the plugin", node.name());
    }
    Ok(())
}

pub(crate) fn with_the_plugin_the_first_packet_of_a_pod_has_the_services_address() -> Result<()> {
    with_plugin("plugin", 8, |cluster, fixture| {
        for node in [1, 2] {
            fixture.move_to(cluster, node)?;
            for number in 1..=SINGLE_PODS {
                let app = fixture.app().on(cluster.node(node).name()).replicas(number);
                let pods = fixture.run(cluster, &app, number as usize)?;
                expect_first_calls(cluster, fixture, &pods)?;
            }
            end(cluster, fixture)?;
        }
        Ok(())
    })
}

pub(crate) fn two_hundred_pods_at_once_begin_with_the_services_address() -> Result<()> {
    if std::env::var_os(WANTED).is_none() {
        bail!(Unsupported(format!("it takes minutes; set {WANTED}=1")));
    }
    with_plugin("crowd", 9, |cluster, fixture| {
        let begun = clock::now();
        cluster.apply(&[fixture.app().on("node-1").replicas(MANY_PODS).object()])?;
        let pods = loop {
            let pods = cluster.wait_for_pods(fixture.name, fixture.name, MANY_PODS as usize);
            if pods.is_ok() || clock::since(begun) > MANY_PODS_TIMEOUT {
                break pods?;
            }
        };
        say(&format!("{MANY_PODS} pods with the plugin ran after {:.0} s", clock::since(begun).as_secs_f64()));
        expect_first_calls(cluster, fixture, &pods)?;
        end(cluster, fixture)
    })
}

/// `open`, as installed: without egressd, and with a process that was killed in the middle of anything, pods begin.
pub(crate) fn a_killed_egressd_and_a_removed_plugin_leave_a_network_that_works() -> Result<()> {
    with_plugin("unplugged", 10, |cluster, fixture| {
        let node = cluster.node(1);
        // Both containers: egressd, and what installs.
        node.shell("kill -9 $(pidof egressd)")?;
        let app = App::new(fixture.name, fixture.name, &roles()).on(node.name());
        fixture.run(cluster, &app.clone().replicas(2), 2)?;
        // As the cluster's network does when it is updated.
        node.configure_network(1500)?;
        wait_until("the plugin is chained again", lab::DEADLINE * 4, || {
            Ok(node.network_configuration()?.contains("egressd-cni"))
        })?;
        fixture.run(cluster, &app.replicas(4), 4)?;
        roll_out(cluster)?;
        end(cluster, fixture)
    })
}

/// The pods are gone, so that those of another node begin anew.
fn end(cluster: &Cluster, fixture: &EgressService) -> Result<()> {
    cluster.kubectl(&["--namespace", fixture.name, "delete", "deployment", fixture.name, "--wait=true"])?;
    cluster.wait_for_pods(fixture.name, fixture.name, 0).map(drop)
}

fn expect_first_calls(cluster: &Cluster, fixture: &EgressService, pods: &[Pod]) -> Result<()> {
    let mut wrong = Vec::new();
    for pod in pods {
        wait_until(&format!("{} calls", pod.name), lab::DEADLINE * 4, || Ok(first_calls(cluster, pod).len() == 2))?;
        wrong.extend(first_calls(cluster, pod).into_iter().filter(|call| !fixture.addresses.contains(&call.source)));
    }
    let first = wrong.first();
    ensure!(wrong.is_empty(), "{} first calls of {} pods are wrong, such as {first:?}", wrong.len(), pods.len());
    Ok(())
}

/// The first call of a pod in each family.
fn first_calls(cluster: &Cluster, pod: &Pod) -> Vec<Arrival> {
    let calls = cluster.outside.since(0);
    let of = |is_v4: bool| {
        let mut own = calls.iter().filter(|call| call.role == Role::Call && call.name == pod.name);
        own.find(|call| call.source.is_ipv4() == is_v4).cloned()
    };
    [of(true), of(false)].into_iter().flatten().collect()
}
