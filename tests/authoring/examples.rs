//! Runs the examples of `--help`, except those that need a running egressd, its privileges or a compiler: other tests
//! cover these.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::services::manifests;
use crate::tool::{POLICY, binary};

/// Beginnings of examples that are not run here.
const ELSEWHERE: [&str; 9] = [
    "egressd run ",
    "egressd diff ",
    "egressd status",
    "egressd probe ",
    "egressd clean",
    "egressd policy build ",
    "kubectl --namespace egressd exec ",
    "EGRESSD_BLESS=1 ",
    "man ",
];

/// Commands whose examples need nothing but files.
const COMMANDS: [&[&str]; 12] = [
    &["plan"],
    &["explain-code"],
    &["completion"],
    &["man"],
    &["policy", "new"],
    &["policy", "check"],
    &["policy", "test"],
    &["policy", "run"],
    &["policy", "bench"],
    &["policy", "pack"],
    &["policy", "diff"],
    &["policy", "build"],
];

#[test]
fn the_examples_of_the_help_run() {
    let mut run = 0;
    for command in COMMANDS {
        let directory = directory();
        match *command {
            // It makes the first.
            ["policy", "new"] => {}
            ["policy", "diff"] => add_policy(directory.path(), &["old.wasm", "new.wasm"]),
            _ => add_policy(directory.path(), &["only-https.wasm"]),
        }
        let examples = examples(command);
        assert!(!examples.is_empty(), "{command:?} has no examples");
        for example in examples.iter().filter(|example| !ELSEWHERE.iter().any(|begin| example.starts_with(begin))) {
            let output = shell(directory.path(), example).output().unwrap();
            let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert!(output.status.success(), "{example}: {printed:?}");
            run += 1;
        }
    }
    assert!(run >= 17, "{run} examples were run");
}

#[test]
fn a_plan_has_the_same_content_in_every_form() {
    let directory = directory();
    let plan = |form: &str| {
        let line = format!("egressd plan -f manifests --node node-a --owner any -o {form}");
        String::from_utf8(shell(directory.path(), &line).output().unwrap().stdout).unwrap()
    };
    assert_eq!(plan("name"), "service/shop/web\n");
    assert!(plan("wide").lines().next().unwrap().ends_with("ADDRESS   ALTERNATIVES"));
    let json: serde_json::Value = serde_json::from_str(&plan("json")).unwrap();
    assert_eq!((&json["apiVersion"], &json["kind"]), (&"egressd.io/v1alpha1".into(), &"Plan".into()));
    assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&plan("yaml")).unwrap(), json);
}

/// The lines below `Examples:` that are not comments.
fn examples(command: &[&str]) -> Vec<String> {
    let output = binary(Path::new("/")).args(command).arg("--help").env("COLUMNS", "200").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1).map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

fn shell(directory: &Path, line: &str) -> Command {
    let path = format!("{}:{}", directory.join("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-c", line]).current_dir(directory).env_clear();
    command.env("PATH", path).env("HOME", directory).env("EGRESSD_STATE_DIR", directory.join("state"));
    command
}

/// A directory with the files that the examples name.
fn directory() -> TempDir {
    let directory = manifests("");
    let root = directory.path();
    for directory in ["bin", "manifests", "man1", ".local/share/bash-completion/completions"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::rename(root.join("all.yaml"), root.join("manifests/all.yaml")).unwrap();
    symlink(env!("CARGO_BIN_EXE_egressd"), root.join("bin/egressd")).unwrap();
    // It prints the output of `kubectl get`, and accepts any input.
    let kubectl = root.join("bin/kubectl");
    lab::script(&kubectl, "#!/bin/sh\ncase $1 in get) cat manifests/all.yaml ;; *) cat >/dev/null ;; esac\n").unwrap();
    directory
}

fn add_policy(root: &Path, components: &[&str]) {
    symlink(&*POLICY, root.join("only-https")).unwrap();
    for name in components {
        symlink(POLICY.join("only-https.wasm"), root.join(name)).unwrap();
    }
    symlink(POLICY.join("cases"), root.join("cases")).unwrap();
    fs::write(root.join("settings.json"), "{}").unwrap();
}
