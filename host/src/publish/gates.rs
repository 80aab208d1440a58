//! What keeps from writing what is due: a missing permission, or an empty purse.

use std::collections::BTreeMap;
use std::time::Duration;

use super::pace::Purse;
use super::queue::Turn;
use super::say::Tone;
use super::write::Kind;
use crate::clock::Instant;

/// So many Events of one tone of all objects together at once, and then one each so often: a cluster of thousands of
/// Services is reported in minutes, not in one flood, and what is wrong does not wait for what is well.
const EVENTS: Purse = Purse::new(100, Duration::from_millis(100));
/// How long room for Events is gathered once there is none: one look for ten Events, not one for each.
const ROOM: Duration = Duration::from_secs(1);

/// Wants that are kept waiting by the same: a missing permission, or an empty purse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) turn: Turn,
    pub(super) kind: Kind,
    /// Of Events.
    pub(super) tone: Option<Tone>,
}

/// What keeps wants waiting at a look. The purses of Events are copies: what is taken from them here is taken for good when
/// the Event is written.
#[derive(Debug)]
pub(super) struct Gates<'a> {
    pub(super) now: Instant,
    /// Kinds of requests for which a permission is missing, and until when they are not tried.
    pub(super) forbidden: &'a BTreeMap<Kind, Instant>,
    pub(super) events: Purses,
}

/// The purses of Events, by tone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purses {
    warnings: Purse,
    others: Purse,
}

impl Gates<'_> {
    /// From when on what is due in a lane can be written.
    pub(super) fn opens(&mut self, lane: Lane) -> Instant {
        let allowed = self.forbidden.get(&lane.kind).map_or(self.now, |until| self.now.max(*until));
        let room = lane.tone.map(|tone| self.events.of(tone).due(self.now)).filter(|room| *room > self.now);
        room.map_or(allowed, |room| allowed.max(room + ROOM))
    }

    /// Something of a lane is written.
    pub(super) fn pass(&mut self, lane: Lane) {
        if let Some(tone) = lane.tone {
            self.events.of(tone).take(self.now);
        }
    }
}

impl Default for Purses {
    fn default() -> Self {
        Self { warnings: EVENTS, others: EVENTS }
    }
}

impl Purses {
    /// The one of a tone.
    pub(super) fn of(&mut self, tone: Tone) -> &mut Purse {
        match tone {
            Tone::Warning => &mut self.warnings,
            Tone::Normal => &mut self.others,
        }
    }
}
