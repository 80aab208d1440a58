//! Every message with sample values: one line each, by code. Manifests lead to most of them ([`scenarios`]); what needs
//! an administrator's limits, a policy that fails, an API server or a damaged file is made by the constructor that
//! egressd itself calls, so that no text stands here a second time. A code of the list without a sample fails.

mod answers;
mod cluster;
mod events;
mod process;
mod scenarios;
mod server;
mod tunnels;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use egressd::policies::Sandbox;
use egressd_core::codes;
use egressd_core::finding::Finding;

/// One line for each message.
pub(crate) fn page(sandbox: &Sandbox) -> Result<String> {
    let mut found = Vec::new();
    for scenario in scenarios::all().into_iter().chain(cluster::scenarios()) {
        let report = scenario.report(sandbox)?;
        let of_services = report.round.statuses.into_values().flat_map(|status| status.findings);
        found.extend(report.source_findings.into_iter().chain(report.round.findings).chain(of_services));
    }
    found.extend(answers::findings());
    found.extend(server::findings());
    found.extend(process::findings()?);
    found.extend(tunnels::findings()?);
    let lines: BTreeSet<String> = found.iter().map(line).chain(events::lines()).collect();
    let without: Vec<&str> = codes::all().map(|entry| entry.code).filter(|code| !has(&lines, code)).collect();
    ensure!(without.is_empty(), "codes without a sample message: {}", without.join(", "));
    Ok(lines.into_iter().collect())
}

fn line(finding: &Finding) -> String {
    let Finding { severity, code, message, .. } = finding;
    format!("{} {severity}: {}\n", code.as_str(), message.as_str())
}

fn has(lines: &BTreeSet<String>, code: &str) -> bool {
    lines.iter().any(|line| line.split_once(' ').is_some_and(|(first, _)| first == code))
}
