//! `policy pack`: a node reads its output.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use egressd::policies::{digest, unpack};
use egressd::source::documents::{Object, objects};
use egressd_core::model::PolicyObject;
use egressd_core::policy::{Mode, Module, Need, OnFailure, PolicySpec};

use crate::services::manifests;
use crate::tool::{POLICY, VALIDATOR, binary, component, policy};

/// Reads the YAML as egressd's own source does.
fn read(yaml: &str) -> (String, Arc<PolicyObject>) {
    match objects(yaml, "node-a").unwrap().as_slice() {
        [Object::Policy(namespace, policy)] => (namespace.clone(), Arc::clone(policy)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_packed_policy_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("settings.json");
    fs::write(&settings, "{\n  \"port\": \"tcp:80\"\n}\n").unwrap();
    let yaml = policy(
        &[
            ["pack", &component(&POLICY), "--settings", &settings.to_string_lossy(), "--name", "narrow"].as_slice(),
            &["--namespace", "egress", "--order", "-5", "--mode", "shadow", "--on-failure", "closed"],
            &["--services", "a in (b, c)", "--namespaces", "!d"],
        ]
        .concat(),
    );
    let (namespace, object) = read(&yaml.success());
    let spec = PolicySpec::read(&object, "annotations").unwrap();
    assert_eq!((namespace.as_str(), spec.name.as_str(), spec.order), ("egress", "narrow", -5));
    assert_eq!((spec.mode, spec.on_failure), (Mode::Shadow, OnFailure::Closed));
    assert_eq!(
        (spec.scope.services.to_string(), spec.scope.namespaces.to_string()),
        ("a in (b,c)".into(), "!d".into())
    );
    assert_eq!(spec.settings.as_deref().map(str::trim), Some("{\n  \"port\": \"tcp:80\"\n}"));
    let Module::Gzip(gzip) = spec.module else { panic!("it is compressed") };
    let bytes = fs::read(component(&POLICY)).unwrap();
    assert_eq!(unpack(&gzip).unwrap(), bytes);
    assert_eq!(spec.digest, Some(digest(&bytes)));
}

/// A guard that is silently absent protects nothing; a policy is a guard where its author declares it.
#[test]
fn a_validator_is_packed_as_required_and_a_policy_on_request() {
    let packed = |file, arguments: &[&str]| {
        let (_, object) = read(&policy(&[&["pack", file], arguments].concat()).success());
        let spec = PolicySpec::read(&object, "annotations").unwrap();
        (spec.need, spec.on_failure)
    };
    let (validator, rules) = (component(&VALIDATOR), component(&POLICY));
    let (required, optional) = ((Need::Required, OnFailure::Closed), |on_failure| (Need::Optional, on_failure));
    assert_eq!(packed(&validator, &[]), required);
    assert_eq!(packed(&validator, &["--on-failure", "closed"]), optional(OnFailure::Closed));
    assert_eq!(packed(&validator, &["--on-failure", "skip"]), optional(OnFailure::Skip));
    assert_eq!(packed(&rules, &[]), optional(OnFailure::KeepLast));
    assert_eq!(packed(&rules, &["--required"]), required);
    let both = policy(&["pack", &rules, "--required", "--on-failure", "skip"]);
    assert!(both.code == Some(2) && both.stderr.contains("cannot be used with"), "{}", both.stderr);
}

#[test]
fn a_packed_policy_is_in_force() {
    let directory = manifests("");
    let yaml = policy(&["pack", &component(&POLICY)]).success();
    fs::write(directory.path().join("policy.yaml"), yaml).unwrap();
    let mut plan = binary(Path::new("/"));
    plan.args(["plan", "--node", "node-a", "--owner", "any", "--state-dir", "/no/such", "--manifests"]);
    let printed = String::from_utf8(plan.arg(directory.path()).output().unwrap().stdout).unwrap();
    assert!(printed.contains("any  tcp:443  11.0.0.2"), "{printed}");
}

#[test]
fn a_component_that_a_node_would_refuse_is_not_packed() {
    for (arguments, part) in [
        (["--name", "My"], "metadata.name \"My\" is not a valid lowercase DNS name; write one like my-policy"),
        (["--name", "annotations"], "the built-in policy has this name; take another one with --name"),
        (["--services", "a b"], "annotation egressd.io/services: \"a b\" is not a label requirement"),
    ] {
        let sentence = policy(&[["pack", &component(&POLICY)], arguments].concat()).error_line(1);
        assert!(sentence.starts_with("cannot pack policy ") && sentence.contains(part), "{sentence}");
    }
}
