//! The accounts of all Services, which follow what is in force by the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use egressd_core::in_force::{InForce, Shown};
use egressd_core::model::{SubjectKey, SubjectKind};

use super::Place;
use super::account::{Account, Known};
use super::queue::{Queue, Subject, Want};
use crate::clock::Instant;

/// An account for each Service that has, or had, something to publish in this life.
#[derive(Debug, Default)]
pub(super) struct Services {
    pub(super) accounts: BTreeMap<SubjectKey, Account>,
    /// What was in force when it was followed last.
    seen: Arc<InForce>,
    /// The accounts that were handed out since then.
    touched: BTreeSet<SubjectKey>,
}

impl Services {
    /// Puts into the queue what changed: of the Services of which something else is shown, of those whose account was
    /// handed out, and of those of which a want has ended. How many those are. Nothing is published on subjects of other
    /// kinds.
    pub(super) fn follow(&mut self, round: &Arc<InForce>, queue: &mut Queue, place: &Place, now: Instant) -> usize {
        let mut keys = std::mem::take(&mut self.touched);
        let is_service = |key: &&SubjectKey| key.kind == SubjectKind::Service;
        keys.extend(round.changed_since(&self.seen).filter(is_service).cloned());
        keys.extend(queue.ended(now).into_iter().filter_map(Subject::service));
        for key in &keys {
            let wants = self.collect(key, round.subjects.get(key), place, now);
            queue.put(Subject::Service(key.clone()), wants);
        }
        self.seen = Arc::clone(round);
        keys.len()
    }

    /// What a Service wants to write. What is gone, or lives another life, was never written to.
    pub(super) fn collect(
        &mut self,
        key: &SubjectKey,
        shown: Option<&Arc<Shown>>,
        place: &Place,
        now: Instant,
    ) -> Vec<Want> {
        let record = shown.map(|shown| &*shown.record);
        let lives = record.map(|record| &record.uid);
        if self.accounts.get(key).is_some_and(|account| lives != Some(&account.uid)) {
            self.accounts.remove(key);
        }
        let Some((record, status)) = record.and_then(|record| Some((record, record.status()?))) else { return vec![] };
        if record.reporting().is_none() && !self.accounts.contains_key(key) {
            return vec![];
        }
        let account = self.accounts.entry(key.clone()).or_insert_with(|| Account::new(record.uid.clone()));
        account.collect(place, Known { key, status, reporting: record.reporting() }, now)
    }

    /// The account of a Service, to change it: what it wants is worked out anew at the next look.
    pub(super) fn account(&mut self, key: &SubjectKey) -> Option<&mut Account> {
        self.touched.insert(key.clone());
        self.accounts.get_mut(key)
    }
}
