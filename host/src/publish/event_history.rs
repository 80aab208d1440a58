//! The Events about one object: which are due, and when.

use std::time::Duration;

use super::event_text::{EventText, EventType, Reason};
use super::pace::TokenBucket;
use crate::clock::Instant;

/// Changes come in bursts: pods start one after the other.
const OWNER_DELAY: Duration = Duration::from_secs(1);
/// How long no node has to have translated before one reports it: the address may be on its way to another node.
const FALLBACK_DELAY: Duration = Duration::from_secs(10);
/// So many Events about one object at once, and then one each so often.
const EVENT_BURST: u32 = 6;
const EVENT_INTERVAL: Duration = Duration::from_secs(30);
/// Events about a Service that stays in force, with other pods: one at once, and then one each so often. They have a bucket
/// of their own: pods that are replaced one after the other must not use up what is kept for faults.
const CHANGE_BUCKET: TokenBucket = TokenBucket::new(1, EVENT_INTERVAL);
/// Events that may happen once more, instead of there being another one. The API server forgets them after an hour.
const MAX_KNOWN_EVENTS: usize = 8;
const REPEATABLE_FOR: Duration = Duration::from_mins(45);

/// Why this node reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It performs the SNAT that it reports.
    Owner,
    /// It reports because no other node does.
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

/// Which Events were written about one object.
#[derive(Clone, Debug)]
pub(super) struct EventHistory {
    last: Option<EventText>,
    /// Since when another text waits to be reported, and in which role.
    pending: Option<(Instant, Role)>,
    bucket: TokenBucket,
    changes: TokenBucket,
    events: Vec<Event>,
}

#[derive(Clone, Debug)]
struct Event {
    text: EventText,
    name: String,
    count: i32,
    last: Instant,
}

impl Event {
    fn again(&self) -> Again {
        Again { name: self.name.clone(), count: self.count + 1, until: self.last + REPEATABLE_FOR }
    }
}

/// An Event to write, from when on; the existing one that it repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DueEvent {
    pub(super) at: Instant,
    pub(super) text: EventText,
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

/// How what is published compares with what would be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// It says the same: an earlier process has reported.
    Same,
    /// It says something else, or nothing.
    Different,
}

impl Default for EventHistory {
    fn default() -> Self {
        Self {
            last: None,
            pending: None,
            bucket: TokenBucket::new(EVENT_BURST, EVENT_INTERVAL),
            changes: CHANGE_BUCKET,
            events: Vec::new(),
        }
    }
}

impl EventHistory {
    /// Another node reports from here on.
    pub(super) fn clear(&mut self) {
        self.last = None;
        self.pending = None;
    }

    /// Whether something was reported that a removal ends.
    pub(super) fn has_reported(&self) -> bool {
        self.last.as_ref().is_some_and(|text| text.reason != Reason::Removed)
    }

    /// The Event to write; none when this text was the last one.
    pub(super) fn due(
        &mut self,
        mut text: EventText,
        role: Role,
        published: Published,
        now: Instant,
    ) -> Option<DueEvent> {
        if self.last.as_ref().is_some_and(|before| same(before, &text)) {
            self.pending = None;
            return None;
        }
        if self.last.is_none()
            && self.pending.is_none()
            && published == Published::Same
            && text.event_type == EventType::Normal
        {
            self.last = Some(text);
            return None;
        }
        let begun = match self.pending {
            Some((since, before)) if before == role => since,
            Some(_) | None => now,
        };
        self.pending = Some((begun, role));
        if self.last.as_ref().is_some_and(|before| in_force(before.reason) && in_force(text.reason)) {
            text.reason = Reason::Changed;
        }
        let wait = match role {
            Role::Owner => OWNER_DELAY,
            Role::Fallback => FALLBACK_DELAY,
        };
        let urgency = self.urgency(&text);
        let at = (begun + wait).max(self.bucket(urgency).due(now));
        let mut known = self.events.iter().filter(|event| event.text == text).map(Event::again);
        let again = known.find(|again| now < again.until);
        Some(DueEvent { at, text, again, urgency })
    }

    fn urgency(&self, text: &EventText) -> Urgency {
        let in_force_as = |before: &EventText| in_force(before.reason) && text.faults.is_subset(&before.faults);
        match &self.last {
            Some(before) if in_force(text.reason) && in_force_as(before) => Urgency::Patient,
            Some(_) | None => Urgency::Prompt,
        }
    }

    fn bucket(&mut self, urgency: Urgency) -> &mut TokenBucket {
        match urgency {
            Urgency::Patient => &mut self.changes,
            Urgency::Prompt => &mut self.bucket,
        }
    }

    pub(super) fn written(&mut self, text: &EventText, name: Option<String>, now: Instant) {
        let urgency = self.urgency(text);
        self.bucket(urgency).take(now);
        self.pending = None;
        self.last = Some(text.clone());
        let before = self.events.iter().position(|event| event.text == *text).map(|at| self.events.remove(at));
        let count = before.as_ref().map_or(1, |event| event.count + 1);
        let name = name.or_else(|| before.map(|event| event.name));
        self.events.extend(name.map(|name| Event { text: text.clone(), name, count, last: now }));
        if self.events.len() > MAX_KNOWN_EVENTS {
            self.events.remove(0);
        }
    }

    /// The Event with this text is gone: the next one is a new object.
    pub(super) fn forget(&mut self, text: &EventText) {
        self.events.retain(|event| event.text != *text);
    }
}

fn in_force(reason: Reason) -> bool {
    matches!(reason, Reason::Applied | Reason::Changed)
}

/// What is in force counts the same as a change to it.
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

    fn text(note: &str) -> EventText {
        EventText::new(Reason::Applied, EventType::Normal, note)
    }

    fn due(history: &mut EventHistory, note: &str, now: Instant) -> Option<DueEvent> {
        history.due(text(note), Role::Owner, Published::Different, now)
    }

    #[test]
    fn the_same_text_is_reported_once_and_another_one_is_a_change() {
        let (mut history, now) = (EventHistory::default(), clock::now());
        let first = due(&mut history, "a", now).unwrap();
        assert_eq!((first.at, first.text.reason), (now + OWNER_DELAY, Reason::Applied));
        history.written(&first.text, Some("e1".to_owned()), now);
        assert_eq!(due(&mut history, "a", now), None);
        let second = due(&mut history, "b", now).unwrap();
        assert_eq!((second.text.reason, second.again), (Reason::Changed, None));
    }

    #[test]
    fn back_and_forth_is_a_series_and_slow() {
        let (mut history, mut now) = (EventHistory::default(), clock::now());
        let mut series = 0;
        let begin = now;
        for turn in 0..20 {
            let next = due(&mut history, ["a", "b"][turn % 2], now).unwrap();
            now = next.at;
            series += usize::from(next.again.is_some());
            let name = next.again.map_or_else(|| format!("e{turn}"), |again| again.name);
            history.written(&next.text, Some(name), now);
        }
        assert_eq!(series, 17, "Applied a, Changed b, Changed a are new");
        assert!(now - begin >= EVENT_INTERVAL * 18, "{:?}", now - begin);
    }

    /// Writes the Event that is due by this moment; its reason, and the moment.
    fn play(history: &mut EventHistory, text: &EventText, now: Instant) -> Option<(Reason, Instant)> {
        let due = history.due(text.clone(), Role::Owner, Published::Different, now)?;
        (due.at <= now).then(|| history.written(&due.text, Some(due.text.note.clone()), now))?;
        Some((due.text.reason, now))
    }

    #[test]
    fn pods_that_are_replaced_one_after_the_other_are_reported_in_good_time_and_not_one_by_one() {
        let (mut history, begin) = (EventHistory::default(), clock::now());
        let state = |second: u32| text(&format!("pod {}", second.min(300) / 2));
        let written = (0..400).filter_map(|second| play(&mut history, &state(second), begin + SECOND * second));
        let written: Vec<(Reason, Instant)> = written.collect();
        assert_eq!(written[0].0, Reason::Applied);
        let changes = &written[1..];
        assert!(changes.iter().all(|(reason, _)| *reason == Reason::Changed));
        assert!(changes.windows(2).all(|pair| pair[1].1 - pair[0].1 >= EVENT_INTERVAL), "{changes:?}");
        assert!(changes.len() <= 12, "{changes:?}");
        assert_eq!(history.last.unwrap().note, "pod 150", "the last state is reported in the end");
    }

    #[test]
    fn what_is_wrong_is_reported_at_once_whatever_changed_before() {
        let (mut history, begin) = (EventHistory::default(), clock::now());
        for second in 0..100 {
            play(&mut history, &text(&format!("pod {second}")), begin + SECOND * second);
        }
        let now = begin + SECOND * 100;
        let faulty = |reason: Reason, fault: &str, pods: u32| {
            let faults = [fault.to_owned()].into();
            EventText { faults, ..EventText::new(reason, EventType::Warning, format!("{fault}, {pods} pods")) }
        };
        for (turn, (reason, fault)) in
            [(Reason::Applied, "remote"), (Reason::NotApplied, "held"), (Reason::Invalid, "port")].iter().enumerate()
        {
            let now = now + OWNER_DELAY * 2 * u32::try_from(turn).unwrap();
            // At once, where a change was waiting already.
            let reported = [now, now + OWNER_DELAY].map(|at| play(&mut history, &faulty(*reason, fault, 1), at));
            assert_eq!(reported.iter().flatten().count(), 1, "{fault}");
        }
    }

    #[test]
    fn the_same_fault_with_other_numbers_is_no_more_urgent_than_any_change() {
        let (mut history, begin) = (EventHistory::default(), clock::now());
        let remote = |pods: u32| {
            let faults = ["remote".to_owned()].into();
            EventText {
                faults,
                ..EventText::new(Reason::Applied, EventType::Warning, format!("{pods} pods elsewhere"))
            }
        };
        let written = (0..120).filter(|s| play(&mut history, &remote(*s), begin + SECOND * *s).is_some()).count();
        assert!(written <= 6, "{written} Events in two minutes");
    }

    #[test]
    fn what_an_earlier_process_reported_is_repeated_only_as_a_warning() {
        let (mut history, now) = (EventHistory::default(), clock::now());
        assert_eq!(history.due(text("a"), Role::Owner, Published::Same, now), None);
        assert_eq!(history.due(text("a"), Role::Owner, Published::Different, now), None);
        let bad = EventText::new(Reason::Invalid, EventType::Warning, "b");
        assert!(EventHistory::default().due(bad, Role::Fallback, Published::Same, now).is_some());
    }

    #[test]
    fn a_fallback_waits_for_the_owner_to_report() {
        let (mut history, now) = (EventHistory::default(), clock::now());
        let due = history.due(text("a"), Role::Fallback, Published::Different, now).unwrap();
        assert_eq!(due.at, now + FALLBACK_DELAY);
    }
}
