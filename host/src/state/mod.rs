//! What outlives the process: for every Service that asks for egress, the annotations that were accepted last (P4) and
//! the last good draft (P6), in a file each; the ConfigMap of every policy that is in force (P7), and what every source
//! gave last, a file for each. What an earlier process left is read at the start; from then on a thread of its own writes
//! (`thread.rs`).

mod alive;
mod damage;
mod draft;
mod journal;
mod line;
mod networks;
pub(crate) mod pending;
mod policies;
mod shared;
mod sources;
pub(crate) mod thread;
mod unknown;
mod unsaved;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egressd_core::decision::Draft;
use egressd_core::finding::Finding;
use egressd_core::model::{Labels, PolicyObject, Uid};
use egressd_core::pipeline::{RestoredState, SignOfLife, Updates};
use tracing::warn;

use alive::SignFile;
use draft::Remembered;
use journal::Journal;
pub use networks::KnownNetworks;
use networks::NetworkFile;
use pending::Promised;
use policies::Folder;
pub use sources::{CLUSTER, RestoredSource, Sources};
use thread::{Disk, Health};
pub use thread::{StateThread, StateThreadGone};
pub use unsaved::{DiskReport, Topic};
use unsaved::{Part, Unsaved, takes_nothing};

use crate::files;

/// The state directory.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    accepted: Journal<Labels>,
    drafts: Journal<Remembered>,
    policies: Folder,
    networks: NetworkFile,
    alive: SignFile,
    unsaved: Unsaved,
    trial: Trial,
    report: DiskReport,
    /// What was reported last.
    reported: Option<Finding>,
}

/// Whether it is to be tried to write to the directory, though there may be nothing to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    Due,
    Done,
}

/// It is to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failed;

/// The file of accepted annotations.
const ACCEPTED: &str = "accepted";
/// The file of drafts. One of its own: an egressd that knows none leaves it as it is.
const DRAFTS: &str = "drafts";
const POLICIES: &str = "policies";
/// The file about networks, whose name is that of the part which came first.
const NETWORKS: &str = "private";
/// The file with the last sign of life.
const ALIVE: &str = "alive";
/// The file that shows whether the directory can be written.
const TRIAL: &str = "trial";

impl StateDir {
    /// The directory as an earlier process left it. What cannot be read is passed over, and reported: the Service it
    /// was about has nothing to fall back to.
    pub fn open(path: &Path) -> Self {
        let accepted = Journal::open(path.join(ACCEPTED));
        let drafts = Journal::open(path.join(DRAFTS));
        let policies = Folder::open(path.join(POLICIES));
        let networks = NetworkFile::open(path.join(NETWORKS));
        let alive = SignFile::open(path.join(ALIVE));
        let state = Self {
            path: path.to_owned(),
            accepted,
            drafts,
            policies,
            networks,
            alive,
            unsaved: Unsaved::default(),
            trial: Trial::Due,
            report: DiskReport::default(),
            reported: None,
        };
        for finding in state.findings() {
            warn!(code = %finding.code, "{}", finding.message);
        }
        state
    }

    /// Reports what cannot be written there instead of in the log.
    #[must_use]
    pub fn reporting(self, report: DiskReport) -> Self {
        Self { report, ..self }
    }

    /// What stays as it is because this egressd does not know it, or cannot read it.
    pub fn findings(&self) -> Vec<Finding> {
        let journals = [self.accepted.findings(), self.drafts.findings()].concat();
        [&journals, self.policies.findings(), self.networks.findings(), self.alive.findings()].concat()
    }

    /// Whether all is known that an earlier process remembered of Services.
    pub fn memory(&self) -> RestoredState {
        let unknown = [self.accepted.findings(), self.drafts.findings()].concat();
        if unknown.is_empty() { RestoredState::Whole } else { RestoredState::Partial }
    }

    /// Takes from other users what earlier releases let them read: annotations of all Services that ask for egress.
    pub fn narrow(path: &Path) -> Option<Finding> {
        let (policies, sources) = (path.join(POLICIES), path.join(sources::FOLDER));
        let narrowed = files::narrow(path, is_ours)
            .and_then(|()| files::narrow_files(path, is_ours))
            .and_then(|()| files::narrow(&policies, policies::is_ours))
            .and_then(|()| files::narrow_files(&policies, policies::is_ours))
            .and_then(|()| files::narrow(&sources, sources::is_ours))
            .and_then(|()| files::narrow_files(&sources, sources::is_ours));
        narrowed.err().map(|open| open.finding(path, "--state-dir"))
    }

    /// What an earlier process remembered.
    pub fn accepted(&self) -> BTreeMap<Uid, Arc<Labels>> {
        self.accepted.written().clone()
    }

    /// The drafts that an earlier process remembered. What they say is checked by their users.
    pub fn drafts(&self) -> BTreeMap<Uid, Arc<Draft>> {
        let draft = |(uid, remembered): (&Uid, &Arc<Remembered>)| (uid.clone(), Arc::clone(&remembered.0));
        self.drafts.written().iter().map(draft).collect()
    }

    /// Remembers what is other than before. A failure is reported as long as it lasts, and tried again
    /// with the next change; what is in force does not depend on it.
    pub fn remember(&mut self, accepted: Updates<Labels>, drafts: Updates<Draft>) {
        self.remember_accepted(accepted);
        self.remember_drafts(drafts);
    }

    fn remember_accepted(&mut self, news: Updates<Labels>) {
        let result = self.accepted.write(news);
        let _ = self.note(Part::Accepted, result);
    }

    fn remember_drafts(&mut self, news: Updates<Draft>) {
        let drafts = news.into_iter().map(|(uid, draft)| (uid, draft.map(|draft| Arc::new(Remembered(draft)))));
        let result = self.drafts.write(drafts.collect());
        let _ = self.note(Part::Drafts, result);
    }

    /// What an earlier process knew of networks; none where no release that remembers that ran here.
    pub fn networks(&self) -> Option<&KnownNetworks> {
        self.networks.written()
    }

    /// Whether an earlier release, which remembered neither that nor what sources gave, was the last one here: then there is
    /// what it accepted. Where nothing is remembered at all, it is unknown which release it was.
    pub fn is_of_an_earlier_release(&self) -> bool {
        let is_there = |name: &str| self.path.join(name).exists();
        is_there(ACCEPTED) && !is_there(NETWORKS) && !is_there(sources::FOLDER)
    }

    /// Whether nothing of Services is remembered, as in a directory that was lost, or is new.
    pub fn is_bare(&self) -> bool {
        [ACCEPTED, DRAFTS].iter().all(|name| !self.path.join(name).exists())
    }

    /// Remembers that what was accepted is lost: as an empty file says it, until that is removed.
    pub fn lose(&mut self) {
        let path = self.path.join(ACCEPTED);
        let result = files::make_directory(&self.path).and_then(|()| write_whole(&path, b""));
        let _ = self.note(Part::Accepted, result);
        self.accepted = Journal::open(path);
    }

    /// Remembers what is known of networks, as [`StateDir::remember`] does.
    pub fn remember_networks(&mut self, known: &KnownNetworks) {
        let _ = self.write_networks(known);
    }

    fn write_networks(&mut self, known: &KnownNetworks) -> Result<(), Failed> {
        let result = if self.networks.written() == Some(known) { Ok(()) } else { files::make_directory(&self.path) };
        let result = result.and_then(|()| self.networks.write(known));
        self.note(Part::Networks, result)
    }

    /// The last sign of life of an earlier process, once.
    pub fn take_sign_of_life(&mut self) -> Option<SignOfLife> {
        self.alive.take()
    }

    /// The policies that an earlier process had in force.
    pub fn policies(&self) -> BTreeMap<String, Arc<PolicyObject>> {
        self.policies.written().clone()
    }

    /// The names of policies that an earlier process had in force, and of which it is unknown what they were.
    pub fn lost_policies(&self) -> BTreeSet<String> {
        self.policies.lost().clone()
    }

    /// Remembers exactly these policies, as [`StateDir::remember`] does.
    pub fn remember_policies(&mut self, good: &BTreeMap<String, Arc<PolicyObject>>) {
        let _ = self.write_policies(good);
    }

    fn write_policies(&mut self, good: &BTreeMap<String, Arc<PolicyObject>>) -> Result<(), Failed> {
        // The folder's parents would be made for all to read.
        let result = if self.policies.written() == good { Ok(()) } else { files::make_directory(&self.path) };
        let result = result.and_then(|()| self.policies.write(good));
        self.note(Part::Policies, result)
    }

    fn note(&mut self, part: Part, result: io::Result<()>) -> Result<(), Failed> {
        self.unsaved.note(part, &result);
        result.map_err(|_| Failed)
    }

    /// A disk that is full or read-only is known before there is something to lose.
    fn try_out(&mut self) {
        if self.trial == Trial::Done && self.unsaved.is_empty() && !takes_nothing(&self.path) {
            return;
        }
        self.trial = Trial::Done;
        let path = self.path.join(TRIAL);
        let result = files::make_directory(&self.path).and_then(|()| write_whole(&path, b"\n"));
        let result = result.and_then(|()| fs::remove_file(&path));
        let _ = self.note(Part::Trial, result);
    }

    fn report(&mut self) {
        let finding = self.unsaved.finding(&self.path);
        if self.reported != finding {
            self.reported.clone_from(&finding);
            self.report.report(Topic::Unsaved, finding);
        }
    }
}

impl Disk for StateDir {
    fn write_promised(&mut self, promised: Promised) -> Promised {
        let Promised { networks, accepted, policies } = promised;
        self.try_out();
        // First: what else is in the directory looks like an earlier release's without it.
        let networks = networks.filter(|known| self.write_networks(known).is_err());
        // What fails of this waits in the journal.
        self.remember_accepted(accepted);
        let policies = policies.filter(|good| self.write_policies(good).is_err());
        Promised { networks, policies, ..Promised::default() }
    }

    fn write_drafts(&mut self, drafts: Updates<Draft>) {
        self.remember_drafts(drafts);
        self.report();
    }

    /// A failure is reported by the trial, and costs nothing else: a sign that is older than it could be.
    fn write_sign(&mut self, sign: SignOfLife) {
        let _ = files::make_directory(&self.path).and_then(|()| self.alive.write(&sign));
    }

    fn health(&self) -> Health {
        if self.unsaved.is_empty() { Health::Good } else { Health::Failing }
    }
}

/// Names in the state directory: of this release, and of others that keep more beside it.
fn is_ours(name: &str) -> bool {
    let files = [ACCEPTED, DRAFTS, NETWORKS, ALIVE, TRIAL];
    [POLICIES, sources::FOLDER].contains(&name) || files.iter().any(|ours| name.starts_with(ours))
}

/// To a temporary name, then renamed: a crash leaves the old file or the new one, a loss of power too.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_by(path, |file| file.write_all(bytes))
}

/// The same, of what is not in memory as a whole.
fn write_by(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = BufWriter::new(files::create(&temporary)?);
    write(&mut file)?;
    file.into_inner()?.sync_all()?;
    fs::rename(temporary, path)?;
    sync_directory(path)
}

/// A name is as lasting as its directory.
fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
