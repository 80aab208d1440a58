//! egressd in a cluster: its service account, and the program on each node.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Api, Cluster};
use crate::egressd::{Egressd, Program};
use crate::namespace::output_of;
use crate::topology::Node;

const PODS: &str = "/api/v1/namespaces/egressd/pods";

impl Cluster {
    /// Starts `egressd run` on a node, with the token of a pod there.
    ///
    /// # Errors
    /// When it gets no token or cannot be started.
    pub fn run<'c>(&'c self, program: &Program, node: &'c Node) -> Result<Egressd<'c>> {
        let kubeconfig = self.plane.write_kubeconfig(node.name(), &self.token_on(node)?)?;
        let root = self.plane.directory.path();
        let mut command = program.command(node, &["run", "--node", node.name(), "--kubeconfig"]);
        command.arg(kubeconfig).arg("--state-dir").arg(root.join(format!("state-of-{}", node.name())));
        command.arg("--socket").arg(self.socket(node));
        program.spawn(&self.lab, node, command)
    }

    /// What `egressd status` prints about the one that runs on a node.
    ///
    /// # Errors
    /// When none answers.
    pub fn status(&self, program: &Program, node: &Node) -> Result<String> {
        output_of(program.command(node, &["status", "--socket"]).arg(self.socket(node)))
    }

    fn socket(&self, node: &Node) -> PathBuf {
        self.plane.directory.path().join(format!("{}.sock", node.name()))
    }

    /// The API as egressd sees it, with a token that names no node, as older servers gave them.
    ///
    /// # Errors
    /// When there is no token for it.
    pub fn as_egressd(&self) -> Result<Api> {
        self.bearer(&self.token("egressd", None)?)
    }

    /// The API as egressd sees it on a node.
    ///
    /// # Errors
    /// When there is no token for it.
    pub fn as_egressd_on(&self, node: &Node) -> Result<Api> {
        self.bearer(&self.token_on(node)?)
    }

    /// The API as the service account `egressd` of another namespace sees it.
    ///
    /// # Errors
    /// When there is none.
    pub fn as_namesake(&self, namespace: &str) -> Result<Api> {
        self.bearer(&self.token(namespace, None)?)
    }

    fn bearer(&self, token: &str) -> Result<Api> {
        let kubeconfig = self.plane.kubeconfig(self.plane.port_for(token), token);
        Api::new(self.lab.outside().namespace.try_clone()?, kubeconfig)
    }

    /// Bound to a pod on this node, as the kubelet requests it.
    pub(super) fn token_on(&self, node: &Node) -> Result<String> {
        let name = format!("egressd-on-{}", node.name());
        let path = format!("{PODS}/{name}");
        // There is none at first.
        let pod = self.api.get(&path).or_else(|_| self.api.create(PODS, &self::pod(&name, node)))?;
        let bound = json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod["metadata"]["uid"]});
        self.token("egressd", Some(bound))
    }

    /// Of egressd's service account in a namespace.
    fn token(&self, namespace: &str, bound: Option<Value>) -> Result<String> {
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600, "boundObjectRef": bound},
        });
        let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/egressd");
        let answer = self.api.create(&format!("{account}/token"), &request)?;
        answer["status"]["token"].as_str().map(str::to_owned).context("there is no token in the answer")
    }
}

/// No pod of the DaemonSet: those are bound to a node by its affinity alone, since there is no scheduler.
fn pod(name: &str, node: &Node) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeName": node.name(),
            "serviceAccountName": "egressd",
            "containers": [{"name": "egressd", "image": "example.com/none"}],
        },
    })
}
