//! A policy's fate, as its ConfigMap says it: one node of the cluster writes it, so it is what that node saw.

use serde::Serialize;

use super::say::{Reason, Said, Tone};
use crate::policies::{PolicyReport, PolicyState};

/// The annotation's value. Field names are stable; new ones may come.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'a str>,
}

/// `egressd.io/status`, as JSON.
pub(super) fn status(report: &PolicyReport) -> String {
    let status = Status {
        state: report.state.to_string(),
        version: report.version.as_deref(),
        sha256: report.digest.as_deref(),
        trouble: report.trouble.as_deref(),
    };
    // Strings always become JSON.
    serde_json::to_string(&status).unwrap_or_default()
}

/// What an Event says of it.
pub(super) fn said(report: &PolicyReport) -> Said {
    if let Some(trouble) = &report.trouble {
        return Said::new(Reason::Invalid, Tone::Warning, trouble);
    }
    let version = report.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    let digest = report.digest.as_ref().map(|digest| format!(", sha256 {digest}")).unwrap_or_default();
    let (reason, tone, note) = match report.state {
        PolicyState::Enforced => (Reason::Applied, Tone::Normal, "it is loaded, and its word counts"),
        PolicyState::Shadow => {
            (Reason::Applied, Tone::Normal, "it is loaded, asked in shadow, and its word does not count")
        }
        PolicyState::Off => (Reason::Applied, Tone::Normal, "it is not asked, as egressd.io/mode says"),
        PolicyState::Refused => (Reason::NotApplied, Tone::Warning, "it could not be loaded"),
        PolicyState::Missed => (
            Reason::NotApplied,
            Tone::Warning,
            "it could not be loaded, and the Services it covers have no rules until it is",
        ),
    };
    Said::new(reason, tone, format!("{note}{version}{digest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_policy_says_what_is_wrong() {
        let report = PolicyReport::unloaded("guard", PolicyState::Refused, Some("it has no module".to_owned()));
        assert_eq!(status(&report), r#"{"state":"refused","trouble":"it has no module"}"#);
        assert_eq!((said(&report).reason, said(&report).note.as_str()), (Reason::Invalid, "it has no module"));
    }
}
