//! The reader of a pipe may stop early (`egressd plan | head -1`): nothing is printed about it, and the exit code is
//! the same. Every command is tested.

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::process::{Output, Stdio};
use std::{fs, io, thread};

use egressd::admin::document::Document;
use tempfile::TempDir;

use crate::services::manifests;
use crate::tool::{POLICY, binary, component};

/// Where output goes.
#[derive(Clone, Copy)]
enum OutputTarget {
    /// A reader that stops before the first byte.
    Gone,
    /// A reader that reads everything.
    Reader,
}

fn run(arguments: &[&str], to: OutputTarget) -> Output {
    let mut command = binary(std::path::Path::new("/"));
    command.args(arguments).env("EGRESSD_STATE_DIR", "/nowhere");
    let output = match to {
        OutputTarget::Gone => {
            let (reader, writer) = io::pipe().unwrap();
            drop(reader);
            command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output()
        }
        OutputTarget::Reader => command.output(),
    };
    output.unwrap()
}

/// A command ends in the same way whether its output is read or not.
fn expect_quiet(arguments: &[&str]) {
    let (read, unread) = (run(arguments, OutputTarget::Reader), run(arguments, OutputTarget::Gone));
    assert!(!read.stdout.is_empty(), "{arguments:?} prints nothing");
    assert_eq!(unread.status, read.status, "{arguments:?}: {}", String::from_utf8_lossy(&unread.stderr));
    assert_eq!(String::from_utf8_lossy(&unread.stderr), String::from_utf8_lossy(&read.stderr), "{arguments:?}");
}

#[test]
fn a_reader_that_stops_is_not_an_error_of_any_command() {
    let directory = manifests("");
    let path = directory.path().to_string_lossy();
    let on = |arguments: &[&'static str]| {
        let rest = ["--node", "node-a", "--owner", "any", "--manifests", &path];
        expect_quiet(&[arguments, &rest[..]].concat());
    };
    on(&["plan"]);
    for output in ["wide", "name", "json", "yaml", "nft"] {
        on(&["plan", "--output", output]);
    }
    for arguments in [&["--help"][..], &["--version"], &["policy", "--help"], &["completion", "bash"], &["version"]] {
        expect_quiet(arguments);
    }
}

/// Also when there is more than fits into a pipe.
#[test]
fn a_plan_with_an_error_exits_with_1_also_when_its_reader_stops() {
    let directory = manifests("");
    fs::write(directory.path().join("bad.yaml"), "a: [").unwrap();
    let path = directory.path().to_string_lossy();
    let arguments = ["plan", "--node", "node-a", "--owner", "any", "--manifests", &path];
    expect_quiet(&arguments);
    assert_eq!(run(&arguments, OutputTarget::Gone).status.code(), Some(1));
}

#[test]
fn a_reader_that_stops_is_not_an_error_of_the_policy_tools() {
    let component = component(&POLICY);
    for tool in ["check", "pack"] {
        expect_quiet(&["policy", tool, &component]);
    }
}

#[test]
fn a_reader_that_stops_is_not_an_error_of_status() {
    let directory = tempfile::tempdir().unwrap();
    let socket = serve(&directory, &document());
    for output in ["table", "wide", "json", "yaml"] {
        expect_quiet(&["status", "--socket", &socket, "--output", output]);
    }
}

fn document() -> Document {
    let (text, nothing) = ("2026-01-01T00:00:00Z".to_owned(), None);
    Document {
        version: "0.1.0".to_owned(),
        publishes: None,
        unready: None,
        node: "node-a".to_owned(),
        since: text.clone(),
        in_force_since: Some(text),
        trouble: nothing,
        tables: vec![],
        findings: vec![],
        policies: vec![],
        services: vec![],
    }
}

/// Stands in for a running egressd.
fn serve(directory: &TempDir, document: &Document) -> String {
    let (path, text) = (directory.path().join("s"), serde_json::to_string(document).unwrap());
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || listener.incoming().for_each(|stream| stream.unwrap().write_all(text.as_bytes()).unwrap()));
    path.to_string_lossy().into_owned()
}

/// Neither is one that stops to read what people should know beside the output.
#[test]
fn a_reader_of_errors_that_stops_changes_nothing() {
    let directory = manifests("");
    fs::write(directory.path().join("bad.yaml"), "a: [").unwrap();
    let mut command = binary(std::path::Path::new("/"));
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    command.args(["plan", "--node", "node-a", "--owner", "any", "--output", "nft", "--manifests"]);
    let output = command.arg(directory.path()).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("table ip kube_vip_v4"));
}
