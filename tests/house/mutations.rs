//! Recorded mutations can be applied, and name a test that exists; `make mutations` breaks the code by each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rust::{name, root};

fn patches() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/mutations")).expect("the directory can be read");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "patch")).collect()
}

/// The file and the name of the test.
fn law(patch: &Path) -> (String, String) {
    let text = fs::read_to_string(patch).expect("a patch can be read");
    let line = text.lines().find_map(|line| line.strip_prefix("Law: ")).unwrap_or_default();
    let (file, test) = line.split_once(' ').unwrap_or_else(|| panic!("{}: no line `Law: FILE TEST`", name(patch)));
    assert!(text.lines().any(|line| line.starts_with("Run: ")), "{}: no line `Run: OPTIONS`", name(patch));
    (file.to_owned(), test.to_owned())
}

#[test]
fn each_mutation_names_a_test_that_exists() {
    let patches = patches();
    assert!(patches.len() > 5, "mutations are not found: {patches:?}");
    for patch in patches {
        let (file, test) = law(&patch);
        let text = fs::read_to_string(root().join(&file)).unwrap_or_default();
        assert!(text.contains(&format!("fn {test}(")), "{}: {file} has no test {test}", name(&patch));
    }
}

/// One that cannot is out of date: the code it breaks has changed.
#[test]
fn each_mutation_can_be_applied() {
    for patch in patches() {
        let mut git = Command::new("git");
        let output = git.current_dir(root()).args(["apply", "--check"]).arg(&patch).output().expect("git runs");
        let reason = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: it cannot be applied, write it anew: {reason}", name(&patch));
    }
}
