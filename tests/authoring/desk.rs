//! An author's desk: policies that were made and built once for all tests, and the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::{env, fs};

/// Where cargo keeps what it compiles on the way to a result. What policies depend on is the same for each of them and for
/// this tree's, and is compiled once, as the tests that compile the latter do it. Cargo calls a module there after its package
/// alone: where two packages have one name, as this policy and that of `docs/write-a-policy.md`, each is made anew before it
/// is built.
const INTERMEDIATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/guests");

/// A policy from the template.
pub(crate) static POLICY: LazyLock<PathBuf> = LazyLock::new(|| made("only-https", "policy"));
/// A validator from the template.
pub(crate) static VALIDATOR: LazyLock<PathBuf> = LazyLock::new(|| made("gate", "validator"));

/// What a tool said, and how it ended.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), errors: text(output.stderr) }
    }

    /// What it printed, if it ended well.
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.errors);
        self.out
    }

    /// The one sentence that it ended with.
    pub(crate) fn sentence(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.errors);
        assert_eq!(self.errors.lines().count(), 1, "{}", self.errors);
        self.errors.trim_end().trim_start_matches("egressd: ").to_owned()
    }
}

/// `egressd policy` with these arguments, in a directory.
pub(crate) fn policy_in(directory: &Path, arguments: &[&str]) -> Said {
    let mut command = binary(directory);
    Said::of(command.arg("policy").args(arguments).output().unwrap())
}

/// The same where the directory does not matter.
pub(crate) fn policy(arguments: &[&str]) -> Said {
    policy_in(Path::new("/"), arguments)
}

/// `egressd` in a directory, with an environment that says nothing.
pub(crate) fn binary(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egressd"));
    for name in ["NODE_NAME", "POD_NAMESPACE", "EGRESSD_BLESS", "EGRESSD_ANNOTATION_PREFIX", "egress_podcidr"] {
        command.env_remove(name);
    }
    // What the crates need was fetched when this workspace was built.
    command.current_dir(directory).env("CARGO_NET_OFFLINE", "true");
    command
}

/// The component of a crate.
pub(crate) fn component(root: &Path) -> String {
    let name = root.file_name().unwrap().to_string_lossy();
    root.join(format!("{name}.wasm")).to_string_lossy().into_owned()
}

/// The crate's own tests, natively.
pub(crate) fn native_tests(root: &Path) -> Said {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Its own directory again: the one of the cargo that runs these tests is locked.
    command.args(["test", "--lib", "--target-dir"]).arg(root.join("target"));
    command.current_dir(root).env("CARGO_NET_OFFLINE", "true").env_remove("RUSTFLAGS").env_remove("EGRESSD_BLESS");
    Said::of(command.env("CARGO_BUILD_BUILD_DIR", INTERMEDIATE).output().unwrap())
}

/// Makes and builds a policy where earlier runs did so, so that only what changed is compiled again.
fn made(name: &str, kind: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring");
    let root = home.join(name);
    fs::create_dir_all(&home).unwrap();
    if root.exists() {
        fs::remove_dir_all(&root).unwrap();
    }
    policy_in(&home, &["new", name, "--kind", kind]).well();
    let mut building = binary(&root);
    Said::of(building.args(["policy", "build"]).env("CARGO_BUILD_BUILD_DIR", INTERMEDIATE).output().unwrap()).well();
    root
}
