//! The dependency graph as cargo resolves it for Linux.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node, Package, PackageId};

use crate::rust::root;

/// What becomes a part of a package's binary on Linux, one `name version` each.
///
/// From `cargo tree`, since `cargo metadata` also lists optional dependencies that no feature enables.
pub(crate) fn linked_into(package: &str) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--locked", "--prefix=none", "--format={p}", "--edges=normal,no-proc-macro"]);
    let output = cargo.args(["--target", &platform(), "--package", package]).current_dir(root()).output();
    let output = output.expect("cargo can be started");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let first_two = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    String::from_utf8_lossy(&output.stdout).lines().map(first_two).collect()
}

fn platform() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// All packages, and their dependencies.
pub(crate) struct Graph {
    packages: BTreeMap<PackageId, Package>,
    nodes: BTreeMap<PackageId, Node>,
}

/// Which edges to follow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// All of them.
    Everything,
    /// What becomes a part of the binary: normal dependencies, and not what only a procedural macro needs.
    Linked,
}

/// When a dependency is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Whatever features are on.
    Always,
    /// If a feature enables it.
    Optional,
}

impl Graph {
    /// Runs cargo without network: the packages of the tests are downloaded already.
    pub(crate) fn read() -> Self {
        let options = ["--offline", "--locked", "--filter-platform", &platform()].map(str::to_owned);
        let metadata: Metadata = MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .other_options(options)
            .exec()
            .expect("cargo metadata describes the workspace");
        let resolve = metadata.resolve.expect("cargo metadata resolves dependencies");
        Self {
            packages: metadata.packages.into_iter().map(|package| (package.id.clone(), package)).collect(),
            nodes: resolve.nodes.into_iter().map(|node| (node.id.clone(), node)).collect(),
        }
    }

    /// The names of a package's own normal dependencies.
    pub(crate) fn direct(&self, name: &str) -> BTreeSet<String> {
        self.next(&self.package(name).id, Follow::Linked).map(|id| self.packages[id].name.to_string()).collect()
    }

    /// The names of the normal dependencies in a package's manifest. [`Graph::direct`] would mix in those of features
    /// that only tests of other packages switch on.
    pub(crate) fn declared(&self, name: &str, need: Need) -> BTreeSet<String> {
        let normal = self.package(name).dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
        normal.filter(|d| d.optional == (need == Need::Optional)).map(|d| d.name.clone()).collect()
    }

    /// The packages of the workspace that enable this feature of a dependency outside their tests.
    pub(crate) fn with_feature_in_the_product(&self, feature: &str) -> BTreeSet<String> {
        let asks = |package: &&Package| {
            let product = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
            package.source.is_none() && product.flat_map(|d| &d.features).any(|asked| asked == feature)
        };
        self.packages.values().filter(asks).map(|package| package.name.to_string()).collect()
    }

    /// Everything that a package leads to, itself included.
    pub(crate) fn reachable(&self, name: &str, follow: Follow) -> Vec<&Package> {
        let mut found = BTreeSet::new();
        let mut open = vec![&self.package(name).id];
        while let Some(id) = open.pop() {
            if found.insert(id) {
                open.extend(self.next(id, follow));
            }
        }
        found.into_iter().map(|id| &self.packages[id]).collect()
    }

    fn package(&self, name: &str) -> &Package {
        self.packages.values().find(|package| package.name.as_str() == name).expect("the package is in the workspace")
    }

    fn next(&self, id: &PackageId, follow: Follow) -> impl Iterator<Item = &PackageId> {
        let leaf = follow == Follow::Linked && is_macro(&self.packages[id]);
        let wanted = move |kind: DependencyKind| follow == Follow::Everything || kind == DependencyKind::Normal;
        let edges = self.nodes[id].deps.iter().filter(move |_| !leaf);
        edges.filter(move |dep| dep.dep_kinds.iter().any(|info| wanted(info.kind))).map(|dep| &dep.pkg)
    }
}

fn is_macro(package: &Package) -> bool {
    package.targets.iter().any(|target| target.is_proc_macro())
}
