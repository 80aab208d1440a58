//! The pages of `docs/` are tested. A block of YAML is a file of manifests; a block of text after it is what
//! `egressd plan` prints about it. YAML without text after it goes with all examples below it on its page.
//!
//! Tests and files that they name exist.
//!
//! `EGRESSD_BLESS=1 cargo test --test docs` writes the output into the pages; review it before you commit.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod codes;
mod commands;
mod emitted;
mod page;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::page::{Block, Page};

/// What would make plans differ from one machine to the next.
const ENVIRONMENT: [&str; 18] = [
    "EGRESSD_ANNOTATION_PREFIX",
    "EGRESSD_INSIDE_NETWORKS",
    "EGRESSD_INSTANCE_NAME",
    "EGRESSD_MANIFESTS",
    "EGRESSD_NAMESPACE",
    "EGRESSD_NODE",
    "EGRESSD_OWNER",
    "EGRESSD_POD_NETWORKS",
    "EGRESSD_SERVICE_NETWORKS",
    "EGRESSD_SHARED_ADDRESSES",
    "EGRESSD_STATE_DIR",
    "NODE_NAME",
    "NO_COLOR",
    "POD_NAMESPACE",
    "egress_podcidr",
    "egress_servicecidr",
    "egress_withnftables",
    "instance_name",
];

#[test]
fn the_examples_of_the_page_on_policies_are_true() {
    check("policies.md", 1);
}

#[test]
fn the_examples_of_the_page_on_annotations_are_true() {
    check("annotations.md", 10);
}

#[test]
fn the_page_on_writing_policies_knows_every_tool() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/write-a-policy.md");
    let page = fs::read_to_string(file).unwrap();
    let help = Command::new(env!("CARGO_BIN_EXE_egressd")).args(["policy", "--help"]).output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Lines that are indented more continue a description.
    let listed = commands.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names: Vec<&str> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"pack"), "{help}");
    for name in names.into_iter().filter(|name| *name != "help") {
        assert!(page.contains(&format!("| `egressd policy {name} ")), "{name} is not in the table of tools");
    }
}

/// The page for operators quotes findings in what `kubectl` prints, which only a test with an API server sees whole.
#[test]
fn the_findings_that_the_page_for_operators_quotes_are_those_of_today() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operate.md");
    let page = fs::read_to_string(file).unwrap();
    let annotation = "kube-vip.io/egress-destination-ports: tcp:http";
    assert!(page.contains(annotation), "the page has another example now: {annotation}");
    let printed = plan(&[format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: default, uid: web, annotations: \
         {{kube-vip.io/egress: \"true\", {annotation}}}}}, spec: {{type: LoadBalancer}}}}"
    )]);
    let finding = printed.lines().find_map(|line| line.split_once("error: ")).map(|(_, finding)| finding);
    let Some((sentence, label)) = finding.and_then(|finding| finding.rsplit_once(" [")) else { panic!("{printed}") };
    let quoted = page.lines().filter(|line| line.contains("  Warning  Invalid  ") && line.contains("tcp:http"));
    let quoted: Vec<&str> = quoted.collect();
    assert!(!quoted.is_empty(), "the page quotes no finding");
    for line in quoted {
        assert!(line.contains(&format!("  {sentence} [{label}; ")), "printed: {sentence}\nquoted: {line}");
    }
}

#[test]
fn every_difference_from_kube_vip_is_held_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/from-kube-vip.md")).unwrap();
    let table = page.split_once("## Differences").unwrap().1;
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).collect();
    assert!(rows.len() >= 30, "{rows:?}");
    let mut tests = String::new();
    for folder in ["host", "policies", "tests"] {
        source(&root.join(folder), &mut tests);
    }
    for row in rows {
        let held_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names: Vec<&str> =
            held_by.split(", ").filter_map(|name| name.strip_prefix('`')?.strip_suffix('`')).collect();
        assert!(!names.is_empty(), "no test holds this: {row}");
        for name in names {
            let is_test = tests.contains(&format!("fn {name}("));
            assert!(is_test || root.join("tests/golden").join(name).is_dir(), "there is no {name}: {row}");
        }
    }
}

/// Promises and invariants are worth what holds them, and tests are renamed.
#[test]
fn every_test_that_a_page_names_is_there() {
    let root = root();
    let mut tests = fs::read_to_string(root.join("deploy/test-image")).unwrap();
    for folder in ["host", "policies", "tests"] {
        source(&root.join(folder), &mut tests);
    }
    let sentence =
        |name: &str| name.matches('_').count() > 3 && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    let gone = |name: &String| sentence(name) && !tests.contains(&format!("{name}("));
    assert_eq!(named(gone), Vec::<String>::new(), "no test is called so");
}

/// Files of programs by the end of their path, since pages leave out what all of them begin with.
#[test]
fn every_file_that_a_page_names_is_there() {
    let root = root();
    let mut all = Vec::new();
    ["host", "policies", "policy-sdk", "tests"].iter().for_each(|folder| files(&root.join(folder), &mut all));
    let is_program = |name: &str| name.ends_with(".rs") && name.contains('/') && !name.contains(['<', '*']);
    let is_of_root = |name: &str| ["deploy/", "docs/", "host/", "tests/"].iter().any(|folder| name.starts_with(folder));
    let is_path = |name: &str| name.chars().all(|c| "_-./".contains(c) || c.is_ascii_alphanumeric());
    let gone = |name: &String| {
        let program = is_program(name) && !all.iter().any(|file| file.ends_with(name));
        program || (is_of_root(name) && is_path(name) && !root.join(name).exists())
    };
    assert_eq!(named(gone), Vec::<String>::new(), "no file is there");
}

/// The code spans of all pages that satisfy a condition, each with its page.
fn named(is_wrong: impl Fn(&String) -> bool) -> Vec<String> {
    let root = root();
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"].map(|page| root.join(page)).into_iter().chain(docs);
    let mut wrong = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let code = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned);
        wrong.extend(code.filter(&is_wrong).map(|name| format!("{}: {name}", page.display())));
    }
    wrong
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Appends all sources of a folder.
fn source(folder: &Path, all: &mut String) {
    let mut programs = Vec::new();
    files(folder, &mut programs);
    for file in programs {
        all.push_str(&fs::read_to_string(file).unwrap());
    }
}

/// Appends all source files of a folder.
fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            files(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
}

/// Runs all examples of a page, which has at least so many.
fn check(name: &str, at_least: usize) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let text = fs::read_to_string(&file).unwrap();
    let mut page = Page::read(&text);
    let mut common: Vec<String> = Vec::new();
    let mut examples = 0;
    for index in 0..page.blocks.len() {
        let [yaml, next] = [page.blocks.get(index), page.blocks.get(index + 1)];
        let Some(yaml) = yaml.filter(|block| block.language == "yaml").map(|block| block.text.clone()) else {
            continue;
        };
        let Some(Block { text: expected, .. }) = next.filter(|block| block.language == "text") else {
            common.push(yaml);
            continue;
        };
        let printed = plan(&[&common[..], std::slice::from_ref(&yaml)].concat());
        examples += 1;
        if env::var_os("EGRESSD_BLESS").is_none() {
            assert_eq!(&printed, expected, "{name}: what is printed, and what the page says, about\n{yaml}");
        }
        page.blocks[index + 1].text = printed;
    }
    assert!(examples >= at_least, "{name} has {examples} examples");
    if page.write() != text {
        fs::write(&file, page.write()).unwrap();
    }
}

/// What `egressd plan` prints about these manifests, on the node of all examples.
fn plan(manifests: &[String]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (files, state) = (directory.path().join("manifests"), directory.path().join("state"));
    fs::create_dir(&files).unwrap();
    for (number, manifest) in manifests.iter().enumerate() {
        fs::write(files.join(format!("{number}.yaml")), manifest).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_egressd"));
    ENVIRONMENT.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
        .args(["plan", "--node", "node-a", "--owner", "any", "--manifests"])
        .arg(&files)
        .arg("--state-dir")
        .arg(&state);
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.is_empty(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}
