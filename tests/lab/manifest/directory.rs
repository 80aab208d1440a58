//! A directory of manifests that is gone when the test is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::Manifest;
use crate::addresses::NODE_NAME;

/// Files come whole, as a careful editor writes them: made beside the directory, then renamed into it.
#[derive(Debug)]
pub struct Directory {
    root: TempDir,
}

impl Directory {
    /// An empty one.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn new() -> Result<Self> {
        let root = TempDir::with_prefix("egressd-lab-")?;
        let directory = Self { root };
        fs::create_dir(directory.path())?;
        Ok(directory)
    }

    /// One that holds these.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn with(manifests: &[&dyn Manifest]) -> Result<Self> {
        let directory = Self::new()?;
        manifests.iter().try_for_each(|manifest| directory.write(*manifest))?;
        Ok(directory)
    }

    pub fn path(&self) -> PathBuf {
        self.root.path().join("manifests")
    }

    /// A place for the socket of the egressd that follows it.
    pub fn socket(&self) -> PathBuf {
        self.root.path().join("egressd.sock")
    }

    pub fn path_of(&self, manifest: &dyn Manifest) -> PathBuf {
        self.path().join(manifest.file_name())
    }

    /// Writes a manifest, over an older one of the same name.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&self, manifest: &dyn Manifest) -> Result<()> {
        self.write_text(&manifest.file_name(), &manifest.yaml().to_string())
    }

    /// Writes several manifests into one file, so that they come into force together.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write_together(&self, file_name: &str, manifests: &[&dyn Manifest]) -> Result<()> {
        let texts: Vec<String> = manifests.iter().map(|manifest| manifest.yaml().to_string()).collect();
        self.write_text(file_name, &texts.join("---\n"))
    }

    /// Where egressd may keep its state: gone with the directory, since uids made from names are the same in
    /// every test.
    pub fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// Where the egressd of a node may keep its state: the first node's is [`Self::state`].
    pub(crate) fn state_of(&self, node: &str) -> PathBuf {
        if node == NODE_NAME { self.state() } else { self.root.path().join(format!("state-of-{node}")) }
    }

    /// Where the egressd of a node answers `status`: the first node's is [`Self::socket`].
    pub fn socket_of(&self, node: &str) -> PathBuf {
        if node == NODE_NAME { self.socket() } else { self.root.path().join(format!("{node}.sock")) }
    }

    /// Writes any text.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write_text(&self, file_name: &str, text: &str) -> Result<()> {
        // Threads of one test write different files at the same time.
        let (draft, target) = (self.root.path().join(format!("{file_name}.draft")), self.path().join(file_name));
        fs::write(&draft, text).and_then(|()| fs::rename(&draft, &target)).with_context(|| cannot("write", &target))
    }

    /// Deletes a manifest.
    ///
    /// # Errors
    /// When it is not there.
    pub fn remove(&self, manifest: &dyn Manifest) -> Result<()> {
        let path = self.path_of(manifest);
        fs::remove_file(&path).with_context(|| cannot("delete", &path))
    }

    /// Takes the whole directory away, as an unmounted disk does, with all that is in it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn move_away(&self) -> Result<()> {
        fs::rename(self.path(), self.away()).with_context(|| cannot("move", &self.path()))
    }

    /// Brings it back.
    ///
    /// # Errors
    /// When it was not [moved away](Self::move_away).
    pub fn move_back(&self) -> Result<()> {
        fs::rename(self.away(), self.path()).with_context(|| cannot("move", &self.away()))
    }

    fn away(&self) -> PathBuf {
        self.root.path().join("away")
    }
}

fn cannot(verb: &str, path: &Path) -> String {
    format!("cannot {verb} {}", path.display())
}
