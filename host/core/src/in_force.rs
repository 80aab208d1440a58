//! What is in force, as people and other programs see it: the records of rounds that the kernel has taken over. A change
//! costs its own size: what differs between a round and what is in force is kept as a set of Services.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::model::ServiceKey;
use crate::plan::PlannedService;
use crate::record::{Outcome, Overview, Record, Records, Settled};
use crate::status::ServiceStatus;
use crate::voice::{Speech, Voice};

/// Seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

/// One Service, as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What is known of it.
    pub record: Arc<Record>,
    /// When its status changed last, or was first seen by this process.
    pub since: UnixTime,
}

/// What is in force. A copy shares everything with the original.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InForce {
    /// By Service.
    pub services: OrdMap<ServiceKey, Arc<Shown>>,
    /// What is known beside the Services.
    pub overview: Arc<Overview>,
    /// When the last round came into force.
    pub at: UnixTime,
    /// The Services of which the newest round says something else, or something that was not compared yet.
    behind: BTreeSet<ServiceKey>,
}

/// A round that is to come into force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Newest {
    /// All that followed.
    pub records: Records,
    /// The Services whose records are other than in the round before.
    pub changed: BTreeSet<ServiceKey>,
    /// What is known beside the Services.
    pub overview: Arc<Overview>,
}

impl InForce {
    /// Takes in that all of a round is in force; returns the Services of which something else is shown now.
    pub fn take_over(&mut self, newest: &Newest, now: UnixTime) -> BTreeSet<ServiceKey> {
        let keys = self.begin(newest, now);
        keys.into_iter().filter(|key| self.show(key, newest.records.get(key).cloned(), now)).collect()
    }

    /// Takes in that a round is in force but for these pods, which are to go over still: of a Service that has one of them,
    /// what was before stays, and it publishes nothing.
    pub fn take_over_partly(
        &mut self,
        newest: &Newest,
        waiting: &BTreeSet<IpAddr>,
        now: UnixTime,
    ) -> BTreeSet<ServiceKey> {
        let waits = |plan: Option<&Arc<PlannedService>>| {
            plan.is_some_and(|plan| plan.sources().any(|source| waiting.contains(&source)))
        };
        let keys = self.begin(newest, now);
        keys.into_iter()
            .filter(|key| {
                let (old, new) = (self.plan(key), newest.records.get(key).and_then(|record| record.plan()));
                if old == new || !(waits(old) || waits(new)) {
                    return self.show(key, newest.records.get(key).cloned(), now);
                }
                let under_way = self.under_way(key, newest.records.get(key));
                self.behind.insert(key.clone());
                self.show(key, under_way, now)
            })
            .collect()
    }

    /// Takes in that a round did not come into force, and why: the Services that it would have changed say so, from this
    /// node, and publish nothing. So do those that waited before, whatever the newest round says of them: whether the kernel
    /// has something of an earlier one is not known.
    pub fn hold_back(&mut self, newest: &Newest, why: &str, now: UnixTime) -> BTreeSet<ServiceKey> {
        let (at, waited) = (self.at, self.behind.clone());
        let keys = self.begin(newest, at);
        let mut hold = |key: &ServiceKey| {
            let new = newest.records.get(key);
            if !waited.contains(key) && self.plan(key) == new.and_then(|record| record.plan()) {
                return self.show(key, new.cloned(), now);
            }
            let held_back = self.held_back(key, new, why);
            self.behind.insert(key.clone());
            self.show(key, held_back, now)
        };
        keys.into_iter().filter(|key| hold(key)).collect()
    }

    /// Takes in that a round did not come into force before any did.
    pub fn wait(&mut self, newest: &Newest) {
        self.behind.extend(newest.changed.iter().cloned());
    }

    /// Whether something that was worked out is not in force.
    pub fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// The Services of which something else is shown than `before`, those that came or went among them, by name. What both
    /// share is not looked at, so where one is a copy of the other with changes, this costs what those do.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a ServiceKey> {
        before.services.diff(&self.services).map(|item| match item {
            DiffItem::Add(key, _) | DiffItem::Remove(key, _) | DiffItem::Update { new: (key, _), old: _ } => key,
        })
    }

    fn begin(&mut self, newest: &Newest, at: UnixTime) -> BTreeSet<ServiceKey> {
        (self.overview, self.at) = (Arc::clone(&newest.overview), at);
        let mut keys = std::mem::take(&mut self.behind);
        keys.extend(newest.changed.iter().cloned());
        keys
    }

    fn plan(&self, key: &ServiceKey) -> Option<&Arc<PlannedService>> {
        self.services.get(key)?.record.plan()
    }

    fn under_way(&self, key: &ServiceKey, new: Option<&Arc<Record>>) -> Option<Arc<Record>> {
        let known = self.services.get(key).map(|shown| &*shown.record);
        let status = ServiceStatus::under_way(known.and_then(Record::status));
        let speech = known.and_then(Record::voice).map_or(Speech::Listener, |voice| voice.speech);
        self.still(key, new, (status, speech))
    }

    fn held_back(&self, key: &ServiceKey, new: Option<&Arc<Record>>, why: &str) -> Option<Arc<Record>> {
        let known = self.services.get(key).map(|shown| &*shown.record);
        let status = ServiceStatus::held_back(known.and_then(Record::status), why);
        self.still(key, new, (status, Speech::Translator))
    }

    /// A Service of which the plan that was in force stays.
    fn still(
        &self,
        key: &ServiceKey,
        new: Option<&Arc<Record>>,
        (status, speech): (ServiceStatus, Speech),
    ) -> Option<Arc<Record>> {
        let uid = new.map(|record| &record.uid).or(self.services.get(key).map(|shown| &shown.record.uid))?.clone();
        let (plan, voice) = (self.plan(key).cloned(), Some(Voice { speech, active: Default::default() }));
        let outcome = Outcome::Settled(Settled { plan, status: Arc::new(status), voice });
        Some(Arc::new(Record { uid, outcome }))
    }

    /// Shows a Service so from now on; whether that is another record than before.
    fn show(&mut self, key: &ServiceKey, record: Option<Arc<Record>>, now: UnixTime) -> bool {
        let before = self.services.get(key);
        let Some(record) = record else { return self.services.remove(key).is_some() };
        if before.is_some_and(|before| before.record == record) {
            return false;
        }
        let same = before.filter(|before| before.record.status() == record.status());
        let since = same.map_or(now, |before| before.since);
        self.services.insert(key.clone(), Arc::new(Shown { record, since }));
        true
    }
}
