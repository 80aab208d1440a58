//! Rules for shell scripts that shellcheck does not know.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rust::{name, root};

/// Readers that end before their input does. The writer is then killed by a signal, and with
/// `pipefail` that counts as a failure of the pipe: a match sporadically counts as no match.
const EARLY: [&str; 3] = ["grep -q", "grep --quiet", "head "];

fn scripts() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [".ci", "deploy", "tests", "host"] {
        collect(&root().join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target" && name != "node_modules") {
            collect(&path, found);
        } else if is_script(&path) {
            found.push(path);
        }
    }
}

fn is_script(path: &Path) -> bool {
    let first = fs::read(path).unwrap_or_default();
    let first = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    path.extension().is_some_and(|extension| extension == "sh") || first.starts_with(b"#!") && first.ends_with(b"sh")
}

/// Whether a line has a pipe to a reader of these, with short options in any order.
fn pipes_to_an_early_reader(line: &str) -> bool {
    let code = line.split(" #").next().unwrap_or_default();
    code.split('|').skip(1).map(str::trim_start).any(|reader| {
        let options = reader
            .strip_prefix("grep ")
            .map(|rest| rest.split_whitespace().take_while(|option| option.starts_with('-')));
        let quiet =
            options.is_some_and(|mut options| options.any(|option| !option.starts_with("--") && option.contains('q')));
        quiet || EARLY.iter().any(|early| reader.starts_with(early))
    })
}

#[test]
fn no_script_pipes_to_a_reader_that_ends_early() {
    let scripts = scripts();
    assert!(scripts.len() > 15, "scripts are not found: {scripts:?}");
    for script in scripts {
        let text = fs::read_to_string(&script).expect("a script can be read");
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", name(&script), number + 1);
            assert!(
                !pipes_to_an_early_reader(line),
                "{place}: let the reader take all: `grep ... >/dev/null`, `sed -n 1p`"
            );
        }
    }
}

#[test]
fn early_readers_are_recognised() {
    for line in ["names | grep -qxF x", "a | grep -F -q x", "a | head -n 1", "a |grep -Eq x", "x || b | grep --quiet y"]
    {
        assert!(pipes_to_an_early_reader(line), "{line}");
    }
    for line in ["grep -q x file", "a || grep_q", "a | grep -F x >/dev/null", "a | sed -n 1p # head "] {
        assert!(!pipes_to_an_early_reader(line), "{line}");
    }
}
