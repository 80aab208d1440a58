//! The hand-over from a source to the loop: the newest snapshot and the keys that changed since it was last
//! taken. Keys coalesce while the loop is busy; values are always read from the newest snapshot, so a doubled
//! key cannot matter. What is wrong with the source itself goes another way, so that it is findings even when there is
//! nothing to hand over.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egressd_core::finding::Finding;
use egressd_core::model::{ChangeKey, Interest, Snapshot};
use tokio::sync::{Notify, watch};
use tracing::{info, warn};

/// What a source hands over.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Everything the source knows now.
    pub snapshot: Snapshot,
    /// What to look at again.
    pub keys: BTreeSet<ChangeKey>,
    /// What is wrong with the source itself: files that cannot be read, say.
    pub findings: Vec<Finding>,
    /// How much of what policies read it has.
    pub coverage: Coverage,
}

/// How much a state has of what policies read of Services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// What annotations are cut to; none where they are whole.
    pub kept: Option<Interest>,
    /// By what it is decided whose Leases are followed; none where none are.
    pub followed: Option<Interest>,
}

impl Coverage {
    /// Whether nothing is missing that whoever has this interest reads.
    pub fn has(&self, interest: &Interest) -> bool {
        let is_followed = |followed: &Interest| followed.covers_services(interest) && followed.covers_labels(interest);
        self.kept.as_ref().is_none_or(|kept| kept.covers(interest)) && self.followed.as_ref().is_none_or(is_followed)
    }
}

/// What is read of Services; none until that is known.
pub type InterestReceiver = watch::Receiver<Option<Interest>>;

/// What is wrong with the source, always the newest.
pub type FindingsReceiver = watch::Receiver<Arc<[Finding]>>;

/// The source's end.
#[derive(Debug)]
pub struct SnapshotSender {
    shared: Arc<Shared>,
    findings: watch::Sender<Arc<[Finding]>>,
    asked: InterestReceiver,
}

/// The loop's end.
#[derive(Debug)]
pub struct SnapshotReceiver {
    shared: Arc<Shared>,
    asking: watch::Sender<Option<Interest>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Option<Update>>,
    /// The policies, where they are known before the Services.
    policies: Mutex<Option<Snapshot>>,
    changed: Notify,
}

impl Shared {
    /// A panic elsewhere while the lock was held leaves a whole `Update` all the same: it is only ever replaced.
    fn waiting(&self) -> MutexGuard<'_, Option<Update>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two ends of one hand-over.
pub fn handover() -> (SnapshotSender, SnapshotReceiver) {
    let shared = Arc::new(Shared::default());
    let findings = watch::Sender::new(Arc::default());
    let (asking, asked) = watch::channel(None);
    (SnapshotSender { shared: Arc::clone(&shared), findings, asked }, SnapshotReceiver { shared, asking })
}

impl SnapshotSender {
    /// Replaces what waits to be taken; the keys add up.
    pub fn send(&self, mut update: Update) {
        let mut waiting = self.shared.waiting();
        if let Some(mut earlier) = waiting.take() {
            // While the loop is busy, one key after the other comes to many.
            if earlier.keys.len() > update.keys.len() {
                mem::swap(&mut earlier.keys, &mut update.keys);
            }
            update.keys.extend(earlier.keys);
        }
        *waiting = Some(update);
        drop(waiting);
        self.shared.changed.notify_one();
    }

    /// Hands over a state of which only the policies are complete, where the source waits for what they read of Services.
    pub fn send_policies(&self, early: Snapshot) {
        *self.shared.policies.lock().unwrap_or_else(PoisonError::into_inner) = Some(early);
        self.shared.changed.notify_one();
    }

    /// What is read of Services.
    pub fn asked(&self) -> InterestReceiver {
        self.asked.clone()
    }

    /// Says what is wrong with the source now. Each fault is logged once, and its end too.
    pub fn report(&self, findings: Vec<Finding>) {
        let findings: Arc<[Finding]> = findings.into();
        let before = self.findings.send_replace(Arc::clone(&findings));
        for finding in findings.iter().filter(|finding| !before.contains(finding)) {
            warn!(code = %finding.code, "{}", finding.message);
        }
        for finding in before.iter().filter(|old| findings.iter().all(|finding| finding.code != old.code)) {
            info!(code = %finding.code, "resolved: {}", finding.message);
        }
    }

    /// Where that can be read.
    pub fn findings(&self) -> FindingsReceiver {
        self.findings.subscribe()
    }
}

impl SnapshotReceiver {
    /// The newest state, as soon as there is one that was not taken yet.
    pub async fn next(&self) -> Update {
        loop {
            if let Some(update) = self.shared.waiting().take() {
                return update;
            }
            self.shared.changed.notified().await;
        }
    }

    /// The first state that has all policies, and those that cannot be read: the first one, or one before it.
    pub async fn policies(&self) -> Snapshot {
        loop {
            let early = self.shared.policies.lock().unwrap_or_else(PoisonError::into_inner).take();
            let with_all = || Some(self.shared.waiting().as_ref()?.snapshot.clone());
            if let Some(policies) = early.or_else(with_all) {
                return policies;
            }
            self.shared.changed.notified().await;
        }
    }

    /// Says what is read of Services from now on. What is handed over says what it was cut to.
    pub fn ask(&self, interest: Interest) {
        self.asking.send_if_modified(|known| known.replace(interest.clone()) != Some(interest));
    }

    /// What `ask` was called with last; none before the first call.
    pub fn asked(&self) -> Option<Interest> {
        self.asking.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use egressd_core::model::SubjectKey;

    use super::*;

    fn update(name: &str) -> Update {
        Update { keys: [ChangeKey::Subject(SubjectKey::service("default", name))].into(), ..Update::default() }
    }

    #[test]
    fn keys_coalesce_while_no_snapshot_is_taken() {
        let (sender, receiver) = handover();
        sender.send(update("a"));
        sender.send(update("b"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let taken = runtime.block_on(receiver.next());
        assert_eq!(taken.keys.len(), 2);
        assert!(receiver.shared.waiting().is_none(), "what is taken is taken once");
    }

    #[test]
    fn what_is_wrong_with_the_source_can_be_read_without_a_hand_over() {
        let (sender, receiver) = handover();
        let findings = sender.findings();
        let finding = Finding::warning("api-server-unreachable", "the API server does not answer");
        sender.report(vec![finding.clone()]);
        assert_eq!(findings.borrow()[..], [finding]);
        sender.report(vec![]);
        assert!(findings.borrow().is_empty());
        assert!(receiver.shared.waiting().is_none());
    }

    #[test]
    fn the_first_policies_come_with_the_first_state_or_before_it() {
        let (sender, receiver) = handover();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut early = Snapshot::default();
        early.unreadable.policies.insert("guard".to_owned());
        sender.send_policies(early.clone());
        assert_eq!(runtime.block_on(receiver.policies()), early, "and those that cannot be read");
        sender.send(update("a"));
        assert_eq!(runtime.block_on(receiver.policies()), Snapshot::default());
        assert_eq!(runtime.block_on(receiver.next()).keys.len(), 1, "the state is still there");
    }

    #[test]
    fn a_state_that_was_cut_covers_what_it_was_cut_to_and_a_whole_one_everything() {
        let interest = |prefix: &str| Interest::new([&prefix.to_owned()], []);
        let cut = Coverage { kept: Some(interest("a/")), followed: None };
        assert!(cut.has(&interest("a/x")) && !cut.has(&interest("b/")));
        assert!(Coverage::default().has(&Interest::everything()));
    }

    #[test]
    fn leases_cover_the_names_by_which_services_ask() {
        let interest = |prefix: &str, label: &str| Interest::new([&prefix.to_owned()], [&label.to_owned()]);
        let followed = interest("a/", "team").choosing_by(["tier"]);
        let coverage = Coverage { kept: None, followed: Some(followed.clone()) };
        for covered in
            [interest("a/x", "team"), interest("a/", "team-x"), Interest::default().choosing_by(["tier", "team"])]
        {
            assert!(coverage.has(&covered), "{covered:?}");
        }
        for missing in [interest("b/", "team"), interest("a/", "tier"), Interest::default().choosing_by(["stage"])] {
            assert!(!coverage.has(&missing), "{missing:?}");
            assert!(Coverage { kept: None, followed: Some(followed.clone().and(&missing)) }.has(&missing));
        }
    }
}
