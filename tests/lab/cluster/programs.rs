//! Where the programs of a control plane come from: what `make test-cluster` builds from `tests/apiserver`, or what
//! `KUBEBUILDER_ASSETS` names, as for every other project that tests against a real API server.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::namespace::Namespace;
use crate::privilege::Readiness;

/// Set by `make test-cluster`: the tests have to run.
const MUST_RUN: &str = "EGRESSD_CLUSTER_TESTS_MUST_RUN";

/// Whether clusters can be built here.
///
/// # Errors
/// When they cannot, and `EGRESSD_CLUSTER_TESTS_MUST_RUN` is set.
pub fn ready() -> Result<Readiness> {
    let (ours, why) = (ours(), "there is no API server; `make test-cluster` builds it, with Go 1.26 or newer");
    match (ours.is_file(), env::var(MUST_RUN).is_ok_and(|value| !value.is_empty())) {
        (true, _) => Ok(Readiness::Ready),
        (false, true) => bail!("{why}: {} is missing", ours.display()),
        (false, false) => Ok(Readiness::Skip(why.to_owned())),
    }
}

/// Whether there is a `kubectl`, for what it does without a cluster.
///
/// # Errors
/// When there is none, and `EGRESSD_CLUSTER_TESTS_MUST_RUN` is set.
pub fn kubectl_ready() -> Result<Readiness> {
    if Program::Kubectl.given("kubectl").is_some() { Ok(Readiness::Ready) } else { ready() }
}

/// `kubectl`, for commands that need no cluster.
pub fn kubectl() -> Command {
    let (path, subcommand) = Program::Kubectl.place();
    let mut command = Command::new(path);
    command.args(subcommand);
    command
}

/// A program of a control plane, to be run in a namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    ApiServer,
    ControllerManager,
    Kubectl,
    Scheduler,
    /// Only in our own binary: other binaries cannot do it.
    Certificates,
    Compact,
    Etcd,
    /// Stands in front of an API server and knows no more than an old one did.
    Older,
}

impl Program {
    /// A command that runs inside and dies with the thread that starts it.
    pub(crate) fn command(self, namespace: &Namespace) -> Command {
        let (path, subcommand) = self.place();
        let mut command = namespace.command(&path.to_string_lossy());
        command.args(subcommand);
        command
    }

    /// Its file, and the subcommand that it is of that file.
    fn place(self) -> (PathBuf, Option<&'static str>) {
        let subcommand = match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Certificates => "certificates",
            Self::Compact => "compact",
            Self::Etcd => "etcd",
            Self::Kubectl => "kubectl",
            Self::Older => "older",
            Self::Scheduler => "kube-scheduler",
        };
        self.given(subcommand).map_or_else(|| (ours(), Some(subcommand)), |given| (given, None))
    }

    /// Only programs that take the usual arguments.
    fn given(self, name: &str) -> Option<PathBuf> {
        match self {
            Self::ApiServer | Self::ControllerManager | Self::Kubectl => {
                let path = Path::new(&env::var_os("KUBEBUILDER_ASSETS")?).join(name);
                path.is_file().then_some(path)
            }
            Self::Certificates | Self::Compact | Self::Etcd | Self::Older | Self::Scheduler => None,
        }
    }
}

fn ours() -> PathBuf {
    built("apiserver")
}

/// A program that `make apiserver` builds, of this name.
pub(crate) fn built(name: &str) -> PathBuf {
    target().join("apiserver").join(name)
}

/// The target directory of cargo.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from)
}
