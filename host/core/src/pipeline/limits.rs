//! The plans that limits allow to be applied, and what is stored of them. Only applied plans are stored as accepted, so
//! that a restart has the same result.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::derived::Derived;
use super::entry::{Answer, AnswerState, Entry, FollowUp};
use super::memory::{accept, is_accepted, remember};
use super::{Pipeline, Question};
use crate::chain::{ChainDecision, ChainResult};
use crate::decision::Draft;
use crate::guard::guard;
use crate::model::{Snapshot, SubjectKey, SubjectView, view};
use crate::plan::{
    Answered, BudgetRequest, EvaluationEnd, Excess, FallbackDraft, GUARDED_PODS_OF_A_NODE, Grant, GrantResult, Limits,
    NodeContext, Rules, Size, SubjectPlan, SubjectResult, TOO_MANY_ENDPOINTS, grants, narrows, settle,
};

/// What is in force of a Service whose newest change is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alternative {
    pub(super) grant: Grant,
    pub(super) planned: SubjectResult,
}

/// What a Service can fall back to.
struct Alternatives {
    before: SubjectResult,
    /// Absent where it was not edited: then the newest is what was accepted. Else unknown until the policies were
    /// asked.
    accepted: Option<Option<SubjectResult>>,
}

#[cfg(feature = "testkit")]
impl Pipeline {
    /// What it was given, for the next process of a test.
    pub fn limits(&self) -> Limits {
        self.settings.limits
    }
}

impl Pipeline {
    /// The view of a subject. Of one with too many endpoints only those are left that are in force: the others are not
    /// even shown to policies.
    pub(super) fn view(&self, snapshot: &Snapshot, key: &SubjectKey) -> Option<SubjectView> {
        let mut view = view(snapshot, &self.facts, key, self.settings.trust, &self.settings.prefix)?;
        let (count, most) = (view.subject.endpoints.len(), self.settings.limits.service.endpoints);
        if count > most {
            let draft = self.drafts.get(view.subject.uid());
            let sources = draft.iter().flat_map(|draft| draft.rules()).flat_map(|rule| rule.sources());
            let in_force: BTreeSet<&IpAddr> = sources.collect();
            view.subject.endpoints =
                view.subject.endpoints.iter().filter(|e| in_force.contains(&e.address)).cloned().collect();
            view.findings.push(Excess::of_endpoints(key.kind, count, most));
        }
        // Also where nothing asks for `drop` yet: an answer may.
        view.held_back = self.held_back(snapshot, &view);
        Some(view)
    }

    /// How much a Service would have as it is today, or what is kept for it where that is more.
    pub(super) fn demand(&self, key: &SubjectKey, newest: &SubjectResult) -> Size {
        let newest = size(newest);
        newest.or(self.claimed(key, newest))
    }

    /// What is in force instead of what exceeds a limit, of all these Services together; and the most that they have on
    /// the way.
    pub(super) fn refusals(
        &self,
        here: NodeContext<'_>,
        limits: &Limits,
        planned: &BTreeMap<SubjectKey, SubjectResult>,
    ) -> (BTreeMap<SubjectKey, Alternative>, Size) {
        // A Service without pods may get some again.
        let is_kept = |key: &SubjectKey| self.claimed(key, Size::default()) != Size::default();
        let asking = planned.iter().filter(|(key, planned)| planned.service.is_some() || is_kept(key));
        let (wishes, alternatives): (Vec<BudgetRequest>, Vec<Alternatives>) =
            asking.filter_map(|(key, newest)| self.wish(here, key, newest)).unzip();
        let (granted, peak) = grants(limits, &wishes);
        let instead = wishes.iter().zip(alternatives).zip(granted).filter_map(|((wish, alternatives), granted)| {
            Some((wish.key.clone(), instead(&wish.key, alternatives, granted, planned.get(&wish.key)?)?))
        });
        (instead.collect(), peak)
    }

    /// How much is kept for a Service of this size. An edit that needs less gives the rest back.
    fn claimed(&self, key: &SubjectKey, newest: Size) -> Size {
        let Some(entry) = self.subjects.get(key) else { return Size::default() };
        let claim = entry.claim.size();
        let is_edited = entry.verdict.as_ref().is_some_and(|verdict| self.is_edited(entry, verdict));
        if is_edited && newest.fits_in_place_of(claim) { newest } else { claim }
    }

    fn wish(
        &self,
        here: NodeContext<'_>,
        key: &SubjectKey,
        newest: &SubjectResult,
    ) -> Option<(BudgetRequest, Alternatives)> {
        let entry = self.subjects.get(key)?;
        let alternatives = self.alternatives(here, entry)?;
        let created = entry.view.subject.created();
        let before = size(&alternatives.before);
        let newest = size(newest);
        let accepted = match &alternatives.accepted {
            None => Some(newest),
            Some(accepted) => accepted.as_ref().map(size),
        };
        let claim = self.claimed(key, newest);
        Some((BudgetRequest { key: key.clone(), created, before, claim, accepted, newest }, alternatives))
    }

    fn alternatives(&self, here: NodeContext<'_>, entry: &Entry) -> Option<Alternatives> {
        let verdict = entry.verdict.as_ref()?;
        let refused = ChainDecision::Invalid { policy: verdict.policy.clone().unwrap_or_default() };
        let answered = Answered { decision: &refused, ..Answered::of(verdict) };
        let instead = |standby| settle(here, &entry.view, answered, standby);
        let accepted = self.is_edited(entry, verdict).then(|| {
            let last = entry.last_input.as_deref().filter(|last| matches!(last.decision, ChainDecision::Draft(_)));
            last.map(|last| instead(FallbackDraft::LastInput(last)))
        });
        Some(Alternatives { before: instead(self.last_draft(entry)), accepted })
    }

    /// Whether the newest answer is about other annotations than those that were accepted.
    fn is_edited(&self, entry: &Entry, verdict: &ChainResult) -> bool {
        let accepted =
            || entry.standing == AnswerState::Newest && is_accepted(&self.accepted, &entry.view, &self.interest);
        entry.answer == Answer::New && matches!(verdict.decision, ChainDecision::Draft(_)) && !accepted()
    }

    /// Remembers what came into force of the newest answers of these Services; returns what has to be asked about edits
    /// that did not.
    pub(super) fn remember_granted(&mut self, keys: &BTreeSet<SubjectKey>, derived: &Derived) -> Vec<Question> {
        let mut further = Vec::new();
        for key in keys {
            let before = self.falls_back_to(key);
            further.extend(self.remember_answer(key, derived.refused.get(key)));
            if let Some(entry) = self.subjects.times_of(key) {
                let has = Size::of(derived.plans.get(key).map(|plan| &**plan));
                self.claims.has(key, &mut entry.claim, has);
            }
            if self.falls_back_to(key) != before {
                self.subjects.touch([key]);
            }
        }
        further
    }

    /// What limits depend on, beside what a Service would have today: how much is kept for it, and what it had last.
    fn falls_back_to(&self, key: &SubjectKey) -> Option<(Size, Option<Arc<Draft>>)> {
        let entry = self.subjects.get(key)?;
        Some((entry.claim.size(), self.drafts.get(entry.view.subject.uid()).cloned()))
    }

    /// Nothing is kept for the pods of a Service any more.
    pub(super) fn forget_claim(&mut self, key: &SubjectKey) {
        if let Some(entry) = self.subjects.times_of(key) {
            self.claims.forget(key, &mut entry.claim);
        }
    }

    fn remember_answer(&mut self, key: &SubjectKey, refused: Option<&Alternative>) -> Option<Question> {
        let entry = self.subjects.get(key)?;
        let (Answer::New, AnswerState::Newest, Some(verdict)) = (entry.answer, entry.standing, &entry.verdict) else {
            return None;
        };
        let ChainDecision::Draft(_) = &verdict.decision else { return None };
        let uid = entry.view.subject.uid();
        match (refused.map(|instead| instead.grant), entry.last_input.as_deref()) {
            (None, _) => {
                self.remember_accepted(key);
                return None;
            }
            (Some(Grant::Accepted), Some(ChainResult { decision: ChainDecision::Draft(draft), .. })) => {
                if guard(&self.context, &entry.view, draft).is_ok() {
                    remember(&mut self.drafts, uid, draft);
                }
            }
            (Some(_), _) => {}
        }
        let unasked = entry.follow_up == FollowUp::Unasked;
        if !unasked || is_accepted(&self.accepted, &entry.view, &self.interest) {
            return None;
        }
        let accepted = Arc::clone(self.accepted.get(uid)?);
        self.subjects.get_mut(key).map(|entry| entry.question_about(key, &accepted))
    }

    /// The newest answer came into force.
    fn remember_accepted(&mut self, key: &SubjectKey) {
        let Some(entry) = self.subjects.get(key) else { return };
        let Some(ChainResult { decision: ChainDecision::Draft(draft), findings, .. }) = &entry.verdict else { return };
        let uid = entry.view.subject.uid();
        if guard(&self.context, &entry.view, draft).is_ok() {
            remember(&mut self.drafts, uid, draft);
        }
        let is_edited = !is_accepted(&self.accepted, &entry.view, &self.interest);
        if **draft != Draft::default() || !findings.is_empty() {
            accept(&mut self.accepted, &entry.view, &self.interest);
        } else {
            // What asks for nothing has nothing to fall back to.
            self.accepted.remove(uid);
        }
        if let Some(entry) = self.subjects.get_mut(key) {
            (entry.answer, entry.last_input) = (Answer::Remembered, None);
            if is_edited {
                self.claims.forget(key, &mut entry.claim);
            }
        }
    }
}

fn instead(
    key: &SubjectKey,
    alternatives: Alternatives,
    granted: GrantResult,
    newest: &SubjectResult,
) -> Option<Alternative> {
    let is_edited = alternatives.accepted.is_some();
    let ((instead, accepted), excess) = (alternatives.of(granted.grant)?, granted.excess?);
    // A guard narrows what is in force, also where there is no room for its restrictions. What an edit denies has to
    // fit.
    if !is_edited && is_narrower(newest, &instead) {
        return None;
    }
    let guarded = accepted.filter(|accepted| is_narrower(accepted, &instead));
    let mut planned = guarded.unwrap_or(instead);
    planned.findings.push(excess.finding(key));
    Some(Alternative { grant: granted.grant, planned })
}

impl Alternatives {
    /// What is in force instead of the newest, and the input that was accepted last where that is something else. None
    /// where the newest is in force.
    fn of(self, grant: Grant) -> Option<(SubjectResult, Option<SubjectResult>)> {
        let Self { before, accepted } = self;
        let accepted = accepted.flatten();
        match grant {
            Grant::Newest => None,
            Grant::Accepted => accepted.map(|accepted| (accepted, None)),
            Grant::Before => Some((before, accepted)),
            Grant::Nothing => Some((SubjectResult { service: guard_alone(&before), ..before }, accepted)),
        }
    }
}

/// The guard of a Service that translates nothing, as far as it needs no room of its own.
fn guard_alone(before: &SubjectResult) -> Option<Arc<SubjectPlan>> {
    let plan = before.service.as_deref().filter(|plan| !plan.guarded.is_empty())?;
    let few = plan.guarded.len() <= GUARDED_PODS_OF_A_NODE;
    few.then(|| SubjectPlan { rules: Rules::default(), ..plan.clone() }.into())
}

/// With too many endpoints the Service's input is wrong, whatever the policies say about the rest.
pub(super) fn with_endpoints_counted(view: &SubjectView, planned: SubjectResult) -> SubjectResult {
    let crowded = view.findings.iter().any(|finding| finding.code == TOO_MANY_ENDPOINTS);
    match planned.end {
        EvaluationEnd::Ruled if crowded => SubjectResult { end: EvaluationEnd::Invalid, ..planned },
        EvaluationEnd::Ruled
        | EvaluationEnd::Off
        | EvaluationEnd::Invalid
        | EvaluationEnd::Denied
        | EvaluationEnd::Failed => planned,
    }
}

fn is_narrower(newest: &SubjectResult, before: &SubjectResult) -> bool {
    newest.service.as_ref().zip(before.service.as_ref()).is_some_and(|(newest, before)| narrows(newest, before))
}

fn size(planned: &SubjectResult) -> Size {
    Size::of(planned.service.as_deref())
}
