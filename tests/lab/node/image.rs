//! Images, as archives that a container runtime imports: one layer, and what to start. They are made of existing
//! programs, with `tar` and `sha256sum`; no registry and no builder is used.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::programs;
use crate::cluster::programs::target;
use crate::namespace::output_of;

/// What the pods of the lab are made of, and the container that holds a pod's namespaces open.
pub const PROBE: &str = "egressd.test/probe:1";
/// egressd's version, which is that of all packages here.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// egressd's image, as `deploy/` names it.
pub const EGRESSD: &str = concat!("ghcr.io/egressd/egressd:", env!("CARGO_PKG_VERSION"));

/// The image of [`PROBE`], in a directory of its own.
pub(super) fn probe(directory: &Path) -> Result<PathBuf> {
    let root = directory.join("probe");
    install(&programs::probe(), &root, "probe")?;
    image(&root, PROBE, &json!({"Entrypoint": ["/probe"]}))
}

/// egressd's image: the archive of `make image` where it is newer than the program that was built for the tests, else
/// that program, with its libraries. An older archive is of another egressd than the one under test.
pub fn egressd_of(program: &Path) -> Egressd {
    let archive = target().join(format!("image/egressd-{VERSION}-{}.oci.tar", architecture()));
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    match changed(&archive) > changed(program) {
        true => Egressd::Archive(archive),
        false => Egressd::Program(program.to_owned()),
    }
}

/// The source of egressd's image.
#[derive(Clone, Debug)]
pub enum Egressd {
    /// An existing archive.
    Archive(PathBuf),
    /// An archive to be made of this binary.
    Program(PathBuf),
}

impl Egressd {
    pub(super) fn archive(self, directory: &Path) -> Result<PathBuf> {
        match self {
            Self::Archive(archive) => Ok(archive),
            Self::Program(program) => pack(&program, directory),
        }
    }
}

/// The binary alone where it is static, else with its libraries.
fn pack(program: &Path, directory: &Path) -> Result<PathBuf> {
    let root = directory.join("egressd");
    install(program, &root, "egressd")?;
    // A test build is three times as large with debug information.
    output_of(Command::new("strip").arg(root.join("egressd")))?;
    for library in libraries(program) {
        let copy = root.join(library.trim_start_matches('/'));
        copy.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(&library, &copy).with_context(|| format!("cannot copy {library}"))?;
    }
    image(&root, EGRESSD, &json!({"Entrypoint": ["/egressd"], "Cmd": ["run"]}))
}

fn install(program: &Path, root: &Path, name: &str) -> Result<()> {
    fs::create_dir_all(root)?;
    fs::copy(program, root.join(name)).with_context(|| format!("cannot copy {}", program.display()))?;
    Ok(())
}

/// By path. A static program has none, which `ldd` calls a failure.
fn libraries(program: &Path) -> Vec<String> {
    let listing = output_of(Command::new("ldd").arg(program)).unwrap_or_default();
    let paths = listing.split_whitespace().filter(|part| part.starts_with('/'));
    paths.map(str::to_owned).collect()
}

/// An archive, in the format of `docker save`, of an image that has these files as its root.
fn image(root: &Path, name: &str, config: &Value) -> Result<PathBuf> {
    let parts = root.with_extension("image");
    fs::create_dir_all(&parts)?;
    let layer = parts.join("layer.tar");
    tar(root, &layer, ".")?;
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer)?)]},
    });
    fs::write(parts.join("config.json"), config.to_string())?;
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    fs::write(parts.join("manifest.json"), manifest.to_string())?;
    let archive = root.with_extension("tar");
    tar(&parts, &archive, ".")?;
    fs::remove_dir_all(&parts)?;
    fs::remove_dir_all(root)?;
    Ok(archive)
}

/// The architecture's name in registries.
fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn tar(directory: &Path, archive: &Path, what: &str) -> Result<()> {
    let mut command = Command::new("tar");
    command.arg("--create").arg("--file").arg(archive).arg("--directory").arg(directory);
    output_of(command.args(["--owner=0", "--group=0", "--numeric-owner", "--sort=name", what])).map(drop)
}

fn sha256(file: &Path) -> Result<String> {
    let line = output_of(Command::new("sha256sum").arg(file))?;
    let sum = line.split_whitespace().next().unwrap_or_default();
    ensure!(sum.len() == 64, "sha256sum says {line:?}");
    Ok(sum.to_owned())
}
