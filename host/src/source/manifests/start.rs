//! What an earlier process knew of a directory, against what is there when egressd starts.

use std::collections::{BTreeMap, BTreeSet};

use egressd_core::finding::Finding;
use egressd_core::model::ChangeKey;

use super::file::{File, Stamp};
use super::{Place, PlaceKind};

/// What an earlier process knew of a directory, against what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RestoredDirectory {
    /// It was not looked at yet.
    Unread,
    /// There is no manifest in it, and there were some: as an empty file, it may be about to come, as what is mounted late
    /// does.
    Awaited,
    /// It is read: what is not there any more is gone.
    Read,
}

impl Place {
    /// Compares what is there with what an earlier process knew. Returns the keys of what is taken from that.
    pub(super) fn begin(&mut self, present: &BTreeMap<String, Option<Stamp>>) -> Vec<ChangeKey> {
        let others = match self.beginning {
            RestoredDirectory::Unread if self.holds.is_directory() => self.memory.others(present.keys()),
            RestoredDirectory::Unread | RestoredDirectory::Awaited | RestoredDirectory::Read => BTreeSet::new(),
        };
        match (self.beginning, present.is_empty()) {
            (RestoredDirectory::Unread, true) if !others.is_empty() && self.holds == PlaceKind::Directory => {
                self.await_all(others)
            }
            (RestoredDirectory::Awaited, true) => Vec::new(),
            (RestoredDirectory::Unread | RestoredDirectory::Awaited | RestoredDirectory::Read, _) => {
                others.iter().for_each(|name| self.memory.forget(name));
                self.beginning = RestoredDirectory::Read;
                Vec::new()
            }
        }
    }

    fn await_all(&mut self, names: BTreeSet<String>) -> Vec<ChangeKey> {
        self.beginning = RestoredDirectory::Awaited;
        let recalled = names.into_iter().map(|name| (self.memory.recall(&name), name));
        self.files = recalled.map(|(file, name)| (name, file)).collect();
        self.files.values().flat_map(File::keys).collect()
    }

    /// Forgets files that are gone; returns the keys of what they held.
    pub(super) fn drop_all_but(&mut self, present: &BTreeMap<String, Option<Stamp>>) -> Vec<ChangeKey> {
        let gone = self.files.extract_if(.., |name, _| !present.contains_key(name));
        let mut keys = Vec::new();
        for (name, file) in gone {
            self.memory.forget(&name);
            keys.extend(file.keys());
        }
        keys
    }

    pub(super) fn awaited(&self) -> Option<Finding> {
        let (path, count) = (self.path.display(), self.files.len());
        let message = || {
            format!(
                "{path} has no manifest, but had {count} when egressd ran last: their objects stay in force until \
                 there is one; to remove them, write a file with an empty list there (apiVersion: v1, kind: List, \
                 items: [])"
            )
        };
        (self.beginning == RestoredDirectory::Awaited).then(|| Finding::error("manifests-missing", message()))
    }
}
