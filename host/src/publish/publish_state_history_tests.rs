//! The law of the publish state: over any history it writes what one writes that looks at everything each time, and remembers
//! no wants.

use egressd_core::in_force::AppliedSubject;
use egressd_core::record::{Record, RecordState as Known, SettledSubject};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::clock::{self, Instant};
use crate::instances::orphans::Orphan;
use crate::publish::event_text::EventType;
use crate::publish::object_writes::{KnownPolicy, ServiceWrites};

/// A publish state of which only what was written is used.
struct FromScratch(PublishState);

impl FromScratch {
    fn due(&mut self, newest: &DaemonState, now: Instant, most: usize) -> DueWrites {
        let Some(round) = &newest.in_force else { return DueWrites::default() };
        if let Some(away) = self.0.away.filter(|away| away.due() > now) {
            return DueWrites { next: Some(away.due()), ..DueWrites::default() };
        }
        self.forget(round, newest);
        let mut wanted = self.of_services(round, now);
        wanted.extend(self.of_policies(round, newest, now));
        wanted.extend(self.of_orphans(newest, now));
        self.fill(wanted, now, most)
    }

    fn forget(&mut self, round: &AppliedRound, newest: &DaemonState) {
        let lives = |key: &SubjectKey| round.subjects.get(key).map(|shown| &shown.record.uid);
        self.0.services.writes.retain(|key, entry: &mut ServiceWrites| lives(key) == Some(&entry.uid));
        let orphaned = |table: &str| newest.orphans.iter().any(|orphan| orphan.table.to_string() == table);
        self.0.tables.retain(|table, _| orphaned(table));
        let mark = |name: &str| round.overview.policies.get(name).map(|mark| &mark.uid);
        let first = round.overview.first_ready.as_deref() == Some(NODE);
        self.0.policies.retain(|name, entry| first && mark(name) == Some(&entry.mark));
    }

    fn of_services(&mut self, round: &AppliedRound, now: Instant) -> Vec<PendingWrite> {
        let Self(PublishState { services, config, .. }) = self;
        let each = round.subjects.iter();
        each.flat_map(|(key, shown)| services.collect(key, Some(shown), config, now)).collect()
    }

    fn of_policies(&mut self, round: &AppliedRound, newest: &DaemonState, now: Instant) -> Vec<PendingWrite> {
        let overview = &round.overview;
        let mut wanted = Vec::new();
        for report in newest.policies.iter().filter(|_| overview.first_ready.as_deref() == Some(NODE)) {
            let Some(mark) = overview.policies.get(&report.name) else { continue };
            let entry = self.0.policies.entry(report.name.clone()).or_insert_with(|| PolicyWrites::new(mark));
            wanted.extend(entry.collect(KnownPolicy { report, mark, failing: None }, self.0.config.publish, now));
        }
        wanted
    }

    fn of_orphans(&mut self, newest: &DaemonState, now: Instant) -> Vec<PendingWrite> {
        let mut wanted = Vec::new();
        for orphan in newest.orphans.iter() {
            let table = orphan.table.to_string();
            let events = self.0.tables.entry(table.clone()).or_default();
            let due = events.due(EventText::orphaned(orphan), Role::Owner, Published::Different, now);
            wanted.extend(due.map(|due| PendingWrite::event(due, Regarding::Node { table })));
        }
        wanted
    }

    fn fill(&self, mut wanted: Vec<PendingWrite>, now: Instant, most: usize) -> DueWrites {
        const ROOM: Duration = Duration::from_secs(1);
        let mut events = self.0.events;
        wanted.sort_by_key(|want| (want.priority, want.at.max(now)));
        let mut due = DueWrites::default();
        for PendingWrite { at, write, .. } in wanted {
            let forbidden = self.0.forbidden.get(&write.kind()).filter(|until| **until > now);
            let at = forbidden.map_or(at, |until| at.max(*until));
            let mut bucket = write.event_text().map(|text| events.of(text.event_type));
            let room = bucket.as_ref().map(|bucket| bucket.due(now)).filter(|room| *room > now);
            let at = room.map_or(at, |room| at.max(room + ROOM));
            if at > now || due.writes.len() >= most {
                due.next = Some(due.next.map_or(at, |next| next.min(at)));
                continue;
            }
            bucket.iter_mut().for_each(|bucket| bucket.take(now));
            due.writes.push(write);
        }
        due
    }
}

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Show(u8, Option<Record>),
    Policies(Vec<PolicyReport>),
    Marks(BTreeMap<String, PolicyMark>),
    FirstReady(&'static str),
    Orphans(bool),
    /// So many Events of other objects are written.
    Spend(EventType, u32),
    Wait(Duration),
    /// At most so many requests, and the result of each; none where there is no answer.
    Look(usize, Vec<Option<WriteOutcome>>),
}

fn active() -> impl Strategy<Value = PublishedValue> {
    let value = |values: &'static [&'static str]| option::of(select(values).prop_map(str::to_owned));
    let kube_vip = [Author::KubeVip, Author::KubeVipUnclear];
    let author = select([&[Author::ThisNode, Author::OtherNode, Author::Unclear][..], &kube_vip].concat());
    let values = (value(&["", "a", "b"]), value(&["a", "b"]), author);
    values.prop_map(|(wanted, found, author)| PublishedValue { wanted, found, author })
}

fn voice_of_any_kind() -> impl Strategy<Value = Reporting> {
    let reporter = prop_oneof![
        4 => Just(Reporter::Active),
        1 => Just(Reporter::Fallback),
        1 => Just(Reporter::None),
    ];
    let active = option::of(active()).prop_map(|active| active.map(|active| (Family::Ipv4, active)));
    (reporter, active).prop_map(|(reporter, active)| Reporting {
        active: active.into_iter().collect(),
        ..Reporting::without_values(reporter)
    })
}

fn status_of_any_kind() -> impl Strategy<Value = SubjectStatus> {
    let state = prop_oneof![
        6 => Just(State::Translating),
        1 => Just(State::Off),
        1 => Just(State::Idle),
        1 => Just(State::Invalid),
    ];
    let finding = prop_oneof![
        Just(Finding::warning("fault", "it is wrong")),
        Just(Finding::warning("other-fault", "it is wrong in another way")),
        Just(Finding::new(Severity::Info, HELD_ELSEWHERE, "the address is not here")),
    ];
    (state, option::of(finding), 1..3_u8).prop_map(|(state, finding, pod)| {
        let service = (state == State::Translating).then(|| planned(pod));
        let planned = SubjectResult {
            service: service.map(Arc::new),
            end: EvaluationEnd::Ruled,
            findings: finding.into_iter().collect(),
        };
        SubjectStatus { state, ..status(&planned) }
    })
}

fn record() -> impl Strategy<Value = Record> {
    let settled = (status_of_any_kind(), option::weighted(0.8, voice_of_any_kind())).prop_map(|(status, reporting)| {
        Known::Settled(SettledSubject { plan: None, status: Arc::new(status), reporting })
    });
    let outcome = prop_oneof![1 => Just(Known::Unanswered(None)), 9 => settled];
    let life = prop_oneof![9 => Just("uid-1"), 1 => Just("uid-2")];
    (life, outcome).prop_map(|(life, outcome)| Record { uid: Uid::new(life).unwrap(), outcome })
}

fn policies() -> impl Strategy<Value = Step> {
    let names = || select(&["guard", "pool"][..]);
    let state = select(&[PolicyState::Enforced, PolicyState::Refused][..]);
    let reports = proptest::collection::btree_map(names(), state, 0..3).prop_map(|reports| {
        let report = |(name, state): (&str, PolicyState)| {
            PolicyReport::unloaded(name, state, (state == PolicyState::Refused).then(|| "no module".to_owned()))
        };
        Step::Policies(reports.into_iter().map(report).collect())
    });
    let mark = option::of(Just("uid".to_owned())).prop_map(|uid| PolicyMark { uid, status: None });
    let marks = proptest::collection::btree_map(names().prop_map(str::to_owned), mark, 0..3).prop_map(Step::Marks);
    prop_oneof![reports, marks, select(&[NODE, NODE, NODE, "other"][..]).prop_map(Step::FirstReady)]
}

fn outcome() -> impl Strategy<Value = Option<WriteOutcome>> {
    prop_oneof![
        8 => Just(Some(done())),
        1 => Just(Some(WriteOutcome::Gone)),
        1 => Just(Some(WriteOutcome::Refused)),
        1 => Just(Some(WriteOutcome::Away)),
        1 => Just(Some(WriteOutcome::Forbidden)),
        1 => Just(None),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    const WAITS: &[u64] =
        &[1, 100, 1000, 1000, 1000, 3000, 5000, 10_000, 31_000, 31_000, 60_000, 301_000, 600_000, 2_701_000];
    let look = (prop_oneof![1..4_usize, Just(64)], vec(outcome(), 1..6));
    let event_type = select(&[EventType::Normal, EventType::Warning][..]);
    prop_oneof![
        10 => (1..5_u8, option::weighted(0.9, record())).prop_map(|(number, record)| Step::Show(number, record)),
        2 => policies(),
        1 => any::<bool>().prop_map(Step::Orphans),
        1 => (event_type, select(&[50, 99, 150][..])).prop_map(|(event_type, count)| Step::Spend(event_type, count)),
        10 => select(WAITS).prop_map(|wait| Step::Wait(Duration::from_millis(wait))),
        10 => look.prop_map(|(most, outcomes)| Step::Look(most, outcomes)),
    ]
}

/// Both, in the same world.
struct Pair {
    follows: PublishState,
    from_scratch: FromScratch,
    newest: DaemonState,
    now: Instant,
}

impl Pair {
    fn new(publish: Publish) -> Self {
        let (follows, from_scratch) = (publish_state_that(publish), FromScratch(publish_state_that(publish)));
        let mut pair = Self { follows, from_scratch, newest: newest(AppliedRound::default()), now: clock::now() };
        pair.take(&Step::FirstReady(NODE));
        pair
    }

    fn in_force(&mut self) -> &mut AppliedRound {
        Arc::make_mut(self.newest.in_force.as_mut().unwrap())
    }

    fn overview(&mut self) -> &mut Overview {
        Arc::make_mut(&mut self.in_force().overview)
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Show(number, None) => drop(self.in_force().subjects.remove(&key(*number))),
            Step::Show(number, Some(record)) => {
                let shown = AppliedSubject { record: Arc::new(record.clone()), since: UnixTime(0) };
                self.in_force().subjects.insert(key(*number), Arc::new(shown));
            }
            Step::Policies(reports) => self.newest.policies = reports.clone().into(),
            Step::Marks(marks) => self.overview().policies = Arc::new(marks.clone()),
            Step::FirstReady(node) => self.overview().first_ready = Some((*node).to_owned()),
            Step::Orphans(there) => {
                let orphan = there.then(|| Orphan::of(Instance::Default, Family::Ipv4));
                self.newest.orphans = orphan.into_iter().collect();
            }
            Step::Spend(event_type, count) => self.spend(*event_type, *count),
            Step::Wait(time) => self.now += *time,
            Step::Look(most, outcomes) => drop(self.look(*most, outcomes)),
        }
    }

    fn spend(&mut self, event_type: EventType, count: u32) {
        for publish_state in [&mut self.follows, &mut self.from_scratch.0] {
            (0..count).for_each(|_| publish_state.events.of(event_type).take(self.now));
        }
    }

    /// Both write the same, and look again at the same time if there is nothing to write; what was written.
    fn look(&mut self, most: usize, outcomes: &[Option<WriteOutcome>]) -> DueWrites {
        let due = self.follows.due(&self.newest, self.now, most);
        let expected = self.from_scratch.due(&self.newest, self.now, most);
        assert_eq!(due.writes, expected.writes);
        if due.writes.is_empty() {
            assert_eq!(due.next, expected.next);
        }
        for (write, outcome) in due.writes.iter().zip(outcomes.iter().cycle()) {
            for publish_state in [&mut self.follows, &mut self.from_scratch.0] {
                outcome.iter().for_each(|outcome| publish_state.done(write, outcome.clone(), self.now));
            }
        }
        due
    }

    /// All that is due is written in the end; what others undo is put right again and again.
    fn settle(&mut self) {
        for _ in 0..60 {
            let due = self.look(64, &[Some(done())]);
            match due.next {
                Some(next) if due.writes.is_empty() => self.now = self.now.max(next) + Duration::from_millis(1),
                None if due.writes.is_empty() => return,
                Some(_) | None => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn over_any_history_what_follows_the_difference_writes_what_looks_at_everything_writes(
        publish in select(&[Publish::All, Publish::All, Publish::Events][..]),
        steps in vec(step(), 1..80),
    ) {
        let mut pair = Pair::new(publish);
        steps.iter().for_each(|step| pair.take(step));
        pair.settle();
    }
}

/// The API server forgets Events after an hour. One that says the same needs no permission that is missing.
#[test]
fn an_event_that_may_not_happen_once_more_is_made_anew_when_it_is_forgotten() {
    let mut pair = Pair::new(Publish::Events);
    let faulty = |code: &str| {
        let mut round = round(1, None);
        round.statuses.values_mut().for_each(|status| status.findings.push(Finding::warning(code.to_owned(), code)));
        newest(in_force(&round))
    };
    let mut writes = Vec::new();
    for code in ["one", "two", "one", "two"] {
        pair.newest = faulty(code);
        pair.look(64, &[]);
        pair.now += MINUTE;
        let outcome = if writes.len() < 3 { done() } else { WriteOutcome::Forbidden };
        writes.extend(pair.look(64, &[Some(outcome)]).writes);
    }
    assert_eq!(
        writes.iter().map(Write::kind).collect::<Vec<_>>(),
        [WriteKind::Event, WriteKind::Event, WriteKind::Event, WriteKind::Series]
    );
    pair.follows.forbidden.insert(WriteKind::Series, pair.now + MINUTE * 120);
    pair.from_scratch.0.forbidden.insert(WriteKind::Series, pair.now + MINUTE * 120);
    pair.now += MINUTE * 44;
    let again = pair.look(64, &[Some(done())]).writes;
    assert!(matches!(&again[..], [Write::Event { .. }]), "{again:?}");
}
