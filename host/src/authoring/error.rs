//! What can go wrong while an author builds, packs, tests or compares a policy.

use std::io;
use std::path::PathBuf;

use egressd_core::chain::PolicyFailure;

use crate::{source, wasm};

/// Why a tool cannot do its work, or what is wrong with a policy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    /// A text that is for whoever ran the tool.
    #[error("cannot print what was found")]
    Print(#[from] io::Error),
    #[error("cannot name a policy {name:?}: {reason}; write one like my-policy")]
    Name {
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    #[error("cannot make {}: it is there already; take another name, or remove it", .path.display())]
    Exists { path: PathBuf },
    /// What the build carries is not what it should be: a defect of the build.
    #[error("cannot write the SDK: this egressd was built without {what}")]
    NotCarried { what: String },
    #[error("{0}")]
    Missing(String),
    #[error("cannot build {}: there is no Cargo.toml in it; name the directory of a policy's crate", .path.display())]
    NoCrate {
        /// Where it was looked for.
        path: PathBuf,
    },
    #[error("cannot run cargo")]
    Cargo(#[source] io::Error),
    #[error("cannot build {}: see cargo's messages above", .path.display())]
    Compile { path: PathBuf },
    #[error("cannot build {}: it is no `cdylib`; its Cargo.toml needs [lib] with crate-type = [\"cdylib\", \"rlib\"]", .path.display())]
    NoLibrary { path: PathBuf },
    #[error(transparent)]
    Wasm(#[from] wasm::Error),
    #[error(transparent)]
    Failed(#[from] PolicyFailure),
    #[error("cannot use {} for settings: it is not a JSON object: {reason}; write one, like {{}}", .path.display())]
    Settings { path: PathBuf, reason: String },
    /// Tools that make forms and checks of it would fail.
    #[error(
        "cannot use policy {policy}: its settings schema is not a JSON object: {reason}; describe a JSON schema, or an empty text for none"
    )]
    Schema { policy: String, reason: String },
    #[error(
        "cannot choose a component in {}: there are {count} files *.wasm; run `egressd policy build` there, or name one with --component",
        .path.display()
    )]
    Components {
        /// Where it was looked for.
        path: PathBuf,
        count: usize,
    },
    #[error("cannot test {}: there is no folder in it; every case is one, with a service.yaml", .path.display())]
    NoCases {
        /// Where it was looked for.
        path: PathBuf,
    },
    #[error(transparent)]
    Manifests(#[from] source::manifests::Error),
    #[error("cannot show Service {name}: there is none in {}; there are {known}", .path.display())]
    NoService {
        name: String,
        /// Where it was looked for.
        path: PathBuf,
        known: String,
    },
    #[error("cannot measure: there is no Service in {}; write one, with an EndpointSlice", .path.display())]
    NoServices {
        /// Where they were looked for.
        path: PathBuf,
    },
    #[error("cannot enforce policy {policy} beside those in {}: {trouble}", .path.display())]
    Refused { policy: String, path: PathBuf, trouble: String },
    #[error("cannot pack policy {policy}: {reasons}")]
    Pack { policy: String, reasons: String },
}
