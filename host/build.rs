//! Compiles the built-in policy from its source and hands the component to `src/wasm/`, and lists for `src/authoring/`
//! what authors of policies need, so that the binary is complete. Packagers may hand in a ready component:
//! `EGRESSD_ANNOTATIONS_COMPONENT=FILE`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

#[path = "build/embed.rs"]
mod embed;
#[path = "build/guest.rs"]
mod guest;

/// A file to take instead of compiling one.
const HANDED_IN: &str = "EGRESSD_ANNOTATIONS_COMPONENT";

fn main() {
    if let Err(error) = run() {
        // Cargo takes one line for the error and would drop the others.
        let parts: Vec<String> = error.to_string().split_whitespace().map(str::to_owned).collect();
        println!("cargo::error={}", parts.join(" "));
        process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(variable("OUT_DIR")?);
    watch(&root);
    let component = match env::var_os(HANDED_IN) {
        Some(file) => handed_in(Path::new(&file))?,
        None => guest::component(&root, "egressd-policy-annotations", &out.join("policies"))?,
    };
    write(&out.join("annotations.component.wasm"), &component)?;
    let carried = embed::code(&root).map_err(|error| format!("cannot list what authors need: {error}"))?;
    write(&out.join("carried.rs"), carried.as_bytes())
}

fn write(file: &Path, content: &[u8]) -> Result<(), Box<dyn Error>> {
    fs::write(file, content).map_err(|error| format!("cannot write {}: {error}", file.display()).into())
}

/// Nothing else goes into the component, so nothing else compiles it again. The two licences go to authors.
fn watch(root: &Path) {
    for part in
        ["policies/annotations", "policy-sdk", "wit", "Cargo.lock", "Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT"]
    {
        println!("cargo::rerun-if-changed={}", root.join(part).display());
    }
    println!("cargo::rerun-if-env-changed={HANDED_IN}");
}

fn handed_in(file: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", file.display());
    let bytes = fs::read(file).map_err(|error| format!("cannot read {HANDED_IN} {}: {error}", file.display()))?;
    guest::check_imports(&bytes).map_err(|error| format!("cannot use {HANDED_IN} {}: {error}", file.display()))?;
    Ok(bytes)
}

fn variable(name: &str) -> Result<String, Box<dyn Error>> {
    env::var(name).map_err(|error| format!("cannot read {name}, which cargo sets: {error}").into())
}
