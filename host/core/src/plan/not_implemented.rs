//! Parts of a draft that egressd does not implement yet (P11): reported, never ignored.

use crate::decision::{Draft, OnChange};
use crate::finding::Finding;

const NOT_IMPLEMENTED: &str = "not-implemented";

/// A warning where something is lost that was asked for.
pub(super) fn not_implemented(draft: &Draft) -> Option<Finding> {
    draft.on_change.and_then(on_change)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

    #[test]
    fn what_is_asked_for_and_not_carried_out_is_reported() {
        let found = |asked| {
            let mut draft = Draft::default();
            draft.on_change = asked;
            not_implemented(&draft)
        };
        assert_eq!(found(None).or(found(Some(OnChange::Keep))), None);
        assert_eq!(found(Some(OnChange::Sever)).map(|finding| finding.severity), Some(Severity::Warning));
    }
}
