//! The Events about one object: what is news, and when it may be said.

use std::time::Duration;

use super::event_text::{EventText, EventType, Reason};
use super::pace::TokenBucket;
use crate::clock::Instant;

/// Changes come in bursts: pods start one after the other.
const SETTLE: Duration = Duration::from_secs(1);
/// How long no node has to have translated before one reports it: the address may be on its way to another node.
const SILENCE: Duration = Duration::from_secs(10);
/// So many Events about one object at once, and then one each so often.
const AT_ONCE: u32 = 6;
const EACH: Duration = Duration::from_secs(30);
/// Events about a Service that stays in force, with other pods: one at once, and then one each so often. They have a bucket
/// of their own: pods that are replaced one after the other must not use up what is kept for bad news.
const CHANGES: TokenBucket = TokenBucket::new(1, EACH);
/// Events that may happen once more, instead of there being another one. The API server forgets them after an hour.
const KEPT: usize = 8;
const KEEP: Duration = Duration::from_mins(45);

/// How this node comes to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It does what it speaks of.
    Owner,
    /// It speaks because no other node does.
    Fallback,
}

/// How soon an Event is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// It is in force as before, with other pods or less that is wrong: the newest such state in good time.
    Patient,
    /// Anything else.
    Prompt,
}

/// What was said about one object.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    said: Option<EventText>,
    /// Since when something else could be said, and with what right.
    pending: Option<(Instant, Role)>,
    bucket: TokenBucket,
    changes: TokenBucket,
    events: Vec<Event>,
}

#[derive(Clone, Debug)]
struct Event {
    said: EventText,
    name: String,
    count: i32,
    last: Instant,
}

impl Event {
    fn again(&self) -> Again {
        Again { name: self.name.clone(), count: self.count + 1, until: self.last + KEEP }
    }
}

/// Something to say, from when on; the Event that says it already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) at: Instant,
    pub(super) said: EventText,
    pub(super) again: Option<Again>,
    pub(super) urgency: Urgency,
}

/// An Event that may happen once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) name: String,
    /// How often it will have happened.
    pub(super) count: i32,
    /// From when on it may not, and another one has to be made.
    pub(super) until: Instant,
}

/// Whether it is known already to whoever looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    /// What is published says the same: an earlier process has reported.
    Known,
    /// It is news.
    News,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            said: None,
            pending: None,
            bucket: TokenBucket::new(AT_ONCE, EACH),
            changes: CHANGES,
            events: Vec::new(),
        }
    }
}

impl Memory {
    /// Another one speaks from here on.
    pub(super) fn silent(&mut self) {
        self.said = None;
        self.pending = None;
    }

    /// Whether something was said that a removal ends.
    pub(super) fn spoke(&self) -> bool {
        self.said.as_ref().is_some_and(|said| said.reason != Reason::Removed)
    }

    /// What to say, when that is news.
    pub(super) fn due(&mut self, mut said: EventText, role: Role, novelty: Novelty, now: Instant) -> Option<Due> {
        if self.said.as_ref().is_some_and(|before| same(before, &said)) {
            self.pending = None;
            return None;
        }
        if self.said.is_none()
            && self.pending.is_none()
            && novelty == Novelty::Known
            && said.event_type == EventType::Normal
        {
            self.said = Some(said);
            return None;
        }
        let begun = match self.pending {
            Some((since, before)) if before == role => since,
            Some(_) | None => now,
        };
        self.pending = Some((begun, role));
        if self.said.as_ref().is_some_and(|before| in_force(before.reason) && in_force(said.reason)) {
            said.reason = Reason::Changed;
        }
        let wait = match role {
            Role::Owner => SETTLE,
            Role::Fallback => SILENCE,
        };
        let urgency = self.urgency(&said);
        let at = (begun + wait).max(self.bucket(urgency).due(now));
        let mut known = self.events.iter().filter(|event| event.said == said).map(Event::again);
        let again = known.find(|again| now < again.until);
        Some(Due { at, said, again, urgency })
    }

    fn urgency(&self, said: &EventText) -> Urgency {
        let in_force_as = |before: &EventText| in_force(before.reason) && said.faults.is_subset(&before.faults);
        match &self.said {
            Some(before) if in_force(said.reason) && in_force_as(before) => Urgency::Patient,
            Some(_) | None => Urgency::Prompt,
        }
    }

    fn bucket(&mut self, urgency: Urgency) -> &mut TokenBucket {
        match urgency {
            Urgency::Patient => &mut self.changes,
            Urgency::Prompt => &mut self.bucket,
        }
    }

    /// It was said, in an Event of this name.
    pub(super) fn told(&mut self, said: &EventText, name: Option<String>, now: Instant) {
        let urgency = self.urgency(said);
        self.bucket(urgency).take(now);
        self.pending = None;
        self.said = Some(said.clone());
        let before = self.events.iter().position(|event| event.said == *said).map(|at| self.events.remove(at));
        let count = before.as_ref().map_or(1, |event| event.count + 1);
        let name = name.or_else(|| before.map(|event| event.name));
        self.events.extend(name.map(|name| Event { said: said.clone(), name, count, last: now }));
        if self.events.len() > KEPT {
            self.events.remove(0);
        }
    }

    /// The Event that said it is gone, so there has to be another one.
    pub(super) fn forget(&mut self, said: &EventText) {
        self.events.retain(|event| event.said != *said);
    }
}

fn in_force(reason: Reason) -> bool {
    matches!(reason, Reason::Applied | Reason::Changed)
}

/// What is in force is the same news as a change to it.
fn same(a: &EventText, b: &EventText) -> bool {
    a.note == b.note
        && a.event_type == b.event_type
        && (a.reason == b.reason || in_force(a.reason) && in_force(b.reason))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::clock;

    const SECOND: Duration = Duration::from_secs(1);

    fn said(note: &str) -> EventText {
        EventText::new(Reason::Applied, EventType::Normal, note)
    }

    fn due(memory: &mut Memory, note: &str, now: Instant) -> Option<Due> {
        memory.due(said(note), Role::Owner, Novelty::News, now)
    }

    #[test]
    fn the_same_is_said_once_and_something_else_is_a_change() {
        let (mut memory, now) = (Memory::default(), clock::now());
        let first = due(&mut memory, "a", now).unwrap();
        assert_eq!((first.at, first.said.reason), (now + SETTLE, Reason::Applied));
        memory.told(&first.said, Some("e1".to_owned()), now);
        assert_eq!(due(&mut memory, "a", now), None);
        let second = due(&mut memory, "b", now).unwrap();
        assert_eq!((second.said.reason, second.again), (Reason::Changed, None));
    }

    #[test]
    fn back_and_forth_is_a_series_and_slow() {
        let (mut memory, mut now) = (Memory::default(), clock::now());
        let mut series = 0;
        let begin = now;
        for turn in 0..20 {
            let next = due(&mut memory, ["a", "b"][turn % 2], now).unwrap();
            now = next.at;
            series += usize::from(next.again.is_some());
            let name = next.again.map_or_else(|| format!("e{turn}"), |again| again.name);
            memory.told(&next.said, Some(name), now);
        }
        assert_eq!(series, 17, "Applied a, Changed b, Changed a are new");
        assert!(now - begin >= EACH * 18, "{:?}", now - begin);
    }

    /// Writes the Event that is due by this moment; its reason, and the moment.
    fn play(memory: &mut Memory, said: &EventText, now: Instant) -> Option<(Reason, Instant)> {
        let due = memory.due(said.clone(), Role::Owner, Novelty::News, now)?;
        (due.at <= now).then(|| memory.told(&due.said, Some(due.said.note.clone()), now))?;
        Some((due.said.reason, now))
    }

    #[test]
    fn pods_that_are_replaced_one_after_the_other_are_reported_in_good_time_and_not_one_by_one() {
        let (mut memory, begin) = (Memory::default(), clock::now());
        let state = |second: u32| said(&format!("pod {}", second.min(300) / 2));
        let told = (0..400).filter_map(|second| play(&mut memory, &state(second), begin + SECOND * second));
        let told: Vec<(Reason, Instant)> = told.collect();
        assert_eq!(told[0].0, Reason::Applied);
        let changes = &told[1..];
        assert!(changes.iter().all(|(reason, _)| *reason == Reason::Changed));
        assert!(changes.windows(2).all(|pair| pair[1].1 - pair[0].1 >= EACH), "{changes:?}");
        assert!(changes.len() <= 12, "{changes:?}");
        assert_eq!(memory.said.unwrap().note, "pod 150", "the last state is reported in the end");
    }

    #[test]
    fn what_is_wrong_is_reported_at_once_whatever_changed_before() {
        let (mut memory, begin) = (Memory::default(), clock::now());
        for second in 0..100 {
            play(&mut memory, &said(&format!("pod {second}")), begin + SECOND * second);
        }
        let now = begin + SECOND * 100;
        let faulty = |reason: Reason, fault: &str, pods: u32| {
            let faults = [fault.to_owned()].into();
            EventText { faults, ..EventText::new(reason, EventType::Warning, format!("{fault}, {pods} pods")) }
        };
        for (turn, (reason, fault)) in
            [(Reason::Applied, "remote"), (Reason::NotApplied, "held"), (Reason::Invalid, "port")].iter().enumerate()
        {
            let now = now + SETTLE * 2 * u32::try_from(turn).unwrap();
            // At once, where a change was waiting already.
            let reported = [now, now + SETTLE].map(|at| play(&mut memory, &faulty(*reason, fault, 1), at));
            assert_eq!(reported.iter().flatten().count(), 1, "{fault}");
        }
    }

    #[test]
    fn the_same_fault_with_other_numbers_is_no_more_urgent_than_any_change() {
        let (mut memory, begin) = (Memory::default(), clock::now());
        let remote = |pods: u32| {
            let faults = ["remote".to_owned()].into();
            EventText {
                faults,
                ..EventText::new(Reason::Applied, EventType::Warning, format!("{pods} pods elsewhere"))
            }
        };
        let told = (0..120).filter(|s| play(&mut memory, &remote(*s), begin + SECOND * *s).is_some()).count();
        assert!(told <= 6, "{told} Events in two minutes");
    }

    #[test]
    fn what_an_earlier_process_told_is_no_news_unless_it_is_bad() {
        let (mut memory, now) = (Memory::default(), clock::now());
        assert_eq!(memory.due(said("a"), Role::Owner, Novelty::Known, now), None);
        assert_eq!(memory.due(said("a"), Role::Owner, Novelty::News, now), None);
        let bad = EventText::new(Reason::Invalid, EventType::Warning, "b");
        assert!(Memory::default().due(bad, Role::Fallback, Novelty::Known, now).is_some());
    }

    #[test]
    fn a_bystander_waits_for_others_to_speak() {
        let (mut memory, now) = (Memory::default(), clock::now());
        let due = memory.due(said("a"), Role::Fallback, Novelty::News, now).unwrap();
        assert_eq!(due.at, now + SILENCE);
    }
}
