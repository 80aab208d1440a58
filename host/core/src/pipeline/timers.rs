//! Times at which a subject is evaluated again without new input, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::entry::Entry;
use crate::model::SubjectKey;
use crate::policy::POLICY_REST;

/// The times of all Services that have one.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Duration, SubjectKey)>,
    times: BTreeMap<SubjectKey, Duration>,
    /// Those that wait for a policy that rests: they are looked at at its pace.
    deferred: BTreeSet<SubjectKey>,
}

impl Timers {
    /// Takes in a Service as it is now; what did not begin to wait begins.
    pub(super) fn set(&mut self, key: &SubjectKey, entry: Option<&mut Entry>, now: Duration) {
        if let Some(before) = self.times.remove(key) {
            self.queue.remove(&(before, key.clone()));
        }
        self.deferred.remove(key);
        let Some(entry) = entry else { return };
        let pause = if entry.again.is_deferred() {
            self.deferred.insert(key.clone());
            None
        } else {
            entry.again.begin(now)
        };
        if let Some(time) = pause.into_iter().chain(entry.waits.begin(now)).min() {
            self.times.insert(key.clone(), time);
            self.queue.insert((time, key.clone()));
        }
    }

    /// The earliest time of all.
    pub(super) fn next(&self, now: Duration) -> Option<Duration> {
        let first = self.queue.first().map(|(time, _)| *time);
        let deferred = (!self.deferred.is_empty()).then_some(now + POLICY_REST);
        first.into_iter().chain(deferred).min()
    }

    /// Those whose time has come.
    pub(super) fn due(&self, now: Duration) -> BTreeSet<SubjectKey> {
        self.queue.iter().take_while(|(time, _)| *time <= now).map(|(_, key)| key.clone()).collect()
    }

    /// Those that wait for a policy that rests.
    pub(super) fn deferred(&self) -> impl Iterator<Item = &SubjectKey> {
        self.deferred.iter()
    }
}
