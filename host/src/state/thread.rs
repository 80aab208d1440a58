//! A thread that writes the state directory, so that the loop waits for the disk only where a promise needs it: what was
//! accepted, which policies are in force and what is known of networks is on the disk before what follows from it
//! is in force (P4, P7). Drafts without an edit
//! are written soon after: where one is lost, an earlier one stands in while a policy fails.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use egressd_core::decision::Draft;
use egressd_core::model::Labels;
use egressd_core::pipeline::{SignOfLife, Updates};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::warn;

use super::StateDir;
use super::networks::KnownNetworks;
use super::pending::{Objects, Pending, Promised};
use super::shared::{HandOverCount, Shared};
use super::unsaved::{CHECK_INTERVAL, DiskReport, RETRY_INTERVAL, Topic, silent};

/// How long a change waits for the disk. A disk at work answers within milliseconds, a busy one within tenths of a second; of
/// one that takes longer it is unknown whether it ever answers, and nothing new would be translated meanwhile. What is
/// given up then is to survive a loss of power in this moment.
const DISK_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the end waits for what was handed over. The kubelet kills a container 30 seconds after it asked it to end.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where it is written. Each call returns when all is on the disk, or has failed, which the disk reports itself.
pub(crate) trait Disk: Send + 'static {
    /// Writes what is promised; returns what is to be tried again with the next change.
    fn write_promised(&mut self, promised: Promised) -> Promised;

    /// Writes drafts, with those that could not be written before.
    fn write_drafts(&mut self, drafts: Updates<Draft>);

    /// Writes the newest sign of life.
    fn write_sign(&mut self, sign: SignOfLife);

    /// Whether something is left that could not be written.
    fn health(&self) -> Health;
}

/// Whether the disk takes what is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    #[default]
    Good,
    Failing,
}

/// What is known of the directory without asking the thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateAtStart {
    pub(crate) directory: PathBuf,
    pub(crate) networks: Option<KnownNetworks>,
    pub(crate) policies: Objects,
    pub(crate) report: DiskReport,
}

/// The handle. When it is dropped the thread ends, after it wrote what was handed over.
#[derive(Debug)]
pub struct StateThread {
    shared: Arc<Shared>,
    written: watch::Receiver<WriteProgress>,
    /// As it was handed over last.
    known: StateAtStart,
    /// What is to be on the disk before anything comes into force.
    due: HandOverCount,
    /// What was not waited for any longer; until it is there, nothing is.
    overdue: Option<HandOverCount>,
}

/// The thread is gone, which is a bug of egressd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot save accepted annotations: the thread that writes them has ended")]
pub struct StateThreadGone;

/// How far the thread is.
#[derive(Clone, Copy, Debug, Default)]
struct WriteProgress {
    /// What was promised is written, or has failed.
    promised: HandOverCount,
    health: Health,
}

impl StateThread {
    /// Starts the thread, which owns the directory from here on.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(state: StateDir) -> io::Result<Self> {
        let known = StateAtStart {
            directory: state.path.clone(),
            networks: state.networks().cloned(),
            policies: state.policies(),
            report: state.report.clone(),
        };
        Self::over(state, known)
    }

    /// The same, with any disk.
    pub(crate) fn over(disk: impl Disk, known: StateAtStart) -> io::Result<Self> {
        let shared = Arc::new(Shared::new());
        let (written_sender, written) = watch::channel(WriteProgress::default());
        let theirs = Arc::clone(&shared);
        let report = known.report.clone();
        let write = move || write_all(disk, &theirs, &written_sender, &report);
        thread::Builder::new().name("state".to_owned()).spawn(write)?;
        Ok(Self { shared, written, known, due: HandOverCount::default(), overdue: None })
    }

    /// The policies in force, as they were remembered last.
    pub fn policies(&self) -> &Objects {
        &self.known.policies
    }

    /// Hands over what is other than before, and what could not be written, if there is any.
    pub fn remember(&mut self, accepted: Updates<Labels>, drafts: Updates<Draft>) {
        let pending = Pending { promised: Promised { accepted, ..Promised::default() }, drafts, sign: None };
        if !pending.is_empty() || self.written.borrow().health == Health::Failing {
            self.hand(pending);
        }
    }

    /// Hands over what is known of networks, if that changed.
    pub fn remember_networks(&mut self, known: KnownNetworks) {
        if self.known.networks.as_ref() != Some(&known) {
            self.known.networks = Some(known.clone());
            self.promise(Promised { networks: Some(known), ..Promised::default() });
        }
    }

    /// Hands over the policies in force, if they are others.
    pub fn remember_policies(&mut self, good: &Objects) {
        if self.known.policies != *good {
            self.known.policies.clone_from(good);
            self.promise(Promised { policies: Some(good.clone()), ..Promised::default() });
        }
    }

    fn promise(&mut self, promised: Promised) {
        self.hand(Pending { promised, ..Pending::default() });
    }

    /// Hands over a sign of life, which nothing waits for.
    pub fn leave_sign(&mut self, sign: SignOfLife) {
        self.hand(Pending { sign: Some(sign), ..Pending::default() });
    }

    fn hand(&mut self, pending: Pending) {
        let is_promised = !pending.promised.is_empty();
        let handed = self.shared.hand(pending);
        if is_promised {
            self.due = handed;
        }
    }

    /// Waits until what was promised is on the disk, or could not be written, and for a second at most: while the disk keeps
    /// silent about that for longer, it is not waited for again.
    ///
    /// # Errors
    /// When the thread has ended.
    pub async fn settled(&mut self) -> Result<(), StateThreadGone> {
        if self.written.has_changed().is_err() {
            return Err(StateThreadGone);
        }
        let (due, promised) = (self.due, self.written.borrow().promised);
        if self.overdue.is_some_and(|overdue| promised < overdue) {
            return Ok(());
        }
        self.overdue = None;
        let answer = timeout(DISK_TIMEOUT, self.written.wait_for(|written| written.promised >= due)).await;
        match answer.map(|answer| answer.map(drop)) {
            Ok(answer) => answer.map_err(|_| StateThreadGone),
            Err(_) => {
                self.give_up(due);
                Ok(())
            }
        }
    }

    fn give_up(&mut self, due: HandOverCount) {
        self.overdue = Some(due);
        self.known.report.report(Topic::Silence, Some(silent(&self.known.directory, DISK_TIMEOUT)));
    }

    /// Waits until all that was handed over is written, for a few seconds at most.
    pub async fn finish(mut self) {
        self.shared.close();
        let ended = async { while self.written.changed().await.is_ok() {} };
        if timeout(FINISH_TIMEOUT, ended).await.is_err() {
            let directory = self.known.directory.display();
            warn!(%directory, waited = ?FINISH_TIMEOUT, "the disk does not respond: the newest changes are not saved");
        }
    }
}

impl Drop for StateThread {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Writes until nothing more comes. What comes while the disk is at work is one write afterwards.
fn write_all(mut disk: impl Disk, shared: &Shared, written_sender: &watch::Sender<WriteProgress>, report: &DiskReport) {
    let mut failed = Promised::default();
    loop {
        let wait = match disk.health() {
            Health::Good => CHECK_INTERVAL,
            Health::Failing => RETRY_INTERVAL,
        };
        let Some((newer, handed)) = shared.take(wait) else { return };
        let mut pending = Pending { promised: failed, ..Pending::default() };
        pending.add(newer);
        // Where an edit narrows a Service, an earlier draft of it is wider: it must not stand in after a restart (P4).
        let has_edits = !pending.promised.accepted.is_empty();
        failed = disk.write_promised(pending.promised);
        // Whatever came of it, the disk answers.
        report.report(Topic::Silence, None);
        if !has_edits {
            written_sender.send_replace(WriteProgress { promised: handed, health: disk.health() });
        }
        disk.write_drafts(pending.drafts);
        if let Some(sign) = pending.sign {
            disk.write_sign(sign);
        }
        written_sender.send_replace(WriteProgress { promised: handed, health: disk.health() });
    }
}

#[cfg(test)]
#[path = "thread_tests.rs"]
mod tests;
