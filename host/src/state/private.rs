//! The decision about private destinations where pods of unknown networks may be: whether an earlier release's rules go on.

use std::io;
use std::path::PathBuf;

use egressd_core::finding::Finding;
use egressd_core::model::PrivateDestinations;
use serde_json::Value;

use super::version::{self, FoundFile};
use super::write_whole;

/// More than this egressd writes; a newer one may add to it.
const MAX_FILE: u64 = 4096;

/// The file, and what it says.
#[derive(Debug)]
pub(super) struct Private {
    path: PathBuf,
    written: Option<PrivateDestinations>,
    /// That it stays as it is, and why.
    unknown: Vec<Finding>,
}

impl Private {
    /// The file as an earlier process left it.
    pub(super) fn open(path: PathBuf) -> Self {
        match version::find(&path, MAX_FILE) {
            FoundFile::Known(bytes) => match read(&bytes) {
                Some(private) => Self { path, written: Some(private), unknown: Vec::new() },
                // Cut off: written again with the next change, and until then nothing is taken for granted.
                None => Self { path, written: Some(PrivateDestinations::Withheld), unknown: Vec::new() },
            },
            FoundFile::Missing => Self { path, written: None, unknown: Vec::new() },
            FoundFile::Unknown(why) => {
                let unknown = vec![version::finding(&path, &why)];
                Self { path, written: Some(PrivateDestinations::Withheld), unknown }
            }
        }
    }

    /// What is unknown about it.
    pub(super) fn findings(&self) -> &[Finding] {
        &self.unknown
    }

    /// What an earlier process of a release that knows the question decided; none where none did.
    pub(super) fn written(&self) -> Option<PrivateDestinations> {
        self.written
    }

    /// Remembers this. What this egressd does not know stays.
    pub(super) fn write(&mut self, private: PrivateDestinations) -> io::Result<()> {
        if !self.unknown.is_empty() || self.written == Some(private) {
            return Ok(());
        }
        let line = format!("{{\"privateDestinations\":\"{}\"}}\n", name(private));
        write_whole(&self.path, format!("{}{line}", version::line()).as_bytes())?;
        self.written = Some(private);
        Ok(())
    }
}

fn name(private: PrivateDestinations) -> &'static str {
    match private {
        PrivateDestinations::Withheld => "withheld",
        PrivateDestinations::AsBefore => "as-before",
    }
}

fn read(bytes: &[u8]) -> Option<PrivateDestinations> {
    let line = bytes.split(|byte| *byte == b'\n').nth(1)?;
    let line: Value = serde_json::from_slice(line).ok()?;
    let value = line.get("privateDestinations")?.as_str()?;
    [PrivateDestinations::Withheld, PrivateDestinations::AsBefore].into_iter().find(|private| name(*private) == value)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;

    #[test]
    fn what_was_decided_is_there_after_a_restart_and_what_was_not_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Private::open(dir.path().join("private"));
        assert_eq!(open().written(), None);
        for private in [PrivateDestinations::AsBefore, PrivateDestinations::Withheld] {
            open().write(private).unwrap();
            assert_eq!(open().written(), Some(private));
        }
    }

    #[test]
    fn what_cannot_be_read_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("private");
        for text in
            ["", "{\"version\":1}\n", "{\"version\":1}\n{\"privateDestinations\":\"open\"}\n", "{\"version\":2}\n"]
        {
            fs::write(&path, text).unwrap();
            assert_eq!(Private::open(path.clone()).written(), Some(PrivateDestinations::Withheld), "{text:?}");
        }
    }
}
