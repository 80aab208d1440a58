//! Retries of subjects whose policies could not answer. A failure that repeats with the same input is not retried.
//! Where the time limit ended the call, the delay grows with each failure, for this subject alone. Where a policy
//! rests, the subject waits for its turn.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::chain::{ChainDecision, ChainResult, FailureKind, PolicyFailure};
use crate::policy::POLICY_REST;

/// The delay before the first retry.
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(10);
/// The limit of the delay, which doubles.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(300);

/// When a failed evaluation of one subject is retried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RetryState {
    /// The number of its last failure; 0 while it has none.
    turn: u64,
    /// Boxed, since few Services have one.
    wait: Option<Box<RetryWait>>,
}

/// What is waited for; at least one of both is there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RetryWait {
    pause: Option<RetryDelay>,
    /// Of policies that rest.
    deferred: Vec<PolicyFailure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RetryDelay {
    long: Duration,
    /// None until it began.
    until: Option<Duration>,
}

impl RetryState {
    /// Of the same Service with another input.
    pub(super) fn anew(self) -> Self {
        Self { turn: self.turn, ..Self::default() }
    }

    /// Takes in an answer and the number of its failure.
    pub(super) fn answered(&mut self, turn: Option<u64>, verdict: &ChainResult) {
        self.turn = turn.unwrap_or(self.turn);
        let deferred = verdict.failures.iter().filter(|failure| failure.kind == FailureKind::Deferred);
        let deferred: Vec<PolicyFailure> = deferred.cloned().collect();
        let longer = |pause: RetryDelay| (pause.long * 2).min(MAX_RETRY_DELAY);
        let pause = match (verdict.failed(FailureKind::Slow), self.pause()) {
            (true, pause) => Some(RetryDelay { long: pause.map_or(FIRST_RETRY_DELAY, longer), until: None }),
            (false, pause) => pause.filter(|_| !deferred.is_empty()),
        };
        self.wait = (pause.is_some() || !deferred.is_empty()).then(|| Box::new(RetryWait { pause, deferred }));
    }

    fn pause(&self) -> Option<RetryDelay> {
        self.wait.as_ref().and_then(|wait| wait.pause)
    }

    /// What failures say of policies that rest.
    fn resting(&self) -> &[PolicyFailure] {
        self.wait.as_ref().map_or(&[], |wait| &wait.deferred)
    }

    pub(super) fn turn(&self) -> u64 {
        self.turn
    }

    pub(super) fn is_deferred(&self) -> bool {
        !self.resting().is_empty()
    }

    /// The first policy that rests.
    pub(super) fn deferred(&self) -> Option<&PolicyFailure> {
        self.resting().first()
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        let over = self.pause().and_then(|pause| pause.until).is_some_and(|until| until <= now);
        self.is_deferred() || over
    }

    /// Whether none before it waits for the same policies. Takes its place among those that wait.
    pub(super) fn is_first(&self, resting: &mut BTreeSet<String>) -> bool {
        let new = self.resting().iter().filter(|failure| resting.insert(failure.policy.clone())).count();
        !self.is_deferred() || new > 0
    }

    /// When it is due; a pause that did not begin begins now.
    pub(super) fn begin(&mut self, now: Duration) -> Option<Duration> {
        if self.is_deferred() {
            return Some(now + POLICY_REST);
        }
        let pause = self.wait.as_mut().and_then(|wait| wait.pause.as_mut());
        pause.map(|pause| *pause.until.get_or_insert(now + pause.long))
    }
}

/// Whether the chain ended as it did because a policy rests: not the final answer on this input.
pub(super) fn is_undecided(verdict: &ChainResult) -> bool {
    let rests = |policy: &str| {
        verdict.failures.iter().any(|failure| failure.kind == FailureKind::Deferred && failure.policy == *policy)
    };
    match &verdict.decision {
        ChainDecision::Draft(_) | ChainDecision::Failed(_) => verdict.failed(FailureKind::Deferred),
        ChainDecision::Invalid { policy } | ChainDecision::Denied { policy } => rests(policy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Draft;

    fn failed(kind: FailureKind) -> ChainResult {
        let failure = PolicyFailure { policy: "p".to_owned(), reason: String::new(), kind };
        ChainResult { failures: vec![failure.clone()], ..ChainResult::new(ChainDecision::Failed(failure)) }
    }

    #[test]
    fn each_pause_is_longer_up_to_a_bound() {
        let (mut again, mut now) = (RetryState::default(), Duration::ZERO);
        for expected in [10, 20, 40, 80, 160, 300, 300] {
            again.answered(Some(1), &failed(FailureKind::Slow));
            let until = now + Duration::from_secs(expected);
            assert_eq!(again.begin(now), Some(until));
            assert_eq!(again.begin(now + POLICY_REST), Some(until), "it began already");
            assert!(!again.is_due(until - POLICY_REST) && again.is_due(until));
            now = until;
        }
        again.answered(None, &ChainResult::new(ChainDecision::Invalid { policy: "p".to_owned() }));
        assert_eq!(again.begin(now), None, "an answer ends it");
    }

    #[test]
    fn what_comes_again_with_the_same_input_is_not_asked_again() {
        let mut again = RetryState::default();
        again.answered(Some(1), &failed(FailureKind::Prompt));
        assert_eq!((again.begin(Duration::ZERO), again.is_due(MAX_RETRY_DELAY * 9)), (None, false));
    }

    /// Whatever came of the others: a draft may lack a guard, and a failure is none of the Service's.
    #[test]
    fn without_a_policy_that_rests_nothing_is_decided() {
        let rests = failed(FailureKind::Deferred).failures;
        let verdict = |decision| ChainResult { failures: rests.clone(), ..ChainResult::new(decision) };
        for decision in
            [ChainDecision::Draft(Draft::default().into()), ChainDecision::Denied { policy: "p".to_owned() }]
        {
            assert!(is_undecided(&verdict(decision.clone())), "{decision:?}");
        }
        assert!(is_undecided(&failed(FailureKind::Deferred)));
        assert!(!is_undecided(&verdict(ChainDecision::Denied { policy: "another".to_owned() })));
        assert!(!is_undecided(&failed(FailureKind::Prompt)));
    }

    #[test]
    fn of_those_that_wait_for_one_policy_the_first_is_asked() {
        let mut again = RetryState::default();
        again.answered(None, &failed(FailureKind::Deferred));
        assert_eq!(again.begin(Duration::ZERO), Some(POLICY_REST));
        let mut resting = BTreeSet::new();
        assert!(again.is_due(Duration::ZERO) && again.is_first(&mut resting));
        assert!(!again.is_first(&mut resting));
    }
}
