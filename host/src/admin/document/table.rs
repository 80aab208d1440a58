//! The document for people.

use std::io::{self, Write};
use std::net::IpAddr;

use egressd_core::chain::RESTS;
use egressd_core::finding::label;
use egressd_core::model::SubjectKind;
use egressd_core::status::State;

use super::{Document, FindingDocument, Policy, Service, Shadow, Table};
use crate::policies::REFUSED;
use crate::rights::Publish;

/// Which columns a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Those of a terminal's width.
    Usual,
    /// All there are.
    All,
}

const USUAL: [&str; 8] = ["SERVICE", "STATE", "CONNECTIONS", "ADDRESSES", "ENDPOINTS", "RULES", "POLICY", "CHANGED"];
const FURTHER: [&str; 2] = ["ENDPOINT ADDRESSES", "REASON"];

/// For people. Services without egress are counted, not listed.
///
/// # Errors
/// When it cannot be written.
pub fn table_of(out: &mut dyn Write, document: &Document, columns: Columns) -> io::Result<()> {
    head(out, document)?;
    policies(out, &document.policies)?;
    let (listed, off): (Vec<&Service>, Vec<&Service>) =
        document.services.iter().partition(|service| is_listed(service));
    if !listed.is_empty() {
        writeln!(out)?;
        services(out, &listed, columns)?;
    }
    if !off.is_empty() {
        writeln!(out, "\n{} without egress", counted(off.len(), "Service"))?;
    }
    for service in listed.iter().filter(|service| !service.findings.is_empty() || !service.shadows.is_empty()) {
        writeln!(out, "\n{}", called(service))?;
        findings(out, &service.findings)?;
        service.shadows.iter().try_for_each(|shadow| shadowed(out, shadow))?;
    }
    Ok(())
}

/// The name of each subject in the table, one a line, as kubectl has them but with the namespace.
///
/// # Errors
/// When it cannot be written.
pub fn names_of(out: &mut dyn Write, document: &Document) -> io::Result<()> {
    let mut listed = document.services.iter().filter(|service| is_listed(service));
    listed.try_for_each(|Service { kind, namespace, name, .. }| {
        let kind = kind.clone().unwrap_or_else(|| SubjectKind::Service.to_string()).to_lowercase();
        writeln!(out, "{kind}/{namespace}/{name}")
    })
}

/// Whether there is anything to say about it.
fn is_listed(service: &Service) -> bool {
    let off = service.state == State::Off.to_string();
    !off || !service.findings.is_empty() || !service.shadows.is_empty() || other_kind(service).is_some()
}

fn services(out: &mut dyn Write, listed: &[&Service], columns: Columns) -> io::Result<()> {
    match columns {
        Columns::Usual => {
            let rows = listed.iter().map(|service| row(service));
            aligned(out, &[USUAL.map(str::to_owned)].into_iter().chain(rows).collect::<Vec<_>>())
        }
        Columns::All => {
            let rows = listed.iter().map(|service| wide(row(service), further(service)));
            let headings = wide(USUAL.map(str::to_owned), FURTHER.map(str::to_owned));
            aligned(out, &[headings].into_iter().chain(rows).collect::<Vec<_>>())
        }
    }
}

fn wide([a, b, c, d, e, f, g, h]: [String; 8], [i, j]: [String; 2]) -> [String; 10] {
    [a, b, c, d, e, f, g, h, i, j]
}

fn further(service: &Service) -> [String; 2] {
    let unknown = || "-".to_owned();
    let endpoints: Vec<String> = service.endpoints.iter().map(IpAddr::to_string).collect();
    let endpoints = if endpoints.is_empty() { unknown() } else { endpoints.join(",") };
    [endpoints, service.reason.clone().unwrap_or_else(unknown)]
}

/// Nothing, while the built-in policy is all there is and does well.
fn policies(out: &mut dyn Write, policies: &[Policy]) -> io::Result<()> {
    let plain = |policy: &Policy| policy.trouble.is_none() && policy.slowed.is_none() && policy.order == 0;
    if matches!(policies, [only] if plain(only)) {
        return Ok(());
    }
    let mut rows = vec![["POLICY", "STATE", "KIND", "ORDER", "ON FAILURE", "VERSION"].map(str::to_owned)];
    rows.extend(policies.iter().map(|policy| {
        let Policy { name, state, kind, order, on_failure, required, version, .. } = policy.clone();
        let on_failure = if required { "required".to_owned() } else { on_failure };
        let unknown = || "-".to_owned();
        [name, state, kind.unwrap_or_else(unknown), order.to_string(), on_failure, version.unwrap_or_else(unknown)]
    }));
    writeln!(out)?;
    aligned(out, &rows)?;
    for policy in policies {
        for (sentence, code) in policy.trouble.iter().zip([REFUSED]).chain(policy.slowed.iter().zip([RESTS])) {
            writeln!(out, "  {}: {sentence} [{code}]", policy.name)?;
        }
    }
    Ok(())
}

/// The rules themselves are in the JSON.
fn shadowed(out: &mut dyn Write, shadow: &Shadow) -> io::Result<()> {
    let Shadow { policy, state, added, removed, findings: found } = shadow;
    let (added, removed) = (counted(added.len(), "rule"), counted(removed.len(), "rule"));
    writeln!(out, "  shadow {policy} would make it {state}: {added} more, {removed} less")?;
    findings(out, found)
}

fn head(out: &mut dyn Write, document: &Document) -> io::Result<()> {
    let Document { version, node, publishes, since, in_force_since, trouble, unready, tables, findings: found, .. } =
        document;
    writeln!(out, "egressd {version} on {node}, running since {since}")?;
    match in_force_since {
        Some(at) => writeln!(out, "in force since {at}")?,
        None => writeln!(out, "nothing is in force yet")?,
    }
    // A finding may say the same, with its code.
    if let Some(trouble) = trouble.as_ref().filter(|trouble| found.iter().all(|found| found.message != **trouble)) {
        writeln!(out, "trouble: {trouble}")?;
    }
    // Before anything is in force, the trouble is the reason.
    if let Some(why) = unready.as_ref().filter(|_| in_force_since.is_some()) {
        writeln!(out, "not ready: {why}")?;
    }
    if let Some(less) = publishes.as_ref().filter(|publishes| **publishes != Publish::All.to_string()) {
        writeln!(out, "written into the cluster: {less} (--publish)")?;
    }
    for Table { name, owner, persists } in tables {
        let lasting = if *persists { ", outlives its owner" } else { "" };
        writeln!(out, "{name}: owned by {owner}{lasting}")?;
    }
    findings(out, found)
}

fn row(service: &Service) -> [String; 8] {
    let unknown = || "-".to_owned();
    let addresses: Vec<String> = service.addresses.iter().map(IpAddr::to_string).collect();
    [
        called(service),
        service.state.clone(),
        service.connections.map_or_else(unknown, |count| count.to_string()),
        if addresses.is_empty() { unknown() } else { addresses.join(",") },
        service.endpoints.len().to_string(),
        service.rules.to_string(),
        service.policy.clone().unwrap_or_else(unknown),
        service.changed.clone().unwrap_or_else(unknown),
    ]
}

/// As [`SubjectName`](egressd_core::model::SubjectName) is written.
fn called(service: &Service) -> String {
    let Service { namespace, name, .. } = service;
    match other_kind(service) {
        Some(kind) => format!("{kind} {namespace}/{name}"),
        None => format!("{namespace}/{name}"),
    }
}

/// The kind of a subject that is no Service.
fn other_kind(service: &Service) -> Option<&str> {
    service.kind.as_deref().filter(|kind| *kind != SubjectKind::Service.to_string())
}

fn aligned<const N: usize>(out: &mut dyn Write, rows: &[[String; N]]) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:width$}", width = width(column)));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn findings(out: &mut dyn Write, findings: &[FindingDocument]) -> io::Result<()> {
    findings.iter().try_for_each(|FindingDocument { severity, code, message, policy, rule }| {
        writeln!(out, "  {severity}: {message} {}", label(code, policy.as_deref(), rule.as_deref()))
    })
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
