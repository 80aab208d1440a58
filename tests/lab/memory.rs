//! A memory limit, as a container has one: a cgroup of the test's own, v1 or v2.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{fs, io, process, thread};

use anyhow::{Context, Result};

use crate::harness::Unsupported;

/// Where each version is mounted by convention, and how it calls the file of the limit.
const PLACES: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
/// How often to try to remove a cgroup whose processes are on their way out.
const TRIES: u32 = 100;

/// Processes that may have so much memory together. Dropping it removes the cgroup; its processes have to end before.
#[derive(Debug)]
pub struct Memory {
    directory: PathBuf,
    limit: PathBuf,
}

impl Memory {
    /// A limit in bytes.
    ///
    /// # Errors
    /// With [`Unsupported`] where no such cgroup can be made.
    pub fn limited(bytes: u64) -> Result<Self> {
        let made = PLACES.iter().find_map(|(place, file)| make(Path::new(place), file).ok());
        let memory = made.ok_or_else(|| Unsupported("no memory cgroup can be made on this machine".to_owned()))?;
        memory.limit(bytes)?;
        Ok(memory)
    }

    /// Another limit from now on.
    ///
    /// # Errors
    /// When the kernel refuses, as it does when more is in use.
    pub fn limit(&self, bytes: u64) -> Result<()> {
        fs::write(&self.limit, bytes.to_string()).with_context(|| format!("cannot write {}", self.limit.display()))
    }

    /// The file to which a process writes 0 to join the cgroup.
    pub(crate) fn entrance(&self) -> PathBuf {
        self.directory.join("cgroup.procs")
    }
}

fn make(place: &Path, file: &str) -> io::Result<Memory> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // In v1 there is no such file, and in v2 memory may be handed down already.
    let _ = fs::write(place.join("cgroup.subtree_control"), "+memory");
    let name = format!("egressd-test-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let directory = place.join(name);
    fs::create_dir(&directory)?;
    let memory = Memory { limit: directory.join(file), directory };
    fs::metadata(&memory.limit)?;
    Ok(memory)
}

impl Drop for Memory {
    fn drop(&mut self) {
        for _ in 0..TRIES {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
