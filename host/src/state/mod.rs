//! What outlives the process: for every Service that asks for egress, the annotations that were accepted last (P4) and
//! the last good draft (P6), in a file each, and the ConfigMap of every policy that is in force (P7), a file for each.

mod draft;
mod journal;
mod policies;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egressd_core::decision::Draft;
use egressd_core::finding::Finding;
use egressd_core::model::{Labels, PolicyObject, Uid};
use egressd_core::pipeline::Memory;
use tracing::warn;

use draft::Remembered;
use journal::Journal;
use policies::Folder;

/// The state directory.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    accepted: Journal<Labels>,
    drafts: Journal<Remembered>,
    policies: Folder,
    /// Whether the last write failed, so that it is said once.
    health: Health,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    Failing,
}

/// The file of accepted annotations.
const ACCEPTED: &str = "accepted";
/// The file of drafts. One of its own: an egressd that knows none leaves it as it is.
const DRAFTS: &str = "drafts";
/// The folder of policies.
const POLICIES: &str = "policies";

impl StateDir {
    /// The directory as an earlier process left it. What cannot be read is passed over, and said: the Service it
    /// was about has nothing to fall back to.
    pub fn open(path: &Path) -> Self {
        let accepted = Journal::open(path.join(ACCEPTED));
        let drafts = Journal::open(path.join(DRAFTS));
        let policies = Folder::open(path.join(POLICIES));
        let state = Self { path: path.to_owned(), accepted, drafts, policies, health: Health::Good };
        for finding in state.findings() {
            warn!(code = %finding.code, "{}", finding.message);
        }
        state
    }

    /// What stays as it is because this egressd does not know it.
    pub fn findings(&self) -> Vec<Finding> {
        [self.accepted.findings(), self.drafts.findings(), self.policies.findings()].concat()
    }

    /// Whether all is known that an earlier process remembered of Services.
    pub fn memory(&self) -> Memory {
        let unknown = [self.accepted.findings(), self.drafts.findings()].concat();
        if unknown.is_empty() { Memory::Whole } else { Memory::Partial }
    }

    /// What an earlier process remembered.
    pub fn accepted(&self) -> BTreeMap<Uid, Arc<Labels>> {
        self.accepted.written().clone()
    }

    /// The drafts that an earlier process remembered. What they say is checked by whoever uses them.
    pub fn drafts(&self) -> BTreeMap<Uid, Arc<Draft>> {
        let draft = |(uid, remembered): (&Uid, &Arc<Remembered>)| (uid.clone(), Arc::clone(&remembered.0));
        self.drafts.written().iter().map(draft).collect()
    }

    /// Remembers exactly this. A failure is said once and tried again
    /// with the next change; what is in force does not depend on it.
    pub fn remember(&mut self, accepted: &BTreeMap<Uid, Arc<Labels>>, drafts: &BTreeMap<Uid, Arc<Draft>>) {
        let newest = draft::remembered(self.drafts.written(), drafts);
        let result = self.accepted.write(accepted).and_then(|()| self.drafts.write(&newest));
        self.tell(result, "cannot remember accepted annotations and drafts; a restart would forget them");
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
        let result = self.policies.write(good);
        self.tell(result, "cannot remember the policies in force; a restart would forget them");
    }

    fn tell(&mut self, result: io::Result<()>, what: &str) {
        match result {
            Ok(()) => self.health = Health::Good,
            Err(error) if self.health == Health::Good => {
                let directory = self.path.display();
                warn!(%directory, %error, "{what}");
                self.health = Health::Failing;
            }
            Err(_) => {}
        }
    }
}

/// To a temporary name, then renamed: a crash leaves the old file or the new one, a loss of power too.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_directory_that_cannot_be_written_harms_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let mut state = StateDir::open(&file.join("below"));
        state.remember(&[(Uid::new("a").unwrap(), Arc::default())].into(), &BTreeMap::new());
        assert!(state.accepted().is_empty(), "it is tried again with the next change");
    }
}
