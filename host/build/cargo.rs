//! How cargo is called to compile a policy: by the build script for the built-in one, and by `egressd policy build`
//! for everybody's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, io};

/// Imports nothing but what the contract gives it; `wasm32-wasip2` would drag WASI in.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The profile of policies, which their workspace has.
pub(crate) const PROFILE: &str = "policy";

/// The default stack of 1 MiB would have to be wiped after every call. A policy needs a few KiB.
const STACK: &str = "-Clink-arg=-zstack-size=65536";

/// What is missing on this machine.
#[derive(Debug)]
pub(crate) enum Missing {
    /// Rust.
    Compiler(io::Error),
    /// Its library for policies.
    Target,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compiler(error) => {
                write!(
                    f,
                    "cannot run rustc, without which policies cannot be compiled: {error}; install Rust from https://rustup.rs"
                )
            }
            Self::Target => write!(
                f,
                "the Rust target {TARGET} is missing, so policies cannot be compiled: run `rustup target add {TARGET}`"
            ),
        }
    }
}

impl std::error::Error for Missing {}

/// A cargo that compiles libraries for policies, with an environment of its own, as if it had been called from a
/// shell. `target_directory` must not be the one of a running cargo, whose lock would be waited for without an end.
///
/// # Errors
/// When the compiler, or its library for policies, is missing.
pub(crate) fn build(manifest: &Path, target_directory: &Path) -> Result<Command, Missing> {
    require_target()?;
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_leftover) {
            command.env_remove(name);
        }
    }
    command.args(["build", "--profile", PROFILE, "--target", TARGET, "--lib", "--manifest-path"]).arg(manifest);
    command.arg("--target-dir").arg(target_directory).env("CARGO_ENCODED_RUSTFLAGS", flags());
    Ok(command)
}

/// The compiler's flags. Messages of panics name files; without the directory that is everybody's own, the same source
/// makes the same component everywhere.
fn flags() -> OsString {
    let mut flags = OsString::from(STACK);
    if let Some(home) = cargo_home() {
        // How cargo separates flags, which may contain blanks.
        flags.push("\x1f--remap-path-prefix=");
        flags.push(home);
        flags.push("=/cargo");
    }
    flags
}

/// Where cargo keeps the packages of a registry.
fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// Without the target's library, rustc's own message is long and names no remedy for people without rustup.
fn require_target() -> Result<(), Missing> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let directory = output.map_err(Missing::Compiler)?.stdout;
    let directory = String::from_utf8_lossy(&directory).trim().to_owned();
    if directory.is_empty() || !Path::new(&directory).exists() {
        return Err(Missing::Target);
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
