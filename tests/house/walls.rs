//! Dependency rules: which crate may depend on which, and which module may import which.

use std::collections::BTreeSet;

use crate::graph::{Graph, Need, linked_into};
use crate::rooms::{entered, mentions_crate, room};
use crate::rust::{code, files, name, paths, root, without_tests};

/// The whole of what the pure half may lean on.
const CORE: [&str; 5] = ["egressd-vocabulary", "imbl", "ipnet", "sha2", "thiserror"];

/// What only its `testkit` leans on, and so nothing that ships.
const TESTKIT: [&str; 1] = ["proptest"];

/// Packages that an author of policies has to compile.
const SDK: [&str; 6] = ["egressd-vocabulary", "ipnet", "serde", "serde-saphyr", "serde_json", "wit-bindgen"];

/// One dependency, one room: a crate, and the beginnings of the paths below `host/src` that may name it.
const HOST: [(&str, &[&str]); 21] = [
    ("egressd_vocabulary", &["authoring/", "source/documents/mistake", "wasm/"]),
    ("wasmtime", &["wasm/"]),
    ("wasmparser", &["wasm/"]),
    ("wit_component", &["wasm/"]),
    ("wit_parser", &["wasm/"]),
    ("landlock", &["wasm/confine"]),
    ("seccompiler", &["wasm/filter"]),
    ("flate2", &["policies/", "authoring/"]),
    ("sha2", &["policies/", "authoring/"]),
    ("rustables", &["kernel/nft/"]),
    ("k8s_openapi", &["source/", "publish"]),
    ("kube", &["source/", "publish"]),
    ("clap", &["admin/manual.rs", "cli", "config"]),
    ("clap_complete", &["admin/manual.rs", "cli"]),
    ("clap_mangen", &["admin/manual.rs"]),
    ("hyper", &["admin/http"]),
    ("hyper_util", &["admin/http", "source/cluster/connect"]),
    ("http_body_util", &["admin/http"]),
    ("tower", &["source/cluster/connect"]),
    ("prometheus_client", &["metrics"]),
    // So that every time that people read is written down in one way; Events carry microseconds.
    ("jiff", &["clock", "publish/api"]),
];

/// Rooms of the host that reach the outside world, and know nothing of each other.
const ADAPTERS: [&str; 11] = [
    "source",
    "wasm",
    "kernel/nft",
    "kernel/addresses",
    "kernel/flows",
    "kernel/xfrm",
    "kernel/tunnel",
    "publish",
    "admin/http",
    "instances/lock",
    "admin/status_socket",
];

/// Rooms of the core, and which others each may import. `compile` is where plans and rulesets meet; `pipeline`
/// only hands values from one room to the next.
pub(crate) const ROOMS: [(&str, &[&str]); 30] = [
    ("net", &[]),
    ("text", &[]),
    ("stray", &["finding", "model"]),
    ("finding", &["text"]),
    ("codes", &["finding"]),
    ("model", &["finding", "net", "text"]),
    ("decision", &["finding", "net"]),
    ("policy", &["finding", "model"]),
    ("chain", &["decision", "finding", "guard", "model", "policy", "text"]),
    ("guard", &["decision", "finding", "model", "net"]),
    ("owner", &[]),
    ("placement", &["finding", "model", "owner", "text"]),
    ("beside", &["finding", "model", "ruleset"]),
    ("plan", &["chain", "decision", "finding", "guard", "model", "net", "owner", "placement", "stray", "text"]),
    ("check", &["finding", "model", "net", "plan"]),
    ("ruleset", &["net"]),
    ("effect", &[]),
    ("diff", &["effect", "net", "ruleset"]),
    ("node", &["diff", "effect", "net", "owner", "ruleset"]),
    ("compile", &["decision", "model", "net", "node", "plan", "ruleset"]),
    ("status", &["check", "decision", "finding", "model", "owner", "plan"]),
    (
        "pipeline",
        &[
            "beside",
            "chain",
            "check",
            "compile",
            "decision",
            "diff",
            "finding",
            "guard",
            "in_force",
            "model",
            "net",
            "owner",
            "placement",
            "plan",
            "policy",
            "record",
            "ruleset",
            "status",
            "stray",
            "reporting",
            "whose",
        ],
    ),
    ("record", &["chain", "finding", "model", "plan", "status", "reporting"]),
    ("in_force", &["model", "plan", "record", "status", "reporting"]),
    ("whose", &["decision", "finding", "model"]),
    ("reporting", &["model", "net", "placement", "plan"]),
    ("probing", &[]),
    ("trace", &["net", "ruleset"]),
    ("flows", &["compile", "model", "net", "ruleset", "trace"]),
    ("on_change", &["decision", "diff", "flows", "in_force", "model", "plan"]),
];

/// Rooms of the core that may import all others: the list of the rooms, and what tests are made with.
const OPEN: [&str; 2] = ["lib", "testkit"];

#[test]
fn the_core_depends_on_nothing_that_does_io() {
    let graph = Graph::read();
    let declared = |need| graph.declared("egressd-core", need);
    assert_eq!(declared(Need::Always), CORE.map(str::to_owned).into(), "the dependencies of host/core");
    assert_eq!(declared(Need::Optional), TESTKIT.map(str::to_owned).into(), "those of its features");
}

#[test]
fn the_testkit_is_in_nothing_that_ships() {
    for package in ["egressd-core", "egressd"] {
        let linked = linked_into(package);
        let leaked = linked.iter().find(|line| TESTKIT.iter().any(|name| line.starts_with(&format!("{name} "))));
        assert_eq!(leaked, None, "of what {package} consists of");
    }
}

#[test]
fn only_tests_ask_for_a_testkit() {
    let askers = Graph::read().with_feature_in_the_product("testkit");
    assert_eq!(askers, BTreeSet::new(), "packages that have a dependency with its testkit, and not for tests alone");
}

#[test]
fn the_sdk_depends_only_on_packages_that_every_author_compiles_anyway() {
    let direct = Graph::read().direct("egressd-policy-sdk");
    let unexpected: Vec<_> = direct.iter().filter(|name| !SDK.contains(&name.as_str())).collect();
    assert!(unexpected.is_empty(), "policy-sdk depends on {unexpected:?}");
}

#[test]
fn every_foreign_world_is_named_in_one_room_only() {
    let source = root().join("host/src");
    for (dependency, allowed) in HOST {
        for file in files("host/src") {
            let inside = file.strip_prefix(&source).expect("below host/src").to_string_lossy().into_owned();
            let may = allowed.iter().any(|beginning| inside.starts_with(beginning));
            assert!(
                may || !mentions_crate(&file, dependency),
                "{} names {dependency}; only {allowed:?} may",
                name(&file)
            );
        }
    }
}

/// Who may write to stdout and stderr by themselves: the one place, and the child that compiles, whose output is no
/// text.
const STREAMS: [&str; 2] = ["out.rs", "wasm/compile_child.rs"];

#[test]
fn output_leaves_by_one_way() {
    let source = root().join("host/src");
    let is_stream = |path: &String| ["io::stdout", "io::stderr"].iter().any(|stream| path.ends_with(stream));
    for file in files("host/src") {
        let inside = file.strip_prefix(&source).expect("below host/src").to_string_lossy().into_owned();
        let code = code(&file);
        let by_itself = paths(without_tests(&code)).iter().any(is_stream);
        assert!(!by_itself || STREAMS.contains(&inside.as_str()), "{} writes to a stream by itself", name(&file));
    }
}

#[test]
fn adapters_do_not_import_each_other() {
    let source = root().join("host/src");
    for file in files("host/src") {
        if ADAPTERS.contains(&room(&file, &source).as_str()) {
            let entered = entered(&file, &source);
            let others: Vec<_> = entered.iter().filter(|room| ADAPTERS.contains(&room.as_str())).collect();
            assert!(others.is_empty(), "{} imports {others:?}", name(&file));
        }
    }
}

#[test]
fn rooms_of_the_core_import_only_what_they_may() {
    let source = root().join("host/core/src");
    let all: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).chain(OPEN).collect();
    for file in files("host/core/src") {
        let room = room(&file, &source);
        assert!(all.contains(room.as_str()), "{} is a new room: give it a line in ROOMS", name(&file));
        let Some((_, allowed)) = ROOMS.iter().find(|(candidate, _)| *candidate == room) else { continue };
        let entered = entered(&file, &source);
        // Other names are re-exports and functions of the root.
        let stray: Vec<_> =
            entered.iter().filter(|room| all.contains(room.as_str()) && !allowed.contains(&room.as_str())).collect();
        assert!(stray.is_empty(), "{} imports {stray:?}; {room} may import {allowed:?}", name(&file));
    }
}

#[test]
fn plans_and_rulesets_meet_in_one_room() {
    let both = |(_, allowed): &&(&str, &[&str])| allowed.contains(&"plan") && allowed.contains(&"ruleset");
    let meeting: Vec<&str> = ROOMS.iter().filter(both).map(|(room, _)| *room).collect();
    assert_eq!(meeting, ["compile", "pipeline"]);
}
