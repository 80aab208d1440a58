//! Settings from the environment: an empty one counts as not set, and one that is wrong is named by its variable.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::app::{APP, CLUSTER};

/// The binary with these arguments in this directory, with these variables and no others.
fn egressd(dir: &Path, arguments: &[&str], variables: &[[&str; 2]]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egressd"));
    let variables = variables.iter().map(|[name, value]| (name, value));
    command.args(arguments).current_dir(dir).env_clear().envs(variables).output().unwrap()
}

const PLAN: [&str; 7] = ["plan", "--owner", "any", "--node", "node-a", "--manifests", "m"];

/// A directory with manifests in `m`.
fn manifests() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    fs::write(dir.path().join("m/app.yaml"), APP).unwrap();
    fs::write(dir.path().join("m/cluster.yaml"), CLUSTER).unwrap();
    dir
}

/// Standard output and standard error.
fn printed(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// The first line of what a command with wrong usage prints.
fn refusal(arguments: &[&str], variables: &[[&str; 2]]) -> String {
    let output = egressd(Path::new("/"), arguments, variables);
    let (out, errors) = printed(&output);
    assert!(output.status.code() == Some(2) && out.is_empty(), "{out}{errors}");
    errors.lines().next().unwrap_or_default().to_owned()
}

/// In any other namespace than that of the policies they have no say, and more is translated than with them.
#[test]
fn no_policy_is_lost_by_an_empty_or_impossible_namespace() {
    let dir = manifests();
    let component = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/wasm/released/0.1.0/private-guard.wasm");
    let pack = ["policy", "pack", component.to_str().unwrap()];
    let (yaml, errors) = printed(&egressd(dir.path(), &pack, &[["EGRESSD_NAMESPACE", ""]]));
    assert!(yaml.contains("namespace: egressd\n") || yaml.contains("namespace: \"egressd\"\n"), "{yaml}{errors}");
    fs::write(dir.path().join("m/policy.yaml"), yaml).unwrap();
    let arguments = [&PLAN[..], &["--state-dir", "state"]].concat();
    let plan = |variables: &[[&str; 2]]| egressd(dir.path(), &arguments, variables);
    let without = plan(&[]);
    assert!(printed(&without).0.contains("any except 10.0.0.0/8"), "the policy has no effect: {without:?}");
    let empty: [&[[&str; 2]]; 3] = [
        &[["EGRESSD_NAMESPACE", ""]],
        &[["POD_NAMESPACE", ""]],
        &[["EGRESSD_NAMESPACE", ""], ["POD_NAMESPACE", "egressd"]],
    ];
    for variables in empty {
        let with = plan(variables);
        assert_eq!(with, without, "{variables:?}");
    }
    for variable in ["EGRESSD_NAMESPACE", "POD_NAMESPACE"] {
        let error = refusal(&["plan"], &[[variable, "Bad NS"]]);
        let begin = format!("error: invalid value 'Bad NS' for '--namespace <NAME> ({variable})': not the name of");
        assert!(error.starts_with(&begin), "{error}");
    }
    assert!(refusal(&["policy", "pack", "x", "-n", ""], &[]).starts_with("error: invalid value '' for '--namespace"));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let dir = manifests();
    let without = egressd(dir.path(), &[&PLAN[..], &["--state-dir", "state"]].concat(), &[]);
    assert!(printed(&without).0.contains("default/app  ipv4  10.0.0.1"), "{without:?}");
    for name in [
        "EGRESSD_ANNOTATION_PREFIX",
        "EGRESSD_EGRESS_CLEAN",
        "EGRESSD_HTTP",
        "EGRESSD_LIMIT_NODE_ELEMENTS",
        "EGRESSD_MANIFESTS",
        "EGRESSD_MARK_MASK",
        "EGRESSD_OWNER",
        "EGRESSD_PODS",
        "EGRESSD_POD_NETWORKS",
        "EGRESSD_PRIORITY",
        "EGRESSD_PUBLISH_DIR",
        "EGRESSD_STATE_DIR",
        "EGRESSD_TABLE_LAYOUT",
        "EGRESSD_TRUST_ADDRESS_ANNOTATION",
        "egress_clean",
        "egress_podcidr",
        "egress_withnftables",
    ] {
        let with = egressd(dir.path(), &[&PLAN[..], &["--state-dir", "state"]].concat(), &[[name, ""]]);
        assert_eq!(with, without, "{name}");
    }
    let default = egressd(dir.path(), &PLAN, &[["EGRESSD_STATE_DIR", ""]]);
    assert_eq!(default.status.code(), Some(0), "{default:?}");
}

#[test]
fn a_wrong_value_from_the_environment_is_named_by_its_variable() {
    for [option, variable, value] in [
        ["--http <ADDR:PORT>", "EGRESSD_HTTP", "x"],
        ["--owner <HOW>", "EGRESSD_OWNER", "x"],
        ["--limit-node-elements <N>", "EGRESSD_LIMIT_NODE_ELEMENTS", "0"],
        ["--egress-clean", "EGRESSD_EGRESS_CLEAN", "x"],
        ["--egress-clean", "egress_clean", "x"],
    ] {
        let error = refusal(&["run"], &[[variable, value]]);
        assert!(error.starts_with(&format!("error: invalid value '{value}' for '{option} ({variable})'")), "{error}");
    }
    let typed = refusal(&["run", "--http", "x"], &[["EGRESSD_HTTP", "y"]]);
    assert!(typed.starts_with("error: invalid value 'x' for '--http <ADDR:PORT>': "), "{typed}");
    let dir = manifests();
    for [option, variable] in [
        ["--pod-networks", "EGRESSD_POD_NETWORKS"],
        ["--pod-networks", "egress_podcidr"],
        ["--service-networks", "egress_servicecidr"],
        ["--instance-name", "instance_name"],
    ] {
        let (_, errors) = printed(&egressd(dir.path(), &PLAN, &[[variable, "a b"]]));
        assert!(errors.starts_with(&format!("egressd: cannot use {option} ({variable}): \"a b\" ")), "{errors}");
    }
}

#[test]
fn a_filter_of_logs_that_is_empty_or_wrong_has_no_effect() {
    let run = |filter: &str| {
        let variables = [["EGRESSD_LOG", filter], ["egress_withnftables", "false"]];
        printed(&egressd(Path::new("/"), &["run", "--node", "node-a", "--manifests", "nowhere"], &variables)).1
    };
    for filter in ["", "info", "a=b=c"] {
        let errors = run(filter);
        assert!(errors.contains("egress_withnftables is false, which has no effect"), "{filter:?}: {errors}");
        assert_eq!(errors.contains("cannot use EGRESSD_LOG"), filter == "a=b=c", "{errors}");
    }
    assert!(!run("off").contains("egress_withnftables"));
}

#[test]
fn a_first_plan_names_what_is_missing() {
    let (_, errors) = printed(&egressd(Path::new("/"), &["plan"], &[]));
    assert_eq!(
        errors,
        "egressd: cannot find a cluster: egressd does not run in a pod with a service account; set --kubeconfig \
         (EGRESSD_KUBECONFIG), or --manifests (EGRESSD_MANIFESTS) to run without a cluster: failed to read an incluster \
         environment variable: environment variable not found\n"
    );
}

#[test]
fn output_that_cannot_be_written_is_an_error_in_one_line() {
    for arguments in [&["completion", "bash"][..], &["version"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_egressd"));
        let output = command.args(arguments).stdout(full).output().unwrap();
        let (_, errors) = printed(&output);
        assert!(errors.starts_with("egressd: cannot print the ") && errors.lines().count() == 1, "{errors}");
        assert_eq!(output.status.code(), Some(1));
    }
    let (_, errors) = printed(&egressd(Path::new("/"), &["man", "nowhere"], &[]));
    assert!(errors.starts_with("egressd: cannot write the man page nowhere/egressd-"), "{errors}");
}

#[test]
fn every_command_has_the_version_of_the_program() {
    let (version, _) = printed(&egressd(Path::new("/"), &["version"], &[]));
    for arguments in [&["--version"][..], &["plan", "--version"], &["policy", "pack", "--version"]] {
        assert_eq!(printed(&egressd(Path::new("/"), arguments, &[])).0, version, "{arguments:?}");
    }
}
