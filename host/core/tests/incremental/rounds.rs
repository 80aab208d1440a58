//! What the loop does with what follows; each part is held against all that follows from nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::compile::keep;
use egressd_core::diff::Scope;
use egressd_core::in_force::{AppliedRound, PendingRound, UnixTime};
use egressd_core::model::{SubjectKey, SubjectKind, Uid};
use egressd_core::pipeline::{Round, Step, Updates};
use egressd_core::record::{Record, Records};
use proptest::prelude::*;

use crate::events::{Answered, CommitLimits, Knowledge};
use crate::node::Node;

impl Node {
    pub(crate) fn round(&mut self, limits: CommitLimits) -> Result<(), TestCaseError> {
        self.look_for_stale()?;
        let expected = self.pipeline.from_scratch();
        let mut step = self.pipeline.step();
        self.queue(std::mem::take(&mut step.further));
        self.pipeline.next_try(self.now);
        self.compare(&step, &expected)?;
        self.take_news()?;
        self.bring_into_force(&step, expected, limits)
    }

    /// Once the kernel has taken everything, it holds what follows from nothing.
    fn bring_into_force(&mut self, step: &Step, expected: Round, limits: CommitLimits) -> Result<(), TestCaseError> {
        self.kernel.begin(step.scope.clone());
        let target = self.pipeline.target(self.kernel.applied.scope());
        let comparison = self.kernel.applied.compare(target, |after, before| keep(after, before, &step.kept));
        let waiting = self.kernel.carry_out(comparison, limits)?;
        self.show(&step.newest, waiting.as_ref())?;
        if self.kernel.applied.scope().is_empty() {
            let mut all = expected.ruleset;
            keep(&mut all, self.kernel.ruleset(), &expected.kept);
            prop_assert_eq!(self.kernel.ruleset(), &all);
            prop_assert!(!self.in_force.is_behind());
        }
        Ok(())
    }

    /// The kernel takes everything in the end.
    pub(crate) fn end(&mut self) -> Result<(), TestCaseError> {
        self.hurry();
        self.answer(Answered::All);
        for _ in 0..2 {
            self.round(CommitLimits { slices: usize::MAX, most: usize::MAX, then: Knowledge::Sure })?;
        }
        self.look_for_stale()?;
        prop_assert!(self.kernel.applied.scope().is_empty());
        let step = self.pipeline.step();
        prop_assert!(step.newest.changed.is_empty() && step.scope.is_empty(), "nothing happens by itself: {step:?}");
        Ok(())
    }

    fn look_for_stale(&self) -> Result<(), TestCaseError> {
        let stale = self.pipeline.stale();
        prop_assert!(stale.is_empty(), "{}", stale.join("\n"));
        Ok(())
    }

    fn compare(&mut self, step: &Step, expected: &Round) -> Result<(), TestCaseError> {
        prop_assert_eq!(&self.whole(step), expected);
        let PendingRound { records, changed, overview: _ } = &step.newest;
        for (key, record) in records {
            prop_assert_eq!(record.plan().map(|plan| &**plan), expected.plan.subjects.get(key));
        }
        findings_name_the_kind(records)?;
        let keys: BTreeSet<&SubjectKey> = records.keys().chain(self.records.keys()).collect();
        let differ = keys.into_iter().filter(|key| records.get(*key) != self.records.get(*key)).cloned();
        prop_assert_eq!(changed, &differ.collect::<BTreeSet<_>>());
        self.records = records.clone();
        Ok(())
    }

    fn whole(&self, step: &Step) -> Round {
        let PendingRound { records, changed: _, overview } = &step.newest;
        Round {
            ruleset: self.pipeline.target(&Scope::Everything),
            plan: self.pipeline.plan(),
            kept: (*step.kept).clone(),
            fatal: step.fatal.clone(),
            statuses: of(records, |record| record.status().cloned()),
            reporting: of(records, |record| record.reporting().cloned()),
            uids: of(records, |record| Some(record.uid.clone())),
            first_ready: overview.first_ready.clone(),
            policies: (*overview.policies).clone(),
            failing: overview.failing.clone(),
            inside: Arc::clone(&overview.inside),
            findings: overview.findings.clone(),
            further: Vec::new(),
        }
    }

    /// What is written down change by change is what is remembered.
    fn take_news(&mut self) -> Result<(), TestCaseError> {
        let (accepted, drafts) = self.pipeline.take_news();
        take(&mut self.accepted, accepted);
        take(&mut self.drafts, drafts);
        prop_assert_eq!(&self.accepted, self.pipeline.accepted());
        prop_assert_eq!(&self.drafts, self.pipeline.drafts());
        Ok(())
    }

    /// What is shown by what changed is what looking at all Services shows.
    fn show(&mut self, newest: &PendingRound, waiting: Option<&BTreeSet<IpAddr>>) -> Result<(), TestCaseError> {
        self.has_begun |= waiting.is_some_and(BTreeSet::is_empty);
        if !self.has_begun {
            self.in_force.wait(newest);
            return Ok(());
        }
        let now = UnixTime(i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX));
        let show = |in_force: &mut AppliedRound, newest: &PendingRound| match waiting {
            None => in_force.hold_back(newest, "refused", now),
            Some(waiting) if waiting.is_empty() => in_force.take_over(newest, now),
            Some(waiting) => in_force.take_over_partly(newest, waiting, now),
        };
        let (before, mut expected) = (self.in_force.clone(), self.in_force.clone());
        let all = newest.records.keys().chain(before.subjects.keys()).cloned().collect();
        show(&mut expected, &PendingRound { changed: all, ..newest.clone() });
        let changed = show(&mut self.in_force, newest);
        let shown = self.in_force.subjects.iter().map(|(key, shown)| (key.clone(), Arc::clone(&shown.record)));
        findings_name_the_kind(&shown.collect())?;
        prop_assert_eq!(&self.in_force, &expected);
        prop_assert_eq!(changed, differences(&before, &self.in_force));
        Ok(())
    }
}

/// What is reported about an object names its own kind: its owner has no Service to look for. Another subject is named
/// with its namespace, and that a policy does not handle a kind names those that it handles.
fn findings_name_the_kind(records: &Records) -> Result<(), TestCaseError> {
    let others = records.iter().filter(|(key, _)| key.kind != SubjectKind::Service);
    for finding in others.filter_map(|(_, record)| record.status()).flat_map(|status| &status.findings) {
        // A ServiceCIDR is no Service.
        let message = finding.message.as_str().replace("ServiceCIDR", "network");
        let its_own = ["the Service", "this Service", "a Service", "Services", "Service's"];
        let names_a_service = its_own.iter().any(|text| message.contains(text));
        prop_assert!(!names_a_service || finding.code == "subject-not-supported", "{finding}");
    }
    Ok(())
}

/// The Services of which another record is in force.
fn differences(before: &AppliedRound, after: &AppliedRound) -> BTreeSet<SubjectKey> {
    let differ = |key: &&SubjectKey| {
        let of = |in_force: &AppliedRound| in_force.subjects.get(*key).map(|shown| Arc::clone(&shown.record));
        of(before) != of(after)
    };
    let keys: BTreeSet<&SubjectKey> = before.subjects.keys().chain(after.subjects.keys()).collect();
    keys.into_iter().filter(differ).cloned().collect()
}

fn of<T>(records: &Records, part: impl Fn(&Record) -> Option<T>) -> BTreeMap<SubjectKey, T> {
    records.iter().filter_map(|(key, record)| Some((key.clone(), part(record)?))).collect()
}

fn take<T>(all: &mut BTreeMap<Uid, Arc<T>>, news: Updates<T>) {
    for (uid, one) in news {
        match one {
            Some(one) => drop(all.insert(uid, one)),
            None => drop(all.remove(&uid)),
        }
    }
}
