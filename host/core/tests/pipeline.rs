//! What the pipeline remembers between two rounds, and what it asks again.
#![expect(clippy::expect_used, reason = "tests")]

#[path = "pipeline/addresses.rs"]
mod addresses;
#[path = "pipeline/audited.rs"]
mod audited;
#[path = "pipeline/fairness.rs"]
mod fairness;
#[path = "pipeline/guarded.rs"]
mod guarded;
#[path = "pipeline/heard.rs"]
mod heard;
#[path = "pipeline/inside.rs"]
mod inside;
#[path = "pipeline/interest.rs"]
mod interest;
#[path = "pipeline/keys.rs"]
mod keys;
#[path = "pipeline/limits.rs"]
mod limits;
#[path = "pipeline/memory.rs"]
mod memory;
#[path = "pipeline/namespaces.rs"]
mod namespaces;
#[path = "pipeline/scope.rs"]
mod scope;
#[path = "pipeline/shown.rs"]
mod shown;
#[path = "pipeline/strays.rs"]
mod strays;
#[path = "pipeline/subjects.rs"]
mod subjects;
#[path = "pipeline/tired.rs"]
mod tired;
#[path = "pipeline/tunnel.rs"]
mod tunnel;
#[path = "pipeline/turns.rs"]
mod turns;
#[path = "pipeline/unreadable.rs"]
mod unreadable;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use egressd_core::chain::{Chain, FailureKind, Member, MemberRole, Policy, PolicyFailure};
use egressd_core::decision::{Decision, Draft, Outcome};
use egressd_core::model::{ChangeKey, Context, Labels, Service, Snapshot, SubjectKey, SubjectView, Uid};
use egressd_core::owner::Owner;
use egressd_core::pipeline::{Pipeline, Question, QuestionQueue, Round};
use egressd_core::policy::{Mode, OnFailure};
use egressd_core::status::State;
use egressd_core::testkit::{SnapshotBuilder, a, rule, service, settings};

/// A policy that answers as the annotation `do` asks.
struct AnnotationPolicy;

fn chain() -> Chain {
    Chain::new([annotation_policy()])
}

fn annotation_policy() -> Member {
    Member::new(MemberRole::Policy(Arc::new(AnnotationPolicy)))
}

/// A policy with one answer for all Services.
struct FixedPolicy(Decision);

impl Policy for FixedPolicy {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn evaluate(&self, _: &Context, _: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        Ok(Outcome { decision: self.0.clone(), diagnostics: vec![] })
    }
}

fn fixed_policy(decision: Decision) -> Member {
    Member { order: 1, ..Member::new(MemberRole::Policy(Arc::new(FixedPolicy(decision)))) }
}

impl Policy for AnnotationPolicy {
    fn name(&self) -> &'static str {
        "annotation_policy"
    }

    fn evaluate(&self, context: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let rule = |address| rule(view.local_endpoints(context).map(|endpoint| endpoint.address), address);
        let plan = |address| Decision::Plan(Draft::of(vec![rule(address)]));
        let failed = |kind, reason: &str| {
            let (policy, reason) = ("annotation_policy".to_owned(), reason.to_owned());
            Err(PolicyFailure { policy, reason, kind })
        };
        let decision = match view.subject.annotations().get("do") {
            None => Decision::Pass,
            Some("translate") => view.subject.addresses.first().map_or(Decision::Pass, |address| plan(*address)),
            Some("steal") => plan(a("11.0.0.99")),
            Some("deny") => Decision::Deny,
            Some("trap") => return failed(FailureKind::Prompt, "it trapped"),
            Some("wait") => return failed(FailureKind::Deferred, "it is evaluated once per second only"),
            Some(_) => Decision::Invalid,
        };
        Ok(Outcome { decision, diagnostics: vec![] })
    }
}

/// A pipeline, its policy, and the world it looks at.
struct Fixture {
    pipeline: Pipeline,
    chain: Chain,
    snapshot: Snapshot,
    asked: usize,
}

impl Fixture {
    fn new() -> Self {
        Self::remembering(BTreeMap::new())
    }

    fn remembering(accepted: BTreeMap<Uid, Arc<Labels>>) -> Self {
        Self::with(Owner::Any, accepted)
    }

    fn with(owner: Owner, accepted: BTreeMap<Uid, Arc<Labels>>) -> Self {
        let pipeline = Pipeline::new(settings(owner), accepted);
        Self { pipeline, chain: chain(), snapshot: Snapshot::default(), asked: 0 }
    }

    /// Adds or replaces the Service `web`.
    fn web(&mut self, action: Option<&str>, endpoints: &[&str]) -> Round {
        self.put(web(action), endpoints)
    }

    fn put(&mut self, service: Service, endpoints: &[&str]) -> Round {
        let key = service.key.clone();
        SnapshotBuilder::default().service(service, endpoints).add_to(&mut self.snapshot);
        self.look_at([ChangeKey::Subject(key)])
    }

    fn look_at(&mut self, keys: impl Into<BTreeSet<ChangeKey>>) -> Round {
        let questions = self.pipeline.update(&self.snapshot, &keys.into());
        self.ask(questions)
    }

    /// Goes over to other policies.
    fn reload(&mut self, members: impl IntoIterator<Item = Member>) -> Round {
        self.chain = Chain::new(members);
        let questions = self.pipeline.ask_all(self.chain.interest());
        self.ask(questions)
    }

    fn ask(&mut self, mut questions: Vec<Question>) -> Round {
        while !questions.is_empty() {
            self.asked += questions.len();
            let context = self.pipeline.context();
            let answer = |question: Question| {
                let verdict = self.chain.evaluate(&context, &question.view);
                (question, verdict)
            };
            questions = self.pipeline.answer(questions.into_iter().map(answer).collect());
        }
        let round = self.pipeline.round();
        self.audit(&round);
        round
    }
}

fn web(action: Option<&str>) -> Service {
    let mut service = service("web", &["11.0.0.2"]);
    service.annotations.extend(action.map(|action| ("do".to_owned(), action.to_owned())));
    service
}

fn state(round: &Round) -> State {
    round.statuses[&SubjectKey::service("default", "web")].state
}

/// What is in force for `web`: `endpoints -> addresses`.
fn in_force(round: &Round) -> String {
    let Some(service) = round.plan.subjects.get(&SubjectKey::service("default", "web")) else {
        return "nothing".to_owned();
    };
    let rule = service.rules.first().expect("a planned Service has rules");
    let sources: Vec<String> = rule.sources().iter().map(ToString::to_string).collect();
    format!("{} -> {}", sources.join(","), rule.address())
}

#[test]
fn wrong_input_leaves_the_last_accepted_input_in_force_for_todays_endpoints() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let round = fixture.web(Some("gibberish"), &["10.0.0.1", "10.0.0.2"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Invalid, "10.0.0.1,10.0.0.2 -> 11.0.0.2"));
    let repaired = fixture.web(Some("translate"), &["10.0.0.2"]);
    assert_eq!((state(&repaired), in_force(&repaired).as_str()), (State::Translating, "10.0.0.2 -> 11.0.0.2"));
}

#[test]
fn wrong_input_from_the_beginning_translates_nothing() {
    let round = Fixture::new().web(Some("gibberish"), &["10.0.0.1"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Invalid, "nothing"));
}

#[test]
fn wrong_input_after_egress_was_switched_off_translates_nothing() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    fixture.web(None, &["10.0.0.1"]);
    assert!(fixture.pipeline.accepted().is_empty());
    assert_eq!(in_force(&fixture.web(Some("gibberish"), &["10.0.0.1"])), "nothing");
}

#[test]
fn what_an_earlier_process_accepted_stays_in_force() {
    let mut before = Fixture::new();
    before.web(Some("translate"), &["10.0.0.1"]);
    let mut fixture = Fixture::remembering(before.pipeline.accepted().clone());
    assert_eq!(in_force(&fixture.web(Some("gibberish"), &["10.0.0.3"])), "10.0.0.3 -> 11.0.0.2");
}

#[test]
fn a_service_that_is_made_anew_inherits_nothing() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let mut anew = web(Some("gibberish"));
    anew.uid = Uid::new("another-life").expect("a uid");
    assert_eq!(in_force(&fixture.put(anew, &["10.0.0.1"])), "nothing");
    assert!(fixture.pipeline.accepted().is_empty());
}

#[test]
fn a_failing_policy_leaves_the_last_good_rules_cut_to_todays_endpoints() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    let round = fixture.web(Some("trap"), &["10.0.0.2", "10.0.0.3"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Failed, "10.0.0.2 -> 11.0.0.2"));
}

#[test]
fn an_answer_with_an_address_of_another_service_is_refused() {
    let mut fixture = Fixture::new();
    let round = fixture.web(Some("steal"), &["10.0.0.1"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Failed, "nothing"));
    let message = &round.statuses[&SubjectKey::service("default", "web")].findings[0].message;
    assert_eq!(
        message,
        "policy annotation_policy failed: its answer is refused: rule \"only\" translates to 11.0.0.99, which is not one of the Service's own addresses"
    );
}

#[test]
fn a_denied_service_keeps_nothing() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let round = fixture.web(Some("deny"), &["10.0.0.1"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Denied, "nothing"));
}

#[test]
fn a_service_that_is_gone_leaves_nothing() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let key = SubjectKey::service("default", "web");
    fixture.snapshot.services.remove(&key);
    let round = fixture.look_at([ChangeKey::Subject(key)]);
    assert!(round.plan.subjects.is_empty() && round.statuses.is_empty());
    assert!(fixture.pipeline.accepted().is_empty());
}

#[test]
fn policies_are_asked_only_about_what_changed() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    fixture.put(Service { uid: Uid::new("x").expect("a uid"), ..service("other", &[]) }, &[]);
    assert_eq!(fixture.asked, 2);
    fixture.web(Some("translate"), &["10.0.0.1"]);
    fixture.look_at([ChangeKey::Cluster, ChangeKey::Namespace("default".to_owned())]);
    assert_eq!(fixture.asked, 2, "nothing changed");
    fixture.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    assert_eq!(fixture.asked, 3);
}

#[test]
fn an_endpoint_that_turns_out_to_be_a_nodes_address_is_no_source_any_more() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1", "10.0.0.2"]);
    fixture.snapshot.nodes.extend(SnapshotBuilder::default().node("node-b", &["10.0.0.1"]).build().nodes);
    let round = fixture.look_at([ChangeKey::Cluster]);
    assert_eq!(in_force(&round), "10.0.0.2 -> 11.0.0.2");
    let codes: Vec<&str> =
        round.statuses[&SubjectKey::service("default", "web")].findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(codes, ["host-network-endpoint"]);
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let make = |name: &str, created| {
        let mut service = Service { created, ..service(name, &[&format!("11.0.0.{created}")]) };
        service.annotations.insert("do".to_owned(), "translate".to_owned());
        service
    };
    let services = [make("a", 3), make("b", 1), make("c", 2)];
    let rounds: Vec<Round> = [[0, 1, 2], [2, 1, 0], [1, 0, 2]]
        .into_iter()
        .map(|order| {
            let mut fixture = Fixture::new();
            order.into_iter().fold(Round::default(), |_, i| fixture.put(services[i].clone(), &["10.0.0.1"]))
        })
        .collect();
    assert!(rounds.windows(2).all(|pair| pair[0] == pair[1]));
    let reported = &rounds[0].statuses[&SubjectKey::service("default", "a")].findings;
    assert!(
        reported
            .iter()
            .any(|f| f.message == "endpoint 10.0.0.1 also belongs to default/b, which takes precedence, and to 1 more"),
        "{reported:?}"
    );
}

#[test]
fn other_policies_decide_about_services_that_did_not_change() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let denied = fixture.reload([annotation_policy(), fixed_policy(Decision::Deny)]);
    assert_eq!((state(&denied), in_force(&denied).as_str()), (State::Denied, "nothing"));
    let back = fixture.reload([annotation_policy()]);
    assert_eq!((state(&back), in_force(&back).as_str()), (State::Translating, "10.0.0.1 -> 11.0.0.2"));
}

#[test]
fn a_policy_that_calls_accepted_input_wrong_takes_no_rules_away() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let round = fixture.reload([annotation_policy(), fixed_policy(Decision::Invalid)]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Invalid, "10.0.0.1 -> 11.0.0.2"));
}

#[test]
fn a_policy_that_denies_what_was_accepted_last_takes_the_rules_away() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    fixture.web(Some("gibberish"), &["10.0.0.1"]);
    let round = fixture.reload([annotation_policy(), fixed_policy(Decision::Deny)]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Invalid, "nothing"));
}

#[test]
fn a_shadow_is_reported_where_it_would_change_something_and_changes_nothing() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let shadow = |decision| Member { mode: Mode::Shadow, ..fixed_policy(decision) };
    let round = fixture.reload([annotation_policy(), shadow(Decision::Deny)]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Translating, "10.0.0.1 -> 11.0.0.2"));
    let shadows = &round.statuses[&SubjectKey::service("default", "web")].shadows;
    let reported: Vec<_> =
        shadows.iter().map(|s| (s.policy.as_str(), s.state, s.added.len(), s.removed.len())).collect();
    assert_eq!(reported, [("fixed", State::Denied, 0, 1)]);
    let quiet = fixture.reload([annotation_policy(), shadow(Decision::Pass)]);
    assert!(quiet.statuses[&SubjectKey::service("default", "web")].shadows.is_empty());
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
