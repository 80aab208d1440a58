//! A kustomization as users write it, beside a clone of the project.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::Cluster;
use super::kubectl::ROOT;

/// The directory of the clone in the kustomization.
pub const CLONE: &str = "egressd";

/// A kustomization over `deploy/base`.
#[derive(Clone, Debug)]
pub struct Overlay {
    fields: Map<String, Value>,
}

impl Default for Overlay {
    fn default() -> Self {
        let base = json!([format!("{CLONE}/deploy/base")]);
        Self { fields: Map::new() }.field("resources", base)
    }
}

impl Overlay {
    /// With a field of a kustomization.
    #[must_use]
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// With components, by their names in `deploy/components`.
    #[must_use]
    pub fn components(self, names: &[&str]) -> Self {
        let paths = names.iter().map(|name| format!("{CLONE}/deploy/components/{name}"));
        self.field("components", paths.collect())
    }

    /// Its directory, for `--kustomize`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<TempDir> {
        beside_a_clone(&json!(self.fields).to_string())
    }
}

impl Cluster {
    /// Applies an overlay, as its users do.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn apply(&self, overlay: &Overlay) -> Result<()> {
        let directory = overlay.write()?;
        self.apply_kustomization(&directory.path().to_string_lossy())
    }
}

/// A directory with this kustomization, beside a copy of what a clone has of the deployment.
///
/// # Errors
/// When it cannot be written.
pub fn beside_a_clone(kustomization: &str) -> Result<TempDir> {
    let directory = TempDir::new()?;
    copy(&Path::new(ROOT).join("deploy"), &directory.path().join(CLONE).join("deploy"))?;
    fs::write(directory.path().join("kustomization.yaml"), kustomization)?;
    Ok(directory)
}

/// Copies a directory, with those below it.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if entry.is_dir() {
            copy(&entry, &target)?;
        } else {
            fs::copy(entry, target)?;
        }
    }
    Ok(())
}
