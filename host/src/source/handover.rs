//! The hand-over from a source to the loop: the newest snapshot and the keys that changed since it was last
//! taken. Keys coalesce while the loop is busy; values are always read from the newest snapshot, so a doubled
//! key cannot matter.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egressd_core::finding::Finding;
use egressd_core::model::{Key, Snapshot};
use tokio::sync::Notify;

/// What a source hands over.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Everything the source knows now.
    pub snapshot: Snapshot,
    /// What to look at again.
    pub keys: BTreeSet<Key>,
    /// What is wrong with the source itself: files that cannot be read, say.
    pub findings: Vec<Finding>,
}

/// The source's end.
#[derive(Debug)]
pub struct Giver(Arc<Shared>);

/// The loop's end.
#[derive(Debug)]
pub struct Taker(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Option<Update>>,
    changed: Notify,
}

impl Shared {
    /// A panic elsewhere while the lock was held leaves a whole `Update` all the same: it is only ever replaced.
    fn waiting(&self) -> MutexGuard<'_, Option<Update>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two ends of one hand-over.
pub fn handover() -> (Giver, Taker) {
    let shared = Arc::new(Shared::default());
    (Giver(Arc::clone(&shared)), Taker(shared))
}

impl Giver {
    /// Replaces what waits to be taken; the keys add up.
    pub fn give(&self, mut update: Update) {
        let mut waiting = self.0.waiting();
        if let Some(earlier) = waiting.take() {
            update.keys.extend(earlier.keys);
        }
        *waiting = Some(update);
        drop(waiting);
        self.0.changed.notify_one();
    }
}

impl Taker {
    /// The newest state, as soon as there is one that was not taken yet.
    pub async fn take(&self) -> Update {
        loop {
            if let Some(update) = self.0.waiting().take() {
                return update;
            }
            self.0.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use egressd_core::model::ServiceKey;

    use super::*;

    fn update(name: &str) -> Update {
        Update { keys: [Key::Service(ServiceKey::new("default", name))].into(), ..Update::default() }
    }

    #[test]
    fn keys_coalesce_while_nobody_takes() {
        let (giver, taker) = handover();
        giver.give(update("a"));
        giver.give(update("b"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let taken = runtime.block_on(taker.take());
        assert_eq!(taken.keys.len(), 2);
        assert!(taker.0.waiting().is_none(), "what is taken is taken once");
    }
}
