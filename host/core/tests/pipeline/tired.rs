//! When a policy that could not answer is asked again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A policy that exceeds its time once.
struct TimesOutOnce(AtomicBool);

impl Policy for TimesOutOnce {
    fn name(&self) -> &'static str {
        "times_out"
    }

    fn evaluate(&self, _: &Context, _: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        if self.0.swap(false, Ordering::Relaxed) {
            let (policy, reason) = ("times_out".to_owned(), "it ran for more than 1 s".to_owned());
            return Err(PolicyFailure { policy, reason, kind: FailureKind::Slow });
        }
        Ok(Outcome { decision: Decision::Pass, diagnostics: vec![] })
    }
}

#[test]
fn a_policy_that_was_too_slow_is_asked_again_and_one_that_traps_is_not() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    fixture.put(Service { uid: Uid::new("x").expect("a uid"), ..trapped() }, &["10.0.0.2"]);
    let times_out =
        Member { order: 1, ..Member::new(MemberRole::Policy(Arc::new(TimesOutOnce(AtomicBool::new(true))))) };
    let round = fixture.reload([annotation_policy(), times_out]);
    let failed = round.statuses.values().filter(|status| status.state == State::Failed).count();
    assert_eq!(failed, 2);
    assert!(fixture.pipeline.ask_failed(at(9)).is_empty());
    assert_eq!(fixture.pipeline.next_try(at(5)), Some(at(15)));
    assert!(fixture.pipeline.ask_failed(at(14)).is_empty());
    let questions = fixture.pipeline.ask_failed(at(15));
    assert_eq!(questions.len(), 1);
    let recovered = fixture.ask(questions);
    assert_eq!((state(&recovered), in_force(&recovered).as_str()), (State::Translating, "10.0.0.1 -> 11.0.0.2"));
    assert_eq!(fixture.pipeline.next_try(at(15)), None);
}

fn trapped() -> Service {
    let mut service = service("trapped", &["11.0.0.2"]);
    service.annotations.insert("do".to_owned(), "trap".to_owned());
    service
}
