//! What an earlier process remembered in a form that this one does not know.

use egressd_core::compile::{Kept, keep};
use egressd_core::pipeline::RestoredState;
use egressd_core::ruleset::Ruleset;
use egressd_core::testkit::{Packet, Seen, trace};

use super::*;

/// After an earlier process of which nothing is known but that it remembered something.
fn with_partial_state() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.pipeline = Pipeline::new(settings(Owner::Any), BTreeMap::new()).knowing(RestoredState::Partial);
    fixture
}

/// What the earlier process left in the kernel.
fn left(endpoints: &[&str]) -> Ruleset {
    Fixture::new().web(Some("translate"), endpoints).ruleset
}

/// As which a pod is seen, after the round.
fn seen(mut round: Round, applied: &Ruleset, pod: &str) -> Seen {
    keep(&mut round.ruleset, applied, &round.kept);
    trace(&round.ruleset, &Packet::new(a(pod), a("192.0.2.1")))
}

const STAYS: fn() -> Seen = || Seen::As(a("11.0.0.2"));

#[test]
fn what_was_accepted_in_an_unknown_form_stays_as_the_kernel_has_it_for_todays_endpoints() {
    let applied = left(&["10.0.0.1", "10.0.0.2"]);
    for action in ["gibberish", "trap", "steal", "wait"] {
        let round = with_partial_state().web(Some(action), &["10.0.0.1"]);
        let found = &round.statuses[&SubjectKey::service("default", "web")].findings;
        assert!(found.iter().any(|finding| finding.code == "kernel-rules-kept"), "{action}: {found:?}");
        assert_eq!(seen(round.clone(), &applied, "10.0.0.1"), STAYS(), "{action}");
        assert_eq!(seen(round, &applied, "10.0.0.2"), Seen::Untranslated, "{action}: it is no endpoint any more");
    }
}

#[test]
fn what_is_decided_stays_not() {
    let applied = left(&["10.0.0.1"]);
    for action in [Some("deny"), None] {
        let round = with_partial_state().web(action, &["10.0.0.1"]);
        assert_eq!(seen(round, &applied, "10.0.0.1"), Seen::Untranslated, "{action:?}");
    }
    let mut fixture = with_partial_state();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    assert_eq!(fixture.web(Some("gibberish"), &["10.0.0.1"]).kept, Kept::new(), "it is known what was accepted");
}

#[test]
fn where_all_is_known_nothing_stays_that_was_not_accepted() {
    let round = Fixture::new().web(Some("gibberish"), &["10.0.0.1"]);
    assert_eq!(seen(round, &left(&["10.0.0.1"]), "10.0.0.1"), Seen::Untranslated);
}
