//! Whether what is kept between two rounds is what follows from the newest state. Every round relies on what earlier
//! ones left, so a defect that leaves something wrong there would stay until a restart. The audit looks for it while
//! the loop has nothing to do, a bounded slice at a time.
//!
//! Each part is held against what it follows from directly, and that against what it follows from in turn, down to the
//! snapshot; so where no slice of a cycle disagrees, all of it is what [`super::scratch`] gives. Indexes are looked at
//! both ways: that each Service is where it belongs, and that whatever is there belongs to one.
//!
//! A disagreement is a defect of egressd, and it need not have come alone. So nothing is corrected by itself: all is
//! forgotten that can be worked out, and worked out anew.

mod common;
mod disagreement;
mod indexes;
mod namespaces;
mod service;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

pub use disagreement::{AuditSubject, AuditedPart, Disagreement};

use super::derived::Derived;
use super::places::Named;
use super::updating::marks_of;
use super::{Pipeline, Question};
use crate::diff::Applied;
use crate::model::{Snapshot, SubjectKey};

/// How many entries of an index are looked up where one Service would be worked out: each costs a microsecond, and not
/// ten.
const MAX_LOOKUPS: usize = 8;

/// The result of one slice of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// What is not as it should be.
    pub disagreements: Vec<Disagreement>,
    pub progress: Progress,
}

/// How far an audit is after a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to look at.
    Within,
    /// Everything was looked at once more.
    Whole,
}

/// Where an audit goes on: behind this one, or at the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    Services(Option<SubjectKey>),
    Namespaces(Option<Arc<str>>),
    Pods(Option<IpAddr>),
    Sharers(Option<IpAddr>),
    Places(Option<IpAddr>),
    Named(Option<Named>),
    Common,
}

impl Default for Cursor {
    fn default() -> Self {
        Self::Services(None)
    }
}

/// What a slice found, and the last that it looked at; none where there is no other behind it.
struct AuditSlice<K> {
    disagreements: Vec<Disagreement>,
    last: Option<K>,
}

impl Pipeline {
    /// Whether the last step left nothing to look at. Only then everything that is kept belongs to one state.
    pub fn is_settled(&self) -> bool {
        self.subjects.is_unchanged()
    }

    /// Looks at the next slice of what is kept, and of what the kernel is believed to hold: so many Services or pods
    /// `most`. It is to be settled, and the kernel to hold all that was worked out.
    pub fn audit(&mut self, applied: &Applied, most: usize) -> Audit {
        let (disagreements, next) = match std::mem::take(&mut self.cursor) {
            Cursor::Services(after) => {
                self.audit_services(after.as_ref(), most).and(Cursor::Services, Cursor::Namespaces(None))
            }
            Cursor::Namespaces(after) => {
                self.audit_namespaces(after.as_ref(), most).and(Cursor::Namespaces, Cursor::Pods(None))
            }
            Cursor::Pods(after) => self.audit_pods(after, applied, most).and(Cursor::Pods, Cursor::Sharers(None)),
            Cursor::Sharers(after) => {
                self.audit_sharers(after, most * MAX_LOOKUPS).and(Cursor::Sharers, Cursor::Places(None))
            }
            Cursor::Places(after) => {
                self.audit_places(after, most * MAX_LOOKUPS).and(Cursor::Places, Cursor::Named(None))
            }
            Cursor::Named(after) => self.audit_named(after, most * MAX_LOOKUPS).and(Cursor::Named, Cursor::Common),
            Cursor::Common => (self.audit_common(applied), Cursor::default()),
        };
        let progress = if next == Cursor::default() { Progress::Whole } else { Progress::Within };
        self.cursor = next;
        Audit { disagreements, progress }
    }

    /// Forgets all that follows from the newest state, so that the next step works it out from nothing; returns what
    /// has to be asked. Which Services are other than before is known still.
    pub fn derive_anew(&mut self) -> Vec<Question> {
        let records = std::mem::take(&mut self.derived.records);
        self.derived = Derived { records, ..Derived::new(self.settings.shared, self.settings.limits) };
        (self.cursor, self.places, self.nodes, self.further, self.tunnels, self.outside) = Default::default();
        self.subjects.touch_all();
        self.subjects.label_anew();
        let snapshot = self.newest.clone();
        self.look_at_all_of_it(&snapshot)
    }

    fn look_at_all_of_it(&mut self, snapshot: &Snapshot) -> Vec<Question> {
        self.policies = Arc::new(marks_of(snapshot));
        self.ownership.see(snapshot);
        self.ready.clear();
        self.looked_at_nodes.clear();
        let has_other_context = self.cluster(snapshot);
        let known = self.all(snapshot).into_iter().chain(snapshot.slices.keys().cloned());
        known.for_each(|key| self.take_place(snapshot, &key));
        self.gather();
        self.all(snapshot).into_iter().filter_map(|key| self.look(snapshot, key, has_other_context)).collect()
    }
}

impl<K> AuditSlice<K> {
    fn and(self, behind: impl FnOnce(Option<K>) -> Cursor, then: Cursor) -> (Vec<Disagreement>, Cursor) {
        let next = match self.last {
            Some(last) => behind(Some(last)),
            None => then,
        };
        (self.disagreements, next)
    }
}

/// The first keys of all together, where each gives its own in order; so none between two of them is missing.
fn first_of_all<'a, K: Ord>(most: usize, each: impl IntoIterator<Item = Keys<'a, K>>) -> BTreeSet<K> {
    let all: BTreeSet<K> = each.into_iter().flat_map(|keys| keys.take(most)).collect();
    all.into_iter().take(most).collect()
}

type Keys<'a, K> = Box<dyn Iterator<Item = K> + 'a>;

/// The last of them, where there may be others behind it.
fn last_of_many<K: Ord + Clone>(keys: &BTreeSet<K>, most: usize) -> Option<K> {
    (keys.len() == most).then(|| keys.last().cloned()).flatten()
}

pub(super) fn behind<K>(after: Option<K>) -> (Bound<K>, Bound<K>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}
