//! When a policy that fails again and again is asked again: later each time. A state machine without a clock;
//! whoever has one brings it along.

use std::time::Duration;

/// So many failures in a row, and the policy is left alone for a while. Failures that come promptly cost a
/// millisecond each, so a few may pass.
pub const PROMPT_FAILURES: u32 = 32;
/// How long, the first time; doubled with each quarantine that no success interrupts.
pub const FIRST: Duration = Duration::from_secs(10);
/// The longest.
pub const LONGEST: Duration = Duration::from_secs(300);

/// The state of one policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quarantine {
    failures: u32,
    /// How often it was in quarantine since it last answered.
    times: u32,
    until: Option<Duration>,
}

/// What a failure cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Next to nothing.
    Prompt,
    /// So much time that one is enough.
    Slow,
}

impl Quarantine {
    /// Until when it is not asked, if it is not asked at `now`. Times count from any fixed moment.
    pub fn holds(&self, now: Duration) -> Option<Duration> {
        self.until.filter(|until| now < *until)
    }

    /// It answered: all is forgiven.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// It failed. The first failure after a quarantine is the last.
    pub fn failed(&mut self, now: Duration, cost: Cost) {
        self.failures += 1;
        if cost == Cost::Prompt && self.failures < PROMPT_FAILURES && self.times == 0 {
            return;
        }
        let wait = FIRST.saturating_mul(2u32.saturating_pow(self.times)).min(LONGEST);
        *self = Self { failures: self.failures, times: self.times.saturating_add(1), until: Some(now + wait) };
    }

    /// How often it failed since it last answered.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn prompt_failures_are_borne_for_a_while() {
        let mut quarantine = Quarantine::default();
        for _ in 1..PROMPT_FAILURES {
            quarantine.failed(at(0), Cost::Prompt);
            assert_eq!(quarantine.holds(at(0)), None);
        }
        quarantine.failed(at(0), Cost::Prompt);
        assert_eq!(quarantine.holds(at(9)), Some(at(10)));
        assert_eq!(quarantine.holds(at(10)), None);
    }

    #[test]
    fn one_slow_failure_is_enough() {
        let mut quarantine = Quarantine::default();
        quarantine.failed(at(5), Cost::Slow);
        assert_eq!(quarantine.holds(at(5)), Some(at(15)));
    }

    #[test]
    fn each_quarantine_is_longer_up_to_a_bound() {
        let mut quarantine = Quarantine::default();
        let mut now = at(0);
        for expected in [10, 20, 40, 80, 160, 300, 300] {
            quarantine.failed(now, Cost::Slow);
            assert_eq!(quarantine.holds(now), Some(now + at(expected)));
            now += at(expected);
        }
    }

    #[test]
    fn an_answer_forgives_everything() {
        let mut quarantine = Quarantine::default();
        quarantine.failed(at(0), Cost::Slow);
        quarantine.answered();
        assert_eq!(quarantine, Quarantine::default());
    }
}
