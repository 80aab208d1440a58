//! A policy from a ConfigMap, compiled by egressd in a child inside its container.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::addresses::{OUTSIDE_V4, OUTSIDE_V6};
use lab::cluster::{POLICIES, json_of};
use lab::manifest::policy;
use lab::node::Cluster;
use lab::wait_until;

use crate::fixture::EgressService;
use crate::page::Reader;
use crate::traffic::ExpectedSources;

#[path = "../../host/build/guest.rs"]
mod guest;

/// It forbids to translate what goes to where the pods call; without it they are translated again.
pub(crate) fn a_policy_is_compiled_in_the_container_and_takes_effect() -> Result<()> {
    EgressService::run_trial("policy", 6, |cluster, fixture| {
        let pods = fixture.run(cluster, &fixture.app().on("node-1"), 1)?;
        let translated = fixture.translated(&pods);
        translated.wait_until_settled(cluster)?;
        let settings = format!(r#"{{"networks": ["{OUTSIDE_V4}/32", "{OUTSIDE_V6}/128"]}}"#);
        let guard = policy("guard").wasm(&component()?).annotation("order", "100").settings(&settings);
        cluster.api.create(POLICIES, &json_of(&guard))?;
        // Untranslated packets leave as the plugins masquerade them: with the address of the node.
        let untouched =
            ExpectedSources { names: translated.names.clone(), addresses: cluster.node(1).addresses().to_vec() };
        let guarded = untouched.wait_until_settled(cluster).and_then(|mark| {
            expect_enforced(cluster)?;
            untouched.ensure_only(cluster, mark)
        });
        cluster.api.delete(&format!("{POLICIES}/guard"))?;
        guarded?;
        translated.wait_until_settled(cluster).map(drop)
    })
}

/// Both nodes report it, not only the one with the Service's pods.
fn expect_enforced(cluster: &Cluster) -> Result<()> {
    let reader = Reader::new(cluster)?;
    for node in cluster.nodes() {
        let mut status = String::new();
        let waited = wait_until("the policy is in force", lab::DEADLINE * 4, || {
            status = reader.follow(cluster, "Ask a node", node.name())?;
            Ok(status.lines().any(|line| line.starts_with("guard") && line.contains("enforced")))
        });
        waited.with_context(|| status.clone())?;
        ensure!(!status.contains("refused"), "{status}");
    }
    Ok(())
}

fn component() -> Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let package = "egressd-policy-private-guard";
    guest::component(&root, package, &target).ok().with_context(|| format!("{package} does not compile"))
}
