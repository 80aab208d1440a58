//! The status of a policy, as its ConfigMap has it: one node of the cluster writes it, so it is what that node observed.

use egressd_core::chain::{FAILED, FailureKind, PolicyFailure};
use egressd_core::finding::label;
use egressd_core::model::SubjectKey;
use serde::Serialize;

use super::event_text::{EventText, EventType, Reason};
use crate::policies::{PolicyReport, PolicyState, REFUSED};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// The first Service for which a policy could not answer, and why.
pub type Failing = (SubjectKey, PolicyFailure);

/// `egressd.io/status`, as JSON.
pub(super) fn status(report: &PolicyReport, failing: Option<&Failing>) -> String {
    let status = Status {
        state: report.state.to_string(),
        version: report.version.as_deref(),
        sha256: report.digest.as_deref(),
        trouble: report.trouble.as_deref(),
        failure: failing.map(|failing| failure(report, failing)),
    };
    // Strings always become JSON.
    serde_json::to_string(&status).unwrap_or_default()
}

/// The same text as long as it is the same failure, since each change of them is written: not how much time
/// its failures took, but what the last one was.
fn failure(report: &PolicyReport, failing: &Failing) -> String {
    let (service, failure) = failing;
    let last = report.supervision.as_ref().and_then(|supervision| supervision.last_failure());
    let reason = match failure.kind {
        FailureKind::Prompt | FailureKind::Slow => failure.reason.clone(),
        FailureKind::Deferred => {
            last.unwrap_or_else(|| "its failures took too much time, so it is evaluated less often".to_owned())
        }
    };
    format!("evaluation failed for Service {service} and possibly for others: {reason}")
}

/// What an Event says of it.
pub fn event_text(report: &PolicyReport, failing: Option<&Failing>) -> EventText {
    if let Some(trouble) = &report.trouble {
        return EventText::coded(Reason::Invalid, trouble, label(REFUSED, None, None));
    }
    if let Some(failing) = failing {
        return EventText::coded(Reason::PolicyFailed, &failure(report, failing), label(FAILED, None, None));
    }
    let version = report.version.as_ref().map(|version| format!("version {version}"));
    let digest = report.digest.as_ref().map(|digest| format!("sha256 {digest}"));
    let component = version.into_iter().chain(digest).collect::<Vec<_>>().join(", ");
    let component = if component.is_empty() { component } else { format!(" ({component})") };
    let (reason, event_type, note) = match report.state {
        PolicyState::Enforced => (Reason::Applied, EventType::Normal, "the policy is loaded and enforced"),
        PolicyState::Shadow => (
            Reason::Applied,
            EventType::Normal,
            "the policy is loaded in shadow mode: its results are reported and not applied",
        ),
        PolicyState::Off => (Reason::Applied, EventType::Normal, "egressd.io/mode is off: the policy is not evaluated"),
        PolicyState::Refused => (Reason::NotApplied, EventType::Warning, "the policy failed to load"),
        PolicyState::Missed => (
            Reason::NotApplied,
            EventType::Warning,
            "the policy failed to load: the Services that it selects have no rules until it loads",
        ),
    };
    EventText::new(reason, event_type, format!("{note}{component}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_policy_says_what_is_wrong() {
        let report = PolicyReport::unloaded("guard", PolicyState::Refused, Some("it has no module".to_owned()));
        assert_eq!(status(&report, None), r#"{"state":"refused","trouble":"it has no module"}"#);
        let text = event_text(&report, None);
        assert_eq!((text.reason, text.note.as_str()), (Reason::Invalid, "it has no module [policy-refused]"));
    }

    #[test]
    fn the_text_of_a_failure_does_not_depend_on_its_duration() {
        let report = PolicyReport::unloaded("guard", PolicyState::Enforced, None);
        let failing = |reason: &str, kind| {
            let failure = PolicyFailure { policy: "guard".to_owned(), reason: reason.to_owned(), kind };
            (SubjectKey::service("shop", "web"), failure)
        };
        let deferred =
            ["18 s of the last minute", "19 s of the last minute"].map(|reason| failing(reason, FailureKind::Deferred));
        assert_eq!(event_text(&report, Some(&deferred[0])), event_text(&report, Some(&deferred[1])));
        let prompt = failing("it trapped", FailureKind::Prompt);
        assert_eq!(
            status(&report, Some(&prompt)),
            r#"{"state":"enforced","failure":"evaluation failed for Service shop/web and possibly for others: it trapped"}"#
        );
    }
}
