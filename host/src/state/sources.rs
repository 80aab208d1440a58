//! What sources gave last, one file for each manifest and one for the cluster: the objects whose last good state is in
//! force, so that what cannot be read when egressd starts is remembered. What the lines say is the source's business.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use egressd_core::finding::Finding;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::version::{self, FoundFile, UnreadableReason};
use super::write_by;
use crate::files;

/// The source that is a cluster. No manifest has such a path.
pub const CLUSTER: &str = "cluster";
/// The folder in the state directory.
pub(super) const FOLDER: &str = "sources";
/// More than JSON makes of the longest manifest.
const MAX_FILE: u64 = 4 * files::MAX_FILE;
const SUFFIX: &str = ".last";
/// What follows it in the name of the file beside.
const BACKUP_SUFFIX: &str = ".v1";

/// The folder. A clone is the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    state: PathBuf,
    folder: PathBuf,
}

/// What is remembered of one source.
#[derive(Debug, PartialEq)]
pub enum RestoredSource {
    Nothing,
    Lines(Vec<u8>),
    /// Something that this egressd does not know, or cannot read.
    Unknown(Finding),
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u64,
    /// Which source it is, as the name of the file cannot say it.
    of: String,
    /// How many bytes follow, so that a file that was cut off is known as one.
    bytes: Option<usize>,
}

impl Header {
    fn is_whole(&self, lines: &[u8]) -> bool {
        self.bytes.is_none_or(|bytes| bytes == lines.len())
    }
}

impl Sources {
    /// The folder in this state directory. Nothing is made before there is something to remember.
    pub fn of(state_dir: &Path) -> Self {
        Self { state: state_dir.to_owned(), folder: state_dir.join(FOLDER) }
    }

    /// What is remembered of a source.
    pub fn recall(&self, of: &str) -> RestoredSource {
        let file = self.file(of);
        match self.found(&file) {
            (_, FoundFile::Known(bytes)) => match split(&bytes) {
                Some((header, lines)) if header.of == of && header.is_whole(lines) => {
                    RestoredSource::Lines(lines.to_vec())
                }
                Some(_) | None => RestoredSource::Unknown(damaged(&file, of)),
            },
            (_, FoundFile::Missing) => RestoredSource::Nothing,
            (_, FoundFile::Unknown(why)) => RestoredSource::Unknown(unknown(&file, &why, of)),
        }
    }

    /// The sources that something is remembered of, but for those that are known by name.
    pub fn others(&self, known: &BTreeSet<String>) -> BTreeSet<String> {
        let known: BTreeSet<PathBuf> = known.iter().map(|of| self.file(of)).collect();
        let entries = fs::read_dir(&self.folder).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let whole = names.filter_map(|name| {
            let name = name.strip_suffix(BACKUP_SUFFIX).unwrap_or(&name);
            name.ends_with(SUFFIX).then(|| self.folder.join(name))
        });
        let others: BTreeSet<PathBuf> = whole.filter(|file| !known.contains(file)).collect();
        others.iter().filter_map(|file| self.source_of(file)).collect()
    }

    /// Remembers exactly these lines, if they changed.
    ///
    /// # Errors
    /// When they are too long, or the system refuses.
    pub fn remember(&self, of: &str, lines: &[u8]) -> io::Result<()> {
        let header = Header { version: version::VERSION, of: of.to_owned(), bytes: Some(lines.len()) };
        let header = serde_json::to_string(&header)? + "\n";
        if u64::try_from(header.len() + lines.len()).map_or(true, |length| length > MAX_FILE) {
            return Err(files::Error::Long { most: MAX_FILE }.into());
        }
        let file = self.file(of);
        match version::find(&file, MAX_FILE) {
            FoundFile::Known(written) if written.strip_prefix(header.as_bytes()) == Some(lines) => {}
            FoundFile::Known(_) | FoundFile::Missing => self.write(&file, &[header.as_bytes(), lines])?,
            // A newer egressd's stays.
            FoundFile::Unknown(_) => return self.write(&version::beside(&file), &[header.as_bytes(), lines]),
        }
        remove(&version::beside(&file))
    }

    /// Remembers nothing of a source any more. What a newer egressd wrote stays.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn forget(&self, of: &str) -> io::Result<()> {
        let file = self.file(of);
        remove(&version::beside(&file))?;
        match version::find(&file, MAX_FILE) {
            FoundFile::Known(_) => remove(&file),
            FoundFile::Missing | FoundFile::Unknown(_) => Ok(()),
        }
    }

    fn write(&self, file: &Path, parts: &[&[u8]]) -> io::Result<()> {
        // The folder's parents would be made for all to read.
        files::make_directory(&self.state)?;
        files::make_directory(&self.folder)?;
        write_by(file, |file| parts.iter().try_for_each(|part| file.write_all(part)))
    }

    /// A path may be longer than a file's name.
    fn file(&self, of: &str) -> PathBuf {
        let name = Uuid::new_v5(&Uuid::NAMESPACE_URL, of.as_bytes());
        self.folder.join(format!("{name}{SUFFIX}"))
    }

    /// What was written beside a file was written last.
    fn found(&self, file: &Path) -> (PathBuf, FoundFile) {
        let beside = version::beside(file);
        match version::find(&beside, MAX_FILE) {
            found @ (FoundFile::Known(_) | FoundFile::Unknown(_)) => (beside, found),
            FoundFile::Missing => (file.to_owned(), version::find(file, MAX_FILE)),
        }
    }

    fn source_of(&self, file: &Path) -> Option<String> {
        match self.found(file) {
            (_, FoundFile::Known(bytes)) => split(&bytes).map(|(header, _)| header.of),
            (_, FoundFile::Missing | FoundFile::Unknown(_)) => None,
        }
    }
}

/// Names in the folder: what is whole, what is beside it, and what is being written.
pub(super) fn is_ours(name: &str) -> bool {
    name.ends_with(SUFFIX) || name.ends_with(BACKUP_SUFFIX) || name.ends_with(".new")
}

fn split(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((serde_json::from_slice(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

fn unknown(file: &Path, why: &UnreadableReason, of: &str) -> Finding {
    version::finding_that(file, why, &format!("what {} gave before this start is unknown", called(of)))
}

/// A manifest by its path.
fn called(of: &str) -> &str {
    if of == CLUSTER { "the cluster" } else { of }
}

fn damaged(file: &Path, of: &str) -> Finding {
    let message = format!(
        "state file {} is damaged: it was cut off, or its first line does not name its source; what {} gave before this start is unknown",
        file.display(),
        called(of)
    );
    Finding::warning("state-unreadable", message)
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
