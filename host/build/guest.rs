//! Compiles a policy crate of this workspace to a component. Used by the build script, and by tests for guests
//! of their own; it knows nothing of either.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wit_component::{ComponentEncoder, DecodedWasm};

/// Imports nothing but what the contract gives it; `wasm32-wasip2` would drag WASI in.
const TARGET: &str = "wasm32-unknown-unknown";

/// The default stack of 1 MiB would have to be wiped after every call. A policy needs a few KiB.
const RUSTFLAGS: &str = "-C link-arg=-zstack-size=65536";

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

/// Runs cargo with an environment of its own, as if it had been called from a shell.
fn compile(root: &Path, package: &str, target_directory: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    require_target()?;
    let mut command = Command::new(cargo);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_leftover) {
            command.env_remove(name);
        }
    }
    let status = command
        .args(["build", "--locked", "--profile", "policy", "--target", TARGET, "--package", package, "--lib"])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_directory)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", RUSTFLAGS)
        .status()
        .map_err(|error| format!("cannot run cargo for {package}: {error}"))?;
    if !status.success() {
        return Err(format!("cannot compile {package} for {TARGET}: see cargo's messages above").into());
    }
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(target_directory.join(TARGET).join("policy").join(name))
}

/// Without the target's library, rustc's own message is long and names no remedy for people without rustup.
fn require_target() -> Result<(), Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let directory = output.map_err(|error| format!("cannot run rustc: {error}"))?.stdout;
    let directory = String::from_utf8_lossy(&directory).trim().to_owned();
    if directory.is_empty() || !Path::new(&directory).exists() {
        return Err(format!(
            "the Rust target {TARGET} is missing, so policies cannot be compiled: run `rustup target add {TARGET}`, or `make setup`"
        )
        .into());
    }
    Ok(())
}

/// What cargo sets for build scripts and tests, and what is meant for the outer build alone: flags and wrappers
/// (clippy's among them) would be applied to the policy. RUSTFLAGS would also win over ours.
fn is_leftover(name: &str) -> bool {
    const PREFIXES: [&str; 5] = ["CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PKG_", "CARGO_MANIFEST_", "DEP_"];
    const NAMES: [&str; 17] = [
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "CLIPPY_ARGS",
        "DEBUG",
        "HOST",
        "LD_LIBRARY_PATH",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTC_LINKER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
        "TARGET",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The module carries its interface in a custom section, from which the component is made.
fn encode(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let component = ComponentEncoder::default().validate(true).module(module)?.encode()?;
    check_imports(&component)?;
    Ok(component)
}
