//! A cluster, and an attacker with a token from one of its nodes.

use anyhow::{Context, Result, bail, ensure};
use lab::cluster::{Api, Cluster, POLICIES, json_of, service};
use lab::manifest::policy;
use lab::wait_until;
use serde_json::{Value, json};

use super::events::{EVENTS, about};
use super::nodes::apply_node;

pub(super) const WEB_PATH: &str = "/api/v1/namespaces/default/services/web";
pub(super) const GUARD_PATH: &str = "/api/v1/namespaces/egressd/configmaps/guard";
pub(super) const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/egressd";
pub(super) const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
/// The field manager of the token's node.
pub(super) const OWN: &str = "egressd-node-1";

const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/egressd";
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Two nodes, of which an attacker has taken over the first.
pub(super) struct StolenToken {
    pub(super) cluster: Cluster,
    pub(super) stolen: Api,
}

impl StolenToken {
    pub(super) fn build() -> Result<Self> {
        let cluster = Cluster::builder().two_nodes().build()?;
        let rules = json!([{"apiGroups": ["", "events.k8s.io", "egressd.io"], "verbs": ["*"],
            "resources": ["services", "services/status", "configmaps", "events", "egressnodes"]}]);
        cluster.api.patch(ROLE, &json!({"rules": rules}))?;
        let elsewhere = json!({"metadata": {"name": "elsewhere", "labels": {"egressd.io/policy": "true"}}});
        let owner = cluster.api.create(CONFIG_MAPS, &elsewhere)?;
        cluster.create_service(&web(&owner), &[])?;
        cluster.api.create(POLICIES, &json_of(&policy("guard").wasm(b"guard").annotation("mode", "enforce")))?;
        cluster.api.create(POLICIES, &json!({"metadata": {"name": "other"}, "data": {"kept": "yes"}}))?;
        let stolen = cluster.as_egressd_on(cluster.lab.node())?;
        wait_until_in_force(&stolen)?;
        Ok(Self { cluster, stolen })
    }
}

/// With something of everything that can be taken away from it.
fn web(owner: &Value) -> Value {
    let mut web = service("web", &[("egress", "true")]);
    let metadata = &mut web["metadata"];
    metadata["labels"] = json!({"kept": "yes"});
    metadata["finalizers"] = json!(["example.com/kept"]);
    let uid = &owner["metadata"]["uid"];
    metadata["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "elsewhere", "uid": uid}]);
    web
}

/// Each policy takes effect some time after it was written; until then RBAC allows the attempts.
fn wait_until_in_force(stolen: &Api) -> Result<()> {
    let label = json!({"metadata": {"labels": {"tried": "yes"}}});
    let tries: [(&str, &dyn Fn() -> Result<Value>); 4] = [
        ("egressd-services", &|| stolen.patch_as("other", WEB_PATH, &label)),
        ("egressd-configmaps", &|| stolen.patch_as("other", GUARD_PATH, &label)),
        ("egressd-egressnodes", &|| apply_node(stolen, "other", "node-1", &json!({}))),
        ("egressd-events", &|| stolen.create(EVENTS, &about("Secret", "web", "default"))),
    ];
    for (policy, attempt) in tries {
        let mut last = String::new();
        let waited = wait_until(&format!("{policy} is in force"), lab::DEADLINE, || {
            let refused = refusal(policy, attempt());
            last = refused.as_ref().err().map(ToString::to_string).unwrap_or_default();
            Ok(refused.is_ok())
        });
        waited.context(last)?;
    }
    Ok(())
}

/// Applies one annotation of a Service as egressd does.
pub(super) fn apply_active(who: &Api, manager: &str, name: &str, value: &str) -> Result<Value> {
    apply_annotations(who, manager, WEB_PATH, &json!({(name): value}))
}

pub(super) fn apply_annotations(who: &Api, manager: &str, path: &str, annotations: &Value) -> Result<Value> {
    let kind = if path == WEB_PATH { "Service" } else { "ConfigMap" };
    let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"annotations": annotations}});
    who.apply_as(manager, path, &object)
}

/// That a policy of ours refused it, with this message.
pub(super) fn expect_refused(policy: &str, message: &str, answer: Result<Value>) -> Result<()> {
    let refusal = refusal(policy, answer)?;
    ensure!(refusal.contains(message), "{policy} does not say {message:?}: {refusal}");
    // So the program does not take it for a missing permission.
    ensure!(refusal.contains("422") || refusal.contains("Invalid"), "{refusal}");
    Ok(())
}

fn refusal(policy: &str, answer: Result<Value>) -> Result<String> {
    match answer.map_err(|error| format!("{error:#}")) {
        Err(refusal) if refusal.contains(&format!("ValidatingAdmissionPolicy '{policy}'")) => Ok(refusal),
        Err(other) => bail!("{policy} did not refuse it, but: {other}"),
        Ok(object) => bail!("{policy} did not refuse it: {object}"),
    }
}
