//! Whose turn it is, and what stays in force meanwhile.

use egressd_core::chain::ChainResult;

use super::*;

/// A Service of another namespace, with a life of its own.
pub(super) fn of(namespace: &str, name: &str, action: &str) -> Service {
    let mut service = service(name, &["11.0.0.2"]);
    service.key = SubjectKey::service(namespace, name);
    service.uid = Uid::new(format!("{namespace}-{name}")).expect("a uid");
    service.annotations.insert("do".to_owned(), action.to_owned());
    service
}

/// Serves so many questions, each of which takes so long, and returns the names of their Services.
fn serve(turns: &mut QuestionQueue, count: usize, took: Duration) -> Vec<String> {
    let name = |turns: &mut QuestionQueue| Some(turns.serve(|_| ((), took))?.0.view.subject.key().name.to_string());
    (0..count).map_while(|_| name(turns)).collect()
}

/// One tenant's thousand Services of which a policy fails, and another's new one.
#[test]
fn a_new_service_is_among_the_first_few_questions_whatever_another_tenant_has() {
    let mut fixture = Fixture::new();
    let mut keys = BTreeSet::new();
    for number in 0..1_000 {
        let one = of("a-tenant", &format!("bad-{number:03}"), "trap");
        keys.insert(ChangeKey::Subject(one.key.clone()));
        fixture.snapshot.services.extend(SnapshotBuilder::default().service(one, &[]).build().services);
    }
    let mut turns = QuestionQueue::default();
    turns.add(fixture.pipeline.update(&fixture.snapshot, &keys));
    while let Some((question, verdict)) = fixture.serve(&mut turns, Duration::from_micros(50)) {
        fixture.pipeline.answer(vec![(question, verdict)]);
    }
    let new = of("z-victim", "new", "translate");
    keys.insert(ChangeKey::Subject(new.key.clone()));
    fixture.snapshot.services.extend(SnapshotBuilder::default().service(new, &[]).build().services);
    for service in fixture.snapshot.services.clone().values() {
        let mut touched = (**service).clone();
        touched.annotations.insert("touched".to_owned(), "again".to_owned());
        let key = touched.key.clone();
        fixture.snapshot.services.insert(key, Arc::new(touched));
    }
    turns.add(fixture.pipeline.update(&fixture.snapshot, &keys));
    assert_eq!(serve(&mut turns, 3, Duration::from_micros(50)), ["new", "bad-000", "bad-001"]);
}

/// Also while questions wait and newer ones come.
#[test]
fn what_waits_and_what_is_newer_are_asked_in_turn_and_each_once() {
    let mut fixture = Fixture::new();
    let mut turns = QuestionQueue::default();
    turns.add(fixture.come(["1", "2", "3"].map(|name| of("a", name, "trap"))));
    turns.add(fixture.come([of("b", "new", "translate"), of("a", "2", "deny")]));
    turns.retain(|question| fixture.pipeline.is_current(question));
    assert_eq!(serve(&mut turns, 2, Duration::from_micros(50)), ["1", "new"]);
    let (question, ()) = turns.serve(|_| ((), Duration::ZERO)).expect("a question");
    assert_eq!(&question.view.subject.annotations()["do"], "deny");
    assert_eq!(serve(&mut turns, 9, Duration::ZERO), ["3"]);
}

#[test]
fn in_a_namespace_what_failed_last_comes_last() {
    let mut fixture = Fixture::new();
    let questions = fixture.come([of("a", "1", "trap"), of("a", "2", "translate")]);
    fixture.ask(questions);
    let mut turns = QuestionQueue::default();
    turns.add(fixture.pipeline.ask_all(fixture.chain.interest()));
    assert_eq!(serve(&mut turns, 9, Duration::ZERO), ["2", "1"]);
}

#[test]
fn what_is_gone_is_not_asked_about() {
    let mut fixture = Fixture::new();
    let mut turns = QuestionQueue::default();
    turns.add(fixture.come([of("a", "1", "translate"), of("b", "1", "translate")]));
    let key = SubjectKey::service("a", "1");
    fixture.snapshot.services.remove(&key);
    turns.add(fixture.pipeline.update(&fixture.snapshot, &[ChangeKey::Subject(key)].into()));
    turns.retain(|question| fixture.pipeline.is_current(question));
    assert_eq!(serve(&mut turns, 9, Duration::ZERO).len(), 1);
    assert!(turns.is_empty());
}

/// One tenant's cheap refusals, of which each leads to a dear question about what was accepted last, and another's
/// change.
#[test]
fn what_is_asked_about_an_earlier_input_has_its_turn_like_all_else() {
    let mut fixture = Fixture::new();
    let names: Vec<String> = (0..100).map(|number| format!("{number:02}")).collect();
    let all = |action: &str| names.iter().map(|name| of("a", name, action)).collect::<Vec<_>>();
    let questions = fixture.come(all("translate"));
    fixture.ask(questions);
    let mut turns = QuestionQueue::default();
    turns.add(fixture.come(all("gibberish")));
    let mut further = Vec::new();
    while let Some(answered) = fixture.serve(&mut turns, Duration::from_millis(1)) {
        further.extend(fixture.pipeline.answer(vec![answered]));
    }
    assert_eq!(further.len(), 100);
    turns.add(further);
    turns.add(fixture.come([of("z", "new", "translate")]));
    let served = serve(&mut turns, 3, Duration::from_millis(500));
    assert_eq!(served, ["new", "00", "01"]);
}

#[test]
fn a_question_about_an_earlier_input_takes_no_place_of_one_about_todays() {
    let mut fixture = Fixture::new();
    let [accepted, wrong] = ["translate", "gibberish"].map(|action| of("a", "web", action));
    let questions = fixture.come([accepted.clone()]);
    fixture.ask(questions);
    let questions = fixture.come([wrong]);
    let earlier = fixture.answer(questions);
    let todays = fixture.come([accepted]);
    let mut turns = QuestionQueue::default();
    turns.add(todays.clone());
    turns.add(earlier);
    assert_eq!(turns.serve(|_| ((), Duration::ZERO)), Some((todays[0].clone(), ())));
    assert!(turns.is_empty());
}

/// P3, P4: also while a second wrong edit is looked at.
#[test]
fn until_the_earlier_input_is_asked_about_what_is_in_force_stays() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let questions = fixture.comes(web(Some("gibberish")), &["10.0.0.1", "10.0.0.2"]);
    let further = fixture.answer(questions);
    assert_eq!(in_force(&fixture.pipeline.round()), "10.0.0.1 -> 11.0.0.2");
    assert_eq!(in_force(&fixture.ask(further)), "10.0.0.1,10.0.0.2 -> 11.0.0.2");
    let questions = fixture.comes(web(Some("invalid_answer")), &["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    let further = fixture.answer(questions);
    assert_eq!(in_force(&fixture.pipeline.round()), "10.0.0.1,10.0.0.2 -> 11.0.0.2");
    assert_eq!(in_force(&fixture.ask(further)), "10.0.0.1,10.0.0.2,10.0.0.3 -> 11.0.0.2");
}

impl Fixture {
    /// Puts Services without endpoints into the snapshot, which is looked at.
    pub(super) fn come(&mut self, services: impl IntoIterator<Item = Service>) -> Vec<Question> {
        services.into_iter().flat_map(|service| self.comes(service, &[])).collect()
    }

    /// Puts a Service into the snapshot, which is looked at.
    pub(super) fn comes(&mut self, service: Service, endpoints: &[&str]) -> Vec<Question> {
        let keys = [ChangeKey::Subject(service.key.clone())].into();
        SnapshotBuilder::default().service(service, endpoints).add_to(&mut self.snapshot);
        self.pipeline.update(&self.snapshot, &keys)
    }

    /// Answers these questions and none that follow from them.
    pub(super) fn answer(&mut self, questions: Vec<Question>) -> Vec<Question> {
        let context = self.pipeline.context();
        let verdict = |question: Question| {
            let verdict = self.chain.evaluate(&context, &question.view);
            (question, verdict)
        };
        self.pipeline.answer(questions.into_iter().map(verdict).collect())
    }

    /// Asks the policies whose turn it is, which takes so long.
    pub(super) fn serve(&self, turns: &mut QuestionQueue, took: Duration) -> Option<(Question, ChainResult)> {
        let context = self.pipeline.context();
        turns.serve(|question| (self.chain.evaluate(&context, &question.view), took))
    }
}

/// P6.
#[test]
fn a_draft_outlives_a_restart_and_holds_until_the_policies_can_answer() {
    let mut before = Fixture::new();
    before.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    for action in ["wait", "trap"] {
        let mut fixture = Fixture::new();
        fixture.pipeline = fixture.pipeline.recalling(before.pipeline.drafts().clone());
        let round = fixture.web(Some(action), &["10.0.0.2", "10.0.0.3"]);
        assert_eq!(in_force(&round), "10.0.0.2 -> 11.0.0.2", "{action}");
    }
}

/// What is remembered comes from a file, which may say anything.
#[test]
fn a_remembered_draft_is_guarded_before_it_is_used() {
    let mut stolen = rule([a("10.0.0.1")], a("11.0.0.2"));
    let include =
        (0..70_000_u32).map(|n| format!("{}/32", std::net::Ipv4Addr::from(n)).parse().expect("a network")).collect();
    stolen.change(|parts| parts.include = include);
    let draft = Draft::of(vec![stolen]);
    for action in ["wait", "trap"] {
        let mut fixture = Fixture::new();
        let uid = web(None).uid;
        fixture.pipeline = fixture.pipeline.recalling([(uid, Arc::new(draft.clone()))].into());
        let round = fixture.web(Some(action), &["10.0.0.1"]);
        assert_eq!(in_force(&round), "nothing", "{action}");
    }
}

/// P7: a policy that rests takes nothing away, also where its operator wants no rules without its answer.
#[test]
fn while_a_policy_rests_what_was_in_force_stays_and_is_reported() {
    let mut fixture = Fixture::new();
    fixture.reload([Member { on_failure: OnFailure::Closed, ..annotation_policy() }]);
    fixture.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    let round = fixture.web(Some("wait"), &["10.0.0.2", "10.0.0.3"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Translating, "10.0.0.2 -> 11.0.0.2"));
    let reported: Vec<&str> =
        round.statuses[&SubjectKey::service("default", "web")].findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(reported, ["policy-throttled"]);
    assert_eq!(fixture.pipeline.next_try(at(5)), Some(at(6)));
    assert_eq!(fixture.pipeline.ask_failed(at(5)).len(), 1);
    let never =
        fixture.put(Service { uid: Uid::new("x").expect("a uid"), ..of("default", "new", "wait") }, &["10.0.0.9"]);
    assert_eq!(never.statuses[&SubjectKey::service("default", "new")].state, State::Denied);
    assert_eq!(fixture.pipeline.ask_failed(at(5)).len(), 1, "one input at a time");
}

/// P6: a round between two questions takes nothing away.
#[test]
fn what_is_not_answered_yet_keeps_what_it_had_for_todays_endpoints() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    let one = SnapshotBuilder::default().service(web(Some("deny")), &["10.0.0.2", "10.0.0.3"]).build();
    (fixture.snapshot.services, fixture.snapshot.slices) = (one.services, one.slices);
    let questions =
        fixture.pipeline.update(&fixture.snapshot, &[ChangeKey::Subject(SubjectKey::service("default", "web"))].into());
    assert_eq!(in_force(&fixture.pipeline.round()), "10.0.0.2 -> 11.0.0.2");
    assert_eq!(in_force(&fixture.ask(questions)), "nothing");
}
