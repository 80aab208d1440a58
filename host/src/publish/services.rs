//! What was written about all Services, which follow what is in force by the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use egressd_core::in_force::{AppliedRound, AppliedSubject};
use egressd_core::model::{SubjectKey, SubjectKind};

use super::PublishConfig;
use super::object_writes::{KnownService, ServiceWrites};
use super::queue::{PendingWrite, Queue, WriteTarget};
use crate::clock::Instant;

/// One entry per Service that has, or had, something to publish in this life.
#[derive(Debug, Default)]
pub(super) struct Services {
    pub(super) writes: BTreeMap<SubjectKey, ServiceWrites>,
    /// What was in force when it was followed last.
    seen: Arc<AppliedRound>,
    /// The entries that were handed out since then.
    touched: BTreeSet<SubjectKey>,
}

impl Services {
    /// Puts into the queue what changed: of the Services of which something else is shown, of those whose entry was
    /// handed out, and of those of which a want has ended. How many those are. Nothing is published on subjects of other
    /// kinds.
    pub(super) fn follow(
        &mut self,
        round: &Arc<AppliedRound>,
        queue: &mut Queue,
        config: &PublishConfig,
        now: Instant,
    ) -> usize {
        let mut keys = std::mem::take(&mut self.touched);
        let is_service = |key: &&SubjectKey| key.kind == SubjectKind::Service;
        keys.extend(round.changed_since(&self.seen).filter(is_service).cloned());
        keys.extend(queue.ended(now).into_iter().filter_map(WriteTarget::service));
        for key in &keys {
            let wants = self.collect(key, round.subjects.get(key), config, now);
            queue.put(WriteTarget::Service(key.clone()), wants);
        }
        self.seen = Arc::clone(round);
        keys.len()
    }

    /// What a Service wants to write. What is gone, or lives another life, was never written to.
    pub(super) fn collect(
        &mut self,
        key: &SubjectKey,
        shown: Option<&Arc<AppliedSubject>>,
        config: &PublishConfig,
        now: Instant,
    ) -> Vec<PendingWrite> {
        let record = shown.map(|shown| &*shown.record);
        let lives = record.map(|record| &record.uid);
        if self.writes.get(key).is_some_and(|entry| lives != Some(&entry.uid)) {
            self.writes.remove(key);
        }
        let Some((record, status)) = record.and_then(|record| Some((record, record.status()?))) else { return vec![] };
        if record.reporting().is_none() && !self.writes.contains_key(key) {
            return vec![];
        }
        let entry = self.writes.entry(key.clone()).or_insert_with(|| ServiceWrites::new(record.uid.clone()));
        entry.collect(config, KnownService { key, status, reporting: record.reporting() }, now)
    }

    /// What was written about a Service, to change it: what is due is worked out anew in the next pass.
    pub(super) fn entry(&mut self, key: &SubjectKey) -> Option<&mut ServiceWrites> {
        self.touched.insert(key.clone());
        self.writes.get_mut(key)
    }
}
