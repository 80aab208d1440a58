//! What the host makes of what policies are not shown, by what they answered before.

use super::shown::reader;
use super::*;

/// `web` with a note that no policy reads.
fn noted(action: &str, note: &str) -> Service {
    let mut service = web(Some(action));
    service.annotations.insert("note".to_owned(), note.to_owned());
    service
}

fn findings(round: &Round) -> Vec<&str> {
    let status = &round.statuses[&SubjectKey::service("default", "web")];
    status.findings.iter().map(|finding| finding.code.as_str()).collect()
}

/// A guard that is chosen by a label is a restriction: it holds from the moment the label is there.
#[test]
fn a_label_by_which_a_policy_is_chosen_is_asked_about_though_no_policy_reads_it() {
    let mut fixture = Fixture::reading();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let mut guarded = web(Some("translate"));
    guarded.labels.insert("guarded".to_owned(), String::new());
    let round = fixture.put(guarded, &["10.0.0.1"]);
    assert_eq!((fixture.asked, state(&round), in_force(&round).as_str()), (2, State::Denied, "nothing"));
    fixture.web(Some("translate"), &["10.0.0.1"]);
    assert_eq!(fixture.asked, 3);
}

#[test]
fn an_answer_counts_also_where_what_is_not_shown_changed_meanwhile() {
    let mut fixture = Fixture::new();
    fixture.reload([reader()]);
    fixture.put(noted("translate", "a"), &["10.0.0.1"]);
    let questions = fixture.pipeline.ask_all(fixture.chain.interest());
    assert_eq!(fixture.comes(noted("translate", "b"), &["10.0.0.1"]), []);
    assert!(questions.iter().all(|question| fixture.pipeline.is_current(question)));
    assert_eq!(in_force(&fixture.ask(questions.clone())), "10.0.0.1 -> 11.0.0.2");
    let newer = fixture.comes(noted("deny", "b"), &["10.0.0.1"]);
    assert!(questions.iter().all(|question| !fixture.pipeline.is_current(question)));
    assert_eq!(in_force(&fixture.ask(newer)), "nothing");
}

/// The host finds it by itself, also with what was answered before.
#[test]
fn a_misspelled_filter_that_comes_and_goes_is_found_without_a_question() {
    let mut fixture = Fixture::new();
    fixture.reload([reader()]);
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let mut misspelled = web(Some("translate"));
    misspelled.annotations.insert("kube-vip.io/Egress-Destination-Ports".to_owned(), "tcp:443".to_owned());
    let round = fixture.put(misspelled.clone(), &["10.0.0.1"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Invalid, "10.0.0.1 -> 11.0.0.2"));
    assert_eq!(findings(&round), ["misspelled-name", "last-good-in-force"]);
    let round = fixture.web(Some("translate"), &["10.0.0.1"]);
    assert_eq!((state(&round), findings(&round).len()), (State::Translating, 0));
    assert_eq!(fixture.asked, 1);
    fixture.put(misspelled, &["10.0.0.1", "10.0.0.2"]);
    assert_eq!(fixture.asked, 2, "what was accepted last reads as today's, and is not asked about beside it");
}
