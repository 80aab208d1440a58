//! Prints a report: as a table for people, as nft text, as JSON for programs.

mod window;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use egressd_core::diff::Changes;
use egressd_core::finding::{Finding, Severity, Span};
use egressd_core::model::{Snapshot, SubjectKey};
use egressd_core::status::SubjectStatus;
use egressd_core::text::plain;
use serde_json::{Value, json};

use self::window::Window;
pub use crate::admin::document::Columns;
use crate::admin::document::{Policy, Rule, Shadow};
use crate::admin::oneshot::Report;
use crate::kernel::nft::Readback;

/// How many places in its annotations are underlined for one Service: people correct a few and look again.
const UNDERLINED: usize = 16;

/// Whether to paint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// On a terminal.
    Colours,
    /// Everywhere else.
    Plain,
}

/// The worst finding of a report.
pub fn worst(report: &Report) -> Option<Severity> {
    let of_services = report.round.statuses.values().flat_map(|status| &status.findings);
    let all = of_services.chain(&report.round.findings).chain(&report.source_findings).chain(&report.round.fatal);
    all.map(|finding| finding.severity).max()
}

/// The rules as a table, then everything that was found.
///
/// # Errors
/// When it cannot be written.
pub fn table(out: &mut dyn Write, report: &Report, columns: Columns, paint: Paint) -> io::Result<()> {
    let plan = &report.round.plan;
    match columns {
        Columns::Usual | Columns::All if plan.subjects.is_empty() => {
            writeln!(out, "nothing is translated on this node")?;
        }
        Columns::Usual => write!(out, "{plan}")?,
        Columns::All => write!(out, "{plan:#}")?,
    }
    findings(out, report, paint)
}

/// The name of each subject that is translated, one a line, as kubectl has them but with the namespace.
///
/// # Errors
/// When it cannot be written.
pub fn names(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    report
        .round
        .plan
        .subjects
        .keys()
        .try_for_each(|key| writeln!(out, "{}/{}/{}", key.kind.to_string().to_lowercase(), key.namespace, key.name))
}

/// Everything that was found, with the bad part of an annotation underlined: for each Service a few of them.
///
/// # Errors
/// When it cannot be written.
pub fn findings(out: &mut dyn Write, report: &Report, paint: Paint) -> io::Result<()> {
    for finding in report.source_findings.iter().chain(&report.round.findings).chain(&report.round.fatal) {
        writeln!(out, "{}", line(finding, paint))?;
    }
    for (key, status) in &report.round.statuses {
        let mut underlined = 0;
        for finding in &status.findings {
            writeln!(out, "{key}: {}", line(finding, paint))?;
            let Some(span) = &finding.span else { continue };
            underlined += 1;
            if underlined <= UNDERLINED {
                underline(out, &report.snapshot, key, span)?;
            }
        }
        let more = underlined.saturating_sub(UNDERLINED);
        if more > 0 {
            writeln!(out, "    and {more} more places in its annotations")?;
        }
    }
    Ok(())
}

/// What lies between the kernel and the plan, as nft text.
///
/// # Errors
/// When it cannot be written.
pub fn difference(out: &mut dyn Write, readback: &Readback, changes: &Changes) -> io::Result<()> {
    for foreign in &readback.foreign {
        let remedy = if foreign.removal.is_none() { ", and only deleting the table would remove it" } else { "" };
        writeln!(out, "# foreign: {}{remedy}", foreign.what)?;
    }
    write!(out, "{changes}")?;
    if changes.is_empty() && readback.foreign.is_empty() {
        writeln!(out, "no differences")?;
    }
    Ok(())
}

fn line(finding: &Finding, paint: Paint) -> String {
    let colour = match finding.severity {
        Severity::Info => AnsiColor::Cyan,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Error => AnsiColor::Red,
    };
    let style = match paint {
        Paint::Colours => Style::new().bold().fg_color(Some(colour.into())),
        Paint::Plain => Style::new(),
    };
    format!("{style}{}{style:#}: {} {}", finding.severity, finding.message, finding.label())
}

fn underline(out: &mut dyn Write, snapshot: &Snapshot, key: &SubjectKey, span: &Span) -> io::Result<()> {
    let Some(object) = snapshot.object(key) else { return Ok(()) };
    let Some(value) = object.annotations().get(&span.annotation) else { return Ok(()) };
    let begin = format!("    {}: \"", plain(&span.annotation));
    let Window { text, before, marked } = Window::around(span, value);
    writeln!(out, "{begin}{text}\"")?;
    writeln!(out, "{}{}", " ".repeat(begin.chars().count() + before), "^".repeat(marked))
}

/// Everything, for programs. Field names are stable; new ones may come.
pub fn json(report: &Report) -> Value {
    let services: Vec<Value> = report.round.statuses.iter().map(|(key, status)| service(report, key, status)).collect();
    let node: Vec<&Finding> =
        report.source_findings.iter().chain(&report.round.findings).chain(&report.round.fatal).collect();
    json!({
        "services": services,
        "findings": node.into_iter().map(finding).collect::<Vec<_>>(),
        "policies": report.policies.iter().map(Policy::of).collect::<Vec<_>>(),
        "ruleset": report.round.ruleset.to_string(),
    })
}

fn service(report: &Report, key: &SubjectKey, status: &SubjectStatus) -> Value {
    let planned = report.round.plan.subjects.get(key);
    json!({
        "kind": key.kind.to_string(),
        "namespace": &*key.namespace,
        "name": &*key.name,
        "state": status.state.to_string(),
        "addresses": texts(&status.addresses),
        "endpoints": texts(&status.endpoints),
        "rules": planned.iter().flat_map(|service| &service.rules).map(Rule::of).collect::<Vec<_>>(),
        "findings": status.findings.iter().map(finding).collect::<Vec<_>>(),
        "shadows": status.shadows.iter().map(Shadow::of).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding) -> Value {
    let span = finding
        .span
        .as_ref()
        .map(|span| json!({ "annotation": plain(&span.annotation), "offset": span.offset, "length": span.length }));
    json!({
        "severity": finding.severity.to_string(),
        "code": finding.code.as_str(),
        "message": finding.message.as_str(),
        "span": span,
        "policy": finding.policy.as_ref().map(|policy| policy.as_str()),
        "rule": finding.rule.as_ref().map(|rule| rule.as_str()),
    })
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}
