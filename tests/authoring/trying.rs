//! `policy check`, `policy run`, `policy bench`, `policy diff`.

use std::fs;

use tempfile::TempDir;

use crate::services::manifests;
use crate::tool::{POLICY, ToolOutput, VALIDATOR, component, policy};

/// A file with this content.
fn file(content: &[u8]) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("it.json");
    fs::write(&path, content).unwrap();
    (directory, path.to_string_lossy().into_owned())
}

/// A tool on the Services of a directory.
fn run_tool(directory: &TempDir, arguments: &[&str]) -> ToolOutput {
    let path = directory.path().to_string_lossy();
    policy(&[arguments, &["--node", "node-a", "--manifests", &path]].concat())
}

#[test]
fn check_says_what_is_in_a_component() {
    let printed = policy(&["check", &component(&POLICY)]).success();
    for line in [
        "policy       only-https 0.1.0\n",
        "contract     egressd:policy@0.2.0",
        "imports      egressd:policy/host@0.2.0",
        "settings     accepted: none, as its schema allows\n",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    assert!(policy(&["check", &component(&VALIDATOR)]).success().starts_with("validator    gate 0.1.0\n"));
}

#[test]
fn check_of_a_component_of_an_earlier_contract_says_that_there_is_a_newer_one() {
    let released = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wasm/released/0.1.0/private-guard.wasm");
    let printed = policy(&["check", released]).success();
    let line =
        "contract     egressd:policy@0.1.0; there is 0.2.0, which shows and takes more: docs/upgrade-a-policy.md\n";
    assert!(printed.contains(line), "{printed}");
    assert!(printed.contains("subjects     Service\nendpoints    of all nodes\n"), "{printed}");
}

#[test]
fn run_bench_and_test_say_of_which_contract_a_component_is() {
    let released = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wasm/released/0.1.0/private-guard.wasm");
    let line = |version| format!("contract     egressd:policy@{version}");
    for (component, version) in [(component(&POLICY), "0.2.0"), (released.to_owned(), "0.1.0; there is 0.2.0")] {
        let run = run_tool(&manifests(""), &["run", &component]).success();
        assert!(run.starts_with(&line(version)), "{run}");
        let bench = policy(&["bench", &component, "--calls", "1"]).success();
        assert!(bench.contains(&format!("\n{}", line(version))), "{bench}");
        let cases = policy(&["test", &POLICY.to_string_lossy(), "--component", &component]);
        assert!(cases.stdout.starts_with(&line(version)), "{}", cases.stdout);
    }
}

#[test]
fn check_refuses_what_a_node_refuses() {
    let core_module = POLICY.join("target/wasm32-unknown-unknown/policy/only_https.wasm");
    let whole = fs::read(component(&POLICY)).unwrap();
    for (bytes, part) in [
        (fs::read(core_module).unwrap(), "it is a core module and not a component: `egressd policy build` makes"),
        (whole[..whole.len() / 2].to_vec(), "it was cut off"),
        (b"(component)".to_vec(), "it is text and not WebAssembly"),
        (Vec::new(), "it is empty"),
    ] {
        let (_directory, file) = file(&bytes);
        let sentence = policy(&["check", &file]).error_line(1);
        assert!(sentence.starts_with("cannot use policy it: ") && sentence.contains(part), "{sentence}");
        assert_eq!(policy(&["pack", &file]).error_line(1), sentence);
    }
    assert!(policy(&["check", "/no/such.wasm"]).error_line(1).starts_with("cannot read /no/such.wasm: "));
}

#[test]
fn refused_settings_are_reported_with_the_reason() {
    for (settings, part) in [
        ("port: tcp:443", "it is not a JSON object: expected value"),
        ("[]", "it is not a JSON object: it is something else; write one, like {}"),
        ("{\"port\": \"443\"}", "\"443\" has no protocol; write one like tcp:443 or udp:443"),
        ("{\"ports\": []}", "unknown field \"ports\", expected \"port\""),
    ] {
        let (_directory, file) = file(settings.as_bytes());
        let sentence = policy(&["check", &component(&POLICY), "--settings", &file]).error_line(1);
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn run_shows_the_result_of_the_whole_chain() {
    let printed = run_tool(&manifests(""), &["run", &component(&POLICY)]).success();
    assert_eq!(
        printed,
        "contract     egressd:policy@0.2.0\nSERVICE   RULE  SOURCES   TO   PORTS    ADDRESS\nshop/web  ipv4  10.0.0.1  any  tcp:443  11.0.0.2\n"
    );
    // Before the built-in policy there is nothing to narrow.
    let printed = run_tool(&manifests(""), &["run", &component(&POLICY), "--order", "-1"]).success();
    assert!(printed.contains("any  any    11.0.0.2"), "{printed}");
}

#[test]
fn run_underlines_errors_and_names_the_policy_that_denies() {
    let wrong = manifests(", kube-vip.io/egress-destination-ports: 'tcp:443,tcp:x'");
    let printed = run_tool(&wrong, &["run", &component(&POLICY), "--service", "shop/web"]);
    assert_eq!(printed.code, Some(1));
    assert!(printed.stdout.contains("tcp:443,tcp:x\"\n") && printed.stdout.contains("^^^^^\n"), "{}", printed.stdout);
    let printed = run_tool(&manifests(""), &["run", &component(&VALIDATOR)]);
    assert_eq!(printed.code, Some(1));
    assert!(
        printed.stdout.contains("shop/web: error: rule \"ipv4\" is for all ports, and only tcp:443"),
        "{}",
        printed.stdout
    );
}

#[test]
fn a_service_or_a_directory_that_is_not_there_is_named() {
    let directory = manifests("");
    let sentence = run_tool(&directory, &["run", &component(&POLICY), "--service", "shop/wbe"]).error_line(1);
    assert!(sentence.starts_with("cannot show Service shop/wbe: there is none in "), "{sentence}");
    assert!(sentence.ends_with("there are shop/web"), "{sentence}");
    let sentence = policy(&["run", &component(&POLICY), "--manifests", "/no/such"]).error_line(1);
    assert!(sentence.starts_with("cannot read the manifests directory /no/such: "), "{sentence}");
}

#[test]
fn bench_measures_a_policy_beside_the_built_in_one() {
    for root in [&*POLICY, &*VALIDATOR] {
        let printed = policy(&["bench", &component(root), "--calls", "20"]).success();
        let rows: Vec<&str> = printed.lines().collect();
        assert!(rows[0].starts_with("POLICY ") && rows[2].starts_with("annotations (built-in) "), "{printed}");
        let fuel: u64 = rows[1].split_whitespace().last().unwrap().parse().unwrap();
        assert!((1_000..1_000_000).contains(&fuel), "{printed}");
    }
    let sentence = run_tool(&tempfile::tempdir().unwrap(), &["bench", &component(&POLICY)]).error_line(1);
    assert!(sentence.starts_with("cannot measure: there is no Service in "), "{sentence}");
}

#[test]
fn diff_shows_what_would_change_and_what_would_not() {
    let directory = manifests("");
    let (narrow, gate) = (component(&POLICY), component(&VALIDATOR));
    let same = run_tool(&directory, &["diff", &narrow, &narrow]);
    assert_eq!((same.code, same.stdout.as_str()), (Some(0), "0 of 1 Services change\n"));
    let (_settings, other) = file(b"{\"port\": \"tcp:80\"}");
    let changed = run_tool(&directory, &["diff", &narrow, &narrow, "--new-settings", &other]);
    let expected = "shop/web: translating\n  - rule ipv4: 10.0.0.1 -> 11.0.0.2\n      destination ports: tcp:443\n  \
                    + rule ipv4: 10.0.0.1 -> 11.0.0.2\n      destination ports: tcp:80\n1 of 1 Services change\n";
    assert_eq!((changed.code, changed.stdout.as_str()), (Some(1), expected));
    let denied = run_tool(&directory, &["diff", &narrow, &gate]);
    assert_eq!(denied.code, Some(1));
    assert!(denied.stdout.starts_with("shop/web: translating -> denied\n"), "{}", denied.stdout);
    assert!(
        run_tool(&directory, &["diff", &narrow, "/no/such.wasm"])
            .error_line(2)
            .starts_with("cannot read /no/such.wasm")
    );
}
