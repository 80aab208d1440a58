//! Directories and files of manifests as a source: the same YAML as in a cluster, without one.
//!
//! Files are taken whole, and a file that cannot be read keeps its last good state, over restarts too: an edit that goes
//! wrong takes nothing away.

#[cfg(test)]
mod claims_tests;
mod doubt;
mod file;
mod gathered;
#[cfg(test)]
mod history_tests;
mod holds;
mod lost;
mod memory;
mod places;
mod published;
#[cfg(test)]
mod published_tests;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use egressd_core::finding::Finding;
use egressd_core::model::{ChangeKey, Texts};

use self::doubt::PossibleObjects;
use self::file::{File, Refusal, Stamp};
use self::gathered::Gathered;
pub use self::gathered::snapshot;
pub(super) use self::holds::PlaceKind;
use self::memory::{Memory, NewestManifest};
pub use self::places::{FileId, PlaceArgument, Places};
use self::start::RestoredDirectory;
use super::compact::compact;
use super::documents::{self, Contents, contents};
use crate::files;
use crate::state::Sources;

/// Where policies come from unless the operator says otherwise: the namespace that egressd is installed in.
pub const POLICIES: &str = "egressd";

/// What messages call it.
const STANDARD_INPUT: &str = "standard input";

/// One place of manifests, and what was read from it.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    holds: PlaceKind,
    naming: Naming,
    node: String,
    files: BTreeMap<String, File>,
    /// Files that are being written in place, as far as is known, and how they looked.
    unsettled: BTreeMap<String, Option<Stamp>>,
    /// Which directory was read last.
    directory: Option<DirectoryId>,
    memory: Memory,
    beginning: RestoredDirectory,
    texts: Texts,
}

/// What shows that a directory is another one: the device, the inode, and when it was made, since inodes are used again.
type DirectoryId = (u64, u64, Option<SystemTime>);

/// How files of a directory are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    /// By their names.
    Short,
    /// With the directory, where there are several places.
    Whole,
}

/// Why a place cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the manifests directory {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The same of one in which nodes publish themselves.
    #[error("cannot read --publish-dir {path}, the directory in which the nodes of this machine publish themselves")]
    ReadPublished {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Most likely a disk that is not mounted, or a directory that is about to be filled.
    #[error(
        "the manifests directory {path} was replaced by an empty one; if that is intended, put a file with \
         {{apiVersion: v1, kind: List, items: []}} there"
    )]
    Emptied { path: PathBuf },
}

impl Place {
    /// A place of which nothing was read yet. Endpoints without a node are on `node`.
    fn new(path: PathBuf, node: &str, naming: Naming) -> Self {
        let holds = match fs::metadata(&path) {
            Ok(found) if !found.is_dir() => PlaceKind::File,
            Ok(_) | Err(_) => PlaceKind::Directory,
        };
        Self::of(path, holds, naming, node)
    }

    /// One in which nodes publish themselves.
    fn published(path: PathBuf, node: &str) -> Self {
        Self::of(path, PlaceKind::Published, Naming::Whole, node)
    }

    fn standard_input(node: &str) -> Self {
        Self::of(PathBuf::from(STANDARD_INPUT), PlaceKind::StandardInput, Naming::Short, node)
    }

    fn of(path: PathBuf, holds: PlaceKind, naming: Naming, node: &str) -> Self {
        let folder = match holds {
            PlaceKind::Directory | PlaceKind::Published => path.as_path(),
            PlaceKind::File | PlaceKind::StandardInput => path.parent().unwrap_or(&path),
        };
        let memory = Memory::none(folder, node);
        Self {
            path,
            holds,
            naming,
            node: node.to_owned(),
            files: Default::default(),
            unsettled: Default::default(),
            directory: Default::default(),
            memory,
            beginning: RestoredDirectory::Unread,
            texts: Default::default(),
        }
    }

    /// The same with what an earlier process left, and will be left to the next one. What comes once has neither.
    fn remembering(self, sources: Sources) -> Self {
        match self.holds {
            PlaceKind::Directory | PlaceKind::Published | PlaceKind::File => {
                Self { memory: self.memory.from(sources), ..self }
            }
            PlaceKind::StandardInput => self,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn holds(&self) -> PlaceKind {
        self.holds
    }

    /// The name by which the only file of a place is known here.
    fn only_name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// Reads what changed, and everything in `touched` (file names) in any case; returns what to look at again.
    ///
    /// # Errors
    /// When it cannot be listed; what was read before stays.
    fn refresh(&mut self, touched: &BTreeSet<String>) -> Result<BTreeSet<ChangeKey>, Error> {
        let present = self.list()?;
        let mut keys = BTreeSet::from_iter(self.begin(&present));
        if self.beginning == RestoredDirectory::Read {
            keys.extend(self.drop_all_but(&present));
        }
        for (name, stamp) in self.changed(present, touched) {
            keys.extend(self.read(&name, stamp));
        }
        Ok(keys)
    }

    /// What is to be read: what an event names, what is new, and what is another file than before. One that was written in
    /// place is complete when it is closed, which an event says; where no event came, when it looks the same twice.
    fn changed(
        &mut self,
        mut present: BTreeMap<String, Option<Stamp>>,
        touched: &BTreeSet<String>,
    ) -> BTreeMap<String, Option<Stamp>> {
        present.retain(|name, stamp| touched.contains(name) || self.files.get(name).is_none_or(|f| f.stamp != *stamp));
        let is_being_written = |name: &String, stamp: &Option<Stamp>| {
            let known = self.files.get(name).and_then(|file| file.stamp);
            let same_file = known.zip(*stamp).is_some_and(|(known, now)| now.is_of(known));
            same_file && !touched.contains(name) && self.unsettled.get(name) != Some(stamp)
        };
        let (unsettled, changed) = present.into_iter().partition(|(name, stamp)| is_being_written(name, stamp));
        self.unsettled = unsettled;
        changed
    }

    /// The manifests that are there.
    fn list(&mut self) -> Result<BTreeMap<String, Option<Stamp>>, Error> {
        match self.holds {
            PlaceKind::File => Ok([(self.only_name(), stamp(&self.path))].into()),
            // Without a stamp it never looks new, and is read once.
            PlaceKind::StandardInput => Ok([(self.only_name(), None)].into()),
            PlaceKind::Directory | PlaceKind::Published => self.list_directory(),
        }
    }

    /// Leaves to the next process what one manifest says; whether there are more of which that changed.
    fn remember(&mut self) -> bool {
        self.memory.write_one()
    }

    /// The manifests in the directory itself; editors' and hidden files are none.
    fn list_directory(&mut self) -> Result<BTreeMap<String, Option<Stamp>>, Error> {
        let cannot = |source| self.holds.cannot_read(&self.path, source);
        let found = fs::metadata(&self.path).map_err(cannot)?;
        let directory = Some((found.dev(), found.ino(), found.created().ok()));
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(&self.path).map_err(cannot)? {
            let name = entry.map_err(cannot)?.file_name().to_string_lossy().into_owned();
            if is_manifest(&name) {
                let stamp = stamp(&self.path.join(&name));
                names.insert(name, stamp);
            }
        }
        let is_replaced = self.holds == PlaceKind::Directory && self.directory != directory;
        if names.is_empty() && is_replaced && !self.files.is_empty() {
            return Err(Error::Emptied { path: self.path.clone() });
        }
        self.directory = directory;
        Ok(names)
    }

    /// Takes a file's new content, or notes why not; returns the keys of what it held and holds.
    fn read(&mut self, name: &str, stamp: Option<Stamp>) -> Vec<ChangeKey> {
        let text = self.holds.text(&self.path, name);
        // It may be readable soon without another change of its content.
        let stamp = stamp.filter(|_| !matches!(text, Err(files::Error::System(_))));
        let (read, doubts) = self.understood(name, text);
        let (mut file, mut keys) = match self.files.remove(name) {
            Some(known) => (known, Vec::new()),
            None => self.last_good(name, &read),
        };
        file.stamp = stamp;
        match read {
            Ok(mut contents) => {
                keys.extend(file.doubt(doubts));
                contents.objects.iter_mut().for_each(|object| compact(object, &mut self.texts));
                let (originals, partly) = (mem::take(&mut contents.originals), contents.partly());
                keys.extend(file.take(contents));
                self.memory.note(name, NewestManifest { file: &file, originals, partly });
            }
            Err(fault) => keys.extend(file.refuse(&fault, doubts)),
        }
        if self.holds == PlaceKind::Published && published::stem(name) == self.node {
            keys.extend(file.forget_unless_whole());
        }
        self.files.insert(name.to_owned(), file);
        keys
    }

    /// What a text says, and whether what cannot be read of it is in doubt.
    fn understood(
        &self,
        name: &str,
        text: Result<String, files::Error>,
    ) -> (Result<Contents, String>, PossibleObjects) {
        if self.holds == PlaceKind::Published {
            let text = text.map_err(|error| self.holds.fault(error));
            let contents = text.and_then(|text| contents(&text, &self.node).map_err(|error| error.to_string()));
            return (contents.and_then(|contents| published::only(name, contents)), PossibleObjects::default());
        }
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                let doubts = PossibleObjects::of_error(&error);
                return (Err(self.holds.fault(error)), doubts);
            }
        };
        match contents(&text, &self.node) {
            Ok(contents) if contents.unknown.is_empty() => (Ok(contents), PossibleObjects::default()),
            Ok(contents) if contents.unknown.len() == contents.nameless.len() => {
                let doubts = PossibleObjects::of_kinds(&contents.nameless);
                (Ok(contents), doubts)
            }
            read => (read.map_err(|error| self.why(&error)), PossibleObjects::of_text(&text)),
        }
    }

    /// A file that was not read yet: where all of it can be read, nothing else counts.
    fn last_good(&mut self, name: &str, read: &Result<Contents, String>) -> (File, Vec<ChangeKey>) {
        let is_whole = read.as_ref().is_ok_and(Contents::is_whole);
        let file = if is_whole { File::default() } else { self.memory.recall(name) };
        let keys = file.keys();
        (file, keys)
    }

    /// Nothing can be deleted of what comes once.
    fn why(&self, error: &documents::Error) -> String {
        match (self.holds, error) {
            (PlaceKind::StandardInput, documents::Error::Empty) => {
                "it is empty; look at what the command before it printed to its error output".to_owned()
            }
            (PlaceKind::StandardInput | PlaceKind::File | PlaceKind::Directory | PlaceKind::Published, error) => {
                error.to_string()
            }
        }
    }

    /// What messages call a file.
    fn label(&self, name: &str) -> String {
        match (self.holds, self.naming) {
            (PlaceKind::Directory | PlaceKind::Published, Naming::Whole) => self.path.join(name).display().to_string(),
            (PlaceKind::Directory | PlaceKind::Published, Naming::Short) => name.to_owned(),
            (PlaceKind::File | PlaceKind::StandardInput, _) => self.path.display().to_string(),
        }
    }

    /// What is not in force. Of a policy that counts nowhere, because it is not of the namespace `policies`, nothing else is
    /// reported: correcting it would not help.
    fn faults(&self, policies: &str) -> Vec<Finding> {
        let of_file = |(name, file): (&String, &File)| {
            let label = self.label(name);
            let refused = |refusal: &Refusal| match refusal.policy_elsewhere(policies) {
                Some(name) => gathered::elsewhere(&label, name, policies),
                None => Finding::error("manifest-refused", format!("{label}: {}", refusal.why)),
            };
            file.faults.iter().map(refused).collect::<Vec<_>>()
        };
        let files = self.files.iter().flat_map(of_file);
        self.awaited().into_iter().chain(files).chain(self.memory.findings().cloned()).collect()
    }

    fn gather(&self, gathered: &mut Gathered) {
        for (name, file) in &self.files {
            let label = self.label(name);
            file.objects.iter().for_each(|object| gathered.add(&label, object));
            gathered.doubt(&label, file.lost.doubts);
        }
    }

    fn lose(&self, gathered: &mut Gathered) {
        self.files.values().for_each(|file| gathered.lose(&file.lost));
    }
}

/// How a file looks; links are followed, as mounted ConfigMaps have them.
fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|meta| Stamp::of(&meta))
}

/// What kustomize reads beside the manifests that it names.
const KUSTOMIZATIONS: [&str; 2] = ["kustomization.yaml", "kustomization.yml"];

/// Whether a file of this name in a directory is read.
pub(super) fn is_manifest(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str());
    !name.starts_with('.') && !KUSTOMIZATIONS.contains(&name) && matches!(extension, Some("yaml" | "yml" | "json"))
}

#[cfg(test)]
#[path = "manifests_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "manifests/doubt_tests.rs"]
mod doubt_tests;
