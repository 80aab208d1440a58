//! `policy new`, `policy build`, `policy test`.

use std::fs;
use std::path::Path;

use crate::tool::{POLICY, VALIDATOR, binary, component, native_tests, policy, policy_in};

#[test]
fn a_new_policy_passes_its_own_tests_natively_and_as_a_component() {
    for root in [&*POLICY, &*VALIDATOR] {
        let natively = native_tests(root);
        // Cargo repeats those of earlier runs.
        assert!(!natively.stderr.contains("warning"), "{}", natively.stderr);
        let natively = natively.success();
        assert!(natively.contains("the_cases_come_out_as_expected ... ok"), "{natively}");
        let printed = policy_in(root, &["test"]).success();
        assert!(printed.ends_with("4 of 4 cases come out as expected\n"), "{printed}");
    }
}

#[test]
fn an_invalid_name_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |name: &str| policy_in(directory.path(), &["new", "--", name]).error_line(1);
    assert_eq!(
        refused("My_Policy"),
        "cannot name a policy \"My_Policy\": only lower-case letters, digits and dashes may be in it; write one like \
         my-policy"
    );
    assert!(refused("../up").starts_with("cannot name a policy \"../up\": only lower-case"));
    assert!(refused("serde").starts_with("cannot name a policy \"serde\": Rust has something else of this name"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn existing_files_are_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("mine")).unwrap();
    let sentence = policy_in(directory.path(), &["new", "mine"]).error_line(1);
    assert_eq!(sentence, "cannot make mine: it is there already; take another name, or remove it");
}

#[test]
fn a_directory_without_a_crate_is_not_built() {
    let directory = tempfile::tempdir().unwrap();
    let sentence = policy_in(directory.path(), &["build"]).error_line(1);
    assert!(sentence.ends_with("there is no Cargo.toml in it; name the directory of a policy's crate"), "{sentence}");
}

#[test]
fn a_missing_build_prerequisite_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("Cargo.toml"), "").unwrap();
    let rustc = directory.path().join("rustc");
    lab::script(&rustc, "#!/bin/sh\necho /no/such/library\n").unwrap();
    let printed = |rustc: &Path| {
        let output = binary(directory.path()).args(["policy", "build"]).env("RUSTC", rustc).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(printed(&rustc).contains("run `rustup target add wasm32-unknown-unknown`"), "{}", printed(&rustc));
    let none = printed(Path::new("/no/such/rustc"));
    assert!(none.contains("cannot run rustc") && none.contains("install Rust from https://rustup.rs"), "{none}");
}

#[test]
fn a_crate_that_is_not_a_component_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"a\"\nedition = \"2024\"\n[profile.policy]\ninherits = \"release\"\n";
    fs::write(directory.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(directory.path().join("src")).unwrap();
    let source = directory.path().join("src/lib.rs");
    fs::write(&source, "").unwrap();
    let last = |printed: crate::tool::ToolOutput| printed.stderr.lines().last().unwrap_or_default().to_owned();
    let printed = last(policy_in(directory.path(), &["build"]));
    assert!(printed.contains("it is no `cdylib`"), "{printed}");
    fs::write(directory.path().join("Cargo.toml"), manifest.to_owned() + "[lib]\ncrate-type = [\"cdylib\"]\n").unwrap();
    let printed = last(policy_in(directory.path(), &["build"]));
    assert!(
        printed.contains("implement one of the SDK's traits and export it") || printed.contains("with the SDK"),
        "{printed}"
    );
    fs::write(&source, "fn").unwrap();
    let printed = last(policy_in(directory.path(), &["build"]));
    assert!(printed.ends_with("see cargo's messages above"), "{printed}");
}

/// A copy of the policy's cases, to be changed.
fn cases() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for case in fs::read_dir(POLICY.join("cases")).unwrap() {
        let case = case.unwrap();
        let copy = directory.path().join(case.file_name());
        fs::create_dir(&copy).unwrap();
        for file in fs::read_dir(case.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    }
    directory
}

#[test]
fn a_case_that_comes_out_otherwise_is_shown_and_can_be_blessed() {
    let (cases, component) = (cases(), component(&POLICY));
    let expected = cases.path().join("all-ports/expected.txt");
    let right = fs::read_to_string(&expected).unwrap();
    fs::write(&expected, right.replace("tcp:443", "tcp:80")).unwrap();
    let printed = policy_in(cases.path(), &["test", ".", "--component", &component]);
    assert_eq!(printed.code, Some(1));
    let difference = "    plan\n    rule ipv4: 10.244.1.7 -> 192.0.2.10\n  -   destination ports: tcp:80\n  +   destination ports: tcp:443\n";
    assert!(printed.stdout.contains(difference), "{}", printed.stdout);
    assert!(printed.stdout.ends_with("3 of 4 cases come out as expected\n"), "{}", printed.stdout);
    let mut blessing = binary(cases.path());
    blessing.args(["policy", "test", ".", "--component", &component]).env("EGRESSD_BLESS", "1");
    assert!(blessing.output().unwrap().status.success());
    assert_eq!(fs::read_to_string(&expected).unwrap(), right);
}

#[test]
fn mistakes_in_a_case_are_reported_with_its_file() {
    let (cases, component) = (cases(), component(&POLICY));
    fs::write(cases.path().join("all-ports/draft.yaml"), "rules: [{id: a, address: 10.0.0.1, to: [x]}]").unwrap();
    fs::write(cases.path().join("no-egress/service.yaml"), "{apiVersion: v1, kind: Node, metadata: {name: a}}")
        .unwrap();
    fs::remove_file(cases.path().join("other-ports/expected.txt")).unwrap();
    let printed = policy(&["test", &cases.path().to_string_lossy(), "--component", &component]);
    assert_eq!(printed.code, Some(1));
    for sentence in [
        "all-ports: draft.yaml: ",
        "\"x\" is not a network; write one like 192.0.2.0/24 or 2001:db8::/32",
        "no-egress: service.yaml: a case needs exactly one Service\n",
        "other-ports: there is no expected.txt; EGRESSD_BLESS=1 writes what comes out\n",
    ] {
        assert!(printed.stdout.contains(sentence), "{}", printed.stdout);
    }
}

#[test]
fn nothing_to_test_is_an_error_and_not_a_failed_case() {
    let directory = tempfile::tempdir().unwrap();
    let sentence = policy_in(directory.path(), &["test"]).error_line(2);
    assert!(sentence.contains("there are 0 files *.wasm; run `egressd policy build` there"), "{sentence}");
    let sentence = policy_in(directory.path(), &["test", "--component", &component(&POLICY)]).error_line(2);
    assert!(sentence.ends_with("every case is one, with a service.yaml"), "{sentence}");
}
