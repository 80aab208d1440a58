//! Few and short sentences, whatever the input: an answer has room for 1 MiB, and people correct a few mistakes at a
//! time.

use std::cmp::Reverse;

use crate::Diagnostic;

/// Most diagnostics of an answer. The host shows no more of any policy's.
pub const MOST_DIAGNOSTICS: usize = 16;

/// The diagnostics that are shown: all of few; of many the worst, in their order, and last how many there are beside.
pub(crate) fn few(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let Some(more) = diagnostics.len().checked_sub(MOST_DIAGNOSTICS - 1).filter(|more| *more > 1) else {
        return diagnostics;
    };
    diagnostics.sort_by_key(|diagnostic| Reverse(diagnostic.severity));
    let rest = diagnostics.split_off(MOST_DIAGNOSTICS - 1);
    let message = format!("{more} more findings are not listed; correct the listed ones first");
    diagnostics.extend(rest.first().map(|worst| Diagnostic::new(worst.severity, "more-findings", message)));
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::{MOST_DIAGNOSTICS, few};
    use crate::{Diagnostic, Severity};

    #[test]
    fn few_diagnostics_stay_as_they_are() {
        let some: Vec<Diagnostic> = (0..MOST_DIAGNOSTICS).map(|n| Diagnostic::info("a", n.to_string())).collect();
        assert_eq!(few(some.clone()), some);
    }

    #[test]
    fn of_many_the_worst_are_shown_and_the_rest_is_counted() {
        let mut many = vec![Diagnostic::warning("a", "w"); 5_000];
        many.push(Diagnostic::error("b", "e"));
        let shown = few(many);
        assert_eq!(shown.len(), MOST_DIAGNOSTICS);
        assert_eq!(shown.first().map(|worst| worst.severity), Some(Severity::Error));
        let last = shown.last().map(|last| last.message.as_str());
        assert_eq!(last, Some("4986 more findings are not listed; correct the listed ones first"));
    }
}
