//! The applied state, as status and metrics show it: the records of rounds that the kernel has applied. A change costs
//! its own size: the difference between a round and the applied state is kept per Service.
//!
//! It is the plan beside the applied state, too: of each Service the plan that surely is in force, and those that were
//! begun since, any of which the kernel may have carried out for some pods or for some time.

mod begun;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

pub use begun::PossiblePlans;
use begun::StartedPlans;
use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::model::SubjectKey;
pub use crate::model::UnixTime;
use crate::plan::SubjectPlan;
use crate::record::{Overview, Record, RecordState, Records, SettledSubject};
use crate::reporting::{Reporter, Reporting};
use crate::status::SubjectStatus;

/// One Service, as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedSubject {
    /// Its newest applied record.
    pub record: Arc<Record>,
    /// When its status changed last, or was first seen by this process.
    pub since: UnixTime,
}

/// What is in force. A copy shares everything with the original.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppliedRound {
    /// By subject.
    pub subjects: OrdMap<SubjectKey, Arc<AppliedSubject>>,
    /// State that belongs to no subject.
    pub overview: Arc<Overview>,
    /// When the last round came into force.
    pub at: UnixTime,
    /// The Services of which the newest round says something else, or something that was not compared yet.
    behind: BTreeMap<SubjectKey, StartedPlans>,
    beginning: FirstRound,
}

/// Whether a whole round of this process came into force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FirstRound {
    /// What is in the kernel may be an earlier process's.
    #[default]
    Open,
    Done,
}

/// A round that is to come into force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PendingRound {
    /// The records of all subjects.
    pub records: Records,
    /// The Services whose records are other than in the round before.
    pub changed: BTreeSet<SubjectKey>,
    /// State that belongs to no subject.
    pub overview: Arc<Overview>,
}

impl AppliedRound {
    /// Takes in that all of a round is in force; returns the Services of which something else is shown now.
    pub fn take_over(&mut self, newest: &PendingRound, now: UnixTime) -> BTreeSet<SubjectKey> {
        let keys = self.begin(newest, now);
        self.beginning = FirstRound::Done;
        keys.into_iter().filter(|key| self.settle(key, newest.records.get(key).cloned(), now)).collect()
    }

    /// Takes in that a round is in force but for these pods, which are to go over still: of a Service that has one of
    /// them, what was before stays, and it publishes nothing.
    pub fn take_over_partly(
        &mut self,
        newest: &PendingRound,
        waiting: &BTreeSet<IpAddr>,
        now: UnixTime,
    ) -> BTreeSet<SubjectKey> {
        let keys = self.begin(newest, now);
        keys.into_iter()
            .filter(|key| {
                if !self.waits(key, plan_of(newest, key), waiting) {
                    return self.settle(key, newest.records.get(key).cloned(), now);
                }
                let under_way = self.under_way(key, newest.records.get(key));
                self.stay_behind(key, newest);
                self.show(key, under_way, now)
            })
            .collect()
    }

    /// Takes in that a round did not come into force, and why: the Services that it would have changed say so, from
    /// this node, and publish nothing. So do those that waited before, whatever the newest round says of them: whether
    /// the kernel has something of an earlier one is not known.
    pub fn hold_back(&mut self, newest: &PendingRound, why: &str, now: UnixTime) -> BTreeSet<SubjectKey> {
        let keys = self.begin(newest, self.at);
        let mut hold = |key: &SubjectKey| {
            let new = newest.records.get(key);
            if !self.behind.contains_key(key) && self.plan(key) == plan_of(newest, key) {
                return self.show(key, new.cloned(), now);
            }
            let held_back = self.held_back(key, new, why);
            self.stay_behind(key, newest);
            self.show(key, held_back, now)
        };
        keys.into_iter().filter(|key| hold(key)).collect()
    }

    /// Takes in that a round did not come into force before any did.
    pub fn wait(&mut self, newest: &PendingRound) {
        newest.changed.iter().for_each(|key| self.stay_behind(key, newest));
    }

    /// Whether something that was worked out is not in force.
    pub fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Whether the newest round says something else of a Service, or something that was not compared yet.
    pub fn waits_for(&self, key: &SubjectKey) -> bool {
        self.behind.contains_key(key)
    }

    /// What the kernel may translate a Service's pods by, for whoever compares what connections were promised with what
    /// the next round promises.
    pub fn promised(&self, key: &SubjectKey) -> PossiblePlans<'_> {
        match self.beginning {
            FirstRound::Open => PossiblePlans::Unknown,
            FirstRound::Done => StartedPlans::promised(self.behind.get(key), self.plan(key)),
        }
    }

    /// The subjects of which a round says something else than what surely is in force, or may.
    pub fn keys_with(&self, newest: &PendingRound) -> BTreeSet<SubjectKey> {
        self.behind.keys().chain(&newest.changed).cloned().collect()
    }

    /// The Services of which something else is shown than `before`, those that came or went among them, by name. What
    /// both share is not looked at, so where one is a copy of the other with changes, this costs what those do.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a SubjectKey> {
        before.subjects.diff(&self.subjects).map(|item| match item {
            DiffItem::Add(key, _) | DiffItem::Remove(key, _) | DiffItem::Update { new: (key, _), old: _ } => key,
        })
    }

    fn begin(&mut self, newest: &PendingRound, at: UnixTime) -> BTreeSet<SubjectKey> {
        (self.overview, self.at) = (Arc::clone(&newest.overview), at);
        self.keys_with(newest)
    }

    /// Whether some of these pods are translated by another plan than this one, or may be.
    fn waits(&self, key: &SubjectKey, new: Option<&Arc<SubjectPlan>>, waiting: &BTreeSet<IpAddr>) -> bool {
        let (old, begun) = (self.plan(key), self.behind.get(key));
        let has_some = |plan: &Arc<SubjectPlan>| plan.pods().any(|pod| waiting.contains(&pod));
        let is_another = old != new || begun.is_some();
        is_another && (old.into_iter().chain(new).any(has_some) || begun.is_some_and(|begun| begun.may_be(has_some)))
    }

    fn stay_behind(&mut self, key: &SubjectKey, newest: &PendingRound) {
        self.behind.entry(key.clone()).or_default().add(plan_of(newest, key));
    }

    fn plan(&self, key: &SubjectKey) -> Option<&Arc<SubjectPlan>> {
        self.subjects.get(key)?.record.plan()
    }

    fn under_way(&self, key: &SubjectKey, new: Option<&Arc<Record>>) -> Option<Arc<Record>> {
        let known = self.subjects.get(key).map(|shown| &*shown.record);
        let status = SubjectStatus::under_way(known.and_then(Record::status));
        let reporter = known.and_then(Record::reporting).map_or(Reporter::None, |reporting| reporting.reporter);
        self.still(key, new, status, reporter)
    }

    fn held_back(&self, key: &SubjectKey, new: Option<&Arc<Record>>, why: &str) -> Option<Arc<Record>> {
        let known = self.subjects.get(key).map(|shown| &*shown.record);
        let status = SubjectStatus::held_back(key.kind, known.and_then(Record::status), why);
        self.still(key, new, status, Reporter::Active)
    }

    /// A Service of which the plan that was in force stays.
    fn still(
        &self,
        key: &SubjectKey,
        new: Option<&Arc<Record>>,
        status: SubjectStatus,
        reporter: Reporter,
    ) -> Option<Arc<Record>> {
        let uid = new.map(|record| &record.uid).or(self.subjects.get(key).map(|shown| &shown.record.uid))?.clone();
        let (plan, reporting) = (self.plan(key).cloned(), Some(Reporting::without_values(reporter)));
        let outcome = RecordState::Settled(SettledSubject { plan, status: Arc::new(status), reporting });
        Some(Arc::new(Record { uid, outcome }))
    }

    /// What is known of a Service is in force.
    fn settle(&mut self, key: &SubjectKey, record: Option<Arc<Record>>, now: UnixTime) -> bool {
        self.behind.remove(key);
        self.show(key, record, now)
    }

    /// Shows a Service so from now on; whether that is another record than before.
    fn show(&mut self, key: &SubjectKey, record: Option<Arc<Record>>, now: UnixTime) -> bool {
        let before = self.subjects.get(key);
        let Some(record) = record else { return self.subjects.remove(key).is_some() };
        if before.is_some_and(|before| before.record == record) {
            return false;
        }
        let same = before.filter(|before| before.record.status() == record.status());
        let since = same.map_or(now, |before| before.since);
        self.subjects.insert(key.clone(), Arc::new(AppliedSubject { record, since }));
        true
    }
}

fn plan_of<'n>(newest: &'n PendingRound, key: &SubjectKey) -> Option<&'n Arc<SubjectPlan>> {
    newest.records.get(key)?.plan()
}
