//! The audit of the stored state of one subject.

use std::collections::BTreeMap;

use super::{AuditSlice, AuditSubject, AuditedPart, Disagreement, Keys, behind, first_of_all};
use crate::chain::PolicyFailure;
use crate::check::{PlanNote, faults};
use crate::model::SubjectKey;
use crate::pipeline::Pipeline;
use crate::plan::{NodeContext, Shares, SubjectPlan, SubjectResult};

/// With so many endpoints a Service takes twice as long as with one or two.
const LIGHT_ENDPOINTS: usize = 8;

impl Pipeline {
    pub(super) fn audit_services(&self, after: Option<&SubjectKey>, most: usize) -> AuditSlice<SubjectKey> {
        let (mut disagreements, mut weight) = (Vec::new(), 0);
        for key in first_of_all(most, self.all_behind(after)) {
            if let Some(part) = self.differing(&key) {
                disagreements.push(Disagreement { subject: AuditSubject::Subject(key.clone()), part });
            }
            weight += self.weight(&key);
            if weight >= most {
                return AuditSlice { disagreements, last: Some(key) };
            }
        }
        AuditSlice { disagreements, last: None }
    }

    /// As how many Services it counts: one may have ten thousand endpoints.
    fn weight(&self, key: &SubjectKey) -> usize {
        let slices = self.newest.slices.get(key).into_iter().flat_map(|slices| slices.values());
        1 + slices.map(|slice| slice.endpoints.len()).sum::<usize>() / LIGHT_ENDPOINTS
    }

    /// The Services of which anything is known, in each place by itself: also those that are gone everywhere else.
    fn all_behind<'a>(&'a self, after: Option<&SubjectKey>) -> Vec<Keys<'a, SubjectKey>> {
        fn of<'a, T>(map: &'a BTreeMap<SubjectKey, T>, after: Option<&SubjectKey>) -> Keys<'a, SubjectKey> {
            Box::new(map.range(behind(after.cloned())).map(|(key, _)| key.clone()))
        }
        let derived = &self.derived;
        let mut all = vec![
            Box::new(self.subjects.range(behind(after.cloned())).map(|(key, _)| key.clone())) as Keys<'a, SubjectKey>,
            Box::new(self.newest.services.range(behind(after.cloned())).map(|(key, _)| key.clone())),
            Box::new(self.newest.egress_policies.range(behind(after.cloned())).map(|(key, _)| key.clone())),
            Box::new(self.newest.slices.range(behind(after.cloned())).map(|(key, _)| key.clone())),
            Box::new(self.newest.unreadable.services.range(behind(after.cloned())).map(|(key, _)| key.clone())),
            Box::new(derived.records.range(behind(after.cloned())).map(|(key, _)| key.clone())),
            Box::new(derived.beside.range(behind(after.cloned())).cloned()),
            Box::new(derived.selecting.range(behind(after.cloned())).cloned()),
            of(&derived.counted, after),
            of(&derived.refused, after),
            of(&derived.plans, after),
            of(&derived.faults, after),
            of(&derived.kept, after),
            of(self.places.by_service(), after),
            Box::new(derived.tunnel_parts.behind(after)),
        ];
        all.extend(derived.failing.by_policy().map(|services| of(services, after)));
        all
    }

    /// The first part that is wrong, in the order in which they follow from each other.
    fn differing(&self, key: &SubjectKey) -> Option<AuditedPart> {
        let (derived, here) = (&self.derived, self.here(&self.derived.sharing));
        let newest = self.newest(here, key);
        let is_counted = self.is_counted(key, newest.as_ref());
        let planned = derived.refused.get(key).map(|instead| instead.planned.clone()).or(newest);
        let plan = planned.as_ref().and_then(|planned| planned.service.as_deref());
        let faults = plan.iter().flat_map(|plan| faults(key, plan, &derived.networks)).collect::<Vec<_>>();
        let parts = [
            (AuditedPart::View, self.stale_entry(key).is_none()),
            (AuditedPart::Places, self.is_placed(key)),
            (AuditedPart::Sharing, self.is_shared(key)),
            (AuditedPart::Size, is_counted),
            (AuditedPart::Plan, derived.plans.get(key).map(|plan| &**plan) == plan),
            (AuditedPart::Kept, derived.kept.get(key) == self.keeps(here, key, planned.as_ref()).as_ref()),
            (AuditedPart::Pods, self.is_found_by_pods(key, plan)),
            (AuditedPart::Tunnel, self.has_tunnel_part(here, key, plan)),
            (AuditedPart::Faults, derived.faults.get(key).map_or(&[] as &[PlanNote], Vec::as_slice) == faults),
            (AuditedPart::Failures, self.has_failed(key)),
            (AuditedPart::Record, self.is_recorded(key, planned.as_ref(), faults)),
        ];
        parts.into_iter().find(|(_, holds)| !holds).map(|(part, _)| part)
    }

    fn is_placed(&self, key: &SubjectKey) -> bool {
        self.places.has(key, &self.place_of(&self.newest, key))
    }

    fn is_shared(&self, key: &SubjectKey) -> bool {
        let shares = self.shares(key);
        let counted = self.derived.counted.get(key).map(|counted| &counted.shares);
        let is_known = counted.map_or(shares == Shares::default(), |counted| *counted == shares);
        is_known && self.derived.sharing.has(key, &shares)
    }

    fn is_counted(&self, key: &SubjectKey, newest: Option<&SubjectResult>) -> bool {
        let demand = newest.map(|newest| self.demand(key, newest));
        match (self.subjects.has(key), self.derived.counted.get(key)) {
            (true, Some(counted)) => counted.demand == demand,
            (false, None) => true,
            (true, None) | (false, Some(_)) => false,
        }
    }

    fn is_found_by_pods(&self, key: &SubjectKey, plan: Option<&SubjectPlan>) -> bool {
        let mut pods = plan.into_iter().flat_map(SubjectPlan::pods);
        let is_selecting = self.derived.selecting.contains(key) == self.guards_selected(key);
        is_selecting
            && self.subjects.is_found_by_labels(key)
            && pods.all(|pod| self.derived.pods.of(pod).binary_search(key).is_ok())
    }

    fn has_tunnel_part(&self, here: NodeContext<'_>, key: &SubjectKey, plan: Option<&SubjectPlan>) -> bool {
        let (created, part) = self.tunnel_part(here, key, plan);
        self.derived.tunnel_parts.of(key) == (!part.is_empty()).then_some((created, &part))
    }

    fn has_failed(&self, key: &SubjectKey) -> bool {
        let verdict = self.subjects.get(key).and_then(|entry| entry.verdict.as_ref());
        let mut first: BTreeMap<&str, &PolicyFailure> = BTreeMap::new();
        for failure in verdict.iter().flat_map(|verdict| &verdict.failures) {
            first.entry(&failure.policy).or_insert(failure);
        }
        first == self.derived.failing.of(key)
    }

    fn is_recorded(&self, key: &SubjectKey, planned: Option<&SubjectResult>, faults: Vec<PlanNote>) -> bool {
        let (derived, here) = (&self.derived, self.here(&self.derived.sharing));
        let mut notes: Vec<PlanNote> = faults.into_iter().chain(self.overlap(derived, key)).collect();
        notes.sort();
        let record = self.record(here, key, planned, derived.plans.get(key).cloned(), &notes);
        let is_beside = self.is_beside(key, record.as_ref());
        derived.records.get(key).map(|known| &**known) == record.as_ref() && derived.beside.contains(key) == is_beside
    }
}
