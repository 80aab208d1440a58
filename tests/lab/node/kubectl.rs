//! `kubectl`, and a shell that has it: what an administrator types.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Cluster, programs};
use crate::cluster::programs::Program;
use crate::namespace::output_of;
use crate::script;

/// The default working directory: paths are those of the project's documentation.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

impl Cluster {
    /// Runs `kubectl` on the outside host, and returns what it printed.
    ///
    /// # Errors
    /// When it fails; the error carries what it complained about.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Program::Kubectl.command(&self.outside.namespace);
        output_of(self.as_administrator(&mut command).args(arguments))
    }

    /// Creates objects or changes them, as `kubectl apply` does.
    ///
    /// # Errors
    /// When the server refuses one.
    pub fn apply(&self, objects: &[Value]) -> Result<()> {
        let file = self.plane.directory().join("applied.json");
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        fs::write(&file, list.to_string())?;
        self.kubectl(&["apply", "--server-side", "--validate=strict", "--filename", &file.to_string_lossy()]).map(drop)
    }

    /// Runs a command line in a directory, with `kubectl` on the PATH.
    ///
    /// # Errors
    /// When it fails; the error carries what it complained about.
    pub fn shell(&self, line: &str, directory: &Path) -> Result<String> {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = self.outside.namespace.command("sh");
        command.env("PATH", format!("{}:{path}", self.tools()?.display())).args(["-euc", line]);
        output_of(self.as_administrator(&mut command).current_dir(directory)).with_context(|| line.to_owned())
    }

    fn as_administrator<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let directory = self.plane.directory();
        // What it keeps of a server dies with the test.
        command.current_dir(ROOT).env("HOME", directory).env("KUBECONFIG", directory.join("admin"));
        command.env_remove("KUBECACHEDIR")
    }

    /// A directory with `kubectl` in it.
    fn tools(&self) -> Result<PathBuf> {
        let tools = self.plane.directory().join("tools");
        let kubectl = tools.join("kubectl");
        if !kubectl.exists() {
            fs::create_dir_all(&tools)?;
            let ours = programs::kubernetes().canonicalize()?;
            script(&kubectl, &format!("#!/bin/sh\nexec '{}' kubectl \"$@\"\n", ours.display()))?;
        }
        Ok(tools)
    }
}
