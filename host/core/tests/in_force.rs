//! What is in force is followed by the difference.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use egressd_core::in_force::{AppliedRound, AppliedSubject, UnixTime};
use egressd_core::model::{SubjectKey, Uid};
use egressd_core::record::{Record, RecordState};
use imbl::OrdMap;

fn key(number: usize) -> SubjectKey {
    SubjectKey::service("shop", format!("web-{number}"))
}

fn shown(life: &str) -> Arc<AppliedSubject> {
    let record = Record { uid: Uid::new(life).unwrap(), outcome: RecordState::Unanswered(None) };
    Arc::new(AppliedSubject { record: Arc::new(record), since: UnixTime(0) })
}

#[test]
fn what_comes_changes_and_goes_is_the_difference_and_nothing_else() {
    let mut before = AppliedRound::default();
    before.subjects.extend((0..1000).map(|number| (key(number), shown("uid"))));
    let mut after = before.clone();
    after.subjects.insert(key(70), shown("another"));
    after.subjects.insert(key(71), shown("uid"));
    after.subjects.insert(key(1000), shown("uid"));
    after.subjects.remove(&key(500));
    let expected: BTreeSet<SubjectKey> = [70, 500, 1000].map(key).into();
    assert!(after.changed_since(&before).eq(&expected));
    assert!(before.changed_since(&after).eq(&expected));
    assert_eq!(before.changed_since(&before.clone()).count(), 0);
}

/// Counts how often it is compared.
#[derive(Clone, Debug)]
struct Counted(usize, Rc<Cell<usize>>);

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.1.set(self.1.get() + 1);
        self.0 == other.0
    }
}

/// All that follows what is in force relies on it.
#[test]
fn a_difference_between_a_map_and_a_copy_of_it_compares_no_more_than_it_has_to() {
    let count = Rc::new(Cell::new(0));
    let before: OrdMap<usize, Counted> =
        (0..30_000_usize).map(|number| (number, Counted(0, Rc::clone(&count)))).collect();
    let mut after = before.clone();
    after.insert(20_000, Counted(1, Rc::clone(&count)));
    assert_eq!(before.diff(&after).count(), 1);
    assert!(count.get() <= 200, "{} comparisons", count.get());
}
