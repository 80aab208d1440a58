//! One thing that is remembered of every Service (the annotations that were accepted last, the last good draft), of all
//! Services in one file: a line for each change, and now and then the whole of it anew, lines of a later day included. A
//! file for each Service cost seconds at the start of a node with thousands of them, before the first rule was in force.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egressd_core::finding::Finding;
use egressd_core::model::{Texts, Uid};
use egressd_core::pipeline::Updates;
use serde::de::IgnoredAny;
use tracing::warn;

use super::damage::{self, Damage};
use super::line::{Kept, line, parse};
use super::unknown::{self, About, Unknown};
use super::version::{self, FoundFile};
use super::{sync_directory, write_by};
use crate::files;

/// So many lines may be outdated by later ones, beside as many as there are Services, before all is written anew.
const MAX_OUTDATED_LINES: usize = 1_000;

/// So many bytes may be outdated likewise.
const MAX_OUTDATED_BYTES: usize = 8 << 20;

/// More than egressd writes for 100,000 Services; and what else is there is not read into memory.
const MAX_FILE: u64 = 1 << 30;

/// By the identity of the Service.
pub(super) type Of<T> = BTreeMap<Uid, Arc<T>>;

/// The file, and what it holds as far as we know.
#[derive(Debug)]
pub(super) struct Journal<T> {
    /// What is written: the file, or the one beside it; none where both are unknown.
    path: Option<PathBuf>,
    written: Of<T>,
    /// What could not be written down.
    pending: Updates<T>,
    lines: usize,
    unknown: Unknown,
    damage: Damage,
    /// What was appended since all was written.
    appended: usize,
    form: Form,
    /// The file beside, which was read as the end of this one, and is in it once all is written anew.
    merged: Option<PathBuf>,
    /// Why not everything is known that an earlier process remembered.
    findings: Vec<Finding>,
}

/// Whether a line can be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It can.
    Whole,
    /// There is no file, or it names no version: with the next change all is written anew.
    Unnamed,
    /// A line may have been cut off, or more than one file is meant: all is written anew at once.
    Torn,
}

/// What was found of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileState {
    Missing,
    Known,
    Unknown,
}

impl<T: Kept> Journal<T> {
    /// As an earlier process left it. A line that cannot be read is passed over, and reported: of which Service it was, is
    /// unknown. A file that is unknown stays as it is.
    pub(super) fn open(path: PathBuf) -> Self {
        let beside = version::beside(&path);
        let mut journal = Self::empty();
        let [found, found_beside] = [&path, &beside].map(|path| journal.look(path));
        journal.path = match (found, found_beside) {
            (FileState::Unknown, FileState::Unknown) => None,
            (FileState::Unknown, FileState::Missing | FileState::Known) => Some(beside),
            (FileState::Missing | FileState::Known, FileState::Missing | FileState::Unknown) => Some(path),
            (FileState::Missing | FileState::Known, FileState::Known) => {
                (journal.merged, journal.form) = (Some(beside), Form::Torn);
                Some(path)
            }
        };
        journal
    }

    fn empty() -> Self {
        Self {
            path: None,
            written: Of::new(),
            pending: Updates::new(),
            lines: 0,
            unknown: Unknown::default(),
            damage: Damage::None,
            appended: 0,
            form: Form::Unnamed,
            merged: None,
            findings: Vec::new(),
        }
    }

    /// Takes in a file, if this egressd knows it.
    fn look(&mut self, path: &Path) -> FileState {
        match version::find(path, MAX_FILE) {
            FoundFile::Missing => FileState::Missing,
            FoundFile::Known(bytes) => {
                let (before, earlier) = (self.unknown.len(), std::mem::replace(&mut self.damage, Damage::of(&bytes)));
                self.take(path, &bytes);
                self.findings.extend(unknown::finding(path, self.unknown.len().saturating_sub(before)));
                self.findings.extend(self.damage.finding(path));
                if earlier == Damage::Lost {
                    self.damage = earlier;
                }
                FileState::Known
            }
            FoundFile::Unknown(why) => {
                self.findings.push(version::finding(path, &why));
                FileState::Unknown
            }
        }
    }

    pub(super) fn written(&self) -> &Of<T> {
        &self.written
    }

    /// Why not everything is known that an earlier process remembered.
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Takes in what is other than before, and writes it down with what could not be written before.
    pub(super) fn write(&mut self, news: Updates<T>) -> io::Result<()> {
        self.pending.extend(news);
        let pending = std::mem::take(&mut self.pending);
        let changes = pending.into_iter().filter(|(uid, one)| self.is_changed(uid, one.as_deref())).collect();
        let result = self.write_changes(&changes);
        if result.is_err() {
            self.pending = changes;
        }
        result
    }

    fn write_changes(&mut self, changes: &Updates<T>) -> io::Result<()> {
        if changes.is_empty() && self.form != Form::Torn {
            return Ok(());
        }
        // Else a line would be appended to nothing, and the content of the others be forgotten with them.
        if self.path.as_ref().is_some_and(|path| !path.exists()) {
            self.form = Form::Unnamed;
        }
        let is_new = |(uid, one): &(&Uid, &Option<Arc<T>>)| one.is_some() && !self.written.contains_key(*uid);
        let gone = changes.iter().filter(|(uid, one)| one.is_none() && self.written.contains_key(*uid)).count();
        let services = self.written.len() + changes.iter().filter(is_new).count() - gone;
        let outdated =
            self.lines + changes.len() > 2 * services + MAX_OUTDATED_LINES || self.appended > MAX_OUTDATED_BYTES;
        if self.form != Form::Whole || outdated {
            return self.write_anew(changes);
        }
        self.append(changes)?;
        self.lines += changes.len();
        apply(&mut self.written, changes);
        changes.keys().for_each(|uid| self.unknown.forget(uid));
        Ok(())
    }

    fn is_changed(&self, uid: &Uid, one: Option<&T>) -> bool {
        self.unknown.has(uid) || self.written.get(uid).map(|known| &**known) != one
    }

    fn append(&mut self, changes: &Updates<T>) -> io::Result<()> {
        let mut text = Vec::new();
        for (uid, newest) in changes {
            line(&mut text, uid, newest.as_deref())?;
        }
        let mut file = files::append(self.place()?)?;
        self.form = Form::Torn;
        file.write_all(&text)?;
        // Once for all that changed: what comes into force next has to survive the loss of power, too (P4).
        file.sync_data()?;
        self.form = Form::Whole;
        self.appended += text.len();
        Ok(())
    }

    fn write_anew(&mut self, changes: &Updates<T>) -> io::Result<()> {
        let mut newest = self.written.clone();
        apply(&mut newest, changes);
        write_by(self.place()?, |file| {
            file.write_all(version::line().as_bytes())?;
            for unknown in self.damage.line().into_iter().chain(self.unknown.lines(|uid| changes.contains_key(uid))) {
                file.write_all(unknown)?;
                file.write_all(b"\n")?;
            }
            newest.iter().try_for_each(|(uid, remembered)| line(file, uid, Some(&**remembered)))
        })?;
        (self.lines, self.appended, self.form) = (newest.len(), 0, Form::Whole);
        self.written = newest;
        changes.keys().for_each(|uid| self.unknown.forget(uid));
        // Only now: before, it was the only one to say what it says.
        match self.merged.take() {
            Some(merged) => fs::remove_file(&merged).and_then(|()| sync_directory(&merged)),
            None => Ok(()),
        }
    }

    /// Where to write, in a directory that is there.
    fn place(&self) -> io::Result<&Path> {
        let path = self.path.as_deref().ok_or_else(|| io::Error::other("all files for it are of unknown versions"))?;
        path.parent().map_or(Ok(()), files::make_directory)?;
        Ok(path)
    }

    fn take(&mut self, path: &Path, bytes: &[u8]) {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
        if lines.next_if(|first| version::is_line(first)).is_some() {
            self.form = Form::Whole;
        }
        if whole < bytes.len() {
            self.form = Form::Torn;
        }
        let mut texts = Texts::default();
        for line in lines {
            self.take_line(path, line, &mut texts);
        }
    }

    fn take_line(&mut self, path: &Path, line: &[u8], texts: &mut Texts) {
        if line == damage::LINE {
            self.damage = Damage::Lost;
            return;
        }
        match parse(line, texts) {
            Ok((uid, remembered)) => {
                self.unknown.forget(&uid);
                match remembered {
                    Some(remembered) => drop(self.written.insert(uid, Arc::new(remembered))),
                    None => drop(self.written.remove(&uid)),
                }
            }
            Err(_) if serde_json::from_slice::<IgnoredAny>(line).is_ok() => {
                // The last line of a Service counts, and an earlier one would be taken for what is in force.
                let about = About::of(line);
                if let About::Service(uid) | About::PartOf(uid) = &about {
                    self.written.remove(uid);
                }
                self.unknown.keep(line, about);
                return;
            }
            Err(error) => {
                let (error, before) = (&error as &dyn std::error::Error, self.lines + self.unknown.len());
                warn!(file = %path.display(), before, error, "ignoring a damaged line");
                self.damage = Damage::Lost;
            }
        }
        self.lines += 1;
    }
}

fn apply<T>(all: &mut Of<T>, changes: &Updates<T>) {
    if all.is_empty() {
        // At once, because one after the other, in order, they leave half of each node of the tree empty.
        let known = |(uid, one): (&Uid, &Option<Arc<T>>)| Some((uid.clone(), Arc::clone(one.as_ref()?)));
        *all = changes.iter().filter_map(known).collect();
        return;
    }
    for (uid, newest) in changes {
        match newest {
            Some(newest) => drop(all.insert(uid.clone(), Arc::clone(newest))),
            None => drop(all.remove(uid)),
        }
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
