//! One account for each Service and each policy: what was written about it, and what it wants to write now.

use std::time::Duration;

use egressd_core::model::{PolicyMark, SubjectKey, Uid, active_endpoint};
use egressd_core::status::{State, SubjectStatus};
use egressd_core::voice::{Speech, Voice};

use super::pace::Backoff;
use super::policies::Failing;
use super::queue::Want;
use super::say::Said;
use super::speaker::{self, Novelty, Right};
use super::{Place, Regarding, Write, active, policies};
use crate::clock::Instant;
use crate::policies::PolicyReport;
use crate::rights::Publish;

/// What is known of a Service.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) key: &'a SubjectKey,
    pub(super) status: &'a SubjectStatus,
    pub(super) voice: Option<&'a Voice>,
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
pub(super) struct PolicyAccount {
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
        let Known { key, status, voice } = known;
        // First what was known before anything is written: an Event is news when the annotation is.
        let event = speak(&mut self.speaker, place, status, voice, now);
        let event = event.map(|due| Want::event(due, Regarding::Service(key.clone(), self.uid.clone())));
        let active = self.active.due(status.state, voice, now).filter(|_| place.publish == Publish::All);
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
    voice: Option<&Voice>,
    now: Instant,
) -> Option<speaker::Due> {
    let removed = || (Said::removed(), Right::Doer);
    let spoken = || Said::of(status, &place.node);
    let speech = voice.map_or(Speech::Listener, |voice| voice.speech);
    // Where no annotation names the node that translates, one that does not cannot know that none does.
    let speech = if unheard(place.publish, speech, status) { Speech::Listener } else { speech };
    let (said, right) = match (speech, status.state) {
        (Speech::Translator, _) => (spoken()?, Right::Doer),
        (Speech::Spokesman, _) => (spoken()?, Right::Bystander),
        (Speech::Listener, State::Off) if speaker.spoke() => removed(),
        (Speech::Listener, _) => {
            speaker.silent();
            return None;
        }
    };
    let agrees = |voice: &Voice| voice.active.values().all(|active| active.wanted == active.found);
    let known = voice.is_some_and(|voice| voice.speech == Speech::Translator && agrees(voice));
    speaker.due(said, right, if known { Novelty::Known } else { Novelty::News }, now)
}

/// Whether this node would speak for want of a word from others, who are not to be heard.
fn unheard(publish: Publish, speech: Speech, status: &SubjectStatus) -> bool {
    speech == Speech::Spokesman && publish < Publish::All && status.is_held_elsewhere()
}

impl PolicyAccount {
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
        let event = self.speaker.due(policies::said(report, failing), Right::Doer, novelty, now);
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
