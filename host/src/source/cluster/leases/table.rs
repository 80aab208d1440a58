//! What is known of each Lease that is followed, and when it ends. Pure: moments are arguments.
//!
//! Renewals are not reported: what is reported of a Lease is who holds it, since when, and whether it is in force. One that
//! was not renewed in time ends once the server has *answered* that it was not: silence alone may be that of the server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::model::{Lease, LeaseTerm, NamedNode, ObjectReference};
use egressd_core::placement::{LeaseRecord, Moment, ObservedLease};

/// What is known to have happened to a Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LeaseEvent {
    /// It says this; some of it may be left out.
    Says(LeaseRecord, Vec<String>),
    /// It is not there.
    Absent,
    /// It is there and cannot be read.
    Unreadable(String),
    /// The server answers.
    Answers,
    /// It does not, or says something else.
    Away,
    /// It does not let it be read: what was read last counts.
    Forgone,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::source::cluster) struct LeaseReport {
    /// What it means now; none where it is not there.
    pub(in crate::source::cluster) lease: Option<Arc<Lease>>,
    /// Why it is not taken as it is.
    pub(in crate::source::cluster) unreadable: Option<String>,
    /// What of it is left out.
    pub(in crate::source::cluster) faults: Vec<String>,
}

impl LeaseReport {
    /// Of a Lease all of which is taken.
    pub(super) fn of(lease: Lease) -> Self {
        Self { lease: Some(Arc::new(lease)), ..Self::default() }
    }
}

/// The names that are to be followed, each with the number of the choice since when: one that was left out meanwhile is another
/// one then, though that may not have been seen.
pub(super) type Names = BTreeMap<ObjectReference, u64>;

/// The Leases that are followed.
#[derive(Debug, Default)]
pub(super) struct LeaseTable {
    all: BTreeMap<ObjectReference, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    /// The number of the choice that it came with.
    choice: u64,
    observed: Option<ObservedLease>,
    /// None until there was an answer.
    reported: Option<LeaseReport>,
    contact: RenewalView,
    /// When the server answered last about it.
    last_contact: Duration,
}

/// Whether renewals are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum RenewalView {
    #[default]
    Seen,
    /// The server was asked whether it has ended.
    Asked,
    /// The server is away, or the object cannot be read: it may be renewed all the time.
    Unseen,
}

impl LeaseTable {
    /// Follows these and no others; returns those that are new, and those that were followed.
    pub(super) fn follow(&mut self, names: &Names) -> (Vec<ObjectReference>, Vec<ObjectReference>) {
        let is_wanted = |(name, entry): &(&ObjectReference, &Entry)| names.get(*name) == Some(&entry.choice);
        let gone: Vec<_> = self.all.iter().filter(|one| !is_wanted(one)).map(|(name, _)| name.clone()).collect();
        gone.iter().for_each(|name| drop(self.all.remove(name)));
        let new: Vec<_> = names.iter().filter(|(name, _)| !self.all.contains_key(*name)).collect();
        let entry = |choice: u64| Entry { choice, ..Entry::default() };
        self.all.extend(new.iter().map(|(name, choice)| ((*name).clone(), entry(**choice))));
        (new.into_iter().map(|(name, _)| name.clone()).collect(), gone)
    }

    /// Takes in an event about one; what is reported of it, where that is other than before.
    pub(super) fn record(&mut self, name: &ObjectReference, event: LeaseEvent, now: Moment) -> Option<LeaseReport> {
        let entry = self.all.get_mut(name)?;
        let report = entry.record(event, now)?;
        (entry.reported.as_ref() != Some(&report)).then(|| entry.reported.insert(report).clone())
    }

    /// Whether one that is there was read before.
    pub(super) fn has_read(&self, name: &ObjectReference) -> bool {
        self.all.get(name).is_some_and(|entry| entry.known().is_some())
    }

    /// Those that seem to have ended, of which the server has to be asked.
    pub(super) fn due(&mut self, now: Duration) -> Vec<ObjectReference> {
        let due = self.all.iter_mut().filter(|(_, entry)| entry.end().is_some_and(|end| end <= now));
        due.map(|(name, entry)| {
            entry.contact = RenewalView::Asked;
            name.clone()
        })
        .collect()
    }

    /// When the next one ends.
    pub(super) fn next(&self) -> Option<Duration> {
        self.all.values().filter_map(Entry::end).min()
    }
}

impl Entry {
    fn record(&mut self, event: LeaseEvent, now: Moment) -> Option<LeaseReport> {
        if event != LeaseEvent::Away && event != LeaseEvent::Forgone {
            self.has_contact(now.steady);
        }
        match event {
            LeaseEvent::Says(record, faults) => {
                let lease = self.observe(record, now);
                Some(LeaseReport { lease: Some(lease), unreadable: None, faults })
            }
            LeaseEvent::Absent => {
                self.observed = None;
                Some(LeaseReport::default())
            }
            LeaseEvent::Unreadable(why) => {
                self.contact = RenewalView::Unseen;
                let lease = self.known().filter(|known| is_held(known));
                let lease = lease.unwrap_or_else(|| Arc::new(unknown(NamedNode::Unreadable)));
                Some(LeaseReport { lease: Some(lease), unreadable: Some(why), faults: Vec::new() })
            }
            LeaseEvent::Answers => None,
            LeaseEvent::Away => {
                self.contact = RenewalView::Unseen;
                None
            }
            LeaseEvent::Forgone => {
                self.contact = RenewalView::Unseen;
                Some(self.reported.clone().unwrap_or_default())
            }
        }
    }

    /// What could not be seen meanwhile may have been renewed.
    fn has_contact(&mut self, now: Duration) {
        if self.contact == RenewalView::Unseen {
            self.observed = self.observed.take().map(|observed| observed.unseen(self.last_contact, now));
            self.contact = RenewalView::Seen;
        }
        self.last_contact = now;
    }

    fn observe(&mut self, record: LeaseRecord, now: Moment) -> Arc<Lease> {
        self.contact = RenewalView::Seen;
        let record = match self.known() {
            Some(known) if record.named == NamedNode::Unreadable && is_held(&known) => {
                LeaseRecord { named: known.named.clone(), ..record }
            }
            Some(_) | None => record,
        };
        let observed = match self.observed.take() {
            Some(observed) => observed.again(record, now),
            None => ObservedLease::first(record, now),
        };
        let lease = observed.lease(now.steady);
        self.observed = Some(observed);
        // One that names no node has no end.
        if lease.named == NamedNode::NoNode {
            Arc::new(Lease { term: LeaseTerm::Running, ..Lease::clone(&lease) })
        } else {
            lease
        }
    }

    fn known(&self) -> Option<Arc<Lease>> {
        self.reported.as_ref()?.lease.clone()
    }

    /// When it ends; none where it has ended, names no node, or its renewals cannot be seen.
    fn end(&self) -> Option<Duration> {
        let is_running = self.known().is_some_and(|lease| lease.term == LeaseTerm::Running);
        let is_seen = self.contact == RenewalView::Seen && is_running;
        self.observed.as_ref().filter(|_| is_seen)?.ends_after(Duration::ZERO)
    }
}

/// Whether it names a node. What is written there after another state may name one, though it cannot be read.
fn is_held(lease: &Lease) -> bool {
    matches!(lease.named, NamedNode::Node(_)) && lease.term == LeaseTerm::Running
}

/// A Lease of which nothing is known but that it counts.
pub(super) fn unknown(named: NamedNode) -> Lease {
    Lease { named, since: None, term: LeaseTerm::Running }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
