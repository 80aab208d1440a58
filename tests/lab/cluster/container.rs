//! egressd as the container of its DaemonSet's pod. It simulates what a kubelet and a container runtime set up:
//! environment, volumes, the service account's files, a root that cannot be written to, capabilities. There is no
//! seccomp profile, and no limit of memory.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Cluster;
use super::control_plane::SERVER;
use super::deployed::DeployedPod;
use crate::egressd::{Egressd, Program};
use crate::topology::Node;

/// Where a container has its service account's files.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const SCRIPT: &str = include_str!("container.sh");

impl Cluster {
    /// Starts the program as its DaemonSet specifies, on a node. Its host paths outlive it.
    ///
    /// # Errors
    /// When the DaemonSet has no pod for the node, or the lab cannot run the pod.
    pub fn run_deployed<'c>(&'c self, program: &Program, node: &'c Node) -> Result<Egressd<'c>> {
        let pod = self.deployed_pod(node)?;
        let host = self.plane.directory.path().join(format!("host-of-{}", node.name()));
        let mut command = container(program, node, &pod, &host)?;
        for volume in self.volumes(node, &pod, &host)? {
            command.arg(volume);
        }
        command.arg("--").args(pod.arguments());
        program.spawn(&self.lab, node, command)
    }

    /// Executes a command in a container that [`Self::run_deployed`] has started: whether it ends well, and its output.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn execute(&self, egressd: &Egressd<'_>, node: &Node, command: &[String]) -> Result<(bool, String)> {
        let pod = self.deployed_pod(node)?;
        let mut enter = Command::new("nsenter");
        enter.env_clear().envs(std::env::var("PATH").map(|path| ("PATH", path))).envs(pod.environment(node)?);
        enter.args(["--mount", "--net", "--root", "--wd", &format!("--target={}", egressd.id()), "--"]).args(command);
        let output = enter.output().context("cannot start nsenter")?;
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Ok((output.status.success(), printed))
    }

    /// Directories of the container, each as `FROM:TO`.
    fn volumes(&self, node: &Node, pod: &DeployedPod, host: &Path) -> Result<Vec<String>> {
        let mut paths = pod.host_paths()?;
        let account = "/account".to_owned();
        paths.push((account.clone(), ACCOUNT.to_owned()));
        let inside = |path: &str| host.join(path.trim_start_matches('/'));
        for (from, _) in &paths {
            fs::create_dir_all(inside(from))?;
        }
        let account = inside(&account);
        fs::write(account.join("token"), self.token_on(node)?)?;
        fs::copy(self.plane.directory.path().join("ca.crt"), account.join("ca.crt"))?;
        fs::write(account.join("namespace"), pod.namespace().context("the pod has no namespace")?)?;
        Ok(paths.iter().map(|(from, to)| format!("{}:{to}", inside(from).display())).collect())
    }
}

/// The program in a mount namespace of its own, up to its volumes.
fn container(program: &Program, node: &Node, pod: &DeployedPod, host: &Path) -> Result<Command> {
    let mut command = node.namespace.command("unshare");
    // Nothing of the test's own environment; where tools are is known to every container.
    let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value).map(ToOwned::to_owned);
    command.env_clear().envs(path.map(|path| ("PATH", path))).envs(pod.environment(node)?);
    command.env("KUBERNETES_SERVICE_HOST", SERVER.0.to_string()).env("KUBERNETES_SERVICE_PORT", SERVER.1.to_string());
    let root = host.join("root-of-the-container");
    fs::create_dir_all(&root)?;
    command.args(["--mount", "sh", "-c", SCRIPT, "container"]).arg(root).arg(program.path());
    let kept: String = pod.capabilities()?.map(|name| format!(",+{}", name.to_lowercase())).collect();
    command.arg(format!("-all{kept}"));
    Ok(command)
}
