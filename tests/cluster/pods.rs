//! Pods of the node, watched at a real API server: the namespace of an endpoint's pod, with the rights, without them,
//! and when they are withdrawn (P1, P13).

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use egressd::rights::{POD_RIGHTS, PODS_MANIFEST};
use lab::addresses::NODE_NAME;
use lab::cluster::{Cluster, Decision, Overlay, USER, balanced, service, slice};
use serde_json::{Value, json};

use crate::deployment::wait_for_pod;
use crate::fixture::{EGRESS, OTHER, WEB, expect_exact, program, with_web};

const EVIL: &str = "/api/v1/namespaces/evil";
const EVIL_SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/evil/endpointslices";
const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/egressd-pods";

fn apply_component(cluster: &Cluster) -> Result<()> {
    cluster.apply(&Overlay::default().components(&["namespace", "pods"]))
}

/// The Service `x` of another namespace, whose slice lists these addresses.
fn create_evil(cluster: &Cluster, listed: &[IpAddr]) -> Result<()> {
    cluster.api.create("/api/v1/namespaces", &json!({"metadata": {"name": "evil"}}))?;
    let mut evil = service("x", &EGRESS);
    evil["spec"]["selector"] = Value::Null;
    cluster.api.create(&format!("{EVIL}/services"), &evil)?;
    cluster.api.patch_status(&format!("{EVIL}/services/x"), &balanced(&OTHER))?;
    let mut forged = slice("x-forged", "x", NODE_NAME, listed);
    for endpoint in forged["endpoints"].as_array_mut().context("it has endpoints")? {
        endpoint["targetRef"] = json!({"kind": "Pod", "namespace": "evil", "name": "x-1"});
    }
    cluster.api.create(EVIL_SLICES, &forged).map(drop)
}

/// Pods 1 and 3 are another tenant's, and pod 3 requests no egress. Pod 2 is unknown until it is created.
pub(crate) fn with_its_component_a_slice_takes_no_pod_of_another_tenant() -> Result<()> {
    let cluster = with_web(Cluster::builder().without_streaming_lists().build()?)?;
    let [first, second, third] = [1, 2, 3].map(|number| cluster.lab.pod(number));
    cluster.create_pod("web-1", "web", first)?;
    cluster.create_pod("batch-1", "batch", third)?;
    create_evil(&cluster, &[first.v4(), second.v4(), third.v4()])?;
    apply_component(&cluster)?;
    let watches = json!({"name": "EGRESSD_PODS", "value": "watch"});
    let has = |pod: &Value| {
        pod["spec"]["containers"][0]["env"].as_array().is_some_and(|variables| variables.contains(&watches))
    };
    wait_for_pod(&cluster, has)?;
    let mut egressd = cluster.run_deployed(&program(), cluster.lab.node())?;
    ["foreign-pod", "unknown-pod"].into_iter().try_for_each(|code| egressd.wait_until_log_has(code))?;
    expect_exact(&cluster, &[(first, WEB)]).with_context(|| egressd.circumstances())?;
    // It is a pod of the Service's own namespace now.
    create_pod_of_evil(&cluster, "x-1", second.v4())?;
    egressd.wait_until_seen(second, lab::addresses::OUTSIDE_V4, OTHER[0].into())?;
    expect_used(&cluster)?;
    egressd.stop()
}

fn create_pod_of_evil(cluster: &Cluster, name: &str, address: IpAddr) -> Result<()> {
    let pod = json!({
        "metadata": {"name": name},
        "spec": {"nodeName": NODE_NAME, "containers": [{"name": "main", "image": "example.com/none"}]},
    });
    cluster.api.create(&format!("{EVIL}/pods"), &pod)?;
    let status = json!({"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]});
    cluster.api.patch_status(&format!("{EVIL}/pods/{name}"), &status).map(drop)
}

/// Each of the rights of the component was used, and the component granted it.
fn expect_used(cluster: &Cluster) -> Result<()> {
    let audit = cluster.audit()?;
    for right in POD_RIGHTS {
        let is_it =
            |decision: &Decision| matches!(decision, Decision::Otherwise(why) if why.contains("\"egressd-pods\""));
        let used = audit.iter().any(|request| {
            (request.verb.as_str(), request.resource.as_str()) == (right.verb, "pods") && is_it(&request.decision)
        });
        ensure!(used, "{right} was not used: {audit:?}");
    }
    Ok(())
}

/// Missing at first, as with an old role; then granted; then withdrawn while egressd runs, over a restart; and granted
/// again.
pub(crate) fn a_missing_right_to_pods_disables_only_their_use_and_a_withdrawn_one_removes_nothing() -> Result<()> {
    let cluster = with_web(Cluster::builder().build()?)?;
    let [first, second, third] = [1, 2, 3].map(|number| cluster.lab.pod(number));
    cluster.create_pod("web-1", "web", first)?;
    cluster.create_pod("batch-1", "batch", third)?;
    let program = program().environment("EGRESSD_PODS", "watch");
    let mut egressd = cluster.run(&program, cluster.lab.node())?;
    expect_exact(&cluster, &[(first, WEB)]).with_context(|| egressd.circumstances())?;
    egressd.wait_until_log_has("cannot watch pods: ")?;
    ensure!(egressd.log().lines().any(names_the_component), "{}", egressd.log());
    create_evil(&cluster, &[third.v4()])?;
    egressd.wait_until_seen(third, lab::addresses::OUTSIDE_V4, OTHER[0].into())?;

    apply_component(&cluster)?;
    egressd.wait_until_log_has("foreign-pod")?;
    expect_exact(&cluster, &[(first, WEB)]).with_context(|| egressd.circumstances())?;

    egressd.turn_page();
    cluster.api.delete(BINDING)?;
    // A server checks rights when a watch begins.
    cluster.kill_api_server();
    cluster.restart_api_server()?;
    egressd.wait_until_log_has("cannot watch pods: ")?;
    cluster.create_pod("web-2", "web", second)?;
    egressd.wait_until_log_has("was not a pod of this node when pods were read last")?;
    expect_exact(&cluster, &[(first, WEB)]).with_context(|| egressd.circumstances())?;
    // Nor does a restart open what pods had closed.
    egressd.stop()?;
    let mut egressd = cluster.run(&program, cluster.lab.node())?;
    egressd.wait_until_log_has("was not a pod of this node when pods were read last")?;
    expect_exact(&cluster, &[(first, WEB)]).with_context(|| egressd.circumstances())?;

    apply_component(&cluster)?;
    expect_exact(&cluster, &[(first, WEB), (second, WEB)]).with_context(|| egressd.circumstances())?;
    egressd.stop()
}

fn names_the_component(line: &str) -> bool {
    [USER, PODS_MANIFEST, "api-server-forbids"].iter().all(|part| line.contains(part))
}
