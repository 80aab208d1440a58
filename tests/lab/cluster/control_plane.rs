//! etcd, the API server and the controller manager, each a process on the outside host.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::audit;
use super::process::Process;
use super::programs::Program;
use crate::addresses::{NEIGHBOUR_V4, POD_NETWORK_V4, POD_NETWORK_V6, SERVICE_NETWORK_V4, SERVICE_NETWORK_V6};
use crate::namespace::{Namespace, output_of};
use crate::wait::wait_until;

const ETCD: &str = "http://127.0.0.1:2379";
const ETCD_PEER: &str = "http://127.0.0.1:2380";
/// The port of the API server.
pub const PORT: u16 = 6443;
/// The address and port of the API server.
pub(super) const SERVER: (IpAddr, u16) = (NEIGHBOUR_V4, PORT);
/// Where a server listens that knows no more than an old one.
const OLDER_PORT: u16 = 6444;
/// The administrator's token of the lab.
pub(crate) const ADMIN_TOKEN: &str = "admin-token";
const ISSUER: &str = "https://kubernetes.default.svc";

/// The oldest release that the API server takes as `--emulated-version`: it then has the APIs and the features of that
/// one.
const OLDEST: &str = "1.33";

/// How long a control plane may take to start. It takes seconds; a loaded machine is slow.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(90);

/// The version of the API for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerVersion {
    /// All features of this release.
    Today,
    /// Without streaming lists.
    Paged,
    /// Without ServiceCIDRs and without streaming lists.
    Older,
    /// The oldest release that this binary can emulate.
    Oldest,
}

#[derive(Debug)]
pub(super) struct ControlPlane {
    // Dropped in this order: clients first.
    manager: Mutex<Option<Process>>,
    older: Option<Process>,
    server: Mutex<Option<Process>>,
    etcd: Process,
    pub(super) directory: TempDir,
    namespace: Namespace,
    pub(super) age: ServerVersion,
}

impl ControlPlane {
    /// Starts etcd and the API server; [`Self::start_manager`] follows when the server answers.
    pub(super) fn start(namespace: Namespace, age: ServerVersion) -> Result<Self> {
        let directory = TempDir::with_prefix("egressd-cluster-")?;
        let root = directory.path();
        let mut certificates = Program::Certificates.command(&namespace);
        output_of(certificates.arg(root).arg(NEIGHBOUR_V4.to_string()))?;
        fs::write(root.join("tokens"), format!("{ADMIN_TOKEN},admin,admin,\"system:masters\"\n"))?;
        let etcd = start_etcd(&namespace, root)?;
        let plane =
            Self { manager: Mutex::default(), older: None, server: Mutex::default(), etcd, directory, namespace, age };
        plane.start_server()?;
        Ok(plane)
    }

    /// Starts the API server, or starts it again on the same data.
    pub(super) fn start_server(&self) -> Result<()> {
        let mut command = Program::ApiServer.command(&self.namespace);
        command.args(self.server_flags()).args(audit::flags(self.directory.path())?);
        *locked(&self.server) = Some(Process::start(command, self.directory.path(), "kube-apiserver")?);
        Ok(())
    }

    /// `kill -9`.
    pub(super) fn kill_server(&self) {
        locked(&self.server).take();
    }

    /// Compacts etcd's history, so that older versions are gone.
    pub(super) fn compact(&self) -> Result<()> {
        output_of(Program::Compact.command(&self.namespace).arg(ETCD)).map(drop)
    }

    /// Starts the controller manager, or a new one: an old one that lost its server retries with growing delays.
    pub(super) fn start_manager(&self) -> Result<()> {
        let kubeconfig = self.write_kubeconfig("controller-manager", ADMIN_TOKEN)?.display().to_string();
        let mut command = Program::ControllerManager.command(&self.namespace);
        command.args(
            ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"]
                .map(|flag| format!("--{flag}={kubeconfig}")),
        );
        command.args([
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            // There are no kubelets: no Lease is renewed, and no taint would be lifted.
            "--controllers=*,-node-lifecycle-controller,-taint-eviction-controller",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ]);
        command.arg(format!("--cluster-cidr={POD_NETWORK_V4},{POD_NETWORK_V6}"));
        command.arg(format!("--service-account-private-key-file={}", self.file("sa.key")));
        let manager = Process::start(command, self.directory.path(), "kube-controller-manager")?;
        *locked(&self.manager) = Some(manager);
        Ok(())
    }

    /// The oldest features cannot be disabled any more: a proxy answers as an old server would.
    pub(super) fn start_older(&mut self) -> Result<()> {
        let mut command = Program::Older.command(&self.namespace);
        command.arg(self.directory.path()).arg(format!("{NEIGHBOUR_V4}:{OLDER_PORT}"));
        command.arg(format!("https://{NEIGHBOUR_V4}:{PORT}"));
        self.older = Some(Process::start(command, self.directory.path(), "older")?);
        Ok(())
    }

    /// Waits until the server answers; `ask` sends a request.
    pub(super) fn wait_until_answers(&self, ask: impl Fn() -> bool) -> Result<()> {
        let mut etcd = String::new();
        let waited = wait_until("the API server answers", START_TIMEOUT, || {
            if let Some(server) = locked(&self.server).as_mut() {
                server.expect_alive().context("the API server ended")?;
            }
            etcd = self.etcd.log_tail();
            Ok(ask())
        });
        waited.with_context(|| format!("the end of etcd's log: {etcd}"))
    }

    /// Writes a kubeconfig for the bearer of a token, of the API that a program under test is to see.
    pub(super) fn write_kubeconfig(&self, name: &str, token: &str) -> Result<PathBuf> {
        let path = self.directory.path().join(format!("{name}.kubeconfig"));
        // JSON is YAML.
        fs::write(&path, self.kubeconfig(self.port_for(token), token).to_string())?;
        Ok(path)
    }

    pub(super) fn kubeconfig(&self, port: u16, token: &str) -> Value {
        kubeconfig(port, Path::new(&self.file("ca.crt")), token)
    }

    /// The lab itself uses the real server.
    pub(super) fn port_for(&self, token: &str) -> u16 {
        match self.age {
            ServerVersion::Older if token != ADMIN_TOKEN => OLDER_PORT,
            ServerVersion::Older | ServerVersion::Oldest | ServerVersion::Paged | ServerVersion::Today => PORT,
        }
    }

    fn server_flags(&self) -> Vec<String> {
        let mut flags = server_flags(self.directory.path());
        // Pods of the lab never call the API, and so need no token.
        let fixed = ["endpoint-reconciler-type=none", "disable-admission-plugins=ServiceAccount"];
        flags.extend(fixed.map(|flag| format!("--{flag}")));
        match self.age {
            ServerVersion::Older | ServerVersion::Paged => flags.push("--feature-gates=WatchList=false".to_owned()),
            ServerVersion::Oldest => flags.push(format!("--emulated-version={OLDEST}")),
            ServerVersion::Today => {}
        }
        flags
    }

    fn file(&self, name: &str) -> String {
        Path::new(self.directory.path()).join(name).display().to_string()
    }
}

/// What every API server of the lab is started with: where it listens, and which files of this directory it reads.
pub(crate) fn server_flags(directory: &Path) -> Vec<String> {
    let mut flags = vec![
        "--authorization-mode=Node,RBAC".to_owned(),
        format!("--etcd-servers={ETCD}"),
        format!("--bind-address={NEIGHBOUR_V4}"),
        format!("--advertise-address={NEIGHBOUR_V4}"),
        format!("--secure-port={PORT}"),
        format!("--service-cluster-ip-range={SERVICE_NETWORK_V4},{SERVICE_NETWORK_V6}"),
        format!("--service-account-issuer={ISSUER}"),
        format!("--api-audiences={ISSUER}"),
    ];
    let files = [
        ("tls-cert-file", "server.crt"),
        ("tls-private-key-file", "server.key"),
        ("client-ca-file", "ca.crt"),
        ("token-auth-file", "tokens"),
        ("service-account-key-file", "sa.pub"),
        ("service-account-signing-key-file", "sa.key"),
    ];
    flags.extend(files.map(|(flag, file)| format!("--{flag}={}", directory.join(file).display())));
    flags
}

/// How the bearer of a token finds the API server.
pub(crate) fn kubeconfig(port: u16, authority: &Path, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {
            "server": format!("https://{NEIGHBOUR_V4}:{port}"),
            "certificate-authority": authority,
        }}],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    })
}

/// Starts etcd, with its data in this directory.
pub(crate) fn start_etcd(namespace: &Namespace, directory: &Path) -> Result<Process> {
    let mut etcd = Program::Etcd.command(namespace);
    etcd.arg(directory.join("etcd")).args([ETCD, ETCD_PEER]);
    Process::start(etcd, directory, "etcd")
}

/// A test that failed in another thread leaves nothing half done here.
fn locked(process: &Mutex<Option<Process>>) -> MutexGuard<'_, Option<Process>> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}
