//! Egressds of earlier commits. Each is built once, from this tree's history, into this tree's own target directory, so
//! that equal dependencies are not built again.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::SystemTime;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use lab::{Program, Unsupported};

/// The name of its binary: that of this tree has the other one, in the same directory.
const BINARY: &str = "egressd-before";

/// A commit and its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Release {
    commit: &'static str,
    pub(crate) name: &'static str,
}

/// The releases to test.
pub(crate) fn releases() -> Result<Vec<Release>> {
    let lines = include_str!("releases").lines().filter(|line| !line.starts_with('#'));
    let release = |line: &'static str| {
        let (commit, name) =
            line.split_once(' ').with_context(|| format!("{line:?} in releases is no commit and name"))?;
        Ok(Release { commit, name })
    };
    lines.map(release).collect()
}

impl Release {
    /// Its egressd.
    ///
    /// # Errors
    /// [`Unsupported`] where this clone has no such commit; else when it cannot be built.
    pub(crate) fn program(self) -> Result<Program> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock();
        let place = target()?.join("upgrade").join(self.commit);
        let binary = place.join(BINARY);
        if !binary.exists() {
            self.expect_history()?;
            self.build(&place).with_context(|| format!("cannot build {}, commit {}", self.name, self.commit))?;
        }
        Ok(Program::new(binary))
    }

    /// A clone without history, or no clone at all, is no mistake of anybody.
    fn expect_history(self) -> Result<()> {
        let git = |arguments: &[&str]| Ok::<_, anyhow::Error>(git(arguments).output()?);
        let there = match git(&["rev-parse", "--is-shallow-repository"]) {
            Err(_) => bail!(Unsupported(format!("there is no git to take {} from the history with", self.name))),
            Ok(output) if !output.status.success() => {
                let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                bail!(Unsupported(format!("this tree has no history to take {} from: {stderr}", self.name)))
            }
            Ok(output) => output.stdout.starts_with(b"false"),
        };
        let commit = format!("{}^{{commit}}", self.commit);
        let has = git(&["cat-file", "-e", &commit])?.status.success();
        let commit = self.commit;
        ensure!(has || !there, Unsupported(format!("this history has no commit {commit}, {}", self.name)));
        ensure!(has, Unsupported(format!("this clone is shallow and has no {}: `git fetch --unshallow`", self.name)));
        Ok(())
    }

    /// Gives its packages a version of their own, and its binary the other name. To cargo, packages of one name and
    /// version at the same place of two workspaces are one package, and their files in the target directory are the
    /// same.
    fn set_apart(self, source: &Path) -> Result<()> {
        let version = |text: &str| {
            let (_, after) = text.split_once("[workspace.package]\nversion = \"")?;
            Some(after.split_once('"')?.0.to_owned())
        };
        let before =
            version(&fs::read_to_string(source.join("Cargo.toml"))?).context("the workspace has no version")?;
        let line = |version: &str| format!("version = \"{version}\"\n");
        let apart = line(&format!("{before}-before.{}", &self.commit[..12]));
        edit(&source.join("Cargo.toml"), |text| Some(text.replacen(&line(&before), &apart, 1)))?;
        edit(&source.join("Cargo.lock"), |text| {
            let ours = |package: &&str| !package.contains("\nsource = ");
            let package = |package: &str| match Some(package).filter(ours) {
                Some(ours) => ours.replacen(&line(&before), &apart, 1),
                None => package.to_owned(),
            };
            Some(text.split("[[package]]").map(package).collect::<Vec<_>>().join("[[package]]"))
        })?;
        edit(&source.join("tests/Cargo.toml"), |text| Some(with_binaries_apart(text)))?;
        edit(&source.join("host/Cargo.toml"), |text| {
            const LAST_TO_MOVE: &str = "publish.workspace = true\n";
            let (package, rest) = text.split_once(LAST_TO_MOVE)?;
            let binary = format!("autobins = false\n\n[[bin]]\nname = \"{BINARY}\"\npath = \"src/main.rs\"\n");
            Some([package, LAST_TO_MOVE, &binary, rest].concat())
        })
    }

    fn build(self, place: &Path) -> Result<()> {
        let source = place.join("source");
        if source.exists() {
            fs::remove_dir_all(&source)?;
        }
        fs::create_dir_all(&source)?;
        let mut archive = git(&["archive", "--format=tar", self.commit]).stdout(Stdio::piped()).spawn()?;
        let tar = archive.stdout.take().context("git archive has no output")?;
        let unpacked = Command::new("tar").arg("-x").arg("-C").arg(&source).stdin(tar).status()?;
        ensure!(archive.wait()?.success() && unpacked.success(), "the sources cannot be unpacked");
        self.set_apart(&source)?;
        let todays = binaries()?;
        compile(&source)?;
        ensure!(binaries()? == todays, "its build took the place of binaries of this tree");
        let built = target()?.join(profile()?).join(BINARY);
        let new = place.join("new");
        fs::copy(&built, &new).with_context(|| format!("cannot copy {}", built.display()))?;
        fs::rename(new, place.join(BINARY))?;
        Ok(fs::remove_dir_all(source)?)
    }
}

/// Cargo puts all binaries of one name in the same place, and builds those of a package with any test of it.
fn with_binaries_apart(manifest: &str) -> String {
    const NAME: &str = "[[bin]]\nname = \"";
    let apart = |(number, part): (usize, &str)| match part.split_once('"') {
        Some((name, rest)) if number > 0 => format!("{NAME}{name}-before\"{rest}"),
        Some(_) | None => part.to_owned(),
    };
    manifest.split(NAME).enumerate().map(apart).collect()
}

/// What tests of this tree run, and how each file looks: cargo makes a new one where it puts another in its place.
fn binaries() -> Result<BTreeMap<PathBuf, (u64, SystemTime)>> {
    let mut binaries = BTreeMap::new();
    for entry in fs::read_dir(target()?.join(profile()?))? {
        let entry = entry?;
        let name = entry.file_name();
        let is_todays = !name.to_string_lossy().ends_with("-before");
        let found = entry.metadata()?;
        if is_todays && found.is_file() && found.mode() & 0o111 != 0 {
            binaries.insert(entry.path(), (found.ino(), found.modified()?));
        }
    }
    Ok(binaries)
}

/// Edits a file in place.
fn edit(file: &Path, change: impl FnOnce(&str) -> Option<String>) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let changed = change(&text).with_context(|| format!("{} has another form than today's", file.display()))?;
    Ok(fs::write(file, changed)?)
}

/// With all packages and a test among them, as everywhere in this tree: other packages, or none of what only tests
/// depend on, mean other features, and wasmtime compiled once more.
fn compile(source: &Path) -> Result<()> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The variables by which cargo describes a test's own package are not about that one.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
            .iter()
            .any(|ours| name.starts_with(ours))
        {
            cargo.env_remove(name);
        }
    }
    cargo.env_remove("LD_LIBRARY_PATH").env("CARGO_TARGET_DIR", target()?).current_dir(source);
    cargo.args(["build", "--locked", "--workspace", "--bin", BINARY, "--test", "house"]);
    if profile()? == "release" {
        cargo.arg("--release");
    }
    let output = cargo.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn git(arguments: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut git = Command::new("git");
    // Regardless of the files' owner: nothing of the repository is run.
    git.args(["-c", "safe.directory=*", "-C"]).arg(root).args(arguments);
    git
}

/// `debug` or `release`.
fn profile() -> Result<String> {
    let binary = Path::new(env!("CARGO_BIN_EXE_egressd"));
    let name = binary.parent().and_then(Path::file_name).context("the binary is in no directory")?;
    Ok(name.to_string_lossy().into_owned())
}

fn target() -> Result<PathBuf> {
    let binary = Path::new(env!("CARGO_BIN_EXE_egressd"));
    Ok(binary.ancestors().nth(2).context("the binary is in no target directory")?.to_owned())
}
