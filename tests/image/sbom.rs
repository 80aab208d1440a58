//! `deploy/sbom`: the parts of a binary. `make test-image` compares them with what the linker used.

use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::ARCH;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{deploy, digest};

/// A stand-in for the binary.
const BINARY: &[u8] = b"a binary";

/// Some packages that are linked into the program, or into the policy in it.
const LINKED: [&str; 8] =
    ["wasmtime", "ring", "rustables", "egressd-core", "egressd-policy-sdk", "wit-bindgen", "glibc", "rust-std"];

/// Some packages that only tests, build scripts and macros need.
const NOT_LINKED: [&str; 8] =
    ["proptest", "libtest-mimic", "egressd-tests", "bindgen", "cc", "syn", "serde_derive", "cargo_metadata"];

/// The document, as the script prints it in this directory.
fn printed_in(directory: &str) -> Vec<u8> {
    let place = tempfile::tempdir().expect("a directory");
    let binary = place.path().join("binary");
    fs::write(&binary, BINARY).expect("a binary");
    let mut script = Command::new(fs::canonicalize(deploy().join("sbom")).expect("the script"));
    script.arg(if ARCH == "aarch64" { "arm64" } else { "amd64" }).arg(&binary).current_dir(directory);
    let output = script.env("SOURCE_DATE_EPOCH", "1700000000").output().expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn document() -> Value {
    serde_json::from_slice(&printed_in(".")).expect("JSON")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} of {value}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

#[test]
fn it_is_about_this_binary_and_version() {
    let document = document();
    let program = &document["metadata"]["component"];
    assert_eq!((text(&document, "bomFormat"), text(&document, "specVersion")), ("CycloneDX", "1.6"));
    assert_eq!(text(&document["metadata"], "timestamp"), "2023-11-14T22:13:20Z");
    let expected = [("name", env!("CARGO_PKG_NAME")), ("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(expected.map(|(key, _)| text(program, key)), expected.map(|(_, value)| value));
    assert_eq!(format!("sha256:{}", text(&program["hashes"][0], "content")), digest(BINARY));
}

#[test]
fn it_has_what_is_linked_and_not_what_only_tests_and_build_scripts_need() {
    let document = document();
    let names: BTreeSet<&str> = list(&document, "components").iter().map(|component| text(component, "name")).collect();
    assert_eq!(LINKED.iter().find(|name| !names.contains(*name)), None);
    assert_eq!(NOT_LINKED.iter().find(|name| names.contains(*name)), None);
}

/// The checksums of the lock file, by `name@version`.
fn locked() -> BTreeMap<String, String> {
    let lock = fs::read_to_string(deploy().join("../Cargo.lock")).expect("Cargo.lock");
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'));
        line.map(str::to_owned)
    };
    let packages = lock.split("[[package]]").skip(1);
    let entry = |package| {
        Some((format!("{}@{}", value(package, "name")?, value(package, "version")?), value(package, "checksum")?))
    };
    packages.filter_map(entry).collect()
}

#[test]
fn every_package_has_its_licence_and_what_comes_from_a_registry_its_checksum() {
    let (document, locked) = (document(), locked());
    for component in list(&document, "components") {
        let id = text(component, "bom-ref");
        assert_eq!(id, format!("{}@{}", text(component, "name"), text(component, "version")));
        let licence = text(&component["licenses"][0], "expression");
        assert!(!licence.is_empty() && !licence.contains('/'), "{id} is under {licence:?}");
        let checksum = component["hashes"][0]["content"].as_str();
        assert_eq!(checksum, locked.get(id).map(String::as_str), "{id}");
        assert_eq!(checksum.is_some(), component["purl"] == format!("pkg:cargo/{id}"), "{id}");
    }
}

#[test]
fn needed_resources_are_listed_and_listed_ones_are_needed() {
    let document = document();
    let program = text(&document["metadata"]["component"], "bom-ref");
    let all = list(&document, "components").iter().map(|component| text(component, "bom-ref")).chain([program]);
    let entries = list(&document, "dependencies").iter();
    let needs: BTreeMap<&str, &[Value]> = entries.map(|entry| (text(entry, "ref"), list(entry, "dependsOn"))).collect();
    let (mut reached, mut open) = (BTreeSet::new(), vec![program]);
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            open.extend(needs[id].iter().map(|below| below.as_str().expect("a name")));
        }
    }
    assert_eq!(reached, all.collect());
    assert_eq!(reached.len(), needs.len());
}

#[test]
fn it_is_the_same_wherever_it_is_made() {
    assert!(printed_in(".") == printed_in("/"));
}
