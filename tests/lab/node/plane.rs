//! The control plane of real nodes: what [`crate::cluster`] has, and a scheduler. Here kubelets renew leases, pods ask
//! the API server, and the test writes nothing on their behalf.

use std::net::IpAddr;
use std::path::Path;
use std::{env, fs, process};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::leftovers;
use crate::addresses::{NEIGHBOUR_V4, NODE_NAME, POD_NETWORK_V4, POD_NETWORK_V6, SECOND_NODE_NAME};
use crate::cluster::Api;
use crate::cluster::control_plane::{ADMIN_TOKEN, PORT, START_TIMEOUT, kubeconfig, server_flags, start_etcd};
use crate::cluster::process::Process;
use crate::cluster::programs::Program;
use crate::namespace::{Namespace, output_of};
use crate::wait::wait_until;

/// kube-proxy's token.
pub(super) const PROXY_TOKEN: &str = "proxy-token";
/// The API server's ClusterIP, which is how pods find it.
const KUBERNETES: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 1));

#[derive(Debug)]
pub(super) struct NodeControlPlane {
    // Dropped in this order: clients first.
    _scheduler: Process,
    _manager: Process,
    _server: Process,
    _etcd: Process,
    directory: TempDir,
}

impl NodeControlPlane {
    /// Starts it and waits until it answers.
    pub(super) fn start(namespace: &Namespace) -> Result<(Self, Api)> {
        leftovers::in_directory(&env::temp_dir()).iter().for_each(|left| drop(fs::remove_dir_all(left)));
        let directory = TempDir::with_prefix(format!("{}{}-", leftovers::PREFIX, process::id()))?;
        let root = directory.path();
        let mut certificates = Program::Certificates.command(namespace);
        output_of(certificates.arg(root).args([NEIGHBOUR_V4, KUBERNETES].map(|address| address.to_string())))?;
        fs::write(root.join("tokens"), tokens())?;
        let etcd = start_etcd(namespace, root)?;
        let mut server = Program::ApiServer.command(namespace);
        server
            .args(server_flags(root))
            .args(["--enable-admission-plugins=NodeRestriction", "--kubelet-preferred-address-types=InternalIP"]);
        let mut server = Process::start(server, root, "kube-apiserver")?;
        let api = Api::new(namespace.try_clone()?, admin(root))?;
        wait_until("the API server answers", START_TIMEOUT, || {
            server.expect_alive().with_context(|| format!("etcd: {}", etcd.log_tail()))?;
            Ok(api.is_ready())
        })?;
        fs::write(root.join("admin"), admin(root).to_string())?;
        let (manager, scheduler) = (start_manager(namespace, root)?, start_scheduler(namespace, root)?);
        Ok((Self { _scheduler: scheduler, _manager: manager, _server: server, _etcd: etcd, directory }, api))
    }

    /// The directory of its logs and those of the nodes.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

pub(super) fn kubelet_token(node: &str) -> String {
    format!("token-of-{node}")
}

fn admin(root: &Path) -> Value {
    kubeconfig(PORT, &root.join("ca.crt"), ADMIN_TOKEN)
}

/// The known tokens: token, user, number, groups.
fn tokens() -> String {
    let mut lines = format!("{ADMIN_TOKEN},admin,1,\"system:masters\"\n{PROXY_TOKEN},system:kube-proxy,2\n");
    for node in [NODE_NAME, SECOND_NODE_NAME] {
        lines += &format!("{},system:node:{node},{node},\"system:nodes\"\n", kubelet_token(node));
    }
    lines
}

fn start_manager(namespace: &Namespace, root: &Path) -> Result<Process> {
    let mut command = Program::ControllerManager.command(namespace);
    command.args(as_admin(root)).args(["--leader-elect=false", "--bind-address=127.0.0.1"]);
    command.arg(format!("--cluster-cidr={POD_NETWORK_V4},{POD_NETWORK_V6}"));
    let [key, authority] = ["sa.key", "ca.crt"].map(|name| root.join(name).display().to_string());
    command.arg(format!("--service-account-private-key-file={key}")).arg(format!("--root-ca-file={authority}"));
    Process::start(command, root, "kube-controller-manager")
}

fn start_scheduler(namespace: &Namespace, root: &Path) -> Result<Process> {
    let mut command = Program::Scheduler.command(namespace);
    command.args(as_admin(root)).args(["--leader-elect=false", "--bind-address=127.0.0.1"]);
    Process::start(command, root, "kube-scheduler")
}

fn as_admin(root: &Path) -> [String; 3] {
    let kubeconfig = root.join("admin");
    ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"]
        .map(|flag| format!("--{flag}={}", kubeconfig.display()))
}
