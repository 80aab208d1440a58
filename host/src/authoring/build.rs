//! `policy build`: a crate becomes a component.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Error;
use crate::wasm;

/// The very way in which the built-in policy is compiled.
#[path = "../../build/cargo.rs"]
mod cargo;

/// Compiles the crate in `dir`, and writes its component to `output`, or beside its Cargo.toml under its own name.
/// Returns where it is, and how large.
pub(super) fn build(dir: &Path, output: Option<&Path>) -> Result<(PathBuf, usize), Error> {
    // Cargo runs inside, as its author would run it there.
    let dir = fs::canonicalize(dir).map_err(|source| Error::Read { path: dir.to_owned(), source })?;
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Error::NoCrate { path: dir });
    }
    let mut command =
        cargo::build(&manifest, &dir.join("target")).map_err(|missing| Error::Missing(missing.to_string()))?;
    command.current_dir(&dir).args(["--message-format", "json-render-diagnostics"]);
    let Some((name, module)) = run(command, &dir, &manifest)? else {
        return Err(Error::NoLibrary { path: dir });
    };
    let bytes = fs::read(&module).map_err(|source| Error::Read { path: module, source })?;
    let component = wasm::encode(&bytes)?;
    wasm::inspect(&component)?;
    let output = output.map_or_else(|| dir.join(format!("{name}.wasm")), Path::to_owned);
    let cannot = |source| Error::Write { path: output.clone(), source };
    fs::write(&output, &component).map_err(cannot)?;
    Ok((output, component.len()))
}

/// The package's name and the module that cargo made, if it made one.
fn run(mut command: Command, dir: &Path, manifest: &Path) -> Result<Option<(String, PathBuf)>, Error> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(Error::Cargo)?;
    let mut made = None;
    for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
        let line = line.map_err(Error::Cargo)?;
        made = serde_json::from_str(&line).ok().and_then(|message| module(&message, manifest)).or(made);
    }
    if child.wait().map_err(Error::Cargo)?.success() { Ok(made) } else { Err(Error::Compile { path: dir.to_owned() }) }
}

/// What a message of cargo says about the crate's module.
fn module(message: &Value, manifest: &Path) -> Option<(String, PathBuf)> {
    if message["reason"] != "compiler-artifact" || message["manifest_path"].as_str().map(Path::new) != Some(manifest) {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from);
    let module = files.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "wasm"))?;
    // Libraries have the package's name with underscores; people know it with dashes.
    Some((message["target"]["name"].as_str()?.replace('_', "-"), module))
}
