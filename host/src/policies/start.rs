//! The start of a process, and the order in which policies are loaded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::model::PolicyObject;
use egressd_core::policy::{Mode, OnFailure, PolicySpec};

use super::BUILT_IN;
use super::library::Objects;
use crate::clock::{self, Instant};

/// How far a process has begun. Where an earlier one had policies in force, the first Services wait for those; where
/// there was none, for all that come with them, as long as that takes no longer than they may wait (P6).
#[derive(Debug)]
pub(super) struct Start {
    kind: StartKind,
    /// When the first ConfigMaps came.
    begun: Option<Instant>,
    /// Whether the first Services wait no longer.
    over: bool,
}

#[derive(Debug)]
enum StartKind {
    /// Nothing is known of an earlier process.
    Fresh,
    /// Names that it had in force, and that were not loaded yet.
    Remembering(VecDeque<String>),
}

/// What the first Services did not wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAwaited {
    /// What took too long, with nothing in force before.
    All,
    /// What is new beside what was in force.
    New,
}

impl Start {
    pub(super) fn new(remembered: &Objects) -> Self {
        let names = in_load_order(remembered.values().map(|object| (LoadOrder::of(object), object)));
        let kind = if names.is_empty() { StartKind::Fresh } else { StartKind::Remembering(names) };
        Self { kind, begun: None, over: false }
    }

    /// The first ConfigMaps came.
    pub(super) fn begin(&mut self) {
        self.begun.get_or_insert_with(clock::now);
    }

    /// What is to be loaded as an earlier process had it.
    pub(super) fn next_remembered(&mut self) -> Option<String> {
        match &mut self.kind {
            StartKind::Fresh => None,
            StartKind::Remembering(names) => names.pop_front(),
        }
    }

    /// Whether the first Services need not wait for what was not loaded yet.
    pub(super) fn may_pass(&self, wait: Duration) -> bool {
        match &self.kind {
            StartKind::Fresh => self.begun.is_some_and(|begun| clock::since(begun) >= wait),
            StartKind::Remembering(names) => names.is_empty(),
        }
    }

    /// Whether the first Services wait no longer.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// The first Services wait no longer; none when they did not before.
    pub(super) fn pass(&mut self) -> Option<NotAwaited> {
        let first = !std::mem::replace(&mut self.over, true);
        first.then_some(match self.kind {
            StartKind::Fresh => NotAwaited::All,
            StartKind::Remembering(_) => NotAwaited::New,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LoadOrder {
    /// It is compiled already, or costs nothing, and may make room.
    Free,
    /// Services are to have no rules without it.
    Closed,
    Enforced,
    Shadow,
    /// It was refused once.
    Again,
}

impl LoadOrder {
    /// Of what was not tried yet.
    pub(super) fn of(object: &PolicyObject) -> Self {
        let Ok(spec) = PolicySpec::read(object, BUILT_IN) else { return Self::Free };
        match (spec.mode, spec.on_failure) {
            _ if spec.name == BUILT_IN => Self::Free,
            (Mode::Off, _) => Self::Free,
            (Mode::Shadow, _) => Self::Shadow,
            (Mode::Enforce, OnFailure::Closed) => Self::Closed,
            (Mode::Enforce, OnFailure::KeepLast | OnFailure::Skip) => Self::Enforced,
        }
    }
}

/// Their names in load order, of equals by name.
pub(super) fn in_load_order<'a>(objects: impl Iterator<Item = (LoadOrder, &'a Arc<PolicyObject>)>) -> VecDeque<String> {
    let mut due: Vec<_> = objects.map(|(order, object)| (order, &object.name)).collect();
    due.sort();
    due.into_iter().map(|(_, name)| name.clone()).collect()
}
