//! How fast is fast enough: waits that double, and budgets that refill.

use std::time::Duration;

use crate::clock::Instant;

/// Waits that double from one try to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backoff {
    wait: Duration,
    longest: Duration,
    last: Instant,
}

impl Backoff {
    /// The first wait begins now.
    pub(super) fn new(first: Duration, longest: Duration, now: Instant) -> Self {
        Self { wait: first, longest, last: now }
    }

    /// When the wait is over.
    pub(super) fn due(&self) -> Instant {
        self.last + self.wait
    }

    /// Another wait begins now: twice as long, unless the trouble before was long ago.
    pub(super) fn again(&mut self, first: Duration, now: Instant) {
        let calm = now.duration_since(self.last) > self.wait + self.longest;
        self.wait = if calm { first } else { (self.wait * 2).min(self.longest) };
        self.last = now;
    }
}

/// Lets some through at once, and then one each so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenBucket {
    size: u32,
    each: Duration,
    /// When it was, or will be, empty.
    empty: Option<Instant>,
}

impl TokenBucket {
    /// A full one.
    pub(super) const fn new(size: u32, each: Duration) -> Self {
        Self { size, each, empty: None }
    }

    /// When the next may be taken.
    pub(super) fn due(&self, now: Instant) -> Instant {
        self.empty.map_or(now, |empty| now.max(empty + self.each))
    }

    /// Takes one.
    pub(super) fn take(&mut self, now: Instant) {
        let full = now.checked_sub(self.each * self.size).unwrap_or(now);
        self.empty = Some(self.empty.map_or(full, |empty| empty.max(full)) + self.each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_lets_its_size_through_and_then_one_per_interval() {
        let start = clock::now() + SECOND * 1000;
        let mut bucket = TokenBucket::new(3, SECOND * 10);
        for _ in 0..3 {
            assert_eq!(bucket.due(start), start);
            bucket.take(start);
        }
        assert_eq!(bucket.due(start), start + SECOND * 10);
        assert_eq!(bucket.due(start + SECOND * 12), start + SECOND * 12);
    }

    #[test]
    fn waits_double_up_to_the_longest_and_forget_after_a_calm() {
        let mut now = clock::now();
        let mut wait = Backoff::new(SECOND, SECOND * 5, now);
        let mut waits = Vec::new();
        for _ in 0..4 {
            waits.push(wait.due().duration_since(now).as_secs());
            now = wait.due();
            wait.again(SECOND, now);
        }
        assert_eq!(waits, [1, 2, 4, 5]);
        now += SECOND * 100;
        wait.again(SECOND, now);
        assert_eq!(wait.due(), now + SECOND);
    }
}
