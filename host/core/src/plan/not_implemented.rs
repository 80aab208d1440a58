//! Parts of a draft that egressd does not implement yet (P11, P12): reported, never ignored.

use crate::decision::{Draft, OnChange, OnUnavailable};
use crate::finding::Finding;

const NOT_IMPLEMENTED: &str = "not-implemented";

/// A warning where something is lost that was asked for; an error where a packet may leave that was to be dropped.
pub(super) fn not_implemented(draft: &Draft) -> Vec<Finding> {
    let asked = draft.on_change.and_then(on_change);
    asked.into_iter().chain(draft.on_unavailable.and_then(on_unavailable)).collect()
}

fn on_change(asked: OnChange) -> Option<Finding> {
    match asked {
        OnChange::Keep => None,
        OnChange::Sever => Some(Finding::warning(
            NOT_IMPLEMENTED,
            "on-change: sever (flush-conntrack: \"true\") is not implemented: open connections keep their source \
             address; restart the pods to end them, or leave it out",
        )),
    }
}

fn on_unavailable(asked: OnUnavailable) -> Option<Finding> {
    match asked {
        OnUnavailable::Pass => None,
        OnUnavailable::Drop => Some(Finding::error(
            NOT_IMPLEMENTED,
            "on-unavailable: drop is not implemented: pods that cannot be translated leave with another source \
             address; set it to pass, and restrict these pods by a NetworkPolicy",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(on_change: OnChange, on_unavailable: OnUnavailable) -> Vec<String> {
        let mut draft = Draft::default();
        (draft.on_change, draft.on_unavailable) = (Some(on_change), Some(on_unavailable));
        not_implemented(&draft)
            .iter()
            .map(|finding| format!("{} {}", finding.severity, finding.code.as_str()))
            .collect()
    }

    #[test]
    fn what_is_asked_for_and_not_carried_out_is_reported() {
        assert_eq!(codes(OnChange::Keep, OnUnavailable::Pass), [] as [&str; 0]);
        assert_eq!(codes(OnChange::Sever, OnUnavailable::Pass), ["warning not-implemented"]);
        assert_eq!(codes(OnChange::Keep, OnUnavailable::Drop), ["error not-implemented"]);
        assert_eq!(codes(OnChange::Sever, OnUnavailable::Drop), ["warning not-implemented", "error not-implemented"]);
    }
}
