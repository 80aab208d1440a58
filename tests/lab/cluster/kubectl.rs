//! `kubectl`, as the cluster's administrator uses it.

use anyhow::Result;

use super::Cluster;
use super::control_plane::ADMIN_TOKEN;
use super::programs::Program;
use crate::namespace::output_of;

/// Where it is run: paths are those of the project's documentation.
pub(super) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

impl Cluster {
    /// Runs `kubectl` on the outside host, and returns what it printed.
    ///
    /// # Errors
    /// When it fails; the error carries what it complained about.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let kubeconfig = self.plane.write_kubeconfig("admin", ADMIN_TOKEN)?;
        let mut command = Program::Kubectl.command(&self.lab.outside().namespace);
        // What it keeps of a server dies with the test.
        command.current_dir(ROOT).env("HOME", self.plane.directory.path()).env("KUBECONFIG", kubeconfig);
        output_of(command.env_remove("KUBECACHEDIR").args(arguments))
    }

    /// As users do. The server checks every object, and refuses fields that it does not know.
    pub(super) fn apply_kustomization(&self, directory: &str) -> Result<()> {
        self.kubectl(&["apply", "--server-side", "--validate=strict", "--kustomize", directory]).map(drop)
    }
}
