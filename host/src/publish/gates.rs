//! What keeps from writing what is due: a missing permission, or an empty bucket.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event_text::EventType;
use super::pace::TokenBucket;
use super::queue::Priority;
use super::write::WriteKind;
use crate::clock::Instant;

/// So many Events of one type of all objects together at once, and then one each so often: a cluster of thousands of
/// Services is reported in minutes, not in one flood, and what is wrong does not wait for what is well.
const EVENT_BUCKET: TokenBucket = TokenBucket::new(100, Duration::from_millis(100));
/// How long room for Events is gathered once there is none: one pass for ten Events, not one for each.
const MIN_BATCH_TIME: Duration = Duration::from_secs(1);

/// Writes that are kept waiting by the same: a missing permission, or an empty bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) priority: Priority,
    pub(super) kind: WriteKind,
    pub(super) event_type: Option<EventType>,
}

/// What keeps writes waiting in a pass. The budgets of Events are copies: what is taken from them here is taken for good when
/// the Event is written.
#[derive(Debug)]
pub(super) struct Gates<'a> {
    pub(super) now: Instant,
    /// Kinds of requests for which a permission is missing, and until when they are not tried.
    pub(super) forbidden: &'a BTreeMap<WriteKind, Instant>,
    pub(super) events: EventBudgets,
}

/// The budgets of Events, by type.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventBudgets {
    warnings: TokenBucket,
    others: TokenBucket,
}

impl Gates<'_> {
    /// From when on what is due in a lane can be written.
    pub(super) fn opens(&mut self, lane: Lane) -> Instant {
        let allowed = self.forbidden.get(&lane.kind).map_or(self.now, |until| self.now.max(*until));
        let room =
            lane.event_type.map(|event_type| self.events.of(event_type).due(self.now)).filter(|room| *room > self.now);
        room.map_or(allowed, |room| allowed.max(room + MIN_BATCH_TIME))
    }

    /// Something of a lane is written.
    pub(super) fn pass(&mut self, lane: Lane) {
        if let Some(event_type) = lane.event_type {
            self.events.of(event_type).take(self.now);
        }
    }
}

impl Default for EventBudgets {
    fn default() -> Self {
        Self { warnings: EVENT_BUCKET, others: EVENT_BUCKET }
    }
}

impl EventBudgets {
    /// The budget of this type.
    pub(super) fn of(&mut self, event_type: EventType) -> &mut TokenBucket {
        match event_type {
            EventType::Warning => &mut self.warnings,
            EventType::Normal => &mut self.others,
        }
    }
}
