//! What this node publishes about itself (EgressNode), and when. What is new is written after a second, with all that came
//! meanwhile; what others change is put back, after waits that double. What stands there already is not written again.

use std::sync::Arc;
use std::time::Duration;

use egressd_core::in_force::AppliedRound;
use egressd_core::model::{Mark, ReadState};
use egressd_core::record::ThisNode;
use serde_json::Value;

use super::held::{AddressCounts, Change};
use super::pace::Backoff;
use crate::clock::Instant;
use crate::egress_node::{Facts, mark, object};

/// How long what is new is gathered, and so how much time there is between two writes at least.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait before the same is written again, at first.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_mins(10);

/// What was published, and what is to be.
#[derive(Debug, Default)]
pub(super) struct NodeObjectState {
    held: AddressCounts,
    /// What the object was made of, beside what is held.
    known: ThisNode,
    object: Option<Arc<Object>>,
    /// Since when there is something new.
    news: Option<Instant>,
    wrote: Option<LastWrite>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub value: Value,
    /// Stands for it.
    pub mark: Mark,
}

/// What to write, from when on.
#[derive(Clone, Debug)]
pub(super) struct DueObject {
    pub(super) at: Instant,
    pub(super) object: Arc<Object>,
}

#[derive(Debug)]
struct LastWrite {
    wanted: Mark,
    /// The result of the write, where that is known: a server may add to it what cannot be taken away.
    result: Option<Mark>,
    again: Backoff,
}

impl NodeObjectState {
    /// What has to be written, if anything has. Where it is not known what stands there, nothing is.
    pub(super) fn due(&mut self, round: &Arc<AppliedRound>, node: &str, now: Instant) -> Option<DueObject> {
        let here = &round.overview.here;
        self.follow(round, node);
        let object = Arc::clone(self.object.as_ref()?);
        let found = here.published.as_ref().map(|published| published.mark);
        if here.followed != ReadState::Yes || self.is_settled(object.mark, found) {
            self.news = None;
            return None;
        }
        let at = match &self.wrote {
            Some(wrote) if wrote.wanted == object.mark => wrote.again.due(),
            Some(_) | None => *self.news.get_or_insert(now) + WRITE_INTERVAL,
        };
        Some(DueObject { at, object })
    }

    /// It was written, or refused.
    pub(super) fn wrote(&mut self, wanted: Mark, result: Option<Mark>, now: Instant) {
        self.news = None;
        match &mut self.wrote {
            Some(wrote) if wrote.wanted == wanted => {
                wrote.again.again(FIRST_WAIT, now);
                wrote.result = result;
            }
            _ => self.wrote = Some(LastWrite { wanted, result, again: Backoff::new(FIRST_WAIT, MAX_WAIT, now) }),
        }
    }

    fn is_settled(&self, wanted: Mark, found: Option<Mark>) -> bool {
        let Some(found) = found else { return false };
        let is_as_written = |wrote: &LastWrite| wrote.wanted == wanted && wrote.result == Some(found);
        found == wanted || self.wrote.as_ref().is_some_and(is_as_written)
    }

    fn follow(&mut self, round: &Arc<AppliedRound>, node: &str) {
        let here = &round.overview.here;
        let change = self.held.follow(round);
        if change == Change::None && self.object.is_some() && self.known == *here {
            return;
        }
        let facts = Facts::new(here.addresses.iter().copied(), self.held.addresses());
        let value = object(node, here.uid.as_ref(), &facts);
        self.object = Some(Arc::new(Object { mark: mark(&value), value }));
        self.known = here.clone();
    }
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
