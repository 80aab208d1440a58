//! egressd in a cluster: its service account, and the program on each node.

use anyhow::{Context, Result};
use serde_json::json;

use super::{Api, Cluster};
use crate::egressd::{Egressd, Program};
use crate::topology::Node;

const ACCOUNT: &str = "/api/v1/namespaces/egressd/serviceaccounts/egressd";

impl Cluster {
    /// Starts `egressd run` on a node, with a token of its service account.
    ///
    /// # Errors
    /// When it gets no token or cannot be started.
    pub fn run<'c>(&'c self, program: &Program, node: &'c Node) -> Result<Egressd<'c>> {
        let kubeconfig = self.plane.write_kubeconfig(node.name(), &self.token()?)?;
        let root = self.plane.directory.path();
        let mut command = program.command(node, &["run", "--node", node.name(), "--kubeconfig"]);
        command.arg(kubeconfig).arg("--state-dir").arg(root.join(format!("state-of-{}", node.name())));
        command.arg("--socket").arg(root.join(format!("{}.sock", node.name())));
        program.spawn(&self.lab, node, command)
    }

    /// The API as egressd sees it.
    ///
    /// # Errors
    /// When there is no token for it.
    pub fn as_egressd(&self) -> Result<Api> {
        let token = self.token()?;
        let kubeconfig = self.plane.kubeconfig(self.plane.port_for(&token), &token);
        Api::new(self.lab.outside().namespace.try_clone()?, kubeconfig)
    }

    /// Of egressd's service account.
    pub(super) fn token(&self) -> Result<String> {
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        });
        let answer = self.api.create(&format!("{ACCOUNT}/token"), &request)?;
        answer["status"]["token"].as_str().map(str::to_owned).context("there is no token in the answer")
    }
}
