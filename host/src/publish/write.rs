//! What can be written into the cluster, and its possible results.

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd_core::model::{Mark, SubjectKey, Uid};

use super::event_text::EventText;
use super::node::Object;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// All annotations that this node has on a Service; what it had before and is not among them goes, unless another
    /// one has taken it over.
    Fields {
        service: SubjectKey,
        uid: Uid,
        /// By full name.
        annotations: BTreeMap<String, String>,
    },
    /// `egressd.io/status` of a policy.
    Status {
        /// The ConfigMap's name.
        policy: String,
        uid: Option<String>,
        /// What it says.
        text: String,
    },
    /// What this node publishes about itself.
    Node(Arc<Object>),
    Event {
        regarding: Regarding,
        /// What it says.
        text: EventText,
    },
    /// An Event that is there happened once more.
    Series {
        regarding: Regarding,
        /// What it says.
        text: EventText,
        event: String,
        /// How often it happened, with this time.
        count: i32,
    },
}

/// What an Event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Regarding {
    /// A Service in one of its lives.
    Service(SubjectKey, Uid),
    Policy {
        name: String,
        uid: Option<String>,
    },
    Node {
        /// Which of its tables it is about, so that each has Events of its own.
        table: String,
    },
}

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is done; the name of the Event where it made one.
    Done(Option<String>),
    /// It is done, and this is what an object that was written as a whole is now.
    Stands(Mark),
    /// The object is gone, or lives another life: nothing to do.
    Gone,
    /// The API server could not be asked, or could not answer: everything waits a while.
    Away,
    /// It refused this kind of request: those wait for long.
    Forbidden,
    Refused,
}

/// Kinds of requests that one missing permission stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteKind {
    Fields,
    Status,
    /// What this node publishes about itself.
    Node,
    Event,
    /// Events that happened once more.
    Series,
}

impl Write {
    /// What it says, where it is an Event.
    pub fn event_text(&self) -> Option<&EventText> {
        match self {
            Self::Event { text, .. } | Self::Series { text, .. } => Some(text),
            Self::Fields { .. } | Self::Status { .. } | Self::Node(_) => None,
        }
    }

    pub fn kind(&self) -> WriteKind {
        match self {
            Self::Fields { .. } => WriteKind::Fields,
            Self::Status { .. } => WriteKind::Status,
            Self::Node(_) => WriteKind::Node,
            Self::Event { .. } => WriteKind::Event,
            Self::Series { .. } => WriteKind::Series,
        }
    }
}
