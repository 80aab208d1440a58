//! Giving free memory back to the system, while there is nothing to do. What a start, a large file or a list of a cluster took
//! is several times what stays of it.

use std::time::Duration;
use tracing::debug;

use super::Daemon;
use crate::clock::{self, Instant};
use crate::daemon::heap;

/// How long nothing happens before it is looked at: what comes next would take the same memory again.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// How often it is looked at when nothing happens here: sources take memory without anything new for the loop.
const CHECK_INTERVAL: Duration = Duration::from_mins(1);

/// The least time between two times that something is given back: it takes some milliseconds, in which nothing else is done.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);

/// So many bytes more than what stayed last time are worth it.
const MIN_TRIM_BYTES: u64 = 8 << 20;

/// When it is looked at, and what was there last.
#[derive(Debug)]
pub(super) struct Tidying {
    next: Instant,
    /// Not before that.
    earliest: Instant,
    /// Changes put it off until then.
    latest: Instant,
    /// What was resident after something was given back.
    stayed: u64,
}

impl Tidying {
    /// The first time is as soon as there is quiet.
    pub(super) fn begin(now: Instant) -> Self {
        Self { next: now, earliest: now, latest: now + CHECK_INTERVAL, stayed: 0 }
    }

    pub(super) fn put_off(&mut self, now: Instant) {
        self.next = (now + IDLE_TIME).max(self.earliest).min(self.latest);
    }

    /// Takes in what is resident now; whether something is to be given back.
    fn is_worth_it(&mut self, resident: u64, now: Instant) -> bool {
        (self.next, self.latest) = (now + CHECK_INTERVAL, now + CHECK_INTERVAL);
        self.stayed = self.stayed.min(resident);
        let is_worth_it = resident >= self.stayed + MIN_TRIM_BYTES;
        if is_worth_it {
            self.earliest = now + TRIM_INTERVAL;
        }
        is_worth_it
    }
}

impl Daemon {
    /// When it is to be looked at; never while there is something to do.
    pub(super) fn tidying_due(&self) -> Option<Instant> {
        (self.turns.is_empty() && self.remainder.is_none()).then_some(self.auditing.tidying.next)
    }

    /// Gives back what is free, if that may be much.
    pub(super) fn tidy(&mut self) {
        let begun = clock::now();
        // Where the system does not say it, the next check tries again.
        let resident = heap::resident().unwrap_or_default();
        if !self.auditing.tidying.is_worth_it(resident, begun) {
            return;
        }
        self.observers.state_channel.busy();
        heap::give_back();
        self.auditing.tidying.stayed = heap::resident().unwrap_or(resident);
        let microseconds = u64::try_from(clock::since(begun).as_micros()).unwrap_or(u64::MAX);
        debug!(
            before = resident,
            after = self.auditing.tidying.stayed,
            microseconds,
            "free memory went back to the system"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn memory_is_given_back_in_quiet_when_much_came_and_never_all_the_time() {
        let begun = clock::now();
        let mut tidying = Tidying::begin(begun);
        assert!(tidying.is_worth_it(100 << 20, begun), "nothing was given back before");
        tidying.stayed = 60 << 20;
        tidying.put_off(begun);
        assert_eq!(tidying.next, begun + TRIM_INTERVAL);
        let later = begun + TRIM_INTERVAL;
        assert!(!tidying.is_worth_it(67 << 20, later), "that is little");
        assert_eq!(tidying.next, later + CHECK_INTERVAL);
        tidying.put_off(later);
        assert_eq!(tidying.next, later + IDLE_TIME);
        (1..100).for_each(|second| tidying.put_off(later + Duration::from_secs(second)));
        assert_eq!(tidying.next, later + CHECK_INTERVAL, "changes do not put it off for ever");
        assert!(!tidying.is_worth_it(50 << 20, later + CHECK_INTERVAL), "less than before");
        assert!(tidying.is_worth_it(58 << 20, later + CHECK_INTERVAL), "compared with the least");
    }
}
