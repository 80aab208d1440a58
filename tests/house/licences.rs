//! Licences of all packages, and packages in two versions.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Follow, Graph, linked_into};
use crate::spdx::is_allowed;

/// Licences that require only their text. MPL-2.0 requires changes to its own files only, and we make none.
const PERMISSIVE: [&str; 8] =
    ["Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0+", "Unicode-3.0", "Zlib"];

/// `rustables` is under it, so the program and its tests are.
const COPYLEFT: &str = "GPL-3.0-or-later";

/// Packages that must not impose copyleft on their users.
const FREE: [&str; 8] = [
    "egressd-vocabulary",
    "egressd-core",
    "egressd-policy-sdk",
    "egressd-policy-annotations",
    "egressd-policy-namespace-defaults",
    "egressd-policy-private-guard",
    "egressd-policy-port-allowlist",
    "egressd-policy-address-pool",
];

/// Packages that come in several versions, and why nothing can be done about it.
const DOUBLED: [(&str, &str); 3] = [
    ("base64", "k8s-openapi and serde-saphyr do not agree yet; small, and no value goes from one to the other"),
    ("hashbrown", "wasmtime brings both: one for its parser, one for gimli"),
    ("wasm-encoder", "wit-component reads the text format with the newest release of `wat`, which brings its own"),
];

#[test]
fn every_dependency_has_an_allowed_licence() {
    let graph = Graph::read();
    let allowed: Vec<&str> = PERMISSIVE.into_iter().chain([COPYLEFT]).collect();
    for start in ["egressd", "egressd-tests", "egressd-fuzz"] {
        assert_eq!(violations(&graph, start, &allowed), Vec::<String>::new(), "below {start}");
    }
}

#[test]
fn the_core_the_sdk_and_the_policies_depend_on_no_copyleft() {
    let graph = Graph::read();
    for start in FREE {
        assert_eq!(violations(&graph, start, &PERMISSIVE), Vec::<String>::new(), "below {start}");
    }
}

#[test]
fn nothing_is_linked_twice_without_a_reason() {
    let linked = linked_into("egressd");
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, version) in linked.iter().filter_map(|line| line.split_once(' ')) {
        versions.entry(name).or_default().insert(version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let doubled: BTreeSet<&str> = versions.keys().copied().collect();
    let excused: BTreeSet<&str> = DOUBLED.iter().map(|(name, _)| *name).collect();
    assert_eq!(doubled, excused, "left: what is linked in several versions; right: what has a reason. {versions:?}");
}

/// Packages below `start` that cannot be used under these licences. Tests of the free packages are no part of
/// what their users get, so only what is linked counts for them.
fn violations(graph: &Graph, start: &str, allowed: &[&str]) -> Vec<String> {
    let follow = if FREE.contains(&start) { Follow::Linked } else { Follow::Everything };
    let packages = graph.reachable(start, follow).into_iter();
    let licensed = packages.map(|package| (package, package.license.as_deref().unwrap_or_default()));
    licensed
        .filter(|(_, licence)| !is_allowed(licence, allowed))
        .map(|(package, licence)| format!("{} is under {licence:?}", package.name))
        .collect()
}
