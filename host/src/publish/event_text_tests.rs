//! What an Event says, and that its reason is in the list of codes.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use egressd_core::codes::{self, Level};
use egressd_core::net::Family;
use egressd_core::status::SubjectStatus;

use super::*;
use crate::instances::orphans::Orphan;

/// A reason that is added has to be added here: the match is exhaustive.
const fn next(reason: Reason) -> Option<Reason> {
    match reason {
        Reason::Applied => Some(Reason::Changed),
        Reason::Changed => Some(Reason::Invalid),
        Reason::Invalid => Some(Reason::Denied),
        Reason::Denied => Some(Reason::PolicyFailed),
        Reason::PolicyFailed => Some(Reason::NotApplied),
        Reason::NotApplied => Some(Reason::Removed),
        Reason::Removed => Some(Reason::OrphanedTable),
        Reason::OrphanedTable => Some(Reason::TableChanged),
        Reason::TableChanged => None,
    }
}

fn with(state: State, finding: Finding) -> SubjectStatus {
    let (addresses, endpoints) = (Vec::new(), Vec::new());
    SubjectStatus { state, addresses, endpoints, policy: None, findings: vec![finding], shadows: Vec::new() }
}

#[test]
fn the_reasons_of_events_are_those_in_the_list_of_codes() {
    let all = std::iter::successors(Some(Reason::Applied), |reason| next(*reason));
    let emitted: BTreeSet<&str> = all.map(Reason::as_str).collect();
    let listed = codes::all().filter(|entry| matches!(entry.level, Level::Event(_))).map(|entry| entry.code);
    assert_eq!(emitted, listed.collect());
}

#[test]
fn an_event_has_the_code_the_policy_and_the_rule_of_what_is_wrong() {
    let finding = Finding::error("bad-port", "tcp:http is no port").of_policy(Text::new("guard")).about_rule("web-1");
    let text = EventText::of(&with(State::Invalid, finding), "node-1").unwrap();
    assert_eq!(text.note, "tcp:http is no port [bad-port] policy guard, rule web-1");
    let held_back = SubjectStatus::held_back(egressd_core::model::SubjectKind::Service, None, "no");
    let note = "a change of this Service is not in force: no [not-in-force]";
    assert_eq!(EventText::of(&held_back, "node-1").unwrap().note, note);
}

#[test]
fn an_event_about_an_orphaned_table_has_its_code() {
    let orphan = Orphan::of(egressd_core::compile::Instance::Default, Family::Ipv4);
    assert!(EventText::orphaned(&orphan).note.ends_with(" [orphaned-table]"));
}
