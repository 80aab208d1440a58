//! Looks for orphaned tables now and then, and on request. On a thread of its own with a socket of its own:
//! it delays no commit, and works before there is anything to commit.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use egressd_core::compile::Instance;
use tokio::sync::{oneshot, watch};
use tracing::{info, warn};

use super::{Orphan, TableState, standing};
use crate::clock::{self, Instant};
use crate::errors::with_causes;
use crate::instances::lock::LockDir;
use crate::kernel::nft::{self, ListedTable, Maker, TableId, Tables};

/// How long a table has to be without an egressd: an update replaces one by another in about three seconds.
const GRACE_PERIOD: Duration = Duration::from_secs(5);
/// Between two checks when there is nothing to wait for.
const CHECK_INTERVAL: Duration = Duration::from_mins(1);

type Request = oneshot::Sender<()>;

/// What was found last, and the way to ask for a new check.
#[derive(Clone, Debug)]
pub struct OrphanWatch {
    requests: mpsc::Sender<Request>,
    found: watch::Receiver<Arc<[Orphan]>>,
}

impl OrphanWatch {
    /// Looks for the life of the process, in the network namespace of the calling thread. The tables of `own` are not
    /// looked at.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<T: Tables>(
        own: Instance,
        locks: LockDir,
        open: impl FnOnce() -> Result<T, nft::Error> + Send + 'static,
    ) -> io::Result<Self> {
        let ((requests, inbox), (findings, found)) = (mpsc::channel(), watch::channel(Arc::default()));
        thread::Builder::new().name("orphans".to_owned()).spawn(move || match open() {
            Ok(tables) => serve(OrphanTracker::new(own, locks, tables), &inbox, &findings),
            Err(error) => warn!("cannot look for orphaned tables: {}", with_causes(&error)),
        })?;
        Ok(Self { requests, found })
    }

    /// What is found, as it changes.
    pub fn found(&self) -> watch::Receiver<Arc<[Orphan]>> {
        self.found.clone()
    }

    /// Looks anew, and returns when that is done.
    pub async fn look(&self) {
        let (answer, answered) = oneshot::channel();
        // A thread that has ended has logged why, and what it found last stands.
        if self.requests.send(answer).is_ok() {
            let _ = answered.await;
        }
    }
}

/// Looks until the last handle is dropped.
fn serve(
    mut watcher: OrphanTracker<impl Tables>,
    inbox: &mpsc::Receiver<Request>,
    found: &watch::Sender<Arc<[Orphan]>>,
) {
    let mut waiting: Vec<Request> = Vec::new();
    loop {
        if let Some(orphans) = watcher.changed_orphans(clock::now()) {
            log_changes(&found.borrow(), &orphans);
            found.send_replace(orphans.into());
        }
        for answer in waiting.drain(..) {
            // One that no longer waits needs no answer.
            let _ = answer.send(());
        }
        match inbox.recv_timeout(watcher.pause(clock::now())) {
            Ok(request) => waiting.extend([request].into_iter().chain(inbox.try_iter())),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What is known between two passes.
struct OrphanTracker<T> {
    own: Instance,
    locks: LockDir,
    tables: T,
    /// Since when each has been seen without an egressd.
    suspects: BTreeMap<TableId, Instant>,
    found: Vec<Orphan>,
    /// Why the last check failed.
    trouble: Option<String>,
}

impl<T: Tables> OrphanTracker<T> {
    fn new(own: Instance, locks: LockDir, tables: T) -> Self {
        Self { own, locks, tables, suspects: BTreeMap::new(), found: Vec::new(), trouble: None }
    }

    /// What is found now, when that is something else than before.
    fn changed_orphans(&mut self, now: Instant) -> Option<Vec<Orphan>> {
        match self.look(now) {
            Ok(found) => {
                self.trouble = None;
                (found != self.found).then(|| self.found.clone_from(&found)).map(|()| found)
            }
            Err(error) => {
                let trouble = with_causes(&error);
                if self.trouble.as_ref() != Some(&trouble) {
                    warn!("cannot look for orphaned tables: {trouble}");
                }
                self.trouble = Some(trouble);
                None
            }
        }
    }

    fn look(&mut self, now: Instant) -> Result<Vec<Orphan>, nft::Error> {
        let listed = self.tables.list()?;
        let suspects: Vec<_> = listed.iter().filter_map(|table| self.suspect(table)).collect();
        self.suspects.retain(|known, _| suspects.iter().any(|(table, _)| table == known));
        let mut found = Vec::new();
        for (table, instance) in suspects {
            let since = *self.suspects.entry(table.clone()).or_insert(now);
            if now >= since + GRACE_PERIOD {
                let pods = self.tables.pods(&table)?;
                found.push(Orphan { table, instance, pods });
            }
        }
        Ok(found)
    }

    /// A table that no egressd manages at this moment. What is in one of a newer layout cannot be counted, and is not
    /// ours to remove.
    fn suspect(&self, table: &ListedTable) -> Option<(TableId, Instance)> {
        let instance = Instance::of_table(table.id.family, &table.id.name)?;
        match table.maker {
            Maker::Another | Maker::Newer(_) => return None,
            Maker::Egressd if instance == self.own => return None,
            Maker::Egressd => {}
        }
        match standing(table, &self.locks.life(&instance)) {
            TableState::Orphaned => Some((table.id.clone(), instance)),
            TableState::InUse(_) | TableState::Unclear(_) => None,
        }
    }

    /// How long to wait: until a suspect may count.
    fn pause(&self, now: Instant) -> Duration {
        let due = self.suspects.values().map(|since| *since + GRACE_PERIOD).filter(|due| *due > now).min();
        due.map_or(CHECK_INTERVAL, |due| due - now)
    }
}

/// One line for each table whose state changed.
fn log_changes(before: &[Orphan], now: &[Orphan]) {
    for orphan in now.iter().filter(|orphan| !before.contains(orphan)) {
        let finding = orphan.finding();
        warn!(code = %finding.code, "{}", finding.message);
    }
    for orphan in before.iter().filter(|orphan| !now.iter().any(|other| other.table == orphan.table)) {
        info!("{} is no longer orphaned", orphan.table);
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
