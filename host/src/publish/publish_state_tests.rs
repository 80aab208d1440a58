#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use egressd_core::compile::Instance;
use egressd_core::decision::{OnChange, Rule};
use egressd_core::finding::{Finding, Severity};
use egressd_core::in_force::{AppliedRound, UnixTime};
use egressd_core::model::{AnnotationPrefix, PolicyMark, Uid};
use egressd_core::net::Family;
use egressd_core::owner::HELD_ELSEWHERE;
use egressd_core::pipeline::Round;
use egressd_core::plan::{EvaluationEnd, SubjectPlan, SubjectResult};
use egressd_core::reporting::{Author, PublishedValue, Reporter, Reporting};
use egressd_core::status::{State, SubjectStatus, status};

use super::*;
use crate::clock::{self, Instant};
use crate::instances::orphans::Orphan;
use crate::policies::PolicyState;
use crate::publish::event_text::Reason;
use crate::rights::Publish;
use crate::state_channel::ChangedTable;
use egressd_core::testkit::RuleParts;

#[path = "publish_state_cost_tests.rs"]
mod cost;
#[path = "publish_state_history_tests.rs"]
mod history;

const NODE: &str = "node-1";

fn publish_state() -> PublishState {
    publish_state_that(Publish::All)
}

fn publish_state_that(publish: Publish) -> PublishState {
    let (node, namespace) = (NODE.to_owned(), "egressd".to_owned());
    PublishState::new(PublishConfig { node, namespace, prefix: AnnotationPrefix::default(), publish })
}

fn key(number: u8) -> SubjectKey {
    SubjectKey::service("shop", format!("web-{number}"))
}

/// So many Services whose only endpoint, 10.0.0.`<number>`, this node translates; `found` stands on each.
fn round(count: u8, found: Option<&str>) -> Round {
    let mut round = Round { first_ready: Some(NODE.to_owned()), ..Round::default() };
    for number in 1..=count {
        let (key, service) = (key(number), planned(number));
        round.plan.subjects.insert(key.clone(), service.clone());
        round.uids.insert(key.clone(), service.uid.clone());
        round.reporting.insert(key.clone(), reporting(number, found));
        round.statuses.insert(
            key,
            status(&SubjectResult { service: Some(service.into()), end: EvaluationEnd::Ruled, findings: vec![] }),
        );
    }
    round
}

fn planned(number: u8) -> SubjectPlan {
    let rule =
        RuleParts { sources: vec![[10, 0, 0, number].into()], ..Rule::new("ipv4", [192, 0, 2, 1].into()).into() }
            .rule();
    SubjectPlan {
        uid: Uid::new(format!("uid-{number}")).unwrap(),
        created: 0,
        rules: vec![rule].into(),
        foreign: Default::default(),
        on_change: OnChange::default(),
        guarded: Default::default(),
    }
}

fn reporting(number: u8, found: Option<&str>) -> Reporting {
    let author = if found.is_some() { Author::ThisNode } else { Author::Unclear };
    let active = PublishedValue { wanted: Some(format!("10.0.0.{number}")), found: found.map(str::to_owned), author };
    Reporting { active: [(Family::Ipv4, active)].into(), ..Reporting::without_values(Reporter::Active) }
}

fn newest(in_force: AppliedRound) -> DaemonState {
    let in_force = Some(Arc::new(in_force));
    DaemonState { in_force, ..DaemonState::begin() }
}

/// What is in force, where nothing was before.
fn in_force(round: &Round) -> AppliedRound {
    let mut in_force = AppliedRound::default();
    in_force.take_over(&round.records(), UnixTime(0));
    in_force
}

/// The same, where the kernel has not taken over another round.
fn held_back(before: &AppliedRound, round: &Round, why: &str) -> AppliedRound {
    let (mut held, mut newest) = (before.clone(), round.records());
    newest.changed.extend(before.subjects.keys().cloned());
    held.hold_back(&newest, why, UnixTime(0));
    held
}

fn status_of(in_force: &AppliedRound, number: u8) -> &SubjectStatus {
    in_force.subjects[&key(number)].record.status().unwrap()
}

/// Answers all that is due in this way until nothing is, or the time is up; what was asked for.
fn play(
    publish_state: &mut PublishState,
    newest: &DaemonState,
    now: &mut Instant,
    until: Duration,
    answer: &WriteOutcome,
) -> Vec<Write> {
    let (end, mut all) = (*now + until, Vec::new());
    loop {
        let due = publish_state.due(newest, *now, 64);
        for write in &due.writes {
            publish_state.done(write, answer.clone(), *now);
        }
        let silent = due.writes.is_empty();
        all.extend(due.writes);
        match due.next {
            Some(next) if silent && next < end => *now = next.max(*now + Duration::from_millis(1)),
            _ if silent => break,
            _ => {}
        }
    }
    *now = end;
    all
}

fn done() -> WriteOutcome {
    WriteOutcome::Done(Some("event".to_owned()))
}

/// What Events say, in order.
fn events(writes: &[Write]) -> Vec<(Reason, &str)> {
    writes.iter().filter_map(Write::event_text).map(|text| (text.reason, text.note.as_str())).collect()
}

fn published(writes: &[Write]) -> usize {
    writes.iter().filter(|write| write.kind() == WriteKind::Fields).count()
}

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn what_is_in_force_is_published_and_reported_once() {
    let (mut publish_state, mut now) = (publish_state(), clock::now());
    let first = play(&mut publish_state, &newest(in_force(&round(1, None))), &mut now, MINUTE / 30, &done());
    assert_eq!(published(&first), 1);
    assert_eq!(events(&first), [(Reason::Applied, "node node-1 translates 10.0.0.1 to 192.0.2.1")]);
    let stands = newest(in_force(&round(1, Some("10.0.0.1"))));
    assert_eq!(play(&mut publish_state, &stands, &mut now, MINUTE, &done()), []);
}

#[test]
fn an_unreachable_server_is_tried_less_and_less_often_and_then_gets_everything() {
    let (mut publish_state, mut now) = (publish_state(), clock::now());
    let newest = newest(in_force(&round(3, None)));
    let vain = play(&mut publish_state, &newest, &mut now, MINUTE * 10, &WriteOutcome::Away);
    assert!(published(&vain) < 3 * 20, "{} requests in ten minutes", published(&vain));
    let written = play(&mut publish_state, &newest, &mut now, MINUTE * 2, &done());
    assert_eq!(events(&written).len(), 3);
}

#[test]
fn a_missing_permission_stops_its_own_kind_of_requests_only() {
    let (mut publish_state, now) = (publish_state(), clock::now());
    let newest = newest(in_force(&round(1, None)));
    let due = publish_state.due(&newest, now, 64);
    assert_eq!(published(&due.writes), 1);
    publish_state.done(&due.writes[0], WriteOutcome::Forbidden, now);
    let mut later = now;
    let rest = play(&mut publish_state, &newest, &mut later, MINUTE, &done());
    assert_eq!((published(&rest), events(&rest).len()), (0, 1));
    assert_eq!(published(&publish_state.due(&newest, now + FORBIDDEN_RETRY_INTERVAL, 64).writes), 1);
}

#[test]
fn thousands_of_services_are_reported_in_portions_and_not_in_one_flood() {
    let (mut publish_state, now) = (publish_state(), clock::now());
    let newest = newest(in_force(&round(250, None)));
    assert_eq!(publish_state.due(&newest, now, 64).writes.len(), 64);
    let mut later = now;
    let written = play(&mut publish_state, &newest, &mut later, Duration::from_millis(1500), &done());
    assert!((100..=110).contains(&events(&written).len()), "{} Events in half a second", events(&written).len());
}

/// The last one by name has a fault, from the beginning or later.
#[test]
fn what_is_wrong_does_not_wait_behind_thousands_of_services_that_are_well() {
    let (mut publish_state, mut now) = (publish_state(), clock::now());
    let faulty = |fault: &str| {
        let mut round = round(250, None);
        let status = round.statuses.values_mut().next_back().unwrap();
        status.findings.push(Finding::warning(fault, format!("{fault} is wrong")));
        newest(in_force(&round))
    };
    let settled = publish_state.due(&faulty("first"), now, 64).next.unwrap_or(now) + Duration::from_secs(1);
    let first = events(&publish_state.due(&faulty("first"), settled, 64).writes)[0].1.to_owned();
    assert!(first.ends_with("first is wrong [first]"), "{first}");
    // So many Events that nothing is left for others.
    play(&mut publish_state, &faulty("first"), &mut now, Duration::from_secs(2), &done());
    publish_state.due(&faulty("second"), now, 64);
    let writes = publish_state.due(&faulty("second"), now + Duration::from_secs(1), 64).writes;
    assert!(events(&writes)[0].1.ends_with("second is wrong [second]"), "{writes:?}");
}

/// One is changed, one is new, one is gone; one stays as it was.
#[test]
fn what_the_kernel_does_not_take_over_is_not_published_and_the_reason_is_reported() {
    let (mut publish_state, mut now) = (publish_state(), clock::now());
    let before = in_force(&round(3, None));
    play(&mut publish_state, &newest(in_force(&round(3, None))), &mut now, MINUTE, &done());
    let mut next = round(4, None);
    next.plan.subjects.get_mut(&key(1)).unwrap().rules.to_mut()[0]
        .change(|parts| parts.address = [192, 0, 2, 9].into());
    next.plan.subjects.remove(&key(2));
    next.statuses.remove(&key(2));
    let held = held_back(&before, &next, "the kernel says no; retrying");
    let why = "a change of this Service is not in force: the kernel says no; retrying [not-in-force]";
    let stays = |number: u8| format!("node node-1 translates 10.0.0.{number} to 192.0.2.1; {why}");
    let writes = play(&mut publish_state, &newest(held), &mut now, MINUTE, &done());
    let expected =
        [(Reason::NotApplied, stays(1)), (Reason::NotApplied, stays(2)), (Reason::NotApplied, why.to_owned())];
    assert!(
        events(&writes).into_iter().eq(expected.iter().map(|(reason, note)| (*reason, note.as_str()))),
        "{writes:?}"
    );
    // Of the one that stays, what was undone meanwhile is put right as ever.
    assert!(writes.iter().all(|write| !matches!(write, Write::Fields { service, .. } if *service != key(3))));
    let applied = play(&mut publish_state, &newest(in_force(&round(4, None))), &mut now, MINUTE, &done());
    assert!(events(&applied).iter().all(|(reason, _)| *reason == Reason::Applied), "{applied:?}");
    assert_eq!(events(&applied).len(), 3, "{applied:?}");
}

#[test]
fn a_change_that_is_tried_again_says_why_once() {
    let before = in_force(&round(1, None));
    let refused = || {
        let mut next = round(1, None);
        next.plan.subjects.get_mut(&key(1)).unwrap().rules.to_mut()[0]
            .change(|parts| parts.address = [192, 0, 2, 9].into());
        next
    };
    let held = held_back(&held_back(&before, &refused(), "no"), &refused(), "no");
    assert_eq!(status_of(&held, 1).findings.len(), 1);
    // What is taken back is as it was once the kernel takes over something again: before, it may have the change.
    let mut back = held_back(&held, &round(1, None), "no");
    assert!(status_of(&back, 1).is_held_back());
    back.take_over(&round(1, None).records(), UnixTime(0));
    assert_eq!(back.subjects, before.subjects);
}

#[test]
fn a_corrected_fault_is_not_reported_any_more_when_the_kernel_refuses_the_change() {
    let mut wrong = round(1, None);
    let status = wrong.statuses.get_mut(&key(1)).unwrap();
    (status.state, status.findings) = (State::Invalid, vec![Finding::error("bad-port", "tcp:http is no port")]);
    let before = in_force(&wrong);
    let mut next = round(1, None);
    next.plan.subjects.get_mut(&key(1)).unwrap().rules.to_mut()[0]
        .change(|parts| parts.address = [192, 0, 2, 9].into());
    let held = held_back(&before, &next, "no");
    let text = EventText::of(status_of(&held, 1), NODE).unwrap();
    let note =
        "node node-1 translates 10.0.0.1 to 192.0.2.1; a change of this Service is not in force: no [not-in-force]";
    assert_eq!((text.reason, text.note.as_str()), (Reason::NotApplied, note));
}

fn with_orphan(orphan: Option<Orphan>) -> DaemonState {
    DaemonState { orphans: orphan.into_iter().collect(), ..newest(in_force(&round(0, None))) }
}

#[test]
fn an_orphaned_table_is_reported_once_on_the_node_and_anew_when_it_comes_back() {
    let (mut publish_state, mut now) = (publish_state(), clock::now());
    let orphan = Orphan::of(Instance::Default, Family::Ipv4);
    for _ in 0..2 {
        let there = with_orphan(Some(orphan.clone()));
        let writes = play(&mut publish_state, &there, &mut now, MINUTE, &done());
        let regarding = Regarding::Node { table: "table ip kube_vip_v4".to_owned() };
        assert!(matches!(&writes[..], [Write::Event { regarding: about, .. }] if *about == regarding), "{writes:?}");
        let note = format!("{} [orphaned-table]", orphan.finding().message);
        assert_eq!(events(&writes), [(Reason::OrphanedTable, note.as_str())]);
        assert_eq!(play(&mut publish_state, &there, &mut now, MINUTE, &done()), []);
        assert_eq!(play(&mut publish_state, &with_orphan(None), &mut now, MINUTE, &done()), []);
    }
}

#[test]
fn a_table_that_another_program_changes_again_and_again_is_one_event_until_it_is_left_alone() {
    let (mut publish_state, mut now) = (publish_state(), clock::now());
    let changed = |times| {
        let changed = (times > 0).then(|| ChangedTable { times, ..ChangedTable::sample() });
        DaemonState { changed_tables: changed.into_iter().collect(), ..newest(in_force(&round(0, None))) }
    };
    for _ in 0..2 {
        let writes = play(&mut publish_state, &changed(1), &mut now, MINUTE, &done());
        let note = format!("{} [table-changed]", ChangedTable::sample().first_change().message);
        assert_eq!(events(&writes), [(Reason::TableChanged, note.as_str())]);
        for times in 2..10 {
            assert_eq!(play(&mut publish_state, &changed(times), &mut now, MINUTE, &done()), []);
        }
        assert_eq!(play(&mut publish_state, &changed(0), &mut now, MINUTE, &done()), []);
    }
}

fn with_policy(mut round: Round) -> DaemonState {
    round.policies.insert("guard".to_owned(), PolicyMark::default());
    let report = PolicyReport::unloaded("guard", PolicyState::Refused, Some("it has no module".to_owned()));
    DaemonState { policies: [report].into(), ..newest(in_force(&round)) }
}

#[test]
fn who_publishes_events_alone_says_everything_and_writes_no_annotation() {
    for (publish, annotations) in [(Publish::All, 2), (Publish::Events, 0)] {
        let mut now = clock::now();
        let writes = play(&mut publish_state_that(publish), &with_policy(round(1, None)), &mut now, MINUTE, &done());
        let others = writes.iter().filter(|write| write.event_text().is_none()).count();
        assert!(others >= annotations && (others == 0) == (annotations == 0), "{publish}: {writes:?}");
        let reasons: BTreeSet<Reason> = events(&writes).iter().map(|(reason, _)| *reason).collect();
        assert_eq!(reasons, [Reason::Applied, Reason::Invalid].into(), "{publish}: {writes:?}");
    }
}

/// It cannot be seen from there that another node translates.
#[test]
fn without_annotations_a_node_without_the_address_leaves_reporting_to_the_owner() {
    let without_the_address = |code: &str| {
        let mut round = round(1, None);
        let reporting = round.reporting.values_mut().next().unwrap();
        (reporting.reporter, reporting.active) = (Reporter::Fallback, Default::default());
        let finding = Finding::new(Severity::Info, code.to_owned(), "nothing is translated to 192.0.2.1 here");
        round.statuses.insert(
            key(1),
            status(&SubjectResult { service: None, end: EvaluationEnd::Ruled, findings: vec![finding] }),
        );
        newest(in_force(&round))
    };
    let spoken = |publish, code| {
        let mut now = clock::now();
        events(&play(&mut publish_state_that(publish), &without_the_address(code), &mut now, MINUTE, &done())).len()
    };
    assert_eq!(spoken(Publish::All, HELD_ELSEWHERE), 1);
    assert_eq!(spoken(Publish::Events, HELD_ELSEWHERE), 0);
    assert_eq!(spoken(Publish::Events, "no-address"), 1, "that is so on every node");
}
