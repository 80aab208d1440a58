//! Archives that `deploy/oci-archive` makes of stand-ins for the binary, packed and unpacked again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::deploy;

/// The machine types of an ELF header.
pub(crate) const AMD64: u16 = 62;
pub(crate) const ARM64: u16 = 183;

/// A call of the script, in a directory of its own.
pub(crate) struct ArchiveCommand {
    pub(crate) directory: TempDir,
    pub(crate) command: Command,
}

impl ArchiveCommand {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(deploy().join("oci-archive"));
        command.arg(directory.path().join("image.tar")).env("SOURCE_DATE_EPOCH", "1700000000");
        Self { directory, command }
    }

    /// With a binary for this architecture, which is for this machine.
    pub(crate) fn with(mut self, architecture: &str, machine: u16) -> Self {
        let file = self.directory.path().join(architecture);
        fs::write(&file, program(machine)).expect("a binary");
        self.command.arg(format!("{architecture}={}", file.display()));
        self
    }

    pub(crate) fn run(&mut self) -> Output {
        self.command.output().expect("bash")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.directory.path().join("image.tar")
    }

    /// The archive, unpacked.
    pub(crate) fn unpacked(mut self) -> Archive {
        let output = self.run();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let directory = format!("--directory={}", self.directory.path().display());
        tar(&[&directory, "--extract", "--file"], &self.archive());
        Archive { directory: self.directory }
    }
}

/// The part of a program that the script reads.
pub(crate) fn program(machine: u16) -> Vec<u8> {
    [b"\x7fELF".as_slice(), &[0; 14], &machine.to_le_bytes(), b"the rest"].concat()
}

/// What tar prints about a file.
pub(crate) fn tar(arguments: &[&str], file: &Path) -> String {
    let output = Command::new("tar").args(arguments).arg(file).output().expect("tar");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are ASCII")
}

/// An archive that was unpacked.
pub(crate) struct Archive {
    directory: TempDir,
}

impl Archive {
    pub(crate) fn of_amd64() -> Self {
        ArchiveCommand::new().with("amd64", AMD64).unpacked()
    }

    pub(crate) fn of_both() -> Self {
        ArchiveCommand::new().with("amd64", AMD64).with("arm64", ARM64).unpacked()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).expect(name)).expect(name)
    }

    pub(crate) fn blob(&self, descriptor: &Value) -> PathBuf {
        self.path(&format!("blobs/{}", descriptor["digest"].as_str().expect("a digest").replace(':', "/")))
    }

    /// The document that a descriptor names.
    pub(crate) fn follow(&self, descriptor: &Value) -> Value {
        serde_json::from_slice(&fs::read(self.blob(descriptor)).expect("a blob")).expect("JSON")
    }

    /// Every descriptor in a document, and in the documents that it names.
    pub(crate) fn descriptors(&self, document: &Value) -> Vec<Value> {
        let lists = ["layers", "manifests"].map(|key| document[key].as_array().cloned().unwrap_or_default());
        let config = (!document["config"]["digest"].is_null()).then(|| document["config"].clone());
        let mut found: Vec<Value> = lists.into_iter().flatten().chain(config).collect();
        for descriptor in document["manifests"].as_array().into_iter().flatten() {
            found.extend(self.descriptors(&self.follow(descriptor)));
        }
        found
    }

    /// What the index names.
    pub(crate) fn top(&self) -> Value {
        let index = self.json("index.json");
        assert_eq!(index["manifests"].as_array().map(Vec::len), Some(1));
        index["manifests"][0].clone()
    }

    /// The only image's manifest and configuration.
    pub(crate) fn image(&self) -> (Value, Value) {
        let manifest = self.follow(&self.top());
        let config = self.follow(&manifest["config"]);
        (manifest, config)
    }
}
