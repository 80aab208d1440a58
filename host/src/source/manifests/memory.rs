//! What outlives the process of each manifest: its last good state. It is written after it was handed over, file by file,
//! so that no edit waits for the disk; a crash in between leaves what was good before.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf, absolute};

use egressd_core::finding::Finding;
use tracing::warn;

use super::file::File;
use super::lost::Lost;
use crate::source::documents::Identity;
use crate::source::original::Originals;
use crate::source::remembered;
use crate::state::{RestoredSource, Sources};

/// What is remembered of the manifests of one directory.
#[derive(Debug)]
pub(super) struct Memory {
    directory: PathBuf,
    node: String,
    sources: Option<Sources>,
    /// What is to be written: lines, or none where a manifest is gone.
    pending: BTreeMap<String, Option<Vec<u8>>>,
    /// Manifests of which it is unknown what they gave before.
    unknown: BTreeMap<String, Finding>,
    health: Health,
}

/// Whether the last write failed, so that it is reported once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    Failing,
}

/// A manifest's newest state: its objects, of which the first were written so, and some of these in part only.
pub(super) struct NewestManifest<'a> {
    pub(super) file: &'a File,
    pub(super) originals: Originals,
    pub(super) partly: BTreeSet<Identity>,
}

impl Memory {
    /// Of a directory of which nothing is remembered, nor will be.
    pub(super) fn none(directory: &Path, node: &str) -> Self {
        // Whoever starts egressd elsewhere means the same files.
        let directory = absolute(directory).unwrap_or_else(|_| directory.to_owned());
        Self {
            directory,
            node: node.to_owned(),
            sources: None,
            pending: Default::default(),
            unknown: Default::default(),
            health: Health::Good,
        }
    }

    /// The same with what an earlier process left.
    pub(super) fn from(self, sources: Sources) -> Self {
        Self { sources: Some(sources), ..self }
    }

    /// The last good state of a manifest.
    pub(super) fn recall(&mut self, name: &str) -> File {
        let lines = self.lines(name);
        let known = remembered::parse(&lines, Some(&self.node));
        File::last_good(known.into_iter().map(|known| known.object).collect(), Lost::among(&lines))
    }

    /// The manifests of this directory that are remembered, but for those that are there.
    pub(super) fn others<'a>(&self, there: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
        let there = there.map(|name| self.path(name)).collect();
        let others = self.sources.iter().flat_map(|sources| sources.others(&there));
        let name = |of: String| {
            let name = Path::new(&of).strip_prefix(&self.directory).ok()?.to_str()?.to_owned();
            (!name.contains('/')).then_some(name)
        };
        others.filter_map(name).collect()
    }

    /// Takes in what a manifest says now.
    pub(super) fn note(&mut self, name: &str, newest: NewestManifest<'_>) {
        if self.sources.is_none() {
            return;
        }
        let NewestManifest { file: File { objects, lost, .. }, originals, partly } = newest;
        let node = Some(self.node.clone());
        let is_new = partly.is_empty() && objects.len() == originals.len();
        let before = if is_new { Vec::new() } else { remembered::parse(&self.lines(name), node.as_deref()) };
        let mut lines = remembered::lines(objects, originals, &partly, &before, node.as_deref());
        lines.extend(lost.line().into_iter().flat_map(String::into_bytes));
        self.unknown.remove(name);
        self.pending.insert(name.to_owned(), (!lines.is_empty()).then_some(lines));
    }

    /// A manifest is gone.
    pub(super) fn forget(&mut self, name: &str) {
        self.unknown.remove(name);
        if self.sources.is_some() {
            self.pending.insert(name.to_owned(), None);
        }
    }

    /// Writes what one manifest says; whether there is more to write.
    pub(super) fn write_one(&mut self) -> bool {
        let (Some(sources), Some((name, lines))) = (&self.sources, self.pending.pop_first()) else { return false };
        let of = self.path(&name);
        let written = match lines {
            Some(lines) => sources.remember(&of, &lines),
            None => sources.forget(&of),
        };
        self.report(&of, written);
        !self.pending.is_empty()
    }

    /// What is unknown of manifests that cannot be read now.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.unknown.values()
    }

    fn lines(&mut self, name: &str) -> Vec<u8> {
        let Some(sources) = &self.sources else { return Vec::new() };
        let recalled = match self.pending.get(name) {
            Some(Some(lines)) => RestoredSource::Lines(lines.clone()),
            Some(None) => RestoredSource::Nothing,
            None => sources.recall(&self.path(name)),
        };
        match recalled {
            RestoredSource::Lines(lines) => lines,
            RestoredSource::Nothing => Vec::new(),
            RestoredSource::Unknown(finding) => {
                self.unknown.insert(name.to_owned(), finding);
                Vec::new()
            }
        }
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).to_string_lossy().into_owned()
    }

    fn report(&mut self, of: &str, written: io::Result<()>) {
        match written {
            Ok(()) => self.health = Health::Good,
            Err(error) if self.health == Health::Good => {
                let error = &error as &dyn std::error::Error;
                warn!(manifest = of, error, "cannot save the state of a manifest; it would be lost in a restart");
                self.health = Health::Failing;
            }
            Err(_) => {}
        }
    }
}
