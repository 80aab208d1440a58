//! Components for the tests, made from this tree once.

use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result};
use egressd::policies::digest;
use flate2::Compression;
use flate2::write::GzEncoder;
use lab::manifest::{Policy, policy};
use lab::wait_until;
use serde_json::Value;

use crate::fixture::{Fixture, program};

#[path = "../../host/build/guest.rs"]
mod guest;

/// Misbehaves as `do` in its settings names.
pub(crate) static HOSTILE: LazyLock<Vec<u8>> = LazyLock::new(|| component("egressd-test-hostile"));
/// Adds excluded destinations to every rule.
pub(crate) static PRIVATE_GUARD: LazyLock<Vec<u8>> = LazyLock::new(|| component("egressd-policy-private-guard"));
/// A validator of ports.
pub(crate) static PORT_ALLOWLIST: LazyLock<Vec<u8>> = LazyLock::new(|| component("egressd-policy-port-allowlist"));

#[expect(clippy::expect_used, reason = "without its guests no test shows anything")]
fn component(package: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target_directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    guest::component(&root, package, &target_directory).expect("a policy of this tree compiles")
}

pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// The guard after the built-in policy, as an operator would ship it: compressed, and with its digest.
pub(crate) fn private_guard(networks: &str) -> Result<Policy> {
    let guard = policy("guard").gzip(&gzip(&PRIVATE_GUARD)?).annotation("sha256", &digest(&PRIVATE_GUARD));
    Ok(guard.annotation("order", "100").settings(&format!(r#"{{"networks": ["{networks}"]}}"#)))
}

/// `status --output json`.
pub(crate) fn document(fixture: &Fixture) -> Result<Value> {
    let (code, printed) = program().status(&fixture.lab, &fixture.manifests, &["--output", "json"])?;
    serde_json::from_str(&printed).with_context(|| format!("status printed this, with exit code {code:?}: {printed}"))
}

/// A policy in the status document.
pub(crate) fn policy_status(fixture: &Fixture, name: &str) -> Result<Value> {
    let document = document(fixture)?;
    let policies = document["policies"].as_array().into_iter().flatten();
    Ok(policies.into_iter().find(|policy| policy["name"] == name).cloned().unwrap_or_default())
}

/// A Service in the status document.
pub(crate) fn service(fixture: &Fixture, name: &str) -> Result<Value> {
    let document = document(fixture)?;
    let services = document["services"].as_array().into_iter().flatten();
    Ok(services.into_iter().find(|service| service["name"] == name).cloned().unwrap_or_default())
}

/// Waits until a policy's trouble has a part; null has the part "null".
pub(crate) fn wait_until_trouble(fixture: &Fixture, name: &str, part: &str) -> Result<()> {
    let mut last = String::new();
    let has = || {
        // It may not answer yet.
        last = policy_status(fixture, name).map(|policy| policy["trouble"].to_string()).unwrap_or_default();
        Ok(last.contains(part))
    };
    wait_until(&format!("policy {name} is in trouble: {part:?}"), lab::DEADLINE, has)
        .with_context(|| format!("its trouble is {last}"))
}
