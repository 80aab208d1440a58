//! What leads from what is remembered to what is to be.

use std::cmp::Ordering;
use std::sync::Arc;

use egressd_core::model::Uid;

use super::journal::Of;

/// What is other than before; none where the Service is gone, or nothing is remembered of it.
pub(super) type Change<T> = (Uid, Option<Arc<T>>);

/// What leads from one to the other. Both are walked once: it is asked at every change of any Service.
pub(super) fn changes<T: PartialEq>(old: &Of<T>, new: &Of<T>) -> Vec<Change<T>> {
    let (mut old, mut new, mut changes) = (old.iter().peekable(), new.iter().peekable(), Vec::new());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        match (before, after) {
            (Some((_, before)), Some((_, after))) if Arc::ptr_eq(before, after) || before == after => {}
            (_, Some((uid, after))) => changes.push((uid.clone(), Some(Arc::clone(after)))),
            (Some((uid, _)), None) => changes.push((uid.clone(), None)),
            (None, None) => {}
        }
    }
}
