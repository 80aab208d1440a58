//! `egressd policy` and its output; policies that are made and built once for all tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::{env, fs};

/// Where cargo keeps what it compiles on the way to a result. What policies depend on is the same for each of them and
/// for this tree's, and is compiled once, as the tests that compile the latter do it. Cargo calls a module there after
/// its package alone: where two packages have one name, as this policy and that of `docs/write-a-policy.md`, each is
/// made anew before it is built.
const INTERMEDIATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/guests");

/// A policy from the template.
pub(crate) static POLICY: LazyLock<PathBuf> = LazyLock::new(|| make("only-https", "policy"));
/// A validator from the template.
pub(crate) static VALIDATOR: LazyLock<PathBuf> = LazyLock::new(|| make("gate", "validator"));

/// What a tool printed, and its exit code.
pub(crate) struct ToolOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ToolOutput {
    fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Its standard output. Panics unless it succeeded.
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The only line of its standard error, without the program's name.
    pub(crate) fn error_line(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        self.stderr.trim_end().trim_start_matches("egressd: ").to_owned()
    }
}

/// `egressd policy` with these arguments, in a directory.
pub(crate) fn policy_in(directory: &Path, arguments: &[&str]) -> ToolOutput {
    let mut command = binary(directory);
    ToolOutput::new(command.arg("policy").args(arguments).output().unwrap())
}

/// The same where the directory does not matter.
pub(crate) fn policy(arguments: &[&str]) -> ToolOutput {
    policy_in(Path::new("/"), arguments)
}

/// `egressd` in a directory, without the variables that it reads.
pub(crate) fn binary(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egressd"));
    for name in ["NODE_NAME", "POD_NAMESPACE", "EGRESSD_BLESS", "EGRESSD_ANNOTATION_PREFIX", "egress_podcidr"] {
        command.env_remove(name);
    }
    // What the crates need was fetched when this workspace was built.
    command.current_dir(directory).env("CARGO_NET_OFFLINE", "true");
    command
}

pub(crate) fn component(root: &Path) -> String {
    let name = root.file_name().unwrap().to_string_lossy();
    root.join(format!("{name}.wasm")).to_string_lossy().into_owned()
}

/// The crate's own tests, natively.
pub(crate) fn native_tests(root: &Path) -> ToolOutput {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Its own directory again: the one of the cargo that runs these tests is locked.
    command.args(["test", "--lib", "--target-dir"]).arg(root.join("target"));
    command.current_dir(root).env("CARGO_NET_OFFLINE", "true").env_remove("RUSTFLAGS").env_remove("EGRESSD_BLESS");
    ToolOutput::new(command.env("CARGO_BUILD_BUILD_DIR", INTERMEDIATE).output().unwrap())
}

/// Makes and builds a policy where earlier runs did so, so that only what changed is compiled again.
fn make(name: &str, kind: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring");
    let root = home.join(name);
    fs::create_dir_all(&home).unwrap();
    if root.exists() {
        fs::remove_dir_all(&root).unwrap();
    }
    policy_in(&home, &["new", name, "--kind", kind]).success();
    let mut building = binary(&root);
    ToolOutput::new(building.args(["policy", "build"]).env("CARGO_BUILD_BUILD_DIR", INTERMEDIATE).output().unwrap())
        .success();
    root
}
