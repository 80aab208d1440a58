//! Whose turn it is, and what stays in force meanwhile.

use super::*;

/// A Service of another namespace, with a life of its own.
fn of(namespace: &str, name: &str, word: &str) -> Service {
    let mut service = service(name, &["11.0.0.2"]);
    service.key = ServiceKey::new(namespace, name);
    service.uid = Uid::new(format!("{namespace}-{name}")).expect("a uid");
    service.annotations.insert("do".to_owned(), word.to_owned());
    service
}

fn names(questions: &[Question]) -> Vec<&str> {
    questions.iter().map(|question| &*question.view.service.key.name).collect()
}

/// One tenant's thousand Services of which a policy fails, and another's new one.
#[test]
fn a_new_service_is_among_the_first_few_questions_whatever_another_tenant_has() {
    let mut world = World::new();
    let mut keys = BTreeSet::new();
    for number in 0..1_000 {
        let one = of("a-tenant", &format!("bad-{number:03}"), "trap");
        keys.insert(Key::Service(one.key.clone()));
        world.snapshot.services.extend(SnapshotBuilder::default().service(one, &[]).build().services);
    }
    world.look_at(keys.clone());
    assert_eq!(world.asked, 1_000);
    let new = of("z-victim", "new", "translate");
    keys.insert(Key::Service(new.key.clone()));
    world.snapshot.services.extend(SnapshotBuilder::default().service(new, &[]).build().services);
    for service in world.snapshot.services.clone().values() {
        let mut touched = (**service).clone();
        touched.annotations.insert("touched".to_owned(), "again".to_owned());
        let key = touched.key.clone();
        world.snapshot.services.insert(key, Arc::new(touched));
    }
    let questions = world.pipeline.update(&world.snapshot, &keys);
    assert_eq!(questions.len(), 1_001);
    assert_eq!(names(&questions[..3]), ["new", "bad-000", "bad-001"]);
}

/// Also while questions wait and newer ones come.
#[test]
fn what_waits_and_what_is_newer_are_asked_in_turn_and_each_once() {
    let mut world = World::new();
    let mut update = |services: Vec<Service>| {
        let keys = services.iter().map(|service| Key::Service(service.key.clone())).collect();
        for service in services {
            world.snapshot.services.extend(SnapshotBuilder::default().service(service, &[]).build().services);
        }
        world.pipeline.update(&world.snapshot, &keys)
    };
    let waiting = update(["1", "2", "3"].map(|name| of("a", name, "trap")).to_vec());
    let newer = update(vec![of("b", "new", "translate"), of("a", "3", "deny")]);
    let merged = world.pipeline.merge(waiting, newer);
    assert_eq!(names(&merged), ["1", "new", "2", "3"]);
    assert_eq!(merged[3].view.service.annotations["do"], "deny");
}

/// P6.
#[test]
fn a_draft_outlives_a_restart_and_holds_until_the_policies_can_answer() {
    let mut before = World::new();
    before.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    for word in ["wait", "trap"] {
        let mut world = World::new();
        world.pipeline = world.pipeline.recalling(before.pipeline.drafts().clone());
        let round = world.web(Some(word), &["10.0.0.2", "10.0.0.3"]);
        assert_eq!(in_force(&round), "10.0.0.2 -> 11.0.0.2", "{word}");
    }
}

/// What is remembered comes from a file, which may say anything.
#[test]
fn a_remembered_draft_is_guarded_before_it_is_used() {
    let mut stolen = rule([a("10.0.0.1")], a("11.0.0.2"));
    stolen.include =
        (0..70_000_u32).map(|n| format!("{}/32", std::net::Ipv4Addr::from(n)).parse().expect("a network")).collect();
    let draft = Draft { rules: vec![stolen], ..Draft::default() };
    for word in ["wait", "trap"] {
        let mut world = World::new();
        let uid = web(None).uid;
        world.pipeline = world.pipeline.recalling([(uid, Arc::new(draft.clone()))].into());
        let round = world.web(Some(word), &["10.0.0.1"]);
        assert_eq!(in_force(&round), "nothing", "{word}");
    }
}

/// P7: a policy that rests takes nothing away, also where its operator wants no rules without its answer.
#[test]
fn while_a_policy_rests_what_was_in_force_stays_and_is_told() {
    let mut world = World::new();
    world.reload([Member { on_failure: OnFailure::Closed, ..obedient() }]);
    world.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    let round = world.web(Some("wait"), &["10.0.0.2", "10.0.0.3"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Translating, "10.0.0.2 -> 11.0.0.2"));
    let told: Vec<&str> =
        round.statuses[&ServiceKey::new("default", "web")].findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(told, ["policy-rests"]);
    assert_eq!(world.pipeline.next_try(at(5)), Some(at(6)));
    assert_eq!(world.pipeline.ask_failed(at(5)).len(), 1);
    let never =
        world.put(Service { uid: Uid::new("x").expect("a uid"), ..of("default", "new", "wait") }, &["10.0.0.9"]);
    assert_eq!(never.statuses[&ServiceKey::new("default", "new")].state, State::Denied);
    assert_eq!(world.pipeline.ask_failed(at(5)).len(), 1, "one input at a time");
}

/// P6: a round between two questions takes nothing away.
#[test]
fn what_is_not_answered_yet_keeps_what_it_had_for_todays_endpoints() {
    let mut world = World::new();
    world.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    let one = SnapshotBuilder::default().service(web(Some("deny")), &["10.0.0.2", "10.0.0.3"]).build();
    (world.snapshot.services, world.snapshot.slices) = (one.services, one.slices);
    let questions = world.pipeline.update(&world.snapshot, &[Key::Service(ServiceKey::new("default", "web"))].into());
    assert_eq!(in_force(&world.pipeline.round()), "10.0.0.2 -> 11.0.0.2");
    assert_eq!(in_force(&world.ask(questions)), "nothing");
}
