//! One line for every Service whose status changed.

use egressd_core::finding::{Finding, Severity};
use egressd_core::model::ServiceKey;
use egressd_core::status::{ServiceStatus, State};
use tracing::{info, warn};

use crate::board::InForce;

pub(super) fn log_changes(before: Option<&InForce>, now: &InForce) {
    let told = before.map_or(&[][..], |before| &before.findings);
    for finding in now.findings.iter().filter(|finding| !told.contains(finding)) {
        log_finding("the node", finding);
    }
    let known = || before.into_iter().flat_map(|before| &before.statuses);
    for (key, _) in known().filter(|(key, status)| status.state != State::Off && !now.statuses.contains_key(key)) {
        info!(service = %key, "gone");
    }
    for (key, status) in &now.statuses {
        let old = before.and_then(|before| before.statuses.get(key));
        if old == Some(status) {
            continue;
        }
        if status.state != State::Off || old.is_some() {
            log_status(key, status);
        }
        let told = old.map_or(&[][..], |status| &status.findings);
        status.findings.iter().filter(|finding| !told.contains(finding)).for_each(|f| log_finding(key, f));
    }
}

fn log_status(service: &ServiceKey, status: &ServiceStatus) {
    let list = |addresses: &[std::net::IpAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let (addresses, endpoints) = (list(&status.addresses), list(&status.endpoints));
    info!(%service, state = %status.state, addresses, endpoints, "changed");
}

fn log_finding(about: impl std::fmt::Display, finding: &Finding) {
    match finding.severity {
        Severity::Info => info!(%about, code = %finding.code, "{}", finding.message),
        Severity::Warning | Severity::Error => warn!(%about, code = %finding.code, "{}", finding.message),
    }
}
