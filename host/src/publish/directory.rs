//! What this node publishes about itself where there is no API server: a file in a directory that the nodes of one machine
//! share. It is read back with those of the others, so what is known of it decides as it does of the object.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use egressd_core::in_force::AppliedRound;
use tracing::{info, warn};

use super::node::{NodeObjectState, Object};
use crate::clock::{self, Instant};
use crate::files;
use crate::state_channel::StateReader;

/// Where this node's file is.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    node: String,
    state: NodeObjectState,
    health: Health,
}

/// Whether the last write failed, so that it is reported once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    Failing,
}

impl Directory {
    /// The directory at this path, and the node's name, which is that of a file.
    pub fn new(path: PathBuf, node: String) -> Self {
        Self { path, node, state: NodeObjectState::default(), health: Health::Good }
    }

    /// Follows what the state channel says for as long as there is one.
    pub(super) async fn publish(mut self, mut reader: StateReader) {
        loop {
            let next = reader.newest().in_force.and_then(|round| self.look(&round, clock::now()));
            tokio::select! {
                changed = reader.changed() => if changed.is_err() { return },
                () = clock::until(next) => {}
            }
        }
    }

    /// Writes what is due; when to look again though nothing changed.
    fn look(&mut self, round: &Arc<AppliedRound>, now: Instant) -> Option<Instant> {
        let due = self.state.due(round, &self.node, now)?;
        if due.at > now {
            return Some(due.at);
        }
        let written = self.write(&due.object);
        self.report(written);
        self.state.wrote(due.object.mark, None, now);
        self.state.due(round, &self.node, now).map(|due| due.at)
    }

    /// What is there already is not written again: it may not have been read yet.
    fn write(&self, object: &Object) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(&object.value)?;
        text.push(b'\n');
        let path = self.file();
        let most = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let stands = files::read_own(&path, most).is_ok_and(|there| there == text);
        if stands { Ok(()) } else { files::replace(&path, &text) }
    }

    fn file(&self) -> PathBuf {
        self.path.join(format!("{}.json", self.node))
    }

    fn report(&mut self, written: io::Result<()>) {
        let file = self.file();
        match (written, self.health) {
            (Ok(()), Health::Good) | (Err(_), Health::Failing) => {}
            (Ok(()), Health::Failing) => {
                info!("{} is written again", file.display());
                self.health = Health::Good;
            }
            (Err(error), Health::Good) => {
                warn!(
                    "cannot write {}, in which this node publishes itself: {error}; let egressd write to the directory \
                     (--publish-dir), or remove what is in the file's place",
                    file.display()
                );
                self.health = Health::Failing;
            }
        }
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
