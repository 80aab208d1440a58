//! What can go wrong while an author builds, packs, tests or compares a policy.

use std::io;
use std::path::PathBuf;

use egressd_core::chain::PolicyFailure;

use crate::{source, wasm};

/// Why a tool cannot do its work, or what is wrong with a policy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file or directory.
    #[error("cannot write {}", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A text that is for whoever ran the tool.
    #[error("cannot print what was found")]
    Print(#[from] io::Error),
    /// A name that cargo or Kubernetes would refuse.
    #[error("cannot name a policy {name:?}: {reason}; write one like my-policy")]
    Name {
        /// What was typed.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Existing files are not overwritten.
    #[error("cannot make {}: it is there already; take another name, or remove it", .path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// What the build carries is not what it should be: a defect of the build.
    #[error("cannot write the SDK: this egressd was built without {what}")]
    NotCarried {
        /// What is missing.
        what: String,
    },
    /// No Rust, or half of it.
    #[error("{0}")]
    Missing(String),
    /// Not a crate.
    #[error("cannot build {}: there is no Cargo.toml in it; name the directory of a policy's crate", .path.display())]
    NoCrate {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// cargo cannot be started or listened to.
    #[error("cannot run cargo")]
    Cargo(#[source] io::Error),
    /// cargo has reported why.
    #[error("cannot build {}: see cargo's messages above", .path.display())]
    Compile {
        /// The crate.
        path: PathBuf,
    },
    /// cargo made something else.
    #[error("cannot build {}: it is no `cdylib`; its Cargo.toml needs [lib] with crate-type = [\"cdylib\", \"rlib\"]", .path.display())]
    NoLibrary {
        /// The crate.
        path: PathBuf,
    },
    /// The component, its settings, or what it does.
    #[error(transparent)]
    Wasm(#[from] wasm::Error),
    /// It answers, but not this time.
    #[error(transparent)]
    Failed(#[from] PolicyFailure),
    /// Not the settings that a ConfigMap could have.
    #[error("cannot use {} for settings: it is not a JSON object: {reason}; write one, like {{}}", .path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// Tools that make forms and checks of it would fail.
    #[error(
        "cannot use policy {policy}: its settings schema is not a JSON object: {reason}; describe a JSON schema, or an empty text for none"
    )]
    Schema {
        /// Which policy.
        policy: String,
        /// What the parser says.
        reason: String,
    },
    /// None or several.
    #[error(
        "cannot choose a component in {}: there are {count} files *.wasm; run `egressd policy build` there, or name one with --component",
        .path.display()
    )]
    Components {
        /// Where it was looked for.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// Nothing to test.
    #[error("cannot test {}: there is no folder in it; every case is one, with a service.yaml", .path.display())]
    NoCases {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The manifests.
    #[error(transparent)]
    Manifests(#[from] source::manifests::Error),
    /// A Service that is not there.
    #[error("cannot show Service {name}: there is none in {}; there are {known}", .path.display())]
    NoService {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
        /// What there is.
        known: String,
    },
    /// No question, no figure.
    #[error("cannot measure: there is no Service in {}; write one, with an EndpointSlice", .path.display())]
    NoServices {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// What the chain would refuse.
    #[error("cannot enforce policy {policy} beside those in {}: {trouble}", .path.display())]
    Refused {
        /// Which policy.
        policy: String,
        /// The manifests.
        path: PathBuf,
        /// Why.
        trouble: String,
    },
    /// What the ConfigMap would be refused for.
    #[error("cannot pack policy {policy}: {reasons}")]
    Pack {
        /// Which policy.
        policy: String,
        /// Why.
        reasons: String,
    },
}
