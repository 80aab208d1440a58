//! A policy in shadow mode: it reports what it would change, and enforcing it changes exactly that.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Result, ensure};
use lab::addresses::load_balancer_v4;
use lab::manifest::{self, Policy, policy};
use lab::wait_until;

use crate::changes::expect_exact;
use crate::fixture::Fixture;
use crate::guests::{PORT_ALLOWLIST, document, policy_status};

/// Every second of twenty Services requests a port that the validator denies.
fn twenty(fixture: &Fixture) -> Result<BTreeSet<String>> {
    let mut forbidden = BTreeSet::new();
    for number in 0..20u8 {
        let name = format!("service-{number}");
        let port = if number.is_multiple_of(2) { "tcp:443" } else { "tcp:25" };
        let service = manifest::service(&name).addresses([load_balancer_v4(2)]).egress();
        let service = service.annotation("egress-destination-ports", port);
        let endpoints = manifest::endpoints(&name, [IpAddr::from([10, 0, 0, 100 + number])]);
        fixture.manifests.write_together(&format!("{name}.yaml"), &[&service, &endpoints])?;
        if !number.is_multiple_of(2) {
            forbidden.insert(name);
        }
    }
    Ok(forbidden)
}

fn allowlist(mode: &str) -> Policy {
    let settings = r#"{"allow": [{"ports": ["tcp:443"]}]}"#;
    policy("ports").wasm(&PORT_ALLOWLIST).settings(settings).annotation("mode", mode)
}

/// The Services of the status document with a property.
fn services(fixture: &Fixture, says: impl Fn(&serde_json::Value) -> bool) -> Result<BTreeSet<String>> {
    let document = document(fixture)?;
    let services = document["services"].as_array().cloned().unwrap_or_default();
    Ok(services
        .iter()
        .filter(|service| says(service))
        .map(|s| s["name"].as_str().unwrap_or_default().to_owned())
        .collect())
}

/// The keys of the node's maps.
fn elements(fixture: &Fixture) -> Result<BTreeSet<String>> {
    let rules = fixture.lab.node().ruleset()?;
    let keys = rules.lines().filter_map(|line| line.split_once(" counter packets ")).map(|(key, _)| key);
    let keys = keys.map(|key| key.rsplit(['{', '\t']).next().unwrap_or(key).trim().to_owned());
    Ok(keys.filter(|key| key.starts_with("10.0.0.1")).collect())
}

pub(crate) fn a_shadow_lists_exactly_what_enforcing_it_changes() -> Result<()> {
    let fixture = Fixture::new()?;
    let forbidden = twenty(&fixture)?;
    let egressd = fixture.run()?;
    let translating = || services(&fixture, |service| service["state"] == "translating");
    wait_until("all are translated", lab::DEADLINE, || Ok(translating().is_ok_and(|names| names.len() == 20)))?;
    let before = elements(&fixture)?;

    fixture.manifests.write(&allowlist("shadow"))?;
    let listed = || services(&fixture, |service| service["shadows"][0]["state"] == "denied");
    wait_until("the shadow is reported", lab::DEADLINE, || Ok(policy_status(&fixture, "ports")?["state"] == "shadow"))?;
    wait_until("it lists what it denies", lab::DEADLINE, || Ok(!listed()?.is_empty()))?;
    ensure!(listed()? == forbidden, "the shadow lists {:?}", listed()?);
    ensure!(services(&fixture, |service| service["shadows"][0]["removed"].as_array().is_some())? == forbidden);
    ensure!(translating()?.len() == 20 && elements(&fixture)? == before, "a shadow changes nothing");

    fixture.manifests.write(&allowlist("enforce"))?;
    let denied = || services(&fixture, |service| service["state"] == "denied");
    wait_until("it is enforced", lab::DEADLINE, || Ok(!denied()?.is_empty()))?;
    ensure!(denied()? == forbidden, "denied are {:?}", denied()?);
    let gone: BTreeSet<String> = before.difference(&elements(&fixture)?).cloned().collect();
    ensure!(gone.len() == 10 && elements(&fixture)?.is_subset(&before), "these are gone: {gone:?}");
    expect_exact(&fixture)?;
    egressd.stop()
}
