//! The last sign of life: until when an egressd saw to pods that begin, for the next one after this.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::{fs, mem};

use egressd_core::finding::Finding;
use egressd_core::model::{Uid, UnixTime};
use egressd_core::pipeline::SignOfLife;
use serde_json::{Value, json};

use super::version::{self, FoundFile};
use crate::files;

/// More than this egressd writes; a newer one may add to it.
const MAX_FILE: u64 = 1 << 18;
/// What follows where it is unknown what the file says.
const THEN: &str = "connections of pods that began while egressd did not run are kept";

/// The file, and what an earlier process wrote there.
#[derive(Debug)]
pub(super) struct SignFile {
    path: PathBuf,
    found: Option<SignOfLife>,
    /// That it stays as it is, and why.
    unknown: Vec<Finding>,
}

impl SignFile {
    /// The file as an earlier process left it. One that was cut off says nothing.
    pub(super) fn open(path: PathBuf) -> Self {
        let (found, unknown) = match version::find(&path, MAX_FILE) {
            FoundFile::Known(bytes) => (read(&bytes), Vec::new()),
            FoundFile::Missing => (None, Vec::new()),
            FoundFile::Unknown(why) => (None, vec![version::finding_that(&path, &why, THEN)]),
        };
        Self { path, found, unknown }
    }

    /// What is unknown about it.
    pub(super) fn findings(&self) -> &[Finding] {
        &self.unknown
    }

    /// What was found, once.
    pub(super) fn take(&mut self) -> Option<SignOfLife> {
        mem::take(&mut self.found)
    }

    /// Leaves a newer sign. It need not survive a loss of power, which ends all connections: so nothing waits for the disk.
    pub(super) fn write(&self, sign: &SignOfLife) -> io::Result<()> {
        if !self.unknown.is_empty() {
            return Ok(());
        }
        let beginning: Vec<&str> = sign.beginning.iter().map(Uid::as_str).collect();
        let line = json!({ "at": sign.at.0, "beginning": beginning });
        let temporary = self.path.with_extension("new");
        let mut file = files::create(&temporary)?;
        file.write_all(format!("{}{line}\n", version::line()).as_bytes())?;
        fs::rename(temporary, &self.path)
    }
}

fn read(bytes: &[u8]) -> Option<SignOfLife> {
    let line = bytes.split(|byte| *byte == b'\n').nth(1)?;
    let line: Value = serde_json::from_slice(line).ok()?;
    let at = line.get("at").and_then(Value::as_i64).map(UnixTime)?;
    let beginning = line.get("beginning").and_then(Value::as_array).into_iter().flatten();
    let uids: BTreeSet<Uid> = beginning.filter_map(|uid| Uid::new(uid.as_str()?).ok()).collect();
    Some(SignOfLife { at, beginning: uids })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_last_sign_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let open = || SignFile::open(dir.path().join("alive"));
        assert_eq!(open().take(), None);
        for (at, beginning) in [(1, vec![]), (1_800_000_000, vec!["a-1", "b"])] {
            let beginning = beginning.into_iter().map(|uid| Uid::new(uid).unwrap()).collect();
            let sign = SignOfLife { at: UnixTime(at), beginning };
            open().write(&sign).unwrap();
            assert_eq!(open().take(), Some(sign));
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_sign_and_what_is_cut_off_is_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alive");
        let sign = SignOfLife { at: UnixTime(7), beginning: BTreeSet::new() };
        for text in ["", "{\"version\":1}\n", "{\"version\":1}\n{\"at\":\"now\"}\n", "{\"version\":1}\n{\"at\":7"] {
            fs::write(&path, text).unwrap();
            assert_eq!(SignFile::open(path.clone()).take(), None, "{text:?}");
            SignFile::open(path.clone()).write(&sign).unwrap();
            assert_eq!(SignFile::open(path.clone()).take().as_ref(), Some(&sign));
        }
    }

    #[test]
    fn a_sign_of_a_newer_egressd_stays_as_it_is_and_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alive");
        let newer = "{\"version\":2}\n{\"at\":7}\n";
        fs::write(&path, newer).unwrap();
        let mut file = SignFile::open(path.clone());
        assert_eq!((file.take(), file.findings().len()), (None, 1));
        file.write(&SignOfLife { at: UnixTime(8), beginning: BTreeSet::new() }).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), newer);
    }
}
