//! Where the programs of a control plane come from: what `make test-cluster` builds from `tests/apiserver`, or what
//! `KUBEBUILDER_ASSETS` names, as for every other project that tests against a real API server.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::namespace::Namespace;
use crate::privilege::Readiness;

/// Set by `make test-cluster`: whoever asks for these tests wants them to run.
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

/// A program of a control plane, to be run in a namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    ApiServer,
    ControllerManager,
    Kubectl,
    /// Ours alone: what no one else's binaries can do.
    Certificates,
    Compact,
    Etcd,
    /// Stands in front of an API server and knows no more than an old one did.
    Older,
}

impl Program {
    /// A command that runs inside and dies with the thread that starts it.
    pub(crate) fn command(self, namespace: &Namespace) -> Command {
        let subcommand = match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Certificates => "certificates",
            Self::Compact => "compact",
            Self::Etcd => "etcd",
            Self::Kubectl => "kubectl",
            Self::Older => "older",
        };
        if let Some(given) = self.given(subcommand) {
            return namespace.command(&given.to_string_lossy());
        }
        let mut command = namespace.command(&ours().to_string_lossy());
        command.arg(subcommand);
        command
    }

    /// Only what takes the same arguments from everybody.
    fn given(self, name: &str) -> Option<PathBuf> {
        match self {
            Self::ApiServer | Self::ControllerManager | Self::Kubectl => {
                let path = Path::new(&env::var_os("KUBEBUILDER_ASSETS")?).join(name);
                path.is_file().then_some(path)
            }
            Self::Certificates | Self::Compact | Self::Etcd | Self::Older => None,
        }
    }
}

fn ours() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    target.join("apiserver/apiserver")
}
