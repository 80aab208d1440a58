//! A lock for each instance on a node, `/run/egressd/<instance>.lock`: it is held as long as an egressd of that name
//! runs. Where the kernel has no owners of tables (before Linux 6.9), nothing else shows that a table is in use.
//!
//! `run` holds it shared, because instances of one name may live in several network namespaces of a machine. Whoever
//! asks, or removes, takes it exclusively. The file stays when its holder ends, so that it can be seen to be free: a
//! missing file proves nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use egressd_core::compile::{Instance, InstanceName};
use egressd_core::finding::Finding;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::clock;
use crate::errors::with_causes;
use crate::files;

/// No instance can be called so.
const DEFAULT: &str = "@default";
/// What follows the instance's name.
const SUFFIX: &str = ".lock";
/// How long `run` waits while another process removes tables of its name.
const HOLD_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the others wait: another process may only be asking.
const CLAIM_TIMEOUT: Duration = Duration::from_millis(200);
/// Between two tries.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Why a lock is not ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An egressd of that name runs, or is being removed.
    #[error("cannot take the lock {path}: another process holds it")]
    Held { path: PathBuf },
    /// Nothing shows whether an egressd of that name runs.
    #[error("cannot take the lock {path}: it is not there")]
    Absent { path: PathBuf },
    #[error("cannot {action} {path}")]
    Io {
        /// As in "take the lock".
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl Error {
    /// What is logged where `run` cannot hold its lock.
    pub fn finding(&self) -> Finding {
        let message = format!(
            "{}; on Linux before 6.9 other instances cannot see that this one runs, and keep its tables even after it has \
             ended; correct the directory of --lock-dir",
            with_causes(self)
        );
        Finding::warning("no-lock", message)
    }
}

/// Whether an instance lives, as far as its lock shows.
#[derive(Debug)]
pub enum Liveness {
    /// Its lock is held.
    Lives,
    /// Its lock is free.
    Ended,
    /// The lock shows nothing.
    Unknown(Error),
}

impl From<Error> for Liveness {
    /// What it shows that the lock could not be claimed.
    fn from(error: Error) -> Self {
        match error {
            Error::Held { .. } => Self::Lives,
            error @ (Error::Absent { .. } | Error::Io { .. }) => Self::Unknown(error),
        }
    }
}

/// What to do about a lock file that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingFile {
    /// Make it.
    Create,
    /// It proves nothing.
    Leave,
}

/// Where the locks of a node are.
#[derive(Clone, Debug)]
pub struct LockDir(PathBuf);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// The kernel frees it with the last descriptor, however the process ends.
    _file: File,
}

impl LockDir {
    /// The locks in this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The lock of an instance.
    pub fn path_of(&self, instance: &Instance) -> PathBuf {
        let name = match instance {
            Instance::Default => DEFAULT,
            Instance::Named(_) => instance.setting(),
        };
        self.0.join(format!("{name}{SUFFIX}"))
    }

    /// Keeps other users out, as far as the directory is egressd's own: sockets may be in it, too.
    pub fn narrow(&self) -> Option<Finding> {
        let ours = |name: &str| name.ends_with(SUFFIX) || name.ends_with(".sock");
        files::narrow(&self.0, ours).err().map(|open| open.finding(&self.0, "--lock-dir"))
    }

    /// Shows that an egressd of this name lives, for as long as the lock is kept.
    ///
    /// # Errors
    /// When the directory cannot be written to, or another process keeps the lock for itself.
    pub fn hold(&self, instance: &Instance) -> Result<Lock, Error> {
        take(self.path_of(instance), MissingFile::Create, FlockOperation::NonBlockingLockShared, HOLD_TIMEOUT)
    }

    /// Keeps every egressd of this name from living, for as long as the lock is kept.
    ///
    /// # Errors
    /// When one lives, or nothing shows whether one does.
    pub fn claim(&self, instance: &Instance, missing: MissingFile) -> Result<Lock, Error> {
        take(self.path_of(instance), missing, FlockOperation::NonBlockingLockExclusive, CLAIM_TIMEOUT)
    }

    /// Whether an egressd of this name lives.
    pub fn life(&self, instance: &Instance) -> Liveness {
        self.claim(instance, MissingFile::Leave).map_or_else(Liveness::from, |_| Liveness::Ended)
    }

    /// The instances that have a lock here, held or not; none where there is no such directory.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn instances(&self) -> Result<Vec<Instance>, Error> {
        let failed = |source| Error::Io { action: "list the locks in", path: self.0.clone(), source };
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let names: Vec<_> = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>().map_err(failed)?;
        let mut instances: Vec<_> = names.iter().filter_map(|name| instance_of(name.to_str()?)).collect();
        instances.sort();
        Ok(instances)
    }
}

impl Lock {
    /// Takes the file away. Only for one that was claimed: a holder's successor would hold another file.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(|source| Error::Io { action: "remove the lock", path: self.path, source })
    }
}

fn instance_of(file: &str) -> Option<Instance> {
    match file.strip_suffix(SUFFIX)? {
        DEFAULT => Some(Instance::Default),
        name => InstanceName::new(name).ok().map(Instance::Named),
    }
}

fn take(path: PathBuf, missing: MissingFile, how: FlockOperation, patience: Duration) -> Result<Lock, Error> {
    let begun = clock::now();
    loop {
        let file = open(&path, missing)?;
        match attempt(&file, &path, how) {
            Ok(LockAttempt::Locked) => return Ok(Lock { path, _file: file }),
            Ok(LockAttempt::Stale) => {}
            Ok(LockAttempt::Busy) if clock::since(begun) >= patience => return Err(Error::Held { path }),
            Ok(LockAttempt::Busy) => sleep(RETRY_INTERVAL),
            Err(source) => return Err(Error::Io { action: "take the lock", path, source: source.into() }),
        }
    }
}

/// How one try to lock an open file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LockAttempt {
    Locked,
    /// Its last holder has removed it after it was opened: another file, or none, is the lock now.
    Stale,
    Busy,
}

fn attempt(file: &File, path: &Path, how: FlockOperation) -> Result<LockAttempt, Errno> {
    match flock(file, how) {
        Ok(()) if is_at(file, path) => Ok(LockAttempt::Locked),
        Ok(()) => Ok(LockAttempt::Stale),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(LockAttempt::Busy),
        Err(error) => Err(error),
    }
}

/// Reading is enough for a lock, so a file that is there can be locked where none can be made.
fn open(path: &Path, missing: MissingFile) -> Result<File, Error> {
    let plain = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let failed = |source| Error::Io { action: "take the lock", path: path.to_owned(), source };
    let opened = OpenOptions::new().read(true).custom_flags(plain).open(path).and_then(regular);
    match (opened, missing) {
        (Err(error), MissingFile::Leave) if error.kind() == ErrorKind::NotFound => {
            Err(Error::Absent { path: path.to_owned() })
        }
        (Err(error), MissingFile::Create) if error.kind() == ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), files::make_directory).map_err(failed)?;
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(plain)
                .open(path)
                .map_err(failed)
        }
        (opened, MissingFile::Create | MissingFile::Leave) => opened.map_err(failed),
    }
}

/// A directory can be locked, too, and shows nothing about an egressd.
fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"))
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (held, there) = (file.metadata().map(id), fs::symlink_metadata(path).map(id));
    held.is_ok_and(|held| there.is_ok_and(|there| held == there))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn named(name: &str) -> Instance {
        Instance::Named(InstanceName::new(name).unwrap())
    }

    /// A directory of locks that is gone with the test.
    fn locks() -> (tempfile::TempDir, LockDir) {
        let dir = tempfile::tempdir().unwrap();
        let locks = LockDir::new(dir.path().join("made/when/needed"));
        (dir, locks)
    }

    #[test]
    fn an_instance_lives_until_its_last_holder_ends() {
        let (_dir, locks) = locks();
        let (first, second) = (locks.hold(&named("a")).unwrap(), locks.hold(&named("a")).unwrap());
        assert!(matches!(locks.life(&named("a")), Liveness::Lives));
        drop(first);
        assert!(matches!(locks.life(&named("a")), Liveness::Lives), "one in another network namespace");
        drop(second);
        assert!(matches!(locks.life(&named("a")), Liveness::Ended));
    }

    #[test]
    fn a_missing_lock_is_unknown_and_is_not_made_by_asking() {
        let (dir, locks) = locks();
        assert!(matches!(locks.life(&named("a")), Liveness::Unknown(Error::Absent { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn whoever_claims_keeps_others_from_living_and_may_remove() {
        let (_dir, locks) = locks();
        let claim = locks.claim(&named("a"), MissingFile::Create).unwrap();
        assert!(matches!(locks.hold(&named("a")), Err(Error::Held { .. })));
        claim.remove().unwrap();
        assert!(matches!(locks.life(&named("a")), Liveness::Unknown(Error::Absent { .. })));
        let _next = locks.hold(&named("a")).unwrap();
        assert!(matches!(locks.life(&named("a")), Liveness::Lives));
    }

    /// It was opened before, and locked after, the claim that removed it ended.
    #[test]
    fn a_lock_on_a_file_that_was_removed_is_none() {
        let (_dir, locks) = locks();
        drop(locks.hold(&named("a")).unwrap());
        let path = locks.path_of(&named("a"));
        let early = open(&path, MissingFile::Leave).unwrap();
        let attempt = || attempt(&early, &path, FlockOperation::NonBlockingLockShared);
        let claim = locks.claim(&named("a"), MissingFile::Leave).unwrap();
        assert_eq!(attempt(), Ok(LockAttempt::Busy));
        claim.remove().unwrap();
        assert_eq!(attempt(), Ok(LockAttempt::Stale));
        let _next = locks.hold(&named("a")).unwrap();
        assert_eq!(attempt(), Ok(LockAttempt::Stale), "nor is it the file that came after");
    }

    #[test]
    fn no_name_leads_to_the_file_of_another_instance() {
        let (_dir, locks) = locks();
        let names = ["default", "egressd", ".", "..", "-x", "a.lock", "lock"].map(named);
        let instances: Vec<_> = names.into_iter().chain([Instance::Default]).collect();
        let held: Vec<_> = instances.iter().map(|instance| locks.hold(instance).unwrap()).collect();
        let mut expected = instances.clone();
        expected.sort();
        assert_eq!(locks.instances().unwrap(), expected);
        drop(held);
        for instance in &instances {
            let _only = locks.hold(instance).unwrap();
            let living = instances.iter().filter(|other| matches!(locks.life(other), Liveness::Lives));
            assert_eq!(living.collect::<Vec<_>>(), [instance]);
        }
    }

    #[test]
    fn what_is_in_the_way_of_the_directory_is_unknown_and_not_free() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let locks = LockDir::new(dir.path().join("file"));
        assert!(matches!(locks.hold(&named("a")), Err(Error::Io { .. })));
        assert!(matches!(locks.life(&named("a")), Liveness::Unknown(Error::Io { .. })));
        assert!(locks.instances().is_err());
    }

    #[test]
    fn what_is_no_regular_file_is_unknown_and_not_free() {
        let (_dir, locks) = locks();
        fs::create_dir_all(locks.path_of(&named("a"))).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, locks.path_of(&named("b")), rustix::fs::Mode::RUSR).unwrap();
        for instance in [named("a"), named("b")] {
            assert!(matches!(locks.life(&instance), Liveness::Unknown(Error::Io { .. })), "{instance}");
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let (dir, locks) = locks();
        drop(locks.hold(&Instance::Default).unwrap());
        fs::write(dir.path().join("precious"), "").unwrap();
        std::os::unix::fs::symlink(dir.path().join("precious"), locks.path_of(&named("a"))).unwrap();
        assert!(matches!(locks.hold(&named("a")), Err(Error::Io { .. })));
    }
}
