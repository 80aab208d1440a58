//! Own addresses that change before the policies have answered for them.

use super::turns::of;

use super::*;
use egressd_core::owner::AddressState;
use egressd_core::testkit::{RuleParts, Several};

fn with(addresses: &[&str], action: &str) -> Service {
    let mut service = service("web", addresses);
    service.annotations.insert("do".to_owned(), action.to_owned());
    service
}

/// P1 and P3: not the old address, which may be another's by now, and not none.
#[test]
fn a_service_that_waits_is_translated_to_its_address_of_today() {
    let mut fixture = Fixture::new();
    fixture.put(with(&["11.0.0.2"], "translate"), &["10.0.0.1"]);
    let questions = fixture.comes(with(&["11.0.0.3"], "translate"), &["10.0.0.1"]);
    assert_eq!(in_force(&fixture.pipeline.round()), "10.0.0.1 -> 11.0.0.3");
    assert_eq!(in_force(&fixture.ask(questions)), "10.0.0.1 -> 11.0.0.3");
    fixture.comes(with(&[], "translate"), &["10.0.0.1"]);
    assert_eq!(in_force(&fixture.pipeline.round()), "nothing");
    fixture.comes(with(&["11.0.0.4", "11.0.0.3"], "translate"), &["10.0.0.1"]);
    assert_eq!(in_force(&fixture.pipeline.round()), "10.0.0.1 -> 11.0.0.3", "what is its own stays");
}

#[test]
fn what_waits_goes_over_to_an_address_of_its_family_only() {
    let mut fixture = Fixture::new();
    fixture.put(with(&["11.0.0.2"], "translate"), &["10.0.0.1"]);
    fixture.comes(with(&["fd00:11::2"], "translate"), &["10.0.0.1"]);
    assert_eq!(in_force(&fixture.pipeline.round()), "nothing");
    fixture.comes(with(&["fd00:11::2", "11.0.0.3"], "translate"), &["10.0.0.1"]);
    assert_eq!(in_force(&fixture.pipeline.round()), "10.0.0.1 -> 11.0.0.3");
}

/// The same for what stands in for an answer: of wrong input, and of a policy that fails.
#[test]
fn what_was_accepted_and_what_was_good_last_follow_the_address() {
    for (action, state_of) in [("gibberish", State::Invalid), ("trap", State::Failed)] {
        let mut fixture = Fixture::new();
        fixture.put(with(&["11.0.0.2"], "translate"), &["10.0.0.1"]);
        fixture.put(with(&["11.0.0.2"], action), &["10.0.0.1"]);
        let questions = fixture.comes(with(&["11.0.0.3"], action), &["10.0.0.1"]);
        assert_eq!(in_force(&fixture.pipeline.round()), "10.0.0.1 -> 11.0.0.3", "{action}");
        let further = fixture.answer(questions);
        let round = fixture.pipeline.round();
        assert_eq!((state(&round), in_force(&round).as_str()), (state_of, "10.0.0.1 -> 11.0.0.3"), "{action}");
        assert_eq!(in_force(&fixture.ask(further)), "10.0.0.1 -> 11.0.0.3", "{action}");
    }
}

/// Two rules with an address each, in that order, to all endpoints here.
struct Pair(&'static [&'static str]);

impl Policy for Pair {
    fn name(&self) -> &'static str {
        "pair"
    }

    fn evaluate(&self, context: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let sources = || view.local_endpoints(context).map(|endpoint| endpoint.address);
        let rule =
            |address: &&str| RuleParts { id: (*address).to_owned(), ..rule(sources(), a(address)).into() }.rule();
        let decision = Decision::Plan(Draft::of(self.0.iter().map(rule).collect()));
        Ok(Outcome { decision, diagnostics: vec![] })
    }
}

/// What is in force for `web` when a policy answered with `before`, and `own` is its own today.
fn moved(before: &'static [&'static str], own: &[&str]) -> Vec<String> {
    let mut fixture = Fixture::new();
    fixture.reload([Member::new(MemberRole::Policy(Arc::new(Pair(before))))]);
    fixture.put(with(before, "translate"), &["10.0.0.1"]);
    fixture.comes(with(own, "translate"), &["10.0.0.1"]);
    let round = fixture.pipeline.round();
    let planned = round.plan.subjects.get(&SubjectKey::service("default", "web"));
    planned.into_iter().flat_map(|planned| &planned.rules).map(|rule| rule.address().to_string()).collect()
}

#[test]
fn several_addresses_go_over_in_order_and_where_there_are_fewer_to_the_first() {
    const BEFORE: &[&str] = &["11.0.0.2", "11.0.0.3"];
    assert_eq!(moved(BEFORE, &["11.0.0.4", "11.0.0.5"]), ["11.0.0.4", "11.0.0.5"]);
    assert_eq!(moved(BEFORE, &["11.0.0.2", "11.0.0.5"]), ["11.0.0.2", "11.0.0.5"]);
    assert_eq!(moved(BEFORE, &["11.0.0.5", "11.0.0.3"]), ["11.0.0.5", "11.0.0.3"]);
    assert_eq!(moved(BEFORE, &["11.0.0.4"]), ["11.0.0.4", "11.0.0.4"]);
    assert_eq!(moved(BEFORE, &["11.0.0.2"]), ["11.0.0.2", "11.0.0.2"]);
}

#[test]
fn of_several_addresses_of_a_rule_the_first_that_the_node_holds_is_used_before_any_policy_is_asked_again() {
    let mut fixture = Fixture::with(Owner::Address, BTreeMap::new());
    fixture.reload([Member::new(MemberRole::Policy(Arc::new(Several)))]);
    fixture.put(with(&["11.0.0.2", "11.0.0.3", "11.0.0.4"], "translate"), &["10.0.0.1"]);
    for (held, used) in [
        (&["11.0.0.4", "11.0.0.3"][..], "10.0.0.1 -> 11.0.0.3"),
        (&["11.0.0.4"], "10.0.0.1 -> 11.0.0.4"),
        (&[], "nothing"),
        (&["11.0.0.2", "11.0.0.4"], "10.0.0.1 -> 11.0.0.2"),
    ] {
        let questions = fixture
            .pipeline
            .set_local_addresses(held.iter().map(|address| (a(address), AddressState::Usable)).collect());
        assert_eq!(in_force(&fixture.pipeline.round()), used, "{held:?}, unanswered");
        assert_eq!(in_force(&fixture.ask(questions)), used, "{held:?}");
    }
}

#[test]
fn a_policy_in_shadow_mode_shows_all_addresses_of_its_rules_and_first_the_one_that_this_node_uses() {
    let mut fixture = Fixture::with(Owner::Address, BTreeMap::new());
    fixture.reload([Member { mode: Mode::Shadow, ..Member::new(MemberRole::Policy(Arc::new(Several))) }]);
    fixture.put(with(&["11.0.0.2", "11.0.0.3", "11.0.0.4"], "translate"), &["10.0.0.1"]);
    let questions = fixture.pipeline.set_local_addresses([(a("11.0.0.3"), AddressState::Usable)].into());
    let round = fixture.ask(questions);
    let [shadow] = &round.statuses[&SubjectKey::service("default", "web")].shadows[..] else { panic!("one shadow") };
    let addresses: Vec<_> = shadow.added.iter().flat_map(|rule| rule.addresses()).collect();
    assert_eq!(addresses, ["11.0.0.3", "11.0.0.2", "11.0.0.4"].map(a));
}

/// Twelve namespaces whose dear Service is edited before each slice, which lasts for one question of them; and another
/// that gets another address and, later, another pod.
#[test]
fn what_others_edit_all_the_time_keeps_no_change_waiting() {
    let (mut fixture, mut turns) = (Fixture::new(), QuestionQueue::default());
    let dear = |namespace: usize, edit: usize| of(&format!("a{namespace}"), "dear", &format!("edit {edit}"));
    let mut answered_to = |edit: usize, address: &str, pods: &[&str]| {
        turns.add(fixture.come((0..12).map(|namespace| dear(namespace, edit))));
        turns.add(fixture.comes(with(&[address], "translate"), pods));
        let answered = turns.serve(|question| {
            let took = if &*question.view.subject.key().name == "dear" { 400 } else { 1 };
            (fixture.chain.evaluate(&fixture.pipeline.context(), &question.view), Duration::from_millis(took))
        });
        let answered = answered.expect("something waits");
        let further = fixture.pipeline.answer(vec![answered]);
        turns.add(further);
        in_force(&fixture.pipeline.round())
    };
    let first = (0..13).map(|edit| answered_to(edit, "11.0.0.2", &["10.0.0.1"])).last();
    assert_eq!(first.as_deref(), Some("10.0.0.1 -> 11.0.0.2"), "each is served before one is a second time");
    for edit in 13..100 {
        answered_to(edit, "11.0.0.2", &["10.0.0.1"]);
    }
    assert_eq!(answered_to(100, "11.0.0.3", &["10.0.0.1"]), "10.0.0.1 -> 11.0.0.3");
    let two = (101..103).map(|edit| answered_to(edit, "11.0.0.3", &["10.0.0.1", "10.0.0.2"])).last();
    assert_eq!(two.as_deref(), Some("10.0.0.1,10.0.0.2 -> 11.0.0.3"));
}
