//! `--manifests`: directories, files and standard input, one or several.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::app::{APP, CLUSTER, app, plan_of};

/// The binary with these arguments in this directory, and this input.
fn egressd(dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egressd"));
    command.args(arguments).current_dir(dir).env_clear();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read it may have ended.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    child.wait_with_output().unwrap()
}

const PLAN: [&str; 7] = ["plan", "--owner", "any", "--node", "node-a", "--state-dir", "state"];

/// What `plan` prints with these arguments and this input, and how it ends.
fn planned(dir: &Path, arguments: &[&str], input: &str) -> (String, Option<i32>) {
    let output = egressd(dir, &[&PLAN, arguments].concat(), input);
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
    fs::write(dir.join(name), text).unwrap();
}

#[test]
fn the_output_of_kubectl_is_planned_from_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let documents = format!("{APP}---\n{CLUSTER}");
    let items: String =
        documents.split("---\n").map(|object| format!("- {}\n", object.trim_end().replace('\n', "\n  "))).collect();
    let printed = format!("apiVersion: v1\nitems:\n{items}kind: List\nmetadata:\n  resourceVersion: \"\"\n");
    let (text, code) = planned(dir.path(), &["--manifests", "-"], &printed);
    assert!(text.contains("default/app  ipv4  10.0.0.1") && code == Some(0), "{text}");
    let one_kind = r#"{"apiVersion":"v1","kind":"ServiceList","metadata":{},"items":[{"metadata":{"name":"app","annotations":{"kube-vip.io/egress":"true"}},"spec":{"type":"LoadBalancer"},"status":{"loadBalancer":{"ingress":[{"ip":"11.0.0.2"}]}}}]}"#;
    let slice = APP.split("---\n").nth(1).unwrap();
    write(dir.path(), "slice", slice);
    let (text, code) = planned(dir.path(), &["--manifests=slice", "--manifests=-"], one_kind);
    assert!(text.contains("default/app  ipv4  10.0.0.1") && code == Some(0), "{text}");
}

#[test]
fn empty_standard_input_is_a_finding() {
    let dir = tempfile::tempdir().unwrap();
    let (text, code) = planned(dir.path(), &["--manifests", "-"], "");
    let sentence = "error: standard input: it is empty; look at what the command before it printed";
    assert!(text.contains(sentence) && code == Some(1), "{text}");
}

#[test]
fn several_places_count_together_and_of_one_object_the_first_given() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "z/app.yaml", APP);
    write(dir.path(), "a/app.yaml", &app("11.0.0.2", "11.0.0.3"));
    write(dir.path(), "cluster.txt", CLUSTER);
    let places = |first: &str, second: &str| {
        plan_of(&[&dir.path().join(first), &dir.path().join(second), &dir.path().join("cluster.txt")])
    };
    let planned = places("z", "a");
    planned.expect_translated("default/app", "11.0.0.2");
    let sentence = |first: &str, second: &str| {
        let [first, second] =
            [first, second].map(|place| dir.path().join(place).join("app.yaml").display().to_string());
        format!(
            "error: {second}: Service default/app is in {first} already, which takes precedence; remove one of the \
             two"
        )
    };
    planned.expect_error(&sentence("z", "a"));
    places("a", "z").expect_translated("default/app", "11.0.0.3");
    let file = places("z/app.yaml", "a");
    file.expect_error(&sentence("z", "a"));
}

#[test]
fn a_file_for_kustomize_and_other_kinds_are_no_error() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "d/app.yaml", &format!("{APP}---\n{CLUSTER}"));
    write(dir.path(), "d/kustomization.yaml", "resources: [app.yaml]\n");
    write(dir.path(), "d/web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n");
    plan_of(&[&dir.path().join("d")]).expect("default/app", "11.0.0.2");
}

#[test]
fn run_refuses_standard_input_with_one_line() {
    let output = egressd(Path::new("/"), &["run", "--node", "node-a", "--manifests", "-"], "");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.starts_with("egressd: cannot follow --manifests -: standard input is read once"), "{stderr}");
}
