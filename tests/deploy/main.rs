//! The deployment as it is written: it says the same as the program. What an API server makes of it, and what comes of
//! it there, is in `tests/cluster`.

#![expect(clippy::expect_used, reason = "a test that cannot read the manifests has failed, and says so")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use egressd::cli::Cli;
use egressd::rights::{Place, RIGHTS};
use serde_json::Value;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// The documents of a file.
fn documents(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(deploy().join(name)).expect(name);
    serde_saphyr::from_multiple(&text).expect(name)
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| item.as_str().expect("a text").to_owned()).collect()
}

/// What the roles grant: place, verb, group and resource, each alone.
fn granted() -> BTreeSet<[String; 4]> {
    let mut granted = BTreeSet::new();
    for role in documents("rbac.yaml") {
        for rule in role["rules"].as_array().into_iter().flatten() {
            for verb in texts(&rule["verbs"]) {
                for group in texts(&rule["apiGroups"]) {
                    for resource in texts(&rule["resources"]) {
                        let place = role["kind"].as_str().expect("a kind").to_owned();
                        granted.insert([place, verb.clone(), group.clone(), resource]);
                    }
                }
            }
        }
    }
    granted
}

#[test]
fn the_roles_grant_what_the_program_needs_and_nothing_else() {
    let needed = RIGHTS.iter().map(|right| {
        let place = match right.place {
            Place::Cluster => "ClusterRole",
            Place::OwnNamespace => "Role",
        };
        [place, right.verb, right.group, right.resource].map(str::to_owned)
    });
    assert_eq!(granted(), needed.collect(), "left: deploy/rbac.yaml; right: host/src/rights.rs");
}

#[test]
fn every_manifest_is_yaml_and_in_the_kustomization() {
    let listed: BTreeSet<String> = texts(&documents("kustomization.yaml")[0]["resources"]).into_iter().collect();
    let files = fs::read_dir(deploy()).expect("deploy/").map(|entry| entry.expect("an entry").file_name());
    let yaml = files.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.ends_with(".yaml"));
    let present: BTreeSet<String> = yaml.filter(|name| name != "kustomization.yaml").collect();
    assert_eq!(listed, present);
    for name in present.iter().map(String::as_str).chain(["examples/service.yaml"]) {
        assert!(documents(name).iter().all(|document| document["kind"].is_string()), "{name}");
    }
}

#[test]
fn the_daemon_set_starts_what_the_program_understands_with_one_capability() {
    let set = &documents("daemonset.yaml")[0];
    let pod = &set["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let arguments = std::iter::once("egressd".to_owned()).chain(texts(&container["args"]));
    Cli::try_parse_from(arguments.chain(["--node".to_owned(), "a".to_owned()])).expect("args");
    let security = &container["securityContext"];
    assert_eq!(texts(&security["capabilities"]["add"]), ["NET_ADMIN"]);
    assert_eq!(texts(&security["capabilities"]["drop"]), ["ALL"]);
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(set["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"], 0);
    let renamed = &documents("kustomization.yaml")[0]["images"][0]["name"];
    assert_eq!(container["image"].as_str().and_then(|image| image.split(':').next()), renamed.as_str());
}
