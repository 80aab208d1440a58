//! The share of a node's time that the failures of one policy may use. Their cost counts, not their number: a failure
//! predicts nothing about the next input. A state machine without a clock; the caller passes the time.

use std::collections::VecDeque;
use std::time::Duration;

/// The period over which failures count.
const WINDOW: Duration = Duration::from_secs(60);
/// How much of it failures may use: 30 %. Then others have the larger part of the thread that asks.
const MAX_ALLOWANCE: Duration = Duration::from_secs(18);
/// How long a policy rests between two questions when its failures have used more.
pub const POLICY_REST: Duration = Duration::from_secs(1);

/// What the failures of one policy cost lately. Times count from any fixed moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// By the second in which they ended.
    failures: VecDeque<(u64, Duration)>,
    /// When it answered or failed last.
    ended: Option<Duration>,
}

impl Allowance {
    /// When it is asked again, if it is not asked at `now`.
    pub fn rests_until(&self, now: Duration) -> Option<Duration> {
        let next = self.ended? + POLICY_REST;
        (self.is_used_up(now) && now < next).then_some(next)
    }

    /// Whether it is evaluated once per second only.
    pub fn is_used_up(&self, now: Duration) -> bool {
        self.used(now) >= MAX_ALLOWANCE
    }

    /// What failures cost in the last minute.
    pub fn used(&self, now: Duration) -> Duration {
        self.failures.iter().filter(|(second, _)| counts(*second, now)).map(|(_, took)| *took).sum()
    }

    /// It answered.
    pub fn answered(&mut self, now: Duration) {
        self.ended = Some(now);
    }

    /// It failed, and that took so long.
    pub fn failed(&mut self, now: Duration, took: Duration) {
        self.ended = Some(now);
        self.failures.retain(|(second, _)| counts(*second, now));
        match self.failures.back_mut() {
            Some((second, sum)) if *second == now.as_secs() => *sum += took,
            Some(_) | None => self.failures.push_back((now.as_secs(), took)),
        }
    }
}

fn counts(second: u64, now: Duration) -> bool {
    second + WINDOW.as_secs() > now.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn thousands_of_failures_that_cost_nothing_are_borne() {
        let mut allowance = Allowance::default();
        for _ in 0..10_000 {
            allowance.failed(at(1), Duration::from_millis(1));
        }
        assert_eq!(allowance.rests_until(at(1)), None);
    }

    #[test]
    fn when_failures_have_used_30_percent_of_a_minute_one_input_a_second_is_asked() {
        let mut allowance = Allowance::default();
        for second in 1..MAX_ALLOWANCE.as_secs() {
            allowance.failed(at(second), at(1));
            assert_eq!(allowance.rests_until(at(second)), None);
        }
        allowance.failed(at(18), at(1));
        assert_eq!(allowance.rests_until(at(18)), Some(at(19)));
        assert_eq!(allowance.rests_until(at(19)), None);
        allowance.answered(at(19));
        assert_eq!(allowance.rests_until(at(19)), Some(at(20)), "an answer is one input, too");
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let mut allowance = Allowance::default();
        allowance.failed(at(5), MAX_ALLOWANCE);
        assert!(allowance.is_used_up(at(64)));
        assert!(!allowance.is_used_up(at(65)));
        allowance.failed(at(65), at(1));
        assert_eq!(allowance, Allowance { failures: [(65, at(1))].into(), ended: Some(at(65)) });
    }
}
