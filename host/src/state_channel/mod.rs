//! What the loop reports to others: the newest state as a value, handed over without waiting for readers.

mod changed_table;
pub mod notices;

use std::sync::Arc;

use egressd_core::finding::Finding;
use egressd_core::in_force::AppliedRound;
use tokio::sync::watch;

pub use changed_table::{ChangedTable, RepairPace};

use crate::clock::{self, Instant, Moment};
use crate::instances::orphans::Orphan;
use crate::policies::PolicyReport;

/// What is known about this egressd now.
#[derive(Clone, Debug)]
pub struct DaemonState {
    /// When the process began.
    pub since: Moment,
    /// What is in force; none before the first round is.
    pub in_force: Option<Arc<AppliedRound>>,
    /// Why something newer is not in force.
    pub trouble: Option<String>,
    /// The result of each policy, by name.
    pub policies: Arc<[PolicyReport]>,
    /// What is reported about the loading of policies.
    pub loading: Arc<[Finding]>,
    /// What is wrong with the source of Services.
    pub source: Arc<[Finding]>,
    /// What is wrong with egressd's own sockets and directories.
    pub notices: Arc<[Finding]>,
    /// The tables that no egressd manages.
    pub orphans: Arc<[Orphan]>,
    /// A table that a newer egressd made, while it keeps this one from working.
    pub newer: Option<Finding>,
    /// What is wrong with what an earlier process remembered.
    pub left: Arc<[Finding]>,
    /// What is wrong with egressd's tables.
    pub tables: Arc<[Finding]>,
    /// Those that other programs changed a short time ago.
    pub changed_tables: Arc<[ChangedTable]>,
}

/// The loop's end.
#[derive(Debug)]
pub struct StateChannel {
    newest: watch::Sender<DaemonState>,
    busy: watch::Sender<Option<Instant>>,
}

/// Everybody else's end.
#[derive(Clone, Debug)]
pub struct StateReader {
    newest: watch::Receiver<DaemonState>,
    busy: watch::Receiver<Option<Instant>>,
    source: watch::Receiver<Arc<[Finding]>>,
    notices: notices::Reader,
    orphans: watch::Receiver<Arc<[Orphan]>>,
}

impl DaemonState {
    /// Before anything is known.
    pub fn begin() -> Self {
        Self {
            since: Moment::now(),
            in_force: None,
            trouble: None,
            policies: [].into(),
            loading: [].into(),
            source: [].into(),
            notices: [].into(),
            orphans: [].into(),
            newer: None,
            left: [].into(),
            tables: [].into(),
            changed_tables: [].into(),
        }
    }
}

/// A state channel with nothing on it, and a reader of it. What is wrong with the source and with egressd itself, and which
/// tables are orphaned, is read where that is found: the loop may have nothing to do, or not have begun.
pub fn state_channel(
    source: watch::Receiver<Arc<[Finding]>>,
    notices: notices::Reader,
    orphans: watch::Receiver<Arc<[Orphan]>>,
) -> (StateChannel, StateReader) {
    let (newest, read_newest) = watch::channel(DaemonState::begin());
    let (busy, read_busy) = watch::channel(None);
    (StateChannel { newest, busy }, StateReader { newest: read_newest, busy: read_busy, source, notices, orphans })
}

impl StateChannel {
    /// The loop begins to work on something.
    pub fn busy(&self) {
        self.busy.send_replace(Some(clock::now()));
    }

    /// The loop waits for something to do.
    pub fn idle(&self) {
        self.busy.send_replace(None);
    }

    /// A round came into force.
    pub fn in_force(&self, round: Arc<AppliedRound>) {
        self.newest.send_modify(|newest| {
            newest.in_force = Some(round);
            newest.trouble = None;
        });
    }

    /// Policies were loaded, or refused.
    pub fn policies(&self, reports: Vec<PolicyReport>, findings: Vec<Finding>) {
        self.newest.send_modify(|newest| {
            newest.policies = reports.into();
            newest.loading = findings.into();
        });
    }

    /// What is wrong with what an earlier process remembered.
    pub fn left(&self, findings: Vec<Finding>) {
        self.newest.send_modify(|newest| newest.left = findings.into());
    }

    /// What is wrong with egressd's tables, and which of them other programs changed.
    pub fn tables(&self, findings: Vec<Finding>, changed: Vec<ChangedTable>) {
        self.newest.send_if_modified(|newest| {
            let differs = *newest.tables != *findings || *newest.changed_tables != *changed;
            newest.tables = findings.into();
            newest.changed_tables = changed.into();
            differs
        });
    }

    /// A table of a newer egressd keeps this one from working, or no longer does.
    pub fn newer(&self, finding: Option<Finding>) {
        self.newest.send_modify(|newest| newest.newer = finding);
    }

    /// A round did not come into force; what is in force still, where anything is.
    pub fn held_back(&self, why: String, still: Option<Arc<AppliedRound>>) {
        self.newest.send_modify(|newest| {
            newest.trouble = Some(why);
            newest.in_force = still.or_else(|| newest.in_force.take());
        });
    }
}

impl DaemonState {
    /// Why this egressd is not ready; none when it is.
    pub fn unready(&self) -> Option<String> {
        match (&self.in_force, &self.trouble) {
            (Some(_), _) => self.policies.iter().find_map(PolicyReport::unready),
            (None, Some(trouble)) => Some(format!("nothing is in force yet: {trouble}")),
            (None, None) => Some("nothing is in force yet: Services have not been read or evaluated".to_owned()),
        }
    }

    /// What is reported about this egressd and what others left, whether or not anything is in force.
    pub fn standing(&self) -> impl Iterator<Item = Finding> {
        let found = self.source.iter().chain(&*self.loading).chain(&*self.notices);
        let orphans = self.orphans.iter().map(Orphan::finding);
        let changed = self.changed_tables.iter().map(ChangedTable::finding);
        found.chain(&self.newer).chain(&*self.left).chain(&*self.tables).cloned().chain(orphans).chain(changed)
    }
}

impl StateReader {
    pub fn newest(&self) -> DaemonState {
        let (source, orphans) = (Arc::clone(&self.source.borrow()), Arc::clone(&self.orphans.borrow()));
        DaemonState { source, notices: self.notices.now(), orphans, ..self.newest.borrow().clone() }
    }

    /// Waits until the newest state is another than the one that was waited for last.
    ///
    /// # Errors
    /// When the loop has ended, and nothing will change any more.
    pub async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        tokio::select! {
            changed = self.newest.changed() => changed,
            // Whoever looks for them may have ended, and then they do not change.
            Ok(()) = self.orphans.changed() => Ok(()),
        }
    }

    /// Since when the loop has been working on one thing; none while it waits for something to do.
    pub fn busy_since(&self) -> Option<Instant> {
        *self.busy.borrow()
    }
}

#[cfg(test)]
impl StateReader {
    /// Waits until the loop begins with something, or has ended it.
    pub(crate) async fn turned(&mut self) -> Result<(), watch::error::RecvError> {
        self.busy.changed().await
    }

    /// Whether the loop has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.busy.has_changed().is_err()
    }
}
