//! Derives the results for one subject from its stored state.

use std::sync::Arc;

use super::entry::{AnswerState, Entry};
use super::limits::with_endpoints_counted;
use super::{Pipeline, RestoredState, Settings, choice};
use crate::beside;
use crate::chain::{ChainDecision, ChainResult, Shadow};
use crate::check::PlanNote;
use crate::model::{AnnotationPrefix, SubjectKey, SubjectView, Uid, asks_kube_vip};
use crate::plan::{
    Answered, EgressRequest, EvaluationEnd, FallbackDraft, NodeContext, Shares, Sharing, SubjectAddresses, SubjectPlan,
    SubjectResult, TunnelContext, settle, today, unanswered,
};
use crate::record::{Record, RecordState, SettledSubject};
use crate::reporting::{ReporterInput, Reporting, reporting};
use crate::status::{ShadowStatus, State, SubjectStatus, status};

/// The annotation that asks for egress, without its prefix.
const EGRESS: &str = "egress";

impl Pipeline {
    /// What follows from the newest answer about a Service, whatever limits say; while there is no answer its guard alone,
    /// if it asks for one.
    pub(super) fn newest(&self, here: NodeContext<'_>, key: &SubjectKey) -> Option<SubjectResult> {
        let entry = self.subjects.get(key)?;
        match self.settle(here, entry) {
            Some(planned) => Some(with_endpoints_counted(&entry.view, planned)),
            None => unanswered(here, &entry.view, egress_request(&entry.view, &self.settings.prefix)),
        }
    }

    /// The addresses of a Service, as far as others depend on them: what asks for nothing takes no address from
    /// another, however old it is.
    pub(super) fn shares(&self, key: &SubjectKey) -> Shares {
        let asking = self.subjects.get(key).filter(|entry| !entry.asks_nothing());
        asking.map(|entry| Shares::of(&entry.view)).unwrap_or_default()
    }

    /// The record of a Service from what is in force of it; none where nothing is known of it.
    pub(super) fn record(
        &self,
        here: NodeContext<'_>,
        key: &SubjectKey,
        planned: Option<&SubjectResult>,
        plan: Option<Arc<SubjectPlan>>,
        notes: &[PlanNote],
    ) -> Option<Record> {
        let entry = self.subjects.get(key)?;
        let settled = |planned: &SubjectResult, plan| {
            let mut status = status(planned);
            status.findings.extend(notes.iter().map(PlanNote::finding));
            self.complete(here, entry, planned, &mut status);
            SettledSubject { plan, status: Arc::new(status), reporting: self.reporting(entry, planned) }
        };
        let outcome = match planned.filter(|_| entry.verdict.is_some()) {
            Some(planned) => RecordState::Settled(settled(planned, plan)),
            None => RecordState::Unanswered(plan),
        };
        Some(Record { uid: entry.view.subject.uid().clone(), outcome })
    }

    /// Whether a Service asks kube-vip for egress, too, and egressd.
    pub(super) fn is_beside(&self, key: &SubjectKey, record: Option<&Record>) -> bool {
        let is_on = record.and_then(Record::status).is_some_and(|status| status.state != State::Off);
        let service = self.subjects.get(key).and_then(|entry| entry.view.subject.service());
        is_on && service.is_some_and(|service| asks_kube_vip(service))
    }

    /// Adds what is known of a Service beside its part of the plan.
    fn complete(&self, here: NodeContext<'_>, entry: &Entry, planned: &SubjectResult, status: &mut SubjectStatus) {
        status.policy = entry.verdict.as_ref().and_then(|verdict| verdict.policy.clone());
        status.shadows = self.shadows(here, entry, planned);
        if status.state != State::Off {
            let (subject, wrote) = (&entry.view.subject, entry.published.kube_vip.as_ref());
            status.findings.extend(beside::finding(subject, wrote, &self.foreign));
            status.findings.extend(entry.waiting());
        }
    }

    /// What stands on a Service that cannot be read is unknown.
    fn reporting(&self, entry: &Entry, planned: &SubjectResult) -> Option<Reporting> {
        let stage = ReporterInput {
            node: &self.settings.node,
            ready: &self.ready,
            ownership: &self.ownership,
            cross_node: self.cross_node(),
        };
        let is_readable = entry.standing != AnswerState::Unreadable;
        is_readable.then(|| reporting(stage, &entry.view, &entry.published, planned)).flatten()
    }

    pub(super) fn here<'a>(&'a self, sharing: &'a Sharing) -> NodeContext<'a> {
        let Self { context, facts, ownership, newest, .. } = self;
        let pods = &newest.pods;
        let Settings { on_unavailable, on_change, prefix, tunnel, node, .. } = &self.settings;
        NodeContext {
            tunnel: TunnelContext::of(tunnel.as_ref(), node, &self.tunnels),
            context,
            facts,
            ownership,
            sharing,
            pods,
            on_unavailable: *on_unavailable,
            on_change: *on_change,
            prefix,
        }
    }

    fn settle(&self, here: NodeContext<'_>, entry: &Entry) -> Option<SubjectResult> {
        let verdict = entry.verdict.as_ref()?;
        if let (ChainDecision::Draft(draft), AnswerState::Earlier | AnswerState::Unreadable) =
            (&verdict.decision, entry.standing)
        {
            let today = today(&self.context, &entry.view, draft);
            let usable = |address| self.is_usable(&entry.view, address);
            let today = ChainDecision::Draft(choice::moved(today, &entry.view.subject.addresses, usable).into());
            let answered = Answered { decision: &today, ..Answered::of(verdict) };
            return Some(settle(here, &entry.view, answered, self.last_draft(entry)));
        }
        Some(settle(here, &entry.view, Answered::of(verdict), self.standby(entry, verdict)))
    }

    fn standby<'a>(&'a self, entry: &'a Entry, verdict: &ChainResult) -> FallbackDraft<'a> {
        match (&verdict.decision, entry.last_input.as_deref()) {
            (ChainDecision::Invalid { .. }, Some(last)) => match &last.decision {
                ChainDecision::Draft(_) => FallbackDraft::LastInput(last),
                ChainDecision::Denied { .. } => FallbackDraft::Nothing,
                // Then the policies changed, and not the input alone.
                ChainDecision::Invalid { .. } | ChainDecision::Failed(_) => self.last_draft(entry),
            },
            (_, _) => self.last_draft(entry),
        }
    }

    pub(super) fn last_draft(&self, entry: &Entry) -> FallbackDraft<'_> {
        match (self.drafts.get(entry.view.subject.uid()), self.memory) {
            (Some(draft), _) => FallbackDraft::LastDraft(draft),
            (None, RestoredState::Whole) => FallbackDraft::Nothing,
            (None, RestoredState::Partial) => FallbackDraft::Unknown,
        }
    }

    /// What stays of a Service as the kernel has it: nothing was decided about it, and what was in force is unknown.
    pub(super) fn keeps(
        &self,
        here: NodeContext<'_>,
        key: &SubjectKey,
        settled: Option<&SubjectResult>,
    ) -> Option<(Uid, SubjectAddresses)> {
        match self.memory {
            RestoredState::Whole => return None,
            RestoredState::Partial => {}
        }
        let entry = self.subjects.get(key)?;
        let undecided = matches!(settled?.end, EvaluationEnd::Invalid | EvaluationEnd::Failed);
        let unknown = self.standby(entry, entry.verdict.as_ref()?) == FallbackDraft::Unknown;
        (undecided && unknown).then(|| (entry.view.subject.uid().clone(), SubjectAddresses::of(here, &entry.view)))
    }

    /// What would be in force with each policy in shadow mode, where that is something else.
    fn shadows(&self, here: NodeContext<'_>, entry: &Entry, enforced: &SubjectResult) -> Vec<ShadowStatus> {
        let Some(verdict) = &entry.verdict else { return Vec::new() };
        let shadow_result = |shadow: &Shadow| {
            let Shadow { policy: _, decision, findings } = shadow;
            let answered = Answered { decision, findings, ..Answered::of(verdict) };
            let planned = settle(here, &entry.view, answered, self.last_draft(entry));
            let status = ShadowStatus::new(&shadow.policy, enforced, &planned)?;
            Some(status.with_alternatives(verdict.decision.draft(), decision.draft()))
        };
        verdict.shadows.iter().filter_map(shadow_result).collect()
    }
}

/// Whether a Service asks for egress, as far as its annotations show it. A value that is no boolean asks for something.
fn egress_request(view: &SubjectView, prefix: &AnnotationPrefix) -> EgressRequest {
    let egress = view.subject.annotations().get(&prefix.name(EGRESS));
    let asks = egress.is_some_and(|value| !["", "false"].contains(&value.trim()));
    if asks { EgressRequest::Made } else { EgressRequest::Absent }
}
