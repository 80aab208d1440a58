//! What a pass costs, counted in Services of which it is worked out what is to be written.

use egressd_core::in_force::AppliedSubject;
use egressd_core::record::{Record, RecordState as Known, SettledSubject};

use super::*;
use crate::clock;

const MANY: u32 = 5000;

/// The Service is new and nothing stands on it, or all is as it should be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Nothing,
    All,
}

/// The Service of this number, whose only pod is the one of that number.
fn shown(number: u32, pod: u32, stands: Stands) -> Arc<AppliedSubject> {
    let endpoint = std::net::Ipv4Addr::from_bits(0x0a00_0000 + pod);
    let found = (stands == Stands::All).then(|| endpoint.to_string());
    let active = PublishedValue { wanted: Some(endpoint.to_string()), found, author: Author::ThisNode };
    let reporting =
        Some(Reporting { active: [(Family::Ipv4, active)].into(), ..Reporting::without_values(Reporter::Active) });
    let mut status =
        status(&SubjectResult { service: Some(planned(1).into()), end: EvaluationEnd::Ruled, findings: vec![] });
    status.endpoints = vec![endpoint.into()];
    let outcome = Known::Settled(SettledSubject { plan: None, status: Arc::new(status), reporting });
    let uid = Uid::new(format!("uid-{number}")).unwrap();
    Arc::new(AppliedSubject { record: Arc::new(Record { uid, outcome }), since: UnixTime(0) })
}

fn name(number: u32) -> SubjectKey {
    SubjectKey::service("shop", format!("web-{number}"))
}

fn all(stands: Stands) -> AppliedRound {
    let services = (0..MANY).map(|number| (name(number), shown(number, number, stands))).collect();
    let mut in_force = AppliedRound::default();
    in_force.subjects = services;
    in_force
}

/// One of them has another pod.
fn change(in_force: &mut AppliedRound, number: u32) {
    in_force.subjects.insert(name(number), shown(number, MANY + number, Stands::Nothing));
}

#[test]
fn one_change_among_thousands_of_settled_services_is_one_to_look_at() {
    let mut publish_state = publish_state();
    let mut now = clock::now();
    let mut in_force = all(Stands::All);
    let mut look = |in_force: &AppliedRound, now| {
        let due = publish_state.due(&newest(in_force.clone()), now, 64);
        due.writes.iter().for_each(|write| publish_state.done(write, done(), now));
        (due.looked_at, due.writes.len())
    };
    assert_eq!(look(&in_force, now), (5000, 0));
    assert_eq!(look(&in_force, now), (0, 0));
    change(&mut in_force, 70);
    assert_eq!(look(&in_force, now), (1, 1), "its annotation");
    assert_eq!(look(&in_force, now), (1, 0), "it was written");
    now += MINUTE;
    assert_eq!(look(&in_force, now), (0, 2), "its Event, and the annotation again, which does not stand there");
    in_force.subjects.remove(&name(70));
    in_force.subjects.insert(name(MANY), shown(MANY, MANY, Stands::All));
    assert_eq!(look(&in_force, now), (2, 0));
}

/// None of them may be written, each time for another reason.
#[test]
fn thousands_that_wait_for_room_for_a_permission_or_for_the_api_server_are_not_looked_at_again() {
    let keep = [WriteOutcome::Away, WriteOutcome::Forbidden, WriteOutcome::Done(None)];
    for kept in keep {
        let mut publish_state = publish_state_that(Publish::Events);
        let mut now = clock::now();
        let mut in_force = all(Stands::Nothing);
        assert_eq!(publish_state.due(&newest(in_force.clone()), now, 64).looked_at, 5000);
        now += MINUTE;
        for write in publish_state.due(&newest(in_force.clone()), now, 200).writes {
            publish_state.done(&write, kept.clone(), now);
        }
        for number in 4000..4010 {
            change(&mut in_force, number);
            let due = publish_state.due(&newest(in_force.clone()), now, 64);
            let written = if kept == WriteOutcome::Done(None) { 100 } else { 0 };
            assert!(due.looked_at <= 1 + written && due.writes.is_empty(), "{kept:?}: {}", due.looked_at);
        }
        assert!(publish_state.due(&newest(in_force), now + FORBIDDEN_RETRY_INTERVAL, 64).looked_at <= 10, "{kept:?}");
    }
}
