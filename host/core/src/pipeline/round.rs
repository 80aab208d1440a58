//! All that follows from what was taken in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::{Entry, Standing};
use super::limits::{Refused, Sizes, with_endpoints_counted};
use super::surroundings::elsewhere;
use super::{Memory, Pipeline, Round, choice};
use crate::beside;
use crate::chain::{PolicyFailure, Ruling, Shadow, Verdict};
use crate::check::check;
use crate::compile::{Kept, compile};
use crate::finding::Severity;
use crate::model::{ServiceKey, Uid};
use crate::plan::{End, Here, Own, Plan, Planned, Sharing, Standby, settle, today};
use crate::status::{ServiceStatus, ShadowStatus, State, statuses};
use crate::voice::{Stage, Voice, voice};

impl Pipeline {
    /// All that follows from what was taken in, and what is remembered of it. Where something was not answered yet, what
    /// was before stays.
    pub fn round(&mut self) -> Round {
        let (round, granted) = self.work_out();
        self.settle_private(&round.plan);
        Round { further: self.remember_granted(&granted), ..round }
    }

    fn work_out(&self) -> (Round, (Refused, Sizes)) {
        // What asks for nothing takes no address from another, however old it is.
        let asking = self.services.values().filter(|entry| !entry.asks_nothing());
        let sharing = Sharing::of(self.settings.shared, asking.map(|entry| &*entry.view));
        let here = self.here(&sharing);
        let settled = |(key, entry): (&ServiceKey, &Entry)| {
            Some((key.clone(), with_endpoints_counted(&entry.view, self.settle(here, entry)?)))
        };
        let mut planned: BTreeMap<ServiceKey, Planned> = self.services.iter().filter_map(settled).collect();
        let granted = self.keep_to_limits(here, &mut planned);
        let plan = self.plan(&planned);
        let ruleset = compile(&plan, &self.settings.tables);
        let notes = check(&plan);
        let mut statuses = statuses(&notes, &planned);
        for (key, status) in &mut statuses {
            self.complete(here, key, planned.get(key), status);
        }
        let (voices, kept) = (self.voices(&planned), self.kept(here, &planned));
        let uid = |(key, entry): (&ServiceKey, &Entry)| (key.clone(), entry.view.service.uid.clone());
        let uids = self.services.iter().map(uid).collect();
        let fatal = notes.iter().find(|note| note.severity() == Severity::Error).map(|note| note.finding());
        let round = Round {
            plan,
            ruleset,
            kept,
            statuses,
            uids,
            voices,
            first_ready: self.ready.first().cloned(),
            policies: self.policies.clone(),
            failing: self.failing(),
            inside: Arc::clone(&self.facts),
            findings: self.facts.findings.clone(),
            fatal,
            further: Vec::new(),
        };
        (round, granted)
    }

    fn plan(&self, planned: &BTreeMap<ServiceKey, Planned>) -> Plan {
        let service = |(key, planned): (&ServiceKey, &Planned)| Some((key.clone(), planned.service.clone()?));
        let (excluded, exact) = (self.facts.excluded.clone(), self.facts.exact.clone());
        let services = planned.iter().filter_map(service).collect();
        let plan = Plan { excluded, exact, services, ..Plan::default() };
        Plan { elsewhere: elsewhere(&self.facts, &plan), ..plan }
    }

    /// Adds what is known of a Service beside its part of the plan.
    fn complete(&self, here: Here<'_>, key: &ServiceKey, planned: Option<&Planned>, status: &mut ServiceStatus) {
        let Some(entry) = self.services.get(key) else { return };
        status.policy = entry.verdict.as_ref().and_then(|verdict| verdict.policy.clone());
        status.shadows = planned.map(|planned| self.shadows(here, entry, planned)).unwrap_or_default();
        if status.state != State::Off {
            let (service, wrote) = (&entry.view.service, entry.published.kube_vip.as_ref());
            status.findings.extend(beside::finding(service, wrote, &self.foreign));
            status.findings.extend(entry.waiting());
        }
    }

    fn failing(&self) -> BTreeMap<String, (ServiceKey, PolicyFailure)> {
        let failures = self.services.iter().flat_map(|(key, entry)| {
            entry.verdict.iter().flat_map(|verdict| &verdict.failures).map(move |failure| (key, failure))
        });
        let mut failing = BTreeMap::new();
        for (key, failure) in failures {
            failing.entry(failure.policy.clone()).or_insert_with(|| (key.clone(), failure.clone()));
        }
        failing
    }

    fn voices(&self, planned: &BTreeMap<ServiceKey, Planned>) -> BTreeMap<ServiceKey, Voice> {
        let stage = Stage { node: &self.settings.node, ready: &self.ready, holder: &self.holder };
        let one = |(key, planned): (&ServiceKey, &Planned)| {
            // What stands on a Service that cannot be read is unknown.
            let entry = self.services.get(key).filter(|entry| entry.standing != Standing::Unreadable)?;
            Some((key.clone(), voice(stage, &entry.view, &entry.published, planned)?))
        };
        planned.iter().filter_map(one).collect()
    }

    fn here<'a>(&'a self, sharing: &'a Sharing) -> Here<'a> {
        Here { context: &self.context, facts: &self.facts, holder: &self.holder, sharing }
    }

    fn settle(&self, here: Here<'_>, entry: &Entry) -> Option<Planned> {
        let verdict = entry.verdict.as_ref()?;
        if let (Ruling::Draft(draft), Standing::Earlier | Standing::Unreadable) = (&verdict.ruling, entry.standing) {
            let today = today(&self.context, &entry.view, draft);
            let usable = |address| self.is_usable(&entry.view.service, address);
            let today = Ruling::Draft(choice::moved(today, &entry.view.addresses, usable));
            return Some(settle(here, &entry.view, &today, &verdict.findings, self.last_draft(entry)));
        }
        Some(settle(here, &entry.view, &verdict.ruling, &verdict.findings, self.standby(entry, verdict)))
    }

    fn standby<'a>(&'a self, entry: &'a Entry, verdict: &Verdict) -> Standby<'a> {
        match (&verdict.ruling, &entry.last_input) {
            (Ruling::Invalid { .. }, Some(last)) => match &last.ruling {
                Ruling::Draft(_) => Standby::LastInput(last),
                Ruling::Denied { .. } => Standby::Nothing,
                // Then the policies changed, and not the input alone.
                Ruling::Invalid { .. } | Ruling::Failed(_) => self.last_draft(entry),
            },
            (_, _) => self.last_draft(entry),
        }
    }

    pub(super) fn last_draft(&self, entry: &Entry) -> Standby<'_> {
        match (self.drafts.get(&entry.view.service.uid), self.memory) {
            (Some(draft), _) => Standby::LastDraft(draft),
            (None, Memory::Whole) => Standby::Nothing,
            (None, Memory::Partial) => Standby::Unknown,
        }
    }

    /// The Services of which what the kernel has stays.
    fn kept(&self, here: Here<'_>, planned: &BTreeMap<ServiceKey, Planned>) -> Kept {
        match self.memory {
            Memory::Whole => Kept::new(),
            Memory::Partial => {
                let entries = planned.iter().filter_map(|(key, planned)| Some((self.services.get(key)?, planned)));
                entries.filter_map(|(entry, planned)| self.keeps(here, entry, planned)).collect()
            }
        }
    }

    /// What stays of a Service as the kernel has it: nothing was decided about it, and what was in force is unknown.
    fn keeps(&self, here: Here<'_>, entry: &Entry, settled: &Planned) -> Option<(Uid, Own)> {
        let undecided = matches!(settled.end, End::Invalid | End::Failed);
        let unknown = self.standby(entry, entry.verdict.as_ref()?) == Standby::Unknown;
        (undecided && unknown).then(|| (entry.view.service.uid.clone(), Own::of(here, &entry.view)))
    }

    /// What would be in force with each policy in shadow mode, where that is something else.
    fn shadows(&self, here: Here<'_>, entry: &Entry, enforced: &Planned) -> Vec<ShadowStatus> {
        let shadows = entry.verdict.iter().flat_map(|verdict| &verdict.shadows);
        let would = |shadow: &Shadow| {
            let planned = settle(here, &entry.view, &shadow.ruling, &shadow.findings, self.last_draft(entry));
            ShadowStatus::new(&shadow.policy, enforced, &planned)
        };
        shadows.filter_map(would).collect()
    }
}
