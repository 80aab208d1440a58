//! Everything that was published, against everything that should be. Pure: the clock and the answers are handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use egressd_core::in_force::InForce;
use egressd_core::model::{ActiveEndpoints, PolicyMark, ServiceKey, Uid, active_endpoint};
use egressd_core::status::{ServiceStatus, State};
use egressd_core::voice::{Speech, Voice};
use tokio::time::Instant;

use super::pace::{Backoff, Purse};
use super::policies::Failing;
use super::say::{Said, Tone};
use super::speaker::{self, Novelty, Right, Urgency};
use super::write::Kind;
use super::{Outcome, Place, Regarding, Write, active, policies};
use crate::board::Newest;
use crate::orphans::Orphan;
use crate::policies::PolicyReport;
use crate::rights::Publish;

/// So many Events of one tone of all objects together at once, and then one each so often: a cluster of thousands of
/// Services is reported in minutes, not in one flood, and what is wrong does not wait for what is well.
const EVENTS: Purse = Purse::new(100, Duration::from_millis(100));
/// How long room for Events is gathered once there is none.
const ROOM: Duration = Duration::from_secs(1);
/// While the API server is away.
const AWAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// While a permission is missing.
const FORBIDDEN: Duration = Duration::from_mins(5);

/// What is known about everything that is published.
#[derive(Debug)]
pub struct Ledger {
    place: Place,
    services: BTreeMap<ServiceKey, Account>,
    policies: BTreeMap<String, PolicyAccount>,
    /// Events about orphaned tables, by table.
    orphans: BTreeMap<String, speaker::Memory>,
    events: Purses,
    away: Option<Backoff>,
    forbidden: BTreeMap<Kind, Instant>,
}

#[derive(Debug)]
struct Account {
    uid: Uid,
    active: active::Memory,
    speaker: speaker::Memory,
}

#[derive(Debug)]
struct PolicyAccount {
    mark: Option<String>,
    wrote: Option<(String, Backoff)>,
    speaker: speaker::Memory,
}

/// What to write now, and when to look again if nothing happens before.
#[derive(Debug, Default)]
pub struct Due {
    /// Requests, in no order that matters: no two of a kind are about one object.
    pub writes: Vec<Write>,
    /// The next moment at which there may be more.
    pub next: Option<Instant>,
}

impl Ledger {
    /// Nothing was published yet by this process.
    pub fn new(place: Place) -> Self {
        let (services, policies, orphans, forbidden) = Default::default();
        Self { place, services, policies, orphans, events: Purses::default(), away: None, forbidden }
    }

    /// What follows from the newest state: at most `most` requests.
    pub fn due(&mut self, newest: &Newest, now: Instant, most: usize) -> Due {
        let Some(round) = newest.in_force.as_deref() else { return Due::default() };
        if let Some(away) = self.away.filter(|away| away.due() > now) {
            return Due { writes: vec![], next: Some(away.due()) };
        }
        self.forget(round, &newest.orphans);
        self.forbidden.retain(|_, until| *until > now);
        let mut basket = Basket::new((now, self.place.publish), &self.forbidden);
        for (key, shown) in &round.services {
            let (uid, voice) = (&shown.record.uid, shown.record.voice());
            let Some(status) = shown.record.status() else { continue };
            if voice.is_none() && !self.services.contains_key(key) {
                continue;
            }
            let account = self.services.entry(key.clone()).or_insert_with(|| Account::new(uid.clone()));
            account.collect(&self.place, (key, status, voice), &mut basket);
        }
        let overview = &round.overview;
        if overview.first_ready.as_ref() == Some(&self.place.node) {
            for report in newest.policies.iter() {
                let Some(mark) = overview.policies.get(&report.name) else { continue };
                let account = self.policies.entry(report.name.clone()).or_insert_with(|| PolicyAccount::new(mark));
                account.collect((report, mark, overview.failing.get(&report.name)), &mut basket);
            }
        } else {
            self.policies.clear();
        }
        for orphan in newest.orphans.iter() {
            let table = orphan.table.to_string();
            let speaker = self.orphans.entry(table.clone()).or_default();
            if let Some(due) = speaker.due(Said::orphaned(orphan), Right::Doer, Novelty::News, now) {
                basket.event(due, Regarding::Node { table });
            }
        }
        basket.filled(self.events, most)
    }

    /// What is gone, or lives another life, was never written to.
    fn forget(&mut self, round: &InForce, orphans: &[Orphan]) {
        self.orphans.retain(|table, _| orphans.iter().any(|orphan| orphan.table.to_string() == *table));
        let lives = |key: &ServiceKey| round.services.get(key).map(|shown| &shown.record.uid);
        self.services.retain(|key, account| lives(key) == Some(&account.uid));
        let policies = &round.overview.policies;
        self.policies.retain(|name, account| policies.get(name).is_some_and(|mark| mark.uid == account.mark));
    }

    /// Takes in what became of a request.
    pub fn done(&mut self, write: &Write, outcome: Outcome, now: Instant) {
        match &outcome {
            Outcome::Done(_) | Outcome::Gone | Outcome::Refused => self.away = None,
            Outcome::Away => match &mut self.away {
                Some(away) if away.due() > now => {}
                Some(away) => away.again(AWAY.0, now),
                None => self.away = Some(Backoff::new(AWAY.0, AWAY.1, now)),
            },
            Outcome::Forbidden => {
                self.forbidden.insert(write.kind(), now + FORBIDDEN);
            }
        }
        if matches!(outcome, Outcome::Away | Outcome::Forbidden) {
            return;
        }
        match write {
            Write::Active { service, annotations, .. } => self.wrote(service, annotations, &outcome, now),
            Write::Status { policy, text, .. } => {
                if let Some(account) = self.policies.get_mut(policy) {
                    account.wrote(text, now);
                }
            }
            Write::Event { regarding, said } => self.told(regarding, said, outcome, now),
            Write::Series { regarding, said, .. } if outcome == Outcome::Gone => {
                if let Some(speaker) = self.speaker(regarding) {
                    speaker.forget(said);
                }
            }
            Write::Series { regarding, said, event, .. } => {
                self.told(regarding, said, Outcome::Done(Some(event.clone())), now);
            }
        }
    }

    fn wrote(&mut self, key: &ServiceKey, written: &BTreeMap<String, String>, outcome: &Outcome, now: Instant) {
        let values = egressd_core::net::Family::ALL.into_iter().filter_map(|family| {
            Some((family, written.get(&self.place.prefix.name(active_endpoint(family)))?.clone()))
        });
        let values: ActiveEndpoints = values.collect();
        let Some(account) = self.services.get_mut(key) else { return };
        match outcome {
            Outcome::Refused => account.active.refused(values, now),
            Outcome::Done(_) | Outcome::Gone | Outcome::Away | Outcome::Forbidden => account.active.wrote(values, now),
        }
    }

    fn told(&mut self, regarding: &Regarding, said: &Said, outcome: Outcome, now: Instant) {
        self.events.of(said.tone).take(now);
        let name = match outcome {
            Outcome::Done(name) => name,
            Outcome::Gone | Outcome::Away | Outcome::Forbidden | Outcome::Refused => None,
        };
        if let Some(speaker) = self.speaker(regarding) {
            speaker.told(said, name, now);
        }
    }

    fn speaker(&mut self, regarding: &Regarding) -> Option<&mut speaker::Memory> {
        match regarding {
            Regarding::Service(key, _) => self.services.get_mut(key).map(|account| &mut account.speaker),
            Regarding::Policy { name, .. } => self.policies.get_mut(name).map(|account| &mut account.speaker),
            Regarding::Node { table } => self.orphans.get_mut(table),
        }
    }
}

impl Account {
    fn new(uid: Uid) -> Self {
        Self { uid, active: active::Memory::default(), speaker: speaker::Memory::default() }
    }

    fn collect(
        &mut self,
        place: &Place,
        (key, status, voice): (&ServiceKey, &ServiceStatus, Option<&Voice>),
        basket: &mut Basket<'_>,
    ) {
        // First what was known before anything is written: an Event is news when the annotation is.
        let regarding = || Regarding::Service(key.clone(), self.uid.clone());
        if let Some(due) = speak(&mut self.speaker, place, (status, voice), basket.now) {
            basket.event(due, regarding());
        }
        if let Some(due) = self.active.due(status.state, voice, basket.now) {
            let name = |(family, value)| (place.prefix.name(active_endpoint(family)), value);
            let annotations = due.values.into_iter().map(name).collect();
            basket.put(due.at, Write::Active { service: key.clone(), uid: self.uid.clone(), annotations });
        }
    }
}

fn speak(
    speaker: &mut speaker::Memory,
    place: &Place,
    (status, voice): (&ServiceStatus, Option<&Voice>),
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
fn unheard(publish: Publish, speech: Speech, status: &ServiceStatus) -> bool {
    speech == Speech::Spokesman && publish < Publish::All && status.is_held_elsewhere()
}

impl PolicyAccount {
    fn new(mark: &PolicyMark) -> Self {
        Self { mark: mark.uid.clone(), wrote: None, speaker: speaker::Memory::default() }
    }

    fn collect(
        &mut self,
        (report, mark, failing): (&PolicyReport, &PolicyMark, Option<&Failing>),
        basket: &mut Basket<'_>,
    ) {
        let text = policies::status(report, failing);
        let same = mark.status.as_ref() == Some(&text);
        let (policy, uid) = (report.name.clone(), mark.uid.clone());
        let novelty = if same { Novelty::Known } else { Novelty::News };
        if let Some(due) = self.speaker.due(policies::said(report, failing), Right::Doer, novelty, basket.now) {
            basket.event(due, Regarding::Policy { name: policy.clone(), uid: uid.clone() });
        }
        if same {
            return;
        }
        let again = self.wrote.as_ref().filter(|(wrote, _)| *wrote == text).map(|(_, again)| again.due());
        basket.put(again.unwrap_or(basket.now), Write::Status { policy, uid, text });
    }

    fn wrote(&mut self, text: &str, now: Instant) {
        const FIRST: Duration = Duration::from_secs(5);
        match &mut self.wrote {
            Some((wrote, again)) if wrote == text => again.again(FIRST, now),
            _ => self.wrote = Some((text.to_owned(), Backoff::new(FIRST, Duration::from_mins(10), now))),
        }
    }
}

/// Collects what could be written, and then takes what there is room for: what is wrong first, lest it waits behind
/// thousands of Services that are well.
struct Basket<'a> {
    now: Instant,
    publish: Publish,
    forbidden: &'a BTreeMap<Kind, Instant>,
    wanted: Vec<(Turn, Instant, Write)>,
}

/// The purses of Events, by tone.
#[derive(Clone, Copy, Debug)]
struct Purses {
    warnings: Purse,
    others: Purse,
}

impl Default for Purses {
    fn default() -> Self {
        Self { warnings: EVENTS, others: EVENTS }
    }
}

impl Purses {
    fn of(&mut self, tone: Tone) -> &mut Purse {
        match tone {
            Tone::Warning => &mut self.warnings,
            Tone::Normal => &mut self.others,
        }
    }
}

/// Who comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Events about what is wrong and was not so before.
    Alarm,
    /// Annotations.
    Published,
    /// Other Events.
    Remark,
}

impl<'a> Basket<'a> {
    fn new((now, publish): (Instant, Publish), forbidden: &'a BTreeMap<Kind, Instant>) -> Self {
        Self { now, publish, forbidden, wanted: Vec::new() }
    }

    fn event(&mut self, due: speaker::Due, regarding: Regarding) {
        let turn = match (due.said.tone, due.urgency) {
            (Tone::Warning, Urgency::Prompt) => Turn::Alarm,
            (Tone::Warning, Urgency::Patient) | (Tone::Normal, _) => Turn::Remark,
        };
        let write = match due.again {
            Some((event, count)) => Write::Series { regarding, said: due.said, event, count },
            None => Write::Event { regarding, said: due.said },
        };
        self.wanted.push((turn, due.at, write));
    }

    /// Takes a write that is no Event.
    fn put(&mut self, at: Instant, write: Write) {
        if self.publish == Publish::All {
            self.wanted.push((Turn::Published, at, write));
        }
    }

    /// What is due now, at most so much. The purses of Events are copies: what is taken from them here is taken for good
    /// when the Event is written.
    fn filled(mut self, mut events: Purses, most: usize) -> Due {
        self.wanted.sort_by_key(|(turn, at, _)| (*turn, (*at).max(self.now)));
        let mut due = Due::default();
        for (_, at, write) in self.wanted {
            let at = self.forbidden.get(&write.kind()).map_or(at, |until| at.max(*until));
            let mut purse = write.said().map(|said| events.of(said.tone));
            // One look at all Services for ten Events, not one for each.
            let room = purse.as_ref().map(|purse| purse.due(self.now)).filter(|room| *room > self.now);
            let at = room.map_or(at, |room| at.max(room + ROOM));
            if at > self.now || due.writes.len() >= most {
                due.next = Some(due.next.map_or(at, |next| next.min(at)));
                continue;
            }
            purse.iter_mut().for_each(|purse| purse.take(self.now));
            due.writes.push(write);
        }
        due
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
