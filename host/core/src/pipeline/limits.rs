//! What limits let come into force, and what is remembered of it. Only what came into force is remembered as accepted,
//! so that a restart has the same outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::entry::{Answer, Entry, FollowUp, Standing};
use super::memory::{accept, is_accepted, remember};
use super::{Pipeline, Question};
use crate::chain::{Ruling, Verdict};
use crate::decision::Draft;
use crate::guard::guard;
use crate::model::{ServiceKey, ServiceView, Snapshot, view};
use crate::plan::{
    End, Excess, Grant, Here, Planned, Size, Standby, TOO_MANY_ENDPOINTS, Wish, fits, grants, narrows, settle,
};

/// The Services whose newest change is not in force, and what is.
pub(super) type Refused = BTreeMap<ServiceKey, Grant>;

/// How much each Service has in force.
pub(super) type Sizes = BTreeMap<ServiceKey, Size>;

/// What a Service can fall back to.
struct Alternatives {
    before: Planned,
    /// Absent where nobody edited it: then the newest is what was accepted. Else unknown until the policies were asked.
    accepted: Option<Option<Planned>>,
}

impl Pipeline {
    /// The view of a Service. Of one with too many endpoints only those are left that are in force: the others are not
    /// even shown to policies.
    pub(super) fn view(&self, snapshot: &Snapshot, key: &ServiceKey) -> Option<ServiceView> {
        let mut view = view(snapshot, &self.facts, key, self.settings.trust, &self.settings.prefix)?;
        let (count, most) = (view.endpoints.len(), self.settings.limits.service.endpoints);
        if count > most {
            let draft = self.drafts.get(&view.service.uid);
            let sources = draft.iter().flat_map(|draft| &draft.rules).flat_map(|rule| &rule.sources);
            let in_force: BTreeSet<&IpAddr> = sources.collect();
            view.endpoints = view.endpoints.iter().filter(|e| in_force.contains(&e.address)).cloned().collect();
            view.findings.push(Excess::of_endpoints(count, most));
        }
        Some(view)
    }

    /// Puts what was before in the place of what exceeds a limit.
    pub(super) fn keep_to_limits(
        &self,
        here: Here<'_>,
        planned: &mut BTreeMap<ServiceKey, Planned>,
    ) -> (Refused, Sizes) {
        let limits = &self.settings.limits;
        let mut sizes: Sizes = planned.iter().map(|(key, planned)| (key.clone(), size(planned))).collect();
        if fits(limits, sizes.iter().map(|(key, size)| (key, size.or(self.claimed(key, *size))))) {
            return (Refused::new(), sizes);
        }
        // A Service without pods may get some again.
        let is_kept = |key: &ServiceKey| self.claimed(key, Size::default()) != Size::default();
        let asking = planned.iter().filter(|(key, planned)| planned.service.is_some() || is_kept(key));
        let (wishes, alternatives): (Vec<Wish>, Vec<Alternatives>) =
            asking.filter_map(|(key, newest)| self.wish(here, key, newest)).unzip();
        let mut refused = Refused::new();
        for ((wish, alternatives), granted) in wishes.iter().zip(alternatives).zip(grants(limits, &wishes)) {
            let is_edited = alternatives.accepted.is_some();
            let (Some((instead, accepted)), Some(excess)) = (alternatives.of(granted.grant), granted.excess) else {
                continue;
            };
            // A guard narrows what is in force, also where there is no room for its restrictions. What an edit denies has to
            // fit.
            if !is_edited && planned.get(&wish.key).is_some_and(|newest| is_narrower(newest, &instead)) {
                continue;
            }
            let guarded = accepted.filter(|accepted| is_narrower(accepted, &instead));
            let mut instead = guarded.unwrap_or(instead);
            instead.findings.push(excess.finding(&wish.key));
            refused.insert(wish.key.clone(), granted.grant);
            sizes.insert(wish.key.clone(), size(&instead));
            planned.insert(wish.key.clone(), instead);
        }
        (refused, sizes)
    }

    /// How much is kept for a Service of this size. An edit that needs less gives the rest back.
    fn claimed(&self, key: &ServiceKey, newest: Size) -> Size {
        let Some(entry) = self.services.get(key) else { return Size::default() };
        let claim = self.claims.of(&entry.view.service.uid);
        let is_edited = entry.verdict.as_ref().is_some_and(|verdict| self.is_edited(entry, verdict));
        if is_edited && newest.fits_in_place_of(claim) { newest } else { claim }
    }

    fn wish(&self, here: Here<'_>, key: &ServiceKey, newest: &Planned) -> Option<(Wish, Alternatives)> {
        let entry = self.services.get(key)?;
        let alternatives = self.alternatives(here, entry)?;
        let (created, before, newest) = (entry.view.service.created, size(&alternatives.before), size(newest));
        let accepted = match &alternatives.accepted {
            None => Some(newest),
            Some(accepted) => accepted.as_ref().map(size),
        };
        let claim = self.claimed(key, newest);
        Some((Wish { key: key.clone(), created, before, claim, accepted, newest }, alternatives))
    }

    fn alternatives(&self, here: Here<'_>, entry: &Entry) -> Option<Alternatives> {
        let verdict = entry.verdict.as_ref()?;
        let refused = Ruling::Invalid { policy: verdict.policy.clone().unwrap_or_default() };
        let instead = |standby| settle(here, &entry.view, &refused, &verdict.findings, standby);
        let accepted = self.is_edited(entry, verdict).then(|| {
            let last = entry.last_input.as_ref().filter(|last| matches!(last.ruling, Ruling::Draft(_)));
            last.map(|last| instead(Standby::LastInput(last)))
        });
        Some(Alternatives { before: instead(self.last_draft(entry)), accepted })
    }

    /// Whether the newest answer is about other annotations than those that were accepted.
    fn is_edited(&self, entry: &Entry, verdict: &Verdict) -> bool {
        let accepted =
            || entry.standing == Standing::Newest && is_accepted(&self.accepted, &entry.view, &self.interest);
        entry.answer == Answer::New && matches!(verdict.ruling, Ruling::Draft(_)) && !accepted()
    }

    /// Remembers what came into force of the newest answers; returns what has to be asked about edits that did not.
    pub(super) fn remember_granted(&mut self, (refused, sizes): &(Refused, Sizes)) -> Vec<Question> {
        let further = self.remember_answers(refused);
        for (key, entry) in &self.services {
            self.claims.has(&entry.view.service.uid, sizes.get(key).copied().unwrap_or_default());
        }
        further
    }

    fn remember_answers(&mut self, refused: &Refused) -> Vec<Question> {
        let mut further = Vec::new();
        for (key, entry) in &mut self.services {
            let newest = (entry.answer, entry.standing, &entry.verdict);
            let (Answer::New, Standing::Newest, Some(verdict)) = newest else { continue };
            let Ruling::Draft(draft) = &verdict.ruling else { continue };
            let uid = &entry.view.service.uid;
            match (refused.get(key), &entry.last_input) {
                (None, _) => {
                    if guard(&self.context, &entry.view, draft).is_ok() {
                        remember(&mut self.drafts, uid, draft);
                    }
                    if !is_accepted(&self.accepted, &entry.view, &self.interest) {
                        self.claims.forget(uid);
                    }
                    let asked = *draft != Draft::default() || !verdict.findings.is_empty();
                    if asked {
                        accept(&mut self.accepted, &entry.view, &self.interest);
                    } else {
                        // What asks for nothing has nothing to fall back to.
                        self.accepted.remove(uid);
                    }
                    (entry.answer, entry.last_input) = (Answer::Remembered, None);
                }
                (Some(Grant::Accepted), Some(Verdict { ruling: Ruling::Draft(draft), .. })) => {
                    if guard(&self.context, &entry.view, draft).is_ok() {
                        remember(&mut self.drafts, uid, draft);
                    }
                }
                (Some(_), _) => {}
            }
            let unasked = refused.contains_key(key) && entry.follow_up == FollowUp::Unasked;
            if unasked && !is_accepted(&self.accepted, &entry.view, &self.interest) {
                let accepted = self.accepted.get(&entry.view.service.uid);
                further.extend(accepted.map(|labels| entry.question_about(key, labels)));
            }
        }
        further
    }
}

impl Alternatives {
    /// What is in force instead of the newest, and the input that was accepted last where that is something else. None where
    /// the newest is in force.
    fn of(self, grant: Grant) -> Option<(Planned, Option<Planned>)> {
        let Self { before, accepted } = self;
        let accepted = accepted.flatten();
        match grant {
            Grant::Newest => None,
            Grant::Accepted => accepted.map(|accepted| (accepted, None)),
            Grant::Before => Some((before, accepted)),
            Grant::Nothing => Some((Planned { service: None, ..before }, accepted)),
        }
    }
}

/// With too many endpoints the Service's input is wrong, whatever the policies say about the rest.
pub(super) fn with_endpoints_counted(view: &ServiceView, planned: Planned) -> Planned {
    let crowded = view.findings.iter().any(|finding| finding.code == TOO_MANY_ENDPOINTS);
    match planned.end {
        End::Ruled if crowded => Planned { end: End::Invalid, ..planned },
        End::Ruled | End::Off | End::Invalid | End::Denied | End::Failed => planned,
    }
}

fn is_narrower(newest: &Planned, before: &Planned) -> bool {
    newest.service.as_ref().zip(before.service.as_ref()).is_some_and(|(newest, before)| narrows(newest, before))
}

fn size(planned: &Planned) -> Size {
    Size::of(planned.service.as_ref())
}
