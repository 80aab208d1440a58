//! The pods of egressd's DaemonSet, as its controller makes them.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Cluster;
use crate::addresses::node_v4;
use crate::topology::Node;
use crate::wait::{DEADLINE, wait_until};

const PODS: &str = "/api/v1/namespaces/egressd/pods";
const DAEMON_SET: &str = "/apis/apps/v1/namespaces/egressd/daemonsets/egressd";

/// A pod of egressd's DaemonSet. No scheduler binds it: its affinity names its node.
#[derive(Clone, Debug)]
pub struct DeployedPod {
    object: Value,
}

impl Cluster {
    /// Waits until the controller has created all desired pods; returns them.
    ///
    /// # Errors
    /// When it does not; the error has the object's status.
    pub fn deployed_pods(&self) -> Result<Vec<DeployedPod>> {
        let mut status = Value::Null;
        let waited = wait_until("the DaemonSet has all its pods", DEADLINE * 2, || {
            status = self.api.get(DAEMON_SET)?["status"].take();
            let desired = status["desiredNumberScheduled"].as_u64().unwrap_or_default();
            Ok(desired > 0 && status["currentNumberScheduled"] == desired)
        });
        // What refused a pod is in an Event.
        let events = || self.kubectl(&["events", "--namespace", "egressd"]).unwrap_or_default();
        waited.with_context(|| format!("it says {status}\n{}", events()))?;
        let pods = self.api.list(PODS, "app.kubernetes.io/name=egressd")?;
        Ok(pods.into_iter().map(|object| DeployedPod { object }).collect())
    }

    pub(super) fn deployed_pod(&self, node: &Node) -> Result<DeployedPod> {
        let mut pods = self.deployed_pods()?.into_iter();
        pods.find(|pod| pod.node() == Some(node.name())).with_context(|| format!("{} has no pod", node.name()))
    }
}

impl DeployedPod {
    /// The object as the API returns it.
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// The node that its affinity names.
    pub fn node(&self) -> Option<&str> {
        let affinity = &self.object["spec"]["affinity"]["nodeAffinity"];
        let terms = &affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
        terms[0]["matchFields"][0]["values"][0].as_str()
    }

    /// What a probe of its container executes there.
    ///
    /// # Errors
    /// When it has no such probe, or another kind of probe.
    pub fn probe(&self, name: &str) -> Result<Vec<String>> {
        let probe = &self.container()[name];
        let command: Vec<_> = items(&probe["exec"]["command"]).filter_map(Value::as_str).map(str::to_owned).collect();
        ensure!(!command.is_empty(), "{name}: {probe}");
        Ok(command)
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.object["metadata"]["namespace"].as_str()
    }

    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        items(&self.container()["args"]).filter_map(Value::as_str)
    }

    /// The environment as the kubelet of the node fills it in.
    pub(super) fn environment(&self, node: &Node) -> Result<Vec<(String, String)>> {
        environment(self.container(), |field| match field {
            "spec.nodeName" => self.node().map(str::to_owned),
            "metadata.namespace" => self.namespace().map(str::to_owned),
            "status.hostIP" => Some(host_ip(node).to_string()),
            _ => None,
        })
    }

    /// What is mounted of the host: from where, to where. An empty directory of the pod's own is one of the host's,
    /// too.
    pub(super) fn host_paths(&self) -> Result<Vec<(String, String)>> {
        let volumes = || items(&self.object["spec"]["volumes"]);
        let mounted = |mount: &Value| {
            let volume = volumes().find(|volume| volume["name"] == mount["name"]);
            let from = volume.and_then(|volume| match volume["hostPath"]["path"].as_str() {
                None if volume["emptyDir"].is_object() => Some(format!("/empty/{}", volume["name"].as_str()?)),
                path => path.map(str::to_owned),
            });
            let path = from.zip(mount["mountPath"].as_str());
            path.map(|(from, to)| (from, to.to_owned())).with_context(|| mount.to_string())
        };
        items(&self.container()["volumeMounts"]).map(mounted).collect()
    }

    /// The capabilities that the container keeps.
    pub(super) fn capabilities(&self) -> Result<impl Iterator<Item = &str>> {
        let security = &self.container()["securityContext"];
        let narrow = security["runAsUser"] == 0
            && security["allowPrivilegeEscalation"] == false
            && security["readOnlyRootFilesystem"] == true
            && items(&security["capabilities"]["drop"]).eq(["ALL"]);
        ensure!(narrow, "this container may do what the lab's may not: {security}");
        Ok(items(&security["capabilities"]["add"]).filter_map(Value::as_str))
    }

    fn container(&self) -> &Value {
        &self.object["spec"]["containers"][0]
    }
}

/// What the kubelet gives as the node's address: the first that the Node has.
fn host_ip(node: &Node) -> IpAddr {
    node_v4(node.number)
}

/// The environment that the kubelet makes of a container's, where `field` knows the fields of its pod: a variable that
/// stands before another may be part of its value.
///
/// # Errors
/// When a variable has no value.
pub fn environment(container: &Value, field: impl Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>> {
    let mut known: Vec<(String, String)> = Vec::new();
    for variable in items(&container["env"]) {
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some(path) => field(path),
            None => variable["value"].as_str().map(|text| expanded(text, &known)),
        };
        let named = variable["name"].as_str().map(str::to_owned).zip(value);
        known.push(named.with_context(|| variable.to_string())?);
    }
    Ok(known)
}

fn expanded(text: &str, known: &[(String, String)]) -> String {
    known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("$({name})"), value))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
