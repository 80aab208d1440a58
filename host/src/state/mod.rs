//! What outlives the process: for every Service that asks for egress, the annotations that were accepted last (P4) and
//! the last good draft (P6), in a file each; the ConfigMap of every policy that is in force (P7), and what every source
//! gave last, a file for each. What an earlier process left is read at the start; from then on a thread of its own writes
//! (`thread.rs`).

mod damage;
mod draft;
mod journal;
mod line;
pub(crate) mod pending;
mod policies;
mod private;
mod shared;
mod sources;
pub(crate) mod thread;
mod unknown;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egressd_core::decision::Draft;
use egressd_core::finding::Finding;
use egressd_core::model::{Labels, PolicyObject, PrivateDestinations, Uid};
use egressd_core::pipeline::{RestoredState, Updates};
use tracing::warn;

use draft::Remembered;
use journal::Journal;
use pending::Promised;
use policies::Folder;
use private::Private;
pub use sources::{CLUSTER, RestoredSource, Sources};
use thread::{Disk, Health};
pub use thread::{StateThread, StateThreadGone};

use crate::files;

/// The state directory.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    accepted: Journal<Labels>,
    drafts: Journal<Remembered>,
    policies: Folder,
    private: Private,
    /// What could not be done last, so that each is reported once.
    failing: BTreeSet<&'static str>,
}

/// It was reported, and is to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failed;

/// The file of accepted annotations.
const ACCEPTED: &str = "accepted";
/// The file of drafts. One of its own: an egressd that knows none leaves it as it is.
const DRAFTS: &str = "drafts";
const POLICIES: &str = "policies";
/// The file about private destinations.
const PRIVATE: &str = "private";

impl StateDir {
    /// The directory as an earlier process left it. What cannot be read is passed over, and reported: the Service it
    /// was about has nothing to fall back to.
    pub fn open(path: &Path) -> Self {
        let accepted = Journal::open(path.join(ACCEPTED));
        let drafts = Journal::open(path.join(DRAFTS));
        let policies = Folder::open(path.join(POLICIES));
        let private = Private::open(path.join(PRIVATE));
        let state = Self { path: path.to_owned(), accepted, drafts, policies, private, failing: BTreeSet::new() };
        for finding in state.findings() {
            warn!(code = %finding.code, "{}", finding.message);
        }
        state
    }

    /// What stays as it is because this egressd does not know it, or cannot read it.
    pub fn findings(&self) -> Vec<Finding> {
        [self.accepted.findings(), self.drafts.findings(), self.policies.findings(), self.private.findings()].concat()
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

    /// Remembers what is other than before. A failure is reported once and tried again
    /// with the next change; what is in force does not depend on it.
    pub fn remember(&mut self, accepted: Updates<Labels>, drafts: Updates<Draft>) {
        self.remember_accepted(accepted);
        self.remember_drafts(drafts);
    }

    fn remember_accepted(&mut self, news: Updates<Labels>) {
        let result = self.accepted.write(news);
        let _ = self.report(result, "cannot save accepted annotations; they would be lost in a restart");
    }

    fn remember_drafts(&mut self, news: Updates<Draft>) {
        let drafts = news.into_iter().map(|(uid, draft)| (uid, draft.map(|draft| Arc::new(Remembered(draft)))));
        let result = self.drafts.write(drafts.collect());
        let _ = self.report(result, "cannot save drafts; they would be lost in a restart");
    }

    /// The earlier decision about private destinations; none where no release that knows the question ran here.
    pub fn private_destinations(&self) -> Option<PrivateDestinations> {
        self.private.written()
    }

    /// Whether an earlier release, which remembered neither that nor what sources gave, was the last one here: then there is
    /// what it accepted. Where nothing is remembered at all, it is unknown which release it was.
    pub fn is_of_an_earlier_release(&self) -> bool {
        let is_there = |name: &str| self.path.join(name).exists();
        is_there(ACCEPTED) && !is_there(PRIVATE) && !is_there(sources::FOLDER)
    }

    /// Whether nothing of Services is remembered, as in a directory that was lost, or is new.
    pub fn is_bare(&self) -> bool {
        [ACCEPTED, DRAFTS].iter().all(|name| !self.path.join(name).exists())
    }

    /// Remembers that what was accepted is lost: as an empty file says it, until that is removed.
    pub fn lose(&mut self) {
        let path = self.path.join(ACCEPTED);
        let result = files::make_directory(&self.path).and_then(|()| write_whole(&path, b""));
        let _ = self.report(result, "cannot save that the accepted annotations are lost");
        self.accepted = Journal::open(path);
    }

    /// Remembers the decision about private destinations, as [`StateDir::remember`] does.
    pub fn remember_private(&mut self, private: PrivateDestinations) {
        let _ = self.write_private(private);
    }

    fn write_private(&mut self, private: PrivateDestinations) -> Result<(), Failed> {
        let result = if self.private.written() == Some(private) { Ok(()) } else { files::make_directory(&self.path) };
        let result = result.and_then(|()| self.private.write(private));
        self.report(result, "cannot save how private destinations are handled")
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
        self.report(result, "cannot save the policies in force; they would be lost in a restart")
    }

    fn report(&mut self, result: io::Result<()>, what: &'static str) -> Result<(), Failed> {
        let Err(error) = result else {
            self.failing.remove(what);
            return Ok(());
        };
        if self.failing.insert(what) {
            let directory = self.path.display();
            warn!(%directory, %error, "{what}");
        }
        Err(Failed)
    }
}

impl Disk for StateDir {
    fn write_promised(&mut self, promised: Promised) -> Promised {
        let Promised { private, accepted, policies } = promised;
        // First: what else is in the directory looks like an earlier release's without it.
        let private = private.filter(|private| self.write_private(*private).is_err());
        // What fails of this waits in the journal.
        self.remember_accepted(accepted);
        let policies = policies.filter(|good| self.write_policies(good).is_err());
        Promised { private, policies, ..Promised::default() }
    }

    fn write_drafts(&mut self, drafts: Updates<Draft>) {
        self.remember_drafts(drafts);
    }

    fn health(&self) -> Health {
        if self.failing.is_empty() { Health::Good } else { Health::Failing }
    }
}

/// Names in the state directory: of this release, and of others that keep more beside it.
fn is_ours(name: &str) -> bool {
    let files = [ACCEPTED, DRAFTS, PRIVATE];
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Everything that there is to remember.
    fn remember_all(state: &mut StateDir) {
        let uid = Uid::new("a").unwrap();
        state.remember([(uid.clone(), Some(Arc::default()))].into(), [(uid, Some(Arc::default()))].into());
        let guard = PolicyObject { name: "guard".to_owned(), ..PolicyObject::default() };
        state.remember_policies(&[("guard".to_owned(), Arc::new(guard))].into());
        state.remember_private(PrivateDestinations::Withheld);
    }

    /// All files below a directory.
    fn written(directory: &Path) -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let (folders, files): (BTreeSet<_>, BTreeSet<_>) = entries.partition(|path| path.is_dir());
        files.into_iter().chain(folders.iter().flat_map(|folder| written(folder))).collect()
    }

    /// The law of every file in the directory, those of a later day included: a new one that is not versioned fails here.
    #[test]
    fn every_file_of_a_newer_version_stays_to_the_byte_and_is_named_and_the_rest_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        remember_all(&mut StateDir::open(dir.path()));
        let files = [ACCEPTED, DRAFTS, "policies/guard.policy", PRIVATE].map(|name| dir.path().join(name));
        let newer = b"{\"version\":2,\"of\":\"a later day\"}\n\x00\xff";
        assert_eq!(written(dir.path()), files.iter().cloned().collect(), "the files that this test knows");
        for file in &files {
            fs::write(file, newer).unwrap();
        }
        let mut state = StateDir::open(dir.path());
        assert_eq!(
            state.findings().iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(),
            ["newer-state"; 4]
        );
        assert_eq!((state.memory(), state.lost_policies()), (RestoredState::Partial, ["guard".to_owned()].into()));
        remember_all(&mut state);
        state.remember(Updates::new(), Updates::new());
        remember_all(&mut state);
        let next = StateDir::open(dir.path());
        assert_eq!((next.accepted().len(), next.drafts().len(), next.policies().len()), (1, 1, 1), "over a restart");
        assert_eq!((next.memory(), next.lost_policies()), (RestoredState::Partial, BTreeSet::new()));
        assert!(files.iter().all(|file| fs::read(file).unwrap() == newer));
    }

    /// What was translated before goes on after an update alone, and where nothing is left it is not known which release it
    /// was.
    #[test]
    fn an_earlier_release_is_known_by_what_it_left() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!StateDir::open(dir.path()).is_of_an_earlier_release() && StateDir::open(dir.path()).is_bare());
        StateDir::open(dir.path()).lose();
        assert_eq!(StateDir::open(dir.path()).memory(), RestoredState::Partial, "over a restart");
        assert!(StateDir::open(dir.path()).is_of_an_earlier_release() && !StateDir::open(dir.path()).is_bare());
        fs::create_dir(dir.path().join(sources::FOLDER)).unwrap();
        assert!(!StateDir::open(dir.path()).is_of_an_earlier_release());
    }

    #[test]
    fn what_is_written_by_this_version_is_all_known_to_it() {
        let dir = tempfile::tempdir().unwrap();
        remember_all(&mut StateDir::open(dir.path()));
        let state = StateDir::open(dir.path());
        assert_eq!(
            (state.findings(), state.memory(), state.lost_policies()),
            (vec![], RestoredState::Whole, BTreeSet::new())
        );
    }

    #[test]
    fn a_directory_that_cannot_be_written_does_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let mut state = StateDir::open(&file.join("below"));
        state.remember([(Uid::new("a").unwrap(), Some(Arc::default()))].into(), Default::default());
        assert!(state.accepted().is_empty(), "it is tried again with the next change");
    }

    #[test]
    fn what_cannot_be_read_is_reported_and_what_is_not_there_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(StateDir::open(dir.path()).findings(), []);
        std::os::unix::fs::symlink("/dev/null", dir.path().join(ACCEPTED)).unwrap();
        let findings = StateDir::open(dir.path()).findings();
        assert!(matches!(&findings[..], [one] if one.code == "state-unreadable" && one.message.contains("accepted: ")));
    }

    /// Whatever the umask of the machine is.
    #[test]
    fn what_an_earlier_release_wrote_is_closed_to_others() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(POLICIES);
        fs::create_dir(&folder).unwrap();
        let files = [dir.path().join(ACCEPTED), dir.path().join(DRAFTS), folder.join("a.policy")];
        files.iter().for_each(|file| fs::write(file, "").unwrap());
        let all = || files.iter().map(PathBuf::as_path).chain([dir.path(), &folder]);
        all().for_each(|path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap());
        assert_eq!(StateDir::narrow(dir.path()), None);
        let modes: Vec<u32> = all().map(|path| fs::metadata(path).unwrap().mode() & 0o777).collect();
        assert_eq!(modes, [0o600, 0o600, 0o600, 0o700, 0o700]);
    }
}
