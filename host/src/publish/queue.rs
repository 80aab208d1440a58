//! What could be written, in the order in which it is: what is wrong first, so that it does not wait behind thousands of
//! Services that are well. What is not due yet, and what there is no room for, costs a pass nothing.

use std::collections::{BTreeMap, BTreeSet, btree_set};

use egressd_core::model::SubjectKey;

use super::event_history::{DueEvent, Urgency};
use super::event_text::EventType;
use super::gates::{Gates, Lane};
use super::{Regarding, Write};
use crate::clock::Instant;

/// What a request is about. Of what is due, the first by name is written first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WriteTarget {
    Service(SubjectKey),
    /// By the ConfigMap's name.
    Policy(String),
    /// A table that is orphaned, or that another program changed, by its name.
    Table(String),
    Node,
}

/// Which writes come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    /// Events about what is wrong and was not so before.
    NewFault,
    /// Annotations.
    Published,
    OtherEvent,
}

/// Something to write. A subject has one of each priority at most.
#[derive(Clone, Debug)]
pub(super) struct PendingWrite {
    pub(super) priority: Priority,
    /// From when on it may be written.
    pub(super) at: Instant,
    /// From when on another request takes its place, which has to be worked out; none where that is never so.
    until: Option<Instant>,
    pub(super) write: Write,
}

/// What to write now, and when to look again if nothing happens before.
#[derive(Debug, Default)]
pub struct DueWrites {
    /// Requests, in no order that matters: no two of a kind are about one object.
    pub writes: Vec<Write>,
    /// The next moment at which there may be more.
    pub next: Option<Instant>,
    /// Of how many Services it was worked out anew what is to be written.
    pub looked_at: usize,
}

/// Everything that could be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    wants: BTreeMap<WriteTarget, Vec<PendingWrite>>,
    lines: BTreeMap<Lane, LaneQueue>,
    /// When wants end.
    ends: BTreeSet<(Instant, WriteTarget)>,
}

/// The targets that wait in a lane.
#[derive(Debug, Default)]
struct LaneQueue {
    due: BTreeSet<WriteTarget>,
    later: BTreeSet<(Instant, WriteTarget)>,
}

impl WriteTarget {
    pub(super) fn service(self) -> Option<SubjectKey> {
        match self {
            Self::Service(key) => Some(key),
            Self::Policy(_) | Self::Table(_) | Self::Node => None,
        }
    }
}

impl Priority {
    const ALL: [Self; 3] = [Self::NewFault, Self::Published, Self::OtherEvent];
}

impl PendingWrite {
    pub(super) fn event(due: DueEvent, regarding: Regarding) -> Self {
        let priority = match (due.text.event_type, due.urgency) {
            (EventType::Warning, Urgency::Prompt) => Priority::NewFault,
            (EventType::Warning, Urgency::Patient) | (EventType::Normal, _) => Priority::OtherEvent,
        };
        let until = due.again.as_ref().map(|again| again.until);
        let write = match due.again {
            Some(again) => Write::Series { regarding, text: due.text, event: again.name, count: again.count },
            None => Write::Event { regarding, text: due.text },
        };
        Self { priority, at: due.at, until, write }
    }

    /// A write that is no Event.
    pub(super) fn published(at: Instant, write: Write) -> Self {
        Self { priority: Priority::Published, at, until: None, write }
    }

    fn lane(&self) -> Lane {
        Lane {
            priority: self.priority,
            kind: self.write.kind(),
            event_type: self.write.event_text().map(|text| text.event_type),
        }
    }
}

impl Queue {
    /// All that a subject wants from now on.
    pub(super) fn put(&mut self, subject: WriteTarget, wants: Vec<PendingWrite>) {
        self.drop(&subject);
        for want in &wants {
            self.lines.entry(want.lane()).or_default().later.insert((want.at, subject.clone()));
            self.ends.extend(want.until.map(|until| (until, subject.clone())));
        }
        if !wants.is_empty() {
            self.wants.insert(subject, wants);
        }
    }

    /// It wants nothing any more.
    pub(super) fn drop(&mut self, subject: &WriteTarget) {
        for want in self.wants.remove(subject).unwrap_or_default() {
            if let Some(line) = self.lines.get_mut(&want.lane()) {
                line.due.remove(subject);
                line.later.remove(&(want.at, subject.clone()));
            }
            if let Some(until) = want.until {
                self.ends.remove(&(until, subject.clone()));
            }
        }
    }

    /// Of which subjects a want has ended.
    pub(super) fn ended(&self, now: Instant) -> Vec<WriteTarget> {
        let ended = self.ends.iter().take_while(|(until, _)| *until <= now);
        ended.map(|(_, subject)| subject.clone()).collect()
    }

    /// What is due now, at most so much.
    pub(super) fn due(&mut self, mut gates: Gates<'_>, most: usize) -> DueWrites {
        self.lines.values_mut().for_each(|line| line.advance(gates.now));
        let mut due = DueWrites::default();
        for priority in Priority::ALL {
            let lines = self.lines.iter().filter(|(lane, _)| lane.priority == priority);
            let mut heads: Vec<Head<'_>> = lines.map(|(lane, line)| Head::new(*lane, line)).collect();
            while due.writes.len() < most
                && let Some(subject) = Head::take_first(&mut heads, &mut gates)
            {
                due.writes.extend(self.write(subject, priority));
            }
            let next = heads.iter().filter_map(|head| head.next(&mut gates));
            due.next = next.chain(due.next).min();
        }
        due
    }

    fn write(&self, subject: &WriteTarget, priority: Priority) -> Option<Write> {
        let mut wants = self.wants.get(subject)?.iter();
        wants.find(|want| want.priority == priority).map(|want| want.write.clone())
    }
}

impl LaneQueue {
    fn advance(&mut self, now: Instant) {
        while self.later.first().is_some_and(|(at, _)| *at <= now) {
            self.due.extend(self.later.pop_first().map(|(_, subject)| subject));
        }
    }
}

/// What is left of a line in a pass.
#[derive(Debug)]
struct Head<'a> {
    lane: Lane,
    first: Option<&'a WriteTarget>,
    rest: btree_set::Iter<'a, WriteTarget>,
    later: Option<Instant>,
}

impl<'a> Head<'a> {
    fn new(lane: Lane, line: &'a LaneQueue) -> Self {
        let mut rest = line.due.iter();
        Self { lane, first: rest.next(), rest, later: line.later.first().map(|(at, _)| *at) }
    }

    /// The first by name for whom there is room.
    fn take_first(heads: &mut [Self], gates: &mut Gates<'_>) -> Option<&'a WriteTarget> {
        let open = heads.iter_mut().filter(|head| head.first.is_some() && gates.opens(head.lane) <= gates.now);
        let head = open.min_by_key(|head| head.first)?;
        gates.pass(head.lane);
        std::mem::replace(&mut head.first, head.rest.next())
    }

    /// When there may be more of it.
    fn next(&self, gates: &mut Gates<'_>) -> Option<Instant> {
        let at = self.first.map(|_| gates.now).or(self.later)?;
        Some(at.max(gates.opens(self.lane)))
    }
}
