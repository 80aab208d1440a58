//! One thing that is remembered of every Service (the annotations that were accepted last, the last good draft), of all
//! Services in one file: a line for each change, and now and then the whole of it anew. A file for each Service cost seconds at the start of a node with thousands of them, before the first
//! rule was in force.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egressd_core::model::{Uid, UidError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;

use egressd_core::finding::Finding;

use super::{unread, write_whole};
use crate::files;

/// So many lines may be outdated by later ones, beside as many as there are Services, before all is written anew.
const OUTDATED: usize = 1_000;

/// So many bytes may be outdated likewise.
const OUTDATED_BYTES: usize = 8 << 20;

/// More than egressd writes for 100,000 Services; and what else is there is not read into memory.
const LONGEST: u64 = 1 << 30;

/// By the identity of the Service.
type Of<T> = BTreeMap<Uid, Arc<T>>;

/// The file, and what it holds as far as we know.
#[derive(Debug)]
pub(super) struct Journal<T> {
    path: PathBuf,
    written: Of<T>,
    lines: usize,
    /// What was appended since all was written.
    appended: usize,
    end: End,
    /// Why it is not known what an earlier process left.
    unread: Option<Finding>,
}

/// How the file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With a whole line.
    Whole,
    /// A line may have been cut off, so nothing is appended to it.
    Torn,
}

/// Why a line is of no use.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("it is not a JSON list of a uid and what is remembered of it")]
    Json(#[from] serde_json::Error),
    #[error("it begins with no uid")]
    Uid(#[from] UidError),
}

impl<T: Serialize + DeserializeOwned + PartialEq> Journal<T> {
    /// As an earlier process left it. A line that cannot be read is passed over, and said: the Service it was about has
    /// what an earlier line says to fall back to, or nothing.
    pub(super) fn open(path: PathBuf) -> Self {
        let mut journal = Self { path, written: Of::new(), lines: 0, appended: 0, end: End::Whole, unread: None };
        match files::read_own(&journal.path, LONGEST) {
            Ok(bytes) => journal.take(&bytes),
            // There is none before the first Service.
            Err(files::Error::System(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => journal.unread = Some(unread(&journal.path, &error)),
        }
        journal
    }

    pub(super) fn unread(&self) -> Option<Finding> {
        self.unread.clone()
    }

    pub(super) fn written(&self) -> &Of<T> {
        &self.written
    }

    /// Makes it hold exactly this.
    pub(super) fn write(&mut self, newest: &Of<T>) -> io::Result<()> {
        let changes = changes(&self.written, newest);
        if changes.is_empty() && self.end == End::Whole {
            return Ok(());
        }
        let outdated = self.lines + changes.len() > 2 * newest.len() + OUTDATED || self.appended > OUTDATED_BYTES;
        if self.end == End::Torn || outdated {
            return self.write_anew(newest);
        }
        self.append(&changes)?;
        self.lines += changes.len();
        for (uid, newest) in changes {
            match newest {
                Some(newest) => drop(self.written.insert(uid, newest)),
                None => drop(self.written.remove(&uid)),
            }
        }
        Ok(())
    }

    fn append(&mut self, changes: &[Change<T>]) -> io::Result<()> {
        let mut text = Vec::new();
        for (uid, newest) in changes {
            line(&mut text, uid, newest.as_deref())?;
        }
        make_room(&self.path)?;
        let mut file = files::append(&self.path)?;
        self.end = End::Torn;
        file.write_all(&text)?;
        self.end = End::Whole;
        self.appended += text.len();
        Ok(())
    }

    fn write_anew(&mut self, newest: &Of<T>) -> io::Result<()> {
        let mut text = Vec::new();
        for (uid, remembered) in newest {
            line(&mut text, uid, Some(&**remembered))?;
        }
        make_room(&self.path)?;
        write_whole(&self.path, &text)?;
        self.written.clone_from(newest);
        (self.lines, self.appended, self.end) = (newest.len(), 0, End::Whole);
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < bytes.len() {
            // After a crash, what it was about to say was not in force yet. After a full disk it may have been, which was
            // said then.
            self.end = End::Torn;
        }
        let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for (number, line) in (1..).zip(lines) {
            self.lines += 1;
            match parse(line) {
                Ok((uid, Some(remembered))) => drop(self.written.insert(uid, Arc::new(remembered))),
                Ok((uid, None)) => drop(self.written.remove(&uid)),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    warn!(file = %self.path.display(), line = number, error, "passed over");
                }
            }
        }
    }
}

fn make_room(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), files::make_directory)
}

/// What is other than before; none where the Service is gone, or nothing is remembered of it.
type Change<T> = (Uid, Option<Arc<T>>);

/// What leads from one to the other. Both are walked once: it is asked at every change of any Service.
fn changes<T: PartialEq>(old: &Of<T>, new: &Of<T>) -> Vec<Change<T>> {
    let (mut old, mut new, mut changes) = (old.iter().peekable(), new.iter().peekable(), Vec::new());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        match (before, after) {
            (Some((_, before)), Some((_, after))) if Arc::ptr_eq(before, after) || before == after => {}
            (_, Some((uid, after))) => changes.push((uid.clone(), Some(Arc::clone(after)))),
            (Some((uid, _)), None) => changes.push((uid.clone(), None)),
            (None, None) => {}
        }
    }
}

fn line<T: Serialize>(text: &mut Vec<u8>, uid: &Uid, newest: Option<&T>) -> io::Result<()> {
    serde_json::to_writer(&mut *text, &(uid.to_string(), newest))?;
    text.push(b'\n');
    Ok(())
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<(Uid, Option<T>), LineError> {
    let (uid, remembered): (String, Option<T>) = serde_json::from_slice(line)?;
    Ok((Uid::new(uid)?, remembered))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use egressd_core::model::Labels;
    use proptest::prelude::*;

    use super::*;

    type Accepted = Of<Labels>;

    fn uid(text: &str) -> Uid {
        Uid::new(text).unwrap()
    }

    fn annotations(value: &str) -> Arc<Labels> {
        Arc::new([("kube-vip.io/egress".to_owned(), value.to_owned())].into())
    }

    fn reopened(path: &Path) -> Journal<Labels> {
        Journal::open(path.to_owned())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_next_process_finds_what_this_one_wrote_last(
            turns in prop::collection::vec(prop::collection::btree_map("[a-d]", "[xy\n\"]{0,3}", 0..4), 1..12)
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("made/when/needed");
            let mut journal = reopened(&path);
            for turn in turns {
                let accepted: Accepted = turn.iter().map(|(of, value)| (uid(of), annotations(value))).collect();
                journal.write(&accepted).unwrap();
                let next = reopened(&path);
                prop_assert_eq!(next.written(), &accepted);
                prop_assert_eq!(journal.written(), &accepted);
            }
        }
    }

    #[test]
    fn a_change_is_a_line_and_now_and_then_all_is_written_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accepted");
        let mut journal = reopened(&path);
        let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().count();
        let mut most = 0;
        for turn in 0..3 * OUTDATED {
            let accepted = [(uid("a"), annotations("true")), (uid("b"), annotations(&turn.to_string()))].into();
            journal.write(&accepted).unwrap();
            if turn == 1 {
                assert_eq!(lines(&path), 3);
            }
            most = most.max(journal.lines);
        }
        assert!((OUTDATED..OUTDATED + 5).contains(&most), "{most} lines");
        assert_eq!(lines(&path), journal.lines);
    }

    #[test]
    fn a_line_that_was_cut_off_harms_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accepted");
        fs::write(&path, b"[\"a\",{\"x\":\"1\"}]\n\xff\n[\"no uid!\",{}]\n[\"b\",{\"x\":").unwrap();
        let mut journal = reopened(&path);
        assert_eq!(journal.written().keys().cloned().collect::<Vec<_>>(), [uid("a")]);
        let mut next = journal.written().clone();
        next.insert(uid("b"), annotations("true"));
        journal.write(&next).unwrap();
        assert_eq!(reopened(&path).written(), &next);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2, "it was written anew");
    }
}
