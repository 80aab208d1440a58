//! How long to wait before the next try: twice as long each time, and never in step with other nodes, which all lost
//! the same server in the same moment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest one: a server that is back has to be noticed soon, and each node asks six times.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Waits that grow.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::up_to(MAX_WAIT)
    }
}

impl Backoff {
    /// Short waits at first, which grow to this one.
    pub(super) fn up_to(longest: Duration) -> Self {
        Self { next: FIRST_WAIT, longest }
    }

    /// Begins with short waits again.
    pub(super) fn reset(&mut self) {
        self.next = FIRST_WAIT;
    }

    /// The next wait: between half of it and all of it, by chance.
    pub(super) fn wait(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.longest);
        scatter(whole)
    }
}

/// Something between half of a time and all of it, by chance.
pub(super) fn scatter(whole: Duration) -> Duration {
    // The only source of randomness that the standard library has: a new key each time.
    let chance = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(0);
    whole / 2 + (whole / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..20).map(|_| backoff.wait()).collect();
        assert!(waits[0] >= FIRST_WAIT / 2 && waits[0] <= FIRST_WAIT, "{waits:?}");
        assert!(waits[19] >= MAX_WAIT / 2 && waits[19] <= MAX_WAIT, "{waits:?}");
        backoff.reset();
        assert!(backoff.wait() <= FIRST_WAIT);
    }

    #[test]
    fn a_longer_limit_takes_nothing_from_the_first_waits() {
        let longest = Duration::from_secs(300);
        let mut backoff = Backoff::up_to(longest);
        let first: Duration = (0..6).map(|_| backoff.wait()).sum();
        assert!(first < MAX_WAIT, "{first:?}");
        assert!((0..20).all(|_| backoff.wait() <= longest) && backoff.wait() >= longest / 2);
        backoff.reset();
        assert!(backoff.wait() <= FIRST_WAIT);
    }

    #[test]
    fn waits_of_several_nodes_differ() {
        let waits: std::collections::BTreeSet<Duration> = (0..50).map(|_| scatter(MAX_WAIT)).collect();
        assert!(waits.len() > 25, "{waits:?}");
    }
}
