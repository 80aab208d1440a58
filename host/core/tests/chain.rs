//! The laws of composition: what a chain of any policies does, whatever they say.
#![expect(clippy::expect_used, reason = "tests")]

#[path = "chain/drafts.rs"]
mod drafts;
#[path = "chain/kinds.rs"]
mod kinds;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use egressd_core::chain::{Chain, ChainDecision, FailureKind, Member, MemberRole, Policy, PolicyFailure, Validator};
use egressd_core::decision::{Decision, Diagnostic, Draft, OnUnavailable, Outcome};
use egressd_core::finding::Severity;
use egressd_core::guard::guard;
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, Context, SubjectKey, SubjectView, view};
use egressd_core::policy::{Mode, OnFailure, Scope};
use egressd_core::testkit::{SnapshotBuilder, a, rule, service};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a scripted member says, whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScriptedAnswer {
    Pass,
    /// One rule more.
    Add,
    /// An address of another subject.
    Steal,
    /// Asks that what is not translated does not leave.
    Guard,
    Invalid,
    Deny,
    Fail,
}

/// One member of a random chain.
#[derive(Clone, Copy, Debug)]
struct ScriptedMember {
    says: ScriptedAnswer,
    validator: bool,
    order: i32,
    mode: Mode,
    on_failure: OnFailure,
    covers: bool,
}

struct Scripted {
    name: String,
    says: ScriptedAnswer,
    asked: Arc<AtomicUsize>,
}

impl Scripted {
    fn answer(&self, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let with = |address| {
            let id = format!("{}-{}", self.name, draft.rules().len());
            let mut draft = draft.clone();
            draft.push(rule([a("10.0.0.1")], a(address)).with_id(id)).expect("a new id");
            Decision::Plan(draft)
        };
        let decision = match self.says {
            ScriptedAnswer::Pass => Decision::Pass,
            ScriptedAnswer::Add => with("11.0.0.2"),
            ScriptedAnswer::Steal => with("11.0.0.99"),
            ScriptedAnswer::Guard => {
                let mut draft = draft.clone();
                draft.on_unavailable = Some(OnUnavailable::Drop);
                Decision::Plan(draft)
            }
            ScriptedAnswer::Invalid => Decision::Invalid,
            ScriptedAnswer::Deny => Decision::Deny,
            ScriptedAnswer::Fail => {
                let (policy, reason) = (self.name.clone(), "it trapped".to_owned());
                return Err(PolicyFailure { policy, reason, kind: FailureKind::Prompt });
            }
        };
        Ok(Outcome { decision, diagnostics: vec![Diagnostic::info("asked", self.name.clone())] })
    }
}

impl Policy for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn evaluate(&self, _: &Context, _: &SubjectView, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        self.answer(draft)
    }
}

impl Validator for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    /// It complains where a policy would deny, and fails where one would fail.
    fn validate(&self, _: &Context, _: &SubjectView, draft: &Draft) -> Result<Vec<Diagnostic>, PolicyFailure> {
        let outcome = self.answer(draft)?;
        let severity = if outcome.decision == Decision::Deny { Severity::Error } else { Severity::Info };
        Ok(outcome.diagnostics.into_iter().map(|diagnostic| Diagnostic { severity, ..diagnostic }).collect())
    }
}

fn part() -> impl Strategy<Value = ScriptedMember> {
    let says = prop_oneof![
        3 => Just(ScriptedAnswer::Pass),
        4 => Just(ScriptedAnswer::Add),
        1 => Just(ScriptedAnswer::Steal),
        1 => Just(ScriptedAnswer::Guard),
        1 => Just(ScriptedAnswer::Invalid),
        1 => Just(ScriptedAnswer::Deny),
        1 => Just(ScriptedAnswer::Fail),
    ];
    let mode = prop_oneof![5 => Just(Mode::Enforce), 2 => Just(Mode::Shadow), 1 => Just(Mode::Off)];
    let on_failure = prop_oneof![Just(OnFailure::KeepLast), Just(OnFailure::Closed), Just(OnFailure::Skip)];
    let parts = (says, any::<bool>(), -2..3i32, mode, on_failure, prop::bool::weighted(0.9));
    parts.prop_map(|(says, validator, order, mode, on_failure, covers)| ScriptedMember {
        says,
        validator,
        order,
        mode,
        on_failure,
        covers,
    })
}

fn member(index: usize, part: ScriptedMember, asked: &Arc<AtomicUsize>) -> Member {
    let name = format!("p{index}");
    let scripted = Arc::new(Scripted { name, says: part.says, asked: Arc::clone(asked) });
    let whom = if part.validator { MemberRole::Validator(scripted) } else { MemberRole::Policy(scripted) };
    let namespaces = if part.covers { "" } else { "no-namespace=has-it" };
    let scope = Scope { namespaces: namespaces.parse().expect("a selector"), ..Scope::default() };
    let ScriptedMember { order, mode, on_failure, .. } = part;
    Member { order, mode, on_failure, scope, ..Member::new(whom) }
}

fn chain(parts: &[ScriptedMember]) -> Chain {
    let asked = Arc::default();
    Chain::new(parts.iter().enumerate().map(|(index, part)| member(index, *part, &asked)))
}

fn here() -> (Context, SubjectView) {
    let service = service("web", &["11.0.0.2"]);
    let key = service.key.clone();
    let snapshot = SnapshotBuilder::default().service(service, &["10.0.0.1"]).build();
    let view =
        view(&snapshot, &ClusterFacts::detected(&snapshot), &key, AddressTrust::Status, &AnnotationPrefix::default())
            .expect("it is there");
    (Context { node: "node-a".to_owned(), node_labels: Arc::default() }, view)
}

fn as_if(parts: &[ScriptedMember], change: impl Fn(usize, ScriptedMember) -> Option<ScriptedMember>) -> Chain {
    let asked = Arc::default();
    let changed = parts.iter().enumerate().filter_map(|(index, part)| Some((index, change(index, *part)?)));
    Chain::new(changed.map(|(index, part)| member(index, part, &asked)))
}

proptest! {
    #[test]
    fn the_order_of_the_config_maps_does_not_matter(parts in vec(part(), 0..7)) {
        let (context, view) = here();
        let asked = Arc::default();
        let forwards: Vec<Member> = parts.iter().enumerate().map(|(i, part)| member(i, *part, &asked)).collect();
        let backwards = Chain::new(forwards.iter().rev().cloned());
        prop_assert_eq!(Chain::new(forwards).evaluate(&context, &view), backwards.evaluate(&context, &view));
    }

    #[test]
    fn a_shadow_changes_nothing_that_is_in_force(parts in vec(part(), 0..7)) {
        let (context, view) = here();
        let verdict = chain(&parts).evaluate(&context, &view);
        let without = as_if(&parts, |_, part| (part.mode != Mode::Shadow).then_some(part)).evaluate(&context, &view);
        prop_assert_eq!((verdict.decision, verdict.findings), (without.decision, without.findings));
        prop_assert_eq!(verdict.failures, without.failures);
    }

    #[test]
    fn a_shadow_says_what_enforcing_it_does(parts in vec(part(), 0..7)) {
        let (context, view) = here();
        for shadow in chain(&parts).evaluate(&context, &view).shadows {
            let enforced = as_if(&parts, |index, part| {
                let it = format!("p{index}") == shadow.policy;
                (it || part.mode != Mode::Shadow).then_some(ScriptedMember { mode: if it { Mode::Enforce } else { part.mode }, ..part })
            });
            let verdict = enforced.evaluate(&context, &view);
            prop_assert_eq!((verdict.decision, verdict.findings), (shadow.decision, shadow.findings));
        }
    }

    #[test]
    fn who_is_off_or_does_not_cover_the_service_might_as_well_not_be_there(parts in vec(part(), 0..7)) {
        let (context, view) = here();
        let without = as_if(&parts, |_, part| (part.covers && part.mode != Mode::Off).then_some(part));
        prop_assert_eq!(chain(&parts).evaluate(&context, &view), without.evaluate(&context, &view));
    }

    #[test]
    fn whatever_policies_say_the_guard_lets_the_draft_pass(parts in vec(part(), 0..7)) {
        let (context, view) = here();
        let verdict = chain(&parts).evaluate(&context, &view);
        if let ChainDecision::Draft(draft) = &verdict.decision {
            prop_assert_eq!(guard(&context, &view, draft), Ok(()));
        }
        for shadow in &verdict.shadows {
            if let ChainDecision::Draft(draft) = &shadow.decision {
                prop_assert_eq!(guard(&context, &view, draft), Ok(()));
            }
        }
    }

    #[test]
    fn a_validator_can_only_take_away(parts in vec(part(), 0..7)) {
        let (context, view) = here();
        let without = as_if(&parts, |_, part| (!part.validator).then_some(part)).evaluate(&context, &view);
        match chain(&parts).evaluate(&context, &view).decision {
            ChainDecision::Draft(draft) => prop_assert_eq!(ChainDecision::Draft(draft), without.decision),
            ChainDecision::Invalid { policy } => prop_assert_eq!(ChainDecision::Invalid { policy }, without.decision),
            ChainDecision::Denied { .. } | ChainDecision::Failed(_) => {}
        }
    }

    #[test]
    fn a_failing_policy_that_may_be_skipped_changes_no_rule(parts in vec(part(), 0..7)) {
        let (context, view) = here();
        let skipped = |part: &ScriptedMember| part.says == ScriptedAnswer::Fail && part.on_failure == OnFailure::Skip;
        let without = as_if(&parts, |_, part| (!skipped(&part)).then_some(part)).evaluate(&context, &view);
        prop_assert_eq!(chain(&parts).evaluate(&context, &view).decision, without.decision);
    }

    #[test]
    fn no_member_is_asked_after_the_chain_has_ended(parts in vec(part(), 0..7)) {
        let (context, view) = here();
        let asked = Arc::<AtomicUsize>::default();
        let enforced = parts.iter().enumerate().filter(|(_, part)| part.mode != Mode::Shadow);
        let chain = Chain::new(enforced.map(|(index, part)| member(index, *part, &asked)));
        let verdict = chain.evaluate(&context, &view);
        let covering = chain.members().iter().filter(|member| member.scope.covers(&view)).count();
        let questions = asked.load(Ordering::Relaxed);
        match (&verdict.decision, &verdict.policy) {
            (ChainDecision::Draft(_), _) => prop_assert_eq!(questions, covering),
            (_, Some(last)) => {
                let names = chain.members().iter().filter(|m| m.scope.covers(&view)).map(|member| &member.name);
                prop_assert_eq!(names.take(questions).last(), Some(last));
            }
            (_, None) => prop_assert!(false, "an end without an author"),
        }
    }
}

fn alone(says: ScriptedAnswer, on_failure: OnFailure) -> ChainDecision {
    let part = ScriptedMember { says, validator: false, order: 0, mode: Mode::Enforce, on_failure, covers: true };
    let (context, view) = here();
    chain(&[part]).evaluate(&context, &view).decision
}

#[test]
fn an_answer_for_others_is_a_failure_of_its_author() {
    let ChainDecision::Failed(failure) = alone(ScriptedAnswer::Steal, OnFailure::KeepLast) else {
        panic!("it is refused")
    };
    assert_eq!(
        failure.to_string(),
        "policy p0 failed: its answer is refused: rule \"p0-0\" translates to 11.0.0.99, which is not one of the \
         Service's own addresses"
    );
    assert_eq!(alone(ScriptedAnswer::Steal, OnFailure::Skip), ChainDecision::Draft(Draft::default().into()));
    assert_eq!(alone(ScriptedAnswer::Steal, OnFailure::Closed), ChainDecision::Denied { policy: "p0".to_owned() });
}

#[test]
fn who_ends_the_chain_without_a_draft_lets_no_guarded_pod_leave() {
    let part = |says, order| ScriptedMember {
        says,
        validator: false,
        order,
        mode: Mode::Enforce,
        on_failure: OnFailure::KeepLast,
        covers: true,
    };
    let (context, view) = here();
    for ending in [ScriptedAnswer::Deny, ScriptedAnswer::Invalid, ScriptedAnswer::Fail, ScriptedAnswer::Steal] {
        let asked = chain(&[part(ScriptedAnswer::Guard, 0), part(ending, 1)]).evaluate(&context, &view);
        assert_eq!(asked.on_unavailable, Some(OnUnavailable::Drop), "{ending:?}");
        assert_eq!(chain(&[part(ending, 1)]).evaluate(&context, &view).on_unavailable, None, "{ending:?}");
    }
}

#[test]
fn a_policy_that_is_missed_fails_with_the_reason() {
    let missing = Member { name: "guard".to_owned(), ..Member::new(MemberRole::Missing("no such file".to_owned())) };
    let (context, view) = here();
    let ChainDecision::Failed(failure) = Chain::new([missing]).evaluate(&context, &view).decision else {
        panic!("it fails")
    };
    assert_eq!(failure.to_string(), "policy guard failed: it is not loaded: no such file");
}

#[test]
fn validators_come_after_all_policies_whatever_their_order() {
    let part = |validator, order| ScriptedMember {
        says: ScriptedAnswer::Pass,
        validator,
        order,
        mode: Mode::Enforce,
        on_failure: OnFailure::KeepLast,
        covers: true,
    };
    let chain = chain(&[part(true, -2), part(false, 2), part(false, 0), part(true, -1)]);
    let names: Vec<&str> = chain.members().iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["p2", "p1", "p0", "p3"]);
}
