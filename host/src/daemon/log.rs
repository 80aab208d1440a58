//! One line for every Service whose status changed.

use std::collections::BTreeSet;

use egressd_core::finding::{Finding, Severity};
use egressd_core::in_force::AppliedRound;
use egressd_core::model::SubjectKey;
use egressd_core::status::{State, SubjectStatus};
use tracing::{info, warn};

/// Of these Services something else is shown now.
pub(super) fn log_changes(before: &AppliedRound, now: &AppliedRound, changed: &BTreeSet<SubjectKey>) {
    let known = &before.overview.findings;
    for finding in now.overview.findings.iter().filter(|finding| !known.contains(finding)) {
        log_finding("the node", finding);
    }
    for key in changed {
        match (status_of(before, key), status_of(now, key)) {
            (None, None) => {}
            (Some(old), None) if old.state != State::Off => info!(service = %key, "Service gone"),
            (Some(_), None) => {}
            (old, Some(new)) if old == Some(new) => {}
            (old, Some(new)) => log_change(key, old, new),
        }
    }
}

fn status_of<'a>(in_force: &'a AppliedRound, key: &SubjectKey) -> Option<&'a SubjectStatus> {
    in_force.subjects.get(key)?.record.status()
}

fn log_change(key: &SubjectKey, old: Option<&SubjectStatus>, new: &SubjectStatus) {
    if new.state != State::Off || old.is_some() {
        log_status(key, new);
    }
    let known = old.map_or(&[][..], |status| &status.findings);
    new.findings.iter().filter(|finding| !known.contains(finding)).for_each(|finding| log_finding(key, finding));
}

fn log_status(service: &SubjectKey, status: &SubjectStatus) {
    let list = |addresses: &[std::net::IpAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let (addresses, endpoints) = (list(&status.addresses), list(&status.endpoints));
    info!(%service, state = %status.state, addresses, endpoints, "Service changed");
}

fn log_finding(about: impl std::fmt::Display, finding: &Finding) {
    match finding.severity {
        Severity::Info => info!(%about, code = %finding.code, "{}", finding.message),
        Severity::Warning | Severity::Error => warn!(%about, code = %finding.code, "{}", finding.message),
    }
}
