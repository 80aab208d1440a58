//! One account for each Service and each policy: what was written about it, and what it wants to write now.

use std::time::Duration;

use egressd_core::model::{PolicyMark, SubjectKey, Uid, active_endpoint};
use egressd_core::reporting::{Reporter, Reporting};
use egressd_core::status::{State, SubjectStatus};

use super::event_text::EventText;
use super::pace::Backoff;
use super::policies::Failing;
use super::queue::Want;
use super::speaker::{self, Novelty, Role};
use super::{Place, Regarding, Write, active, policies};
use crate::clock::Instant;
use crate::policies::PolicyReport;
use crate::rights::Publish;

/// What is known of a Service.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) key: &'a SubjectKey,
    pub(super) status: &'a SubjectStatus,
    pub(super) reporting: Option<&'a Reporting>,
}

/// What is known of a policy.
#[derive(Clone, Copy)]
pub(super) struct KnownPolicy<'a> {
    pub(super) report: &'a PolicyReport,
    pub(super) mark: &'a PolicyMark,
    pub(super) failing: Option<&'a Failing>,
}

/// Of a Service in one of its lives.
#[derive(Debug)]
pub(super) struct Account {
    /// Which life.
    pub(super) uid: Uid,
    pub(super) active: active::Memory,
    pub(super) speaker: speaker::Memory,
}

/// Of a policy in one of its lives.
#[derive(Debug)]
pub(super) struct PolicyEvents {
    /// Which life.
    pub(super) mark: Option<String>,
    wrote: Option<(String, Backoff)>,
    pub(super) speaker: speaker::Memory,
}

impl Account {
    /// Nothing was written about it by this process.
    pub(super) fn new(uid: Uid) -> Self {
        Self { uid, active: active::Memory::default(), speaker: speaker::Memory::default() }
    }

    /// What it wants to write. The same at any other time, until what is known of it changes, something was written or
    /// refused, or a want ends ([`Want::until`]).
    pub(super) fn collect(&mut self, place: &Place, known: Known<'_>, now: Instant) -> Vec<Want> {
        let Known { key, status, reporting } = known;
        // First what was known before anything is written: an Event is news when the annotation is.
        let event = speak(&mut self.speaker, place, status, reporting, now);
        let event = event.map(|due| Want::event(due, Regarding::Service(key.clone(), self.uid.clone())));
        let active = self.active.due(status.state, reporting, now).filter(|_| place.publish == Publish::All);
        let active = active.map(|due| {
            let name = |(family, value)| (place.prefix.name(active_endpoint(family)), value);
            let annotations = due.values.into_iter().map(name).collect();
            Want::published(due.at, Write::Active { service: key.clone(), uid: self.uid.clone(), annotations })
        });
        event.into_iter().chain(active).collect()
    }
}

fn speak(
    speaker: &mut speaker::Memory,
    place: &Place,
    status: &SubjectStatus,
    reporting: Option<&Reporting>,
    now: Instant,
) -> Option<speaker::Due> {
    let removed = || (EventText::removed(), Role::Owner);
    let spoken = || EventText::of(status, &place.node);
    let reporter = reporting.map_or(Reporter::None, |reporting| reporting.reporter);
    // Where no annotation names the node that translates, one that does not cannot know that none does.
    let reporter = if unheard(place.publish, reporter, status) { Reporter::None } else { reporter };
    let (said, right) = match (reporter, status.state) {
        (Reporter::Active, _) => (spoken()?, Role::Owner),
        (Reporter::Fallback, _) => (spoken()?, Role::Fallback),
        (Reporter::None, State::Off) if speaker.spoke() => removed(),
        (Reporter::None, _) => {
            speaker.silent();
            return None;
        }
    };
    let agrees = |reporting: &Reporting| reporting.active.values().all(|active| active.wanted == active.found);
    let known = reporting.is_some_and(|reporting| reporting.reporter == Reporter::Active && agrees(reporting));
    speaker.due(said, right, if known { Novelty::Known } else { Novelty::News }, now)
}

/// Whether this node would speak because others, who cannot be heard, do not report.
fn unheard(publish: Publish, reporter: Reporter, status: &SubjectStatus) -> bool {
    reporter == Reporter::Fallback && publish < Publish::All && status.is_held_elsewhere()
}

impl PolicyEvents {
    /// Nothing was written about it by this process.
    pub(super) fn new(mark: &PolicyMark) -> Self {
        Self { mark: mark.uid.clone(), wrote: None, speaker: speaker::Memory::default() }
    }

    /// What it wants to write.
    pub(super) fn collect(&mut self, known: KnownPolicy<'_>, publish: Publish, now: Instant) -> Vec<Want> {
        let KnownPolicy { report, mark, failing } = known;
        let text = policies::status(report, failing);
        let same = mark.status.as_ref() == Some(&text);
        let (policy, uid) = (report.name.clone(), mark.uid.clone());
        let novelty = if same { Novelty::Known } else { Novelty::News };
        let event = self.speaker.due(policies::said(report, failing), Role::Owner, novelty, now);
        let event = event.map(|due| Want::event(due, Regarding::Policy { name: policy.clone(), uid: uid.clone() }));
        let again = self.wrote.as_ref().filter(|(wrote, _)| *wrote == text).map(|(_, again)| again.due());
        let status = || Want::published(again.unwrap_or(now), Write::Status { policy, uid, text });
        event.into_iter().chain((!same && publish == Publish::All).then(status)).collect()
    }

    /// Its status was written.
    pub(super) fn wrote(&mut self, text: &str, now: Instant) {
        const FIRST: Duration = Duration::from_secs(5);
        match &mut self.wrote {
            Some((wrote, again)) if wrote == text => again.again(FIRST, now),
            _ => self.wrote = Some((text.to_owned(), Backoff::new(FIRST, Duration::from_mins(10), now))),
        }
    }
}
