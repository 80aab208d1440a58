//! Compiles a policy crate of this workspace to a component. Used by the build script, and by tests for guests
//! of their own; it knows nothing of either.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, DecodedWasm};

mod cargo;

/// A policy may import from here and from nowhere else.
const CONTRACT: &str = "egressd:policy/";

/// The component made of `package`, which lies in the workspace at `root`. `target_directory` must not be the
/// one of a running cargo, whose lock would be waited for without an end.
///
/// # Errors
/// One sentence: what could not be done, and where possible what to do about it.
pub(crate) fn component(root: &Path, package: &str, target_directory: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let module = compile(root, package, target_directory)?;
    let bytes = fs::read(&module).map_err(|error| format!("cannot read {}: {error}", module.display()))?;
    encode(&bytes).map_err(|error| format!("cannot make a component of {package}: {error:#}").into())
}

/// Fails when bytes are no component, or one that imports more than the contract gives.
///
/// # Errors
/// One sentence.
pub(crate) fn check_imports(component: &[u8]) -> Result<(), Box<dyn Error>> {
    let decoded = wit_component::decode(component).map_err(|error| format!("this is not a component: {error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("this is a WIT package and not a component".into());
    };
    let imports = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key));
    match imports.into_iter().find(|name| !name.starts_with(CONTRACT)) {
        Some(name) => Err(format!("the policy imports {name}, but may import from {CONTRACT} only").into()),
        None => Ok(()),
    }
}

/// With the versions that the lock file names.
fn compile(root: &Path, package: &str, target_directory: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut command = cargo::build(&root.join("Cargo.toml"), target_directory)?;
    let status = command.args(["--locked", "--package", package]).status();
    if !status.map_err(|error| format!("cannot run cargo for {package}: {error}"))?.success() {
        return Err(format!("cannot compile {package} for {}: see cargo's messages above", cargo::TARGET).into());
    }
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(target_directory.join(cargo::TARGET).join(cargo::PROFILE).join(name))
}

/// The module carries its interface in a custom section, from which the component is made.
fn encode(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let component = ComponentEncoder::default().validate(true).module(module)?.encode()?;
    check_imports(&component)?;
    Ok(component)
}
