//! When a policy that could not answer is asked again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A policy that exceeds its time once.
struct Weary(AtomicBool);

impl Policy for Weary {
    fn name(&self) -> &'static str {
        "weary"
    }

    fn evaluate(&self, _: &Context, _: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        if self.0.swap(false, Ordering::Relaxed) {
            let (policy, reason) = ("weary".to_owned(), "it ran for more than 1 s".to_owned());
            return Err(PolicyFailure { policy, reason, kind: FailureKind::Slow });
        }
        Ok(Outcome { decision: Decision::Pass, diagnostics: vec![] })
    }
}

#[test]
fn a_policy_that_was_too_slow_is_asked_again_and_one_that_traps_is_not() {
    let mut world = World::new();
    world.web(Some("translate"), &["10.0.0.1"]);
    world.put(Service { uid: Uid::new("x").expect("a uid"), ..trapped() }, &["10.0.0.2"]);
    let weary = Member { order: 1, ..Member::new(MemberRole::Policy(Arc::new(Weary(AtomicBool::new(true))))) };
    let round = world.reload([obedient(), weary]);
    let failed = round.statuses.values().filter(|status| status.state == State::Failed).count();
    assert_eq!(failed, 2);
    assert!(world.pipeline.ask_failed(at(9)).is_empty());
    assert_eq!(world.pipeline.next_try(at(5)), Some(at(15)));
    assert!(world.pipeline.ask_failed(at(14)).is_empty());
    let questions = world.pipeline.ask_failed(at(15));
    assert_eq!(questions.len(), 1);
    let recovered = world.ask(questions);
    assert_eq!((state(&recovered), in_force(&recovered).as_str()), (State::Translating, "10.0.0.1 -> 11.0.0.2"));
    assert_eq!(world.pipeline.next_try(at(15)), None);
}

fn trapped() -> Service {
    let mut service = service("trapped", &["11.0.0.2"]);
    service.annotations.insert("do".to_owned(), "trap".to_owned());
    service
}
