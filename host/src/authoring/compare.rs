//! `policy diff`: what two versions of a policy make of the same Services.

use std::io::{self, Write};

use egressd_core::decision::Rule;
use egressd_core::finding::Finding;
use egressd_core::model::SubjectKey;

use super::render;
use crate::admin::oneshot::Report;

/// Prints what changes for each Service; returns for how many something does.
pub(super) fn print(out: &mut dyn Write, before: &Report, after: &Report) -> io::Result<usize> {
    let mut changed = 0;
    for key in after.round.statuses.keys() {
        let lines = lines(before, after, key);
        if lines.is_empty() {
            continue;
        }
        changed += 1;
        let state = |report: &Report| report.round.statuses.get(key).map(|status| status.state.to_string());
        let (old, new) = (state(before).unwrap_or_default(), state(after).unwrap_or_default());
        let states = if old == new { new } else { format!("{old} -> {new}") };
        writeln!(out, "{key}: {states}\n{}", lines.join("\n"))?;
    }
    writeln!(out, "{changed} of {} Services change", after.round.statuses.len())?;
    Ok(changed)
}

/// Empty when nothing changes that a packet could notice.
fn lines(before: &Report, after: &Report, key: &SubjectKey) -> Vec<String> {
    let planned = |report: &Report| report.round.plan.subjects.get(key).cloned();
    let (old, new) = (planned(before), planned(after));
    let state = |report: &Report| report.round.statuses.get(key).map(|status| status.state);
    if old == new && state(before) == state(after) {
        return Vec::new();
    }
    let rules = |planned: Option<_>| planned.map(|planned: egressd_core::plan::SubjectPlan| planned.rules);
    let (old, new) = (rules(old).unwrap_or_default(), rules(new).unwrap_or_default());
    let mut lines = only_in(&old, &new, '-');
    lines.extend(only_in(&new, &old, '+'));
    if lines.is_empty() && state(before) == state(after) {
        lines.push(
            "  the rules are the same in another order, or for other connections (on-change, on-unavailable)"
                .to_owned(),
        );
    }
    lines.extend(new_findings(before, after, key).map(|finding| format!("  {finding}")));
    lines
}

fn only_in(these: &[Rule], those: &[Rule], mark: char) -> Vec<String> {
    let only = these.iter().filter(|rule| !those.contains(rule));
    only.map(|rule| format!("  {mark} rule {}", render::rule(rule).replace('\n', "\n    "))).collect()
}

/// What is reported after the change and not before.
fn new_findings<'a>(before: &'a Report, after: &'a Report, key: &SubjectKey) -> impl Iterator<Item = &'a Finding> {
    let findings_of = |report: &'a Report| report.round.statuses.get(key).map_or(&[][..], |status| &status.findings);
    let known = findings_of(before);
    findings_of(after).iter().filter(move |finding| !known.contains(finding))
}
