//! What outlives the process: for every Service that asks for egress, the annotations that were accepted last (P4),
//! and the ConfigMap of every policy that is in force (P7). One file for each, named by uid or name, written whole.

mod policies;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use egressd_core::model::{Labels, PolicyObject, Uid};
use serde_json::Value;
use tracing::warn;

/// The state directory.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// What the directory holds, as far as we know.
    written: BTreeMap<Uid, Arc<Labels>>,
    written_policies: BTreeMap<String, Arc<PolicyObject>>,
    /// Whether the last write failed, so that it is said once.
    health: Health,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    Failing,
}

/// Why a file of the state directory is of no use.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read it")]
    Io(#[from] io::Error),
    #[error("it is not a JSON object of annotations")]
    Json(#[from] serde_json::Error),
    #[error("its name is no uid")]
    Name,
}

const SUFFIX: &str = ".json";

/// The folder of policies.
const POLICIES: &str = "policies";

impl StateDir {
    /// The directory as an earlier process left it. What cannot be read is passed over, and said: the Service it
    /// was about has nothing to fall back to.
    pub fn open(path: &Path) -> Self {
        let (written, written_policies) = (read_all(path), policies::read_all(&path.join(POLICIES)));
        Self { path: path.to_owned(), written, written_policies, health: Health::Good }
    }

    /// What an earlier process remembered.
    pub fn accepted(&self) -> BTreeMap<Uid, Arc<Labels>> {
        self.written.clone()
    }

    /// Remembers exactly this: writes what is new, removes what is gone. A failure is said once and tried again
    /// with the next change; what is in force does not depend on it.
    pub fn remember(&mut self, accepted: &BTreeMap<Uid, Arc<Labels>>) {
        let result = self.try_remember(accepted);
        self.tell(result, "cannot remember accepted annotations; a restart would forget them");
    }

    /// The policies that an earlier process had in force.
    pub fn policies(&self) -> BTreeMap<String, Arc<PolicyObject>> {
        self.written_policies.clone()
    }

    /// Remembers exactly these policies, as [`StateDir::remember`] does.
    pub fn remember_policies(&mut self, good: &BTreeMap<String, Arc<PolicyObject>>) {
        if self.written_policies == *good {
            return;
        }
        let result = policies::write_all(&self.path.join(POLICIES), &mut self.written_policies, good);
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

    fn try_remember(&mut self, accepted: &BTreeMap<Uid, Arc<Labels>>) -> io::Result<()> {
        let changed = accepted.iter().filter(|(uid, annotations)| self.written.get(uid) != Some(annotations));
        for (uid, annotations) in changed.map(|(uid, a)| (uid.clone(), Arc::clone(a))).collect::<Vec<_>>() {
            fs::create_dir_all(&self.path)?;
            write(&self.file(&uid), &annotations)?;
            self.written.insert(uid, annotations);
        }
        let gone: BTreeSet<Uid> = self.written.keys().filter(|uid| !accepted.contains_key(uid)).cloned().collect();
        for uid in gone {
            match fs::remove_file(self.file(&uid)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => drop(self.written.remove(&uid)),
            }
        }
        Ok(())
    }

    fn file(&self, uid: &Uid) -> PathBuf {
        self.path.join(format!("{uid}{SUFFIX}"))
    }
}

fn write(file: &Path, annotations: &Labels) -> io::Result<()> {
    write_whole(file, &serde_json::to_vec(annotations)?)
}

/// To a temporary name, then renamed: a crash leaves the old file or the new one.
fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = file.with_extension("new");
    fs::write(&temporary, bytes)?;
    fs::rename(temporary, file)
}

fn read_all(path: &Path) -> BTreeMap<Uid, Arc<Labels>> {
    // There is none before the first Service.
    let Ok(entries) = fs::read_dir(path) else { return BTreeMap::new() };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    files
        .filter_map(|file| {
            read(&file)
                .inspect_err(
                    |error| warn!(file = %file.display(), error = error as &dyn std::error::Error, "passed over"),
                )
                .ok()
        })
        .collect()
}

fn read(file: &Path) -> Result<(Uid, Arc<Labels>), Error> {
    let name = file.file_stem().and_then(|name| name.to_str()).ok_or(Error::Name)?;
    let uid = Uid::new(name).map_err(|_| Error::Name)?;
    let value: Value = serde_json::from_slice(&fs::read(file)?)?;
    Ok((uid, Arc::new(serde_json::from_value(value)?)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::new(text).unwrap()
    }

    fn annotations(value: &str) -> Arc<Labels> {
        Arc::new([("kube-vip.io/egress".to_owned(), value.to_owned())].into())
    }

    #[test]
    fn the_next_process_finds_what_this_one_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/when/needed");
        let mut state = StateDir::open(&path);
        state.remember(&[(uid("a"), annotations("true")), (uid("b"), annotations("true"))].into());
        state.remember(&[(uid("b"), annotations("false"))].into());
        assert_eq!(StateDir::open(&path).accepted(), [(uid("b"), annotations("false"))].into());
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.json"), "{").unwrap();
        fs::write(dir.path().join("no uid.json"), "{}").unwrap();
        fs::write(dir.path().join("b.json"), "{\"kube-vip.io/egress\": \"true\"}").unwrap();
        assert_eq!(StateDir::open(dir.path()).accepted(), [(uid("b"), annotations("true"))].into());
    }

    #[test]
    fn a_directory_that_cannot_be_written_harms_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let mut state = StateDir::open(&file.join("below"));
        state.remember(&[(uid("a"), annotations("true"))].into());
        assert!(state.accepted().is_empty(), "it is tried again with the next change");
    }
}
