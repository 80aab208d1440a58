//! One entry of the list.

use std::fmt;

use crate::finding::Severity;

/// What a code means. All texts are Markdown of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeEntry {
    /// The code of a finding, or the reason of an Event.
    pub code: &'static str,
    /// Where it appears, and how severe it can be.
    pub level: Level,
    /// The state, in one sentence.
    pub sentence: &'static str,
    /// The cause of the state.
    pub cause: &'static str,
    /// The remedy.
    pub remedy: &'static str,
}

/// Where a code appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// On findings of one of these severities.
    Finding(&'static [Severity]),
    /// On Events of one of these types.
    Event(&'static [EventType]),
}

/// The `type` of an Event of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// Nothing is wrong.
    Normal,
    /// A person should look at it.
    Warning,
}

pub(super) const INFO: Level = Level::Finding(&[Severity::Info]);
pub(super) const WARNING: Level = Level::Finding(&[Severity::Warning]);
pub(super) const ERROR: Level = Level::Finding(&[Severity::Error]);
pub(super) const INFO_OR_WARNING: Level = Level::Finding(&[Severity::Info, Severity::Warning]);
pub(super) const WARNING_OR_ERROR: Level = Level::Finding(&[Severity::Warning, Severity::Error]);
pub(super) const ANY: Level = Level::Finding(&[Severity::Info, Severity::Warning, Severity::Error]);
pub(super) const NORMAL: Level = Level::Event(&[EventType::Normal]);
pub(super) const EVENT_WARNING: Level = Level::Event(&[EventType::Warning]);
pub(super) const NORMAL_OR_WARNING: Level = Level::Event(&[EventType::Normal, EventType::Warning]);

impl Level {
    /// Each severity or type by its name.
    pub fn names(self) -> Vec<String> {
        match self {
            Self::Finding(severities) => severities.iter().map(ToString::to_string).collect(),
            Self::Event(types) => types.iter().map(|event_type| event_type.as_str().to_owned()).collect(),
        }
    }
}

/// `warning or error`.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.names().join(" or "))
    }
}

impl EventType {
    /// The value of `type` in an Event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}
