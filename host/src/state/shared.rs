//! Between the loop and the thread that writes: what waits to be written, counted by hand-overs.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::pending::Pending;

/// How many times something was handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HandOverCount(u64);

/// What both ends hold.
#[derive(Debug)]
pub(super) struct Shared {
    waiting: Mutex<WaitingWrites>,
    changed: Condvar,
}

#[derive(Debug)]
struct WaitingWrites {
    /// None where the thread has it all.
    pending: Option<Pending>,
    newest: HandOverCount,
    door: Intake,
}

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intake {
    Open,
    Closed,
}

impl Shared {
    /// With nothing but a first look: a file that was found cut off is written anew at once.
    pub(super) fn new() -> Self {
        let waiting =
            WaitingWrites { pending: Some(Pending::default()), newest: HandOverCount::default(), door: Intake::Open };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    /// Puts something to what waits, without waiting for anything.
    pub(super) fn hand(&self, newer: Pending) -> HandOverCount {
        let mut waiting = self.waiting();
        waiting.pending.get_or_insert_default().add(newer);
        waiting.newest.0 += 1;
        self.changed.notify_one();
        waiting.newest
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.waiting().door = Intake::Closed;
        self.changed.notify_one();
    }

    /// Waits for something to write; none when nothing more comes. Also: up to which hand-over it is. After so long there
    /// is something to try again.
    pub(super) fn take(&self, most: Duration) -> Option<(Pending, HandOverCount)> {
        let idle = |waiting: &mut WaitingWrites| waiting.pending.is_none() && waiting.door == Intake::Open;
        let waiting = self.changed.wait_timeout_while(self.waiting(), most, idle);
        let (mut waiting, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        let again = (waiting.door == Intake::Open).then(Pending::default);
        let pending = waiting.pending.take().or(again)?;
        Some((pending, waiting.newest))
    }

    /// A panic elsewhere while the lock was held leaves changes that are whole, each of them.
    fn waiting(&self) -> MutexGuard<'_, WaitingWrites> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
