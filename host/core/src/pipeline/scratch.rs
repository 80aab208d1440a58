//! All results derived from the stored input alone: the specification of [`super::round`], which must give the same,
//! and the reference for its audit.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::Alternative;
use super::pods::OutsidePodNetworks;
use super::round::{bare_plan, of_namespace};
use super::{Pipeline, Round};
use crate::chain::PolicyFailure;
use crate::check::{PlanNote, check};
use crate::compile::{Kept, compile};
use crate::finding::Severity;
use crate::model::{ClusterFacts, SubjectKey};
use crate::net::Family;
use crate::plan::{NodeContext, Plan, Sharing, SubjectPlan, SubjectResult, Usage};
use crate::record::{Record, SettledSubject};

impl Pipeline {
    /// What follows, step by step or not. Only what the last step left to be asked is missing.
    pub fn from_scratch(&self) -> Round {
        let sharing = self.sharing_of_all();
        let here = self.here(&sharing);
        let mut planned = self.all_newest(here);
        for (key, instead) in self.all_refusals(here, &planned) {
            planned.insert(key, instead.planned);
        }
        let plan = self.plan_of(here, &planned);
        let (ruleset, notes) = (compile(&plan, &self.settings.tables), check(&plan));
        let kept: Kept = planned.iter().filter_map(|(key, planned)| self.keeps(here, key, Some(planned))).collect();
        let fatal = notes.iter().find(|note| note.severity() == Severity::Error).map(PlanNote::finding);
        let mut round = Round { ruleset, kept, fatal, ..self.bare_round(&self.facts) };
        for key in self.subjects.keys() {
            let of_it: Vec<PlanNote> = notes.iter().filter(|note| note.subject == *key).cloned().collect();
            let service = plan.subjects.get(key).map(|service| Arc::new(service.clone()));
            if let Some(record) = self.record(here, key, planned.get(key), service, &of_it) {
                round.add(key, &record);
            }
        }
        Round { plan, failing: self.all_failing(), ..round }
    }

    /// Which addresses all Services have.
    pub(super) fn sharing_of_all(&self) -> Sharing {
        let asking = self.subjects.iter().filter(|(_, entry)| !entry.asks_nothing());
        Sharing::of(self.settings.shared, asking.map(|(_, entry)| &*entry.view))
    }

    /// What follows from the newest answer about each Service, whatever limits say.
    pub(super) fn all_newest(&self, here: NodeContext<'_>) -> BTreeMap<SubjectKey, SubjectResult> {
        let newest = |key: &SubjectKey| Some((key.clone(), self.newest(here, key)?));
        self.subjects.keys().filter_map(newest).collect()
    }

    /// The last step, and all before it, as a whole.
    pub fn round(&mut self) -> Round {
        #[cfg(feature = "testkit")]
        let expected = self.from_scratch();
        let step = self.step();
        let mut round = Round {
            ruleset: self.target(&crate::diff::Scope::Everything),
            plan: self.plan(),
            kept: (*step.kept).clone(),
            failing: step.newest.overview.failing.clone(),
            fatal: step.fatal,
            further: step.further,
            ..self.bare_round(&self.derived.facts)
        };
        for (key, record) in &step.newest.records {
            round.add(key, record);
        }
        #[cfg(feature = "testkit")]
        assert_eq!(
            Round { further: Vec::new(), ..round.clone() },
            expected,
            "a step comes to what all gives from nothing"
        );
        round
    }

    fn bare_round(&self, facts: &Arc<ClusterFacts>) -> Round {
        Round {
            first_ready: self.ready.first().cloned(),
            policies: (*self.policies).clone(),
            inside: Arc::clone(facts),
            findings: self.findings(facts),
            ..Round::default()
        }
    }

    /// What is in force instead of what exceeds a limit: of each namespace by itself, where the node has room for all.
    fn all_refusals(
        &self,
        here: NodeContext<'_>,
        planned: &BTreeMap<SubjectKey, SubjectResult>,
    ) -> BTreeMap<SubjectKey, Alternative> {
        let mut usage = Usage::new(self.settings.limits);
        for (key, newest) in planned {
            usage.replace(key, None, Some(self.demand(key, newest)));
        }
        let (own_limits, mut refused) = (usage.without_the_node(), BTreeMap::new());
        for namespace in
            usage.namespaces().iter().filter(|namespace| !usage.fits(namespace)).cloned().collect::<Vec<_>>()
        {
            let (instead, peak) = self.refusals(here, &own_limits, &of_namespace(planned, &namespace));
            refused.extend(instead);
            usage.settle(&namespace, Some(peak));
        }
        if usage.fits_the_node() { refused } else { self.refusals(here, &self.settings.limits, planned).0 }
    }

    pub(super) fn plan_of(&self, here: NodeContext<'_>, planned: &BTreeMap<SubjectKey, SubjectResult>) -> Plan {
        let service =
            |(key, planned): (&SubjectKey, &SubjectResult)| Some((key.clone(), (**planned.service.as_ref()?).clone()));
        let plan = Plan { subjects: planned.iter().filter_map(service).collect(), ..bare_plan(&self.facts) };
        let pods = plan.subjects.values().flat_map(SubjectPlan::pods);
        let elsewhere = pods.filter(|pod| self.is_elsewhere(*pod) == OutsidePodNetworks::Yes).collect();
        let guarded = plan.subjects.values().flat_map(|subject| &subject.guarded);
        let guarded = guarded.map(|pod| Family::of(*pod)).collect();
        let (known, own_networks) = (self.known_addresses(), self.own_networks(&self.facts));
        let tunnel = self.tunnel_of_all(here, &plan.subjects);
        Plan { elsewhere, guarded, known, own_networks, tunnel, ..plan }
    }

    fn all_failing(&self) -> BTreeMap<String, (SubjectKey, PolicyFailure)> {
        let mut failing = BTreeMap::new();
        for (key, entry) in self.subjects.iter() {
            for failure in entry.verdict.iter().flat_map(|verdict| &verdict.failures) {
                failing.entry(failure.policy.clone()).or_insert_with(|| (key.clone(), failure.clone()));
            }
        }
        failing
    }
}

#[cfg(feature = "testkit")]
impl Round {
    /// The same as records, all of which are new.
    pub fn records(&self) -> crate::in_force::PendingRound {
        use crate::in_force::PendingRound;
        use crate::record::{Overview, RecordState, Records, ThisNode};
        let plan = |key: &SubjectKey| self.plan.subjects.get(key).map(|plan| Arc::new(plan.clone()));
        let settled = |key: &SubjectKey| {
            let (status, reporting) = (Arc::new(self.statuses.get(key)?.clone()), self.reporting.get(key).cloned());
            Some(SettledSubject { plan: plan(key), status, reporting })
        };
        let record = |(key, uid): (&SubjectKey, &crate::model::Uid)| {
            let unanswered = || RecordState::Unanswered(plan(key));
            let outcome = settled(key).map_or_else(unanswered, RecordState::Settled);
            (key.clone(), Arc::new(Record { uid: uid.clone(), outcome }))
        };
        let records: Records = self.uids.iter().map(record).collect();
        let overview = Overview {
            first_ready: self.first_ready.clone(),
            policies: Arc::new(self.policies.clone()),
            failing: self.failing.clone(),
            inside: Arc::clone(&self.inside),
            findings: self.findings.clone(),
            here: ThisNode::default(),
        };
        PendingRound { changed: records.keys().cloned().collect(), records, overview: Arc::new(overview) }
    }
}

impl Round {
    fn add(&mut self, key: &SubjectKey, record: &Record) {
        self.uids.insert(key.clone(), record.uid.clone());
        if let Some(SettledSubject { plan: _, status, reporting }) = record.settled() {
            self.statuses.insert(key.clone(), (**status).clone());
            self.reporting.extend(reporting.clone().map(|reporting| (key.clone(), reporting)));
        }
    }
}
