//! Watches places of manifests and hands over their newest state. A thread of its own: inotify and files block.
//!
//! What a path means depends on every link on its way, so every directory on the way is watched for the names that are
//! looked up in it, and the folder of each file at the end of a link for that file. Beside events everything is
//! looked at from time to time: file systems of other machines have no events, and watches have a bound.

mod resolve;
mod wanted;
mod watches;

use std::collections::BTreeSet;
use std::io;
use std::thread;
use std::time::Duration;

use self::wanted::Wanted;
pub use self::watches::Unwatched;
use self::watches::{WatchEvents, Watches};
use super::handover::{SnapshotSender, Update};
use super::manifests::{Error, FileId, Places};
use crate::clock;

/// Quiet time before a scan: `kubectl`, editors and rsync touch several files at once.
const SETTLE_TIME: Duration = Duration::from_millis(20);
/// Longest wait for quiet, so that a directory which is never quiet is read all the same.
const MAX_SETTLE_TIME: Duration = Duration::from_millis(200);
/// How often everything is looked at without an event. One check of a file is one system call, and a change that
/// nothing else shows is in force soon all the same.
const SCAN_INTERVAL: Duration = Duration::from_secs(5);
/// How long what is remembered is written before events are looked at.
const WRITE_BUDGET: Duration = Duration::from_millis(100);
/// How soon a file is looked at again that was written without an event.
const RESCAN_DELAY: Duration = Duration::from_secs(1);
/// A scan may take one part in so many of the time until the next one.
const SCAN_SHARE: u32 = 50;
/// How often what is watched is worked out anew while it changes at the same moment; after that, the next scan does it.
const MAX_ATTEMPTS: usize = 3;

/// Reads everything, hands over the result, and goes on watching on a thread of its own.
///
/// # Errors
/// When a place cannot be read now, or nothing can be watched.
pub fn spawn(places: Places, sender: SnapshotSender) -> Result<(), WatchError> {
    let watches = Watches::new().map_err(WatchError::Watch)?;
    let mut watcher = Watcher { places, sender, watches, pause: SCAN_INTERVAL };
    watcher.update_watches();
    let update = watcher.places.read()?;
    watcher.sender.report(watcher.findings(&update));
    watcher.sender.send(update);
    let thread = thread::Builder::new().name("manifests".to_owned());
    thread.spawn(move || watcher.run()).map_err(WatchError::Thread)?;
    Ok(())
}

/// Why manifests cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Read(#[from] Error),
    #[error("cannot watch the manifests")]
    Watch(#[source] io::Error),
    #[error("cannot start the thread that watches the manifests")]
    Thread(#[source] io::Error),
}

struct Watcher {
    places: Places,
    sender: SnapshotSender,
    watches: Watches,
    pause: Duration,
}

impl Watcher {
    fn run(mut self) {
        loop {
            let more = self.remember();
            let changes = self.wait(if more { Duration::ZERO } else { self.pause });
            if changes.matters || !more {
                self.scan(&changes);
            }
        }
    }

    /// Leaves to the next process what changed, for a while: the disk takes its time, and edits wait for that alone. Whether
    /// there is more. Events are no reason to stop, since a busy directory on the way has some all the time.
    fn remember(&mut self) -> bool {
        let begun = clock::now();
        while self.places.remember() {
            if clock::since(begun) > WRITE_BUDGET {
                return true;
            }
        }
        false
    }

    /// Waits for an event that matters and then for quiet, or until it is time for a scan.
    fn wait(&mut self, pause: Duration) -> WatchEvents {
        let mut changes = WatchEvents::default();
        let end = clock::now() + pause;
        self.watches.drain(&mut changes);
        while !changes.matters {
            let left = end.saturating_duration_since(clock::now());
            if left.is_zero() || !self.watches.ready(left) {
                return changes;
            }
            self.watches.drain(&mut changes);
            // A busy directory on the way, such as /tmp, costs so many scans per second and no more.
            thread::sleep(SETTLE_TIME);
        }
        let begun = clock::now();
        while self.watches.drain(&mut changes) && clock::since(begun) < MAX_SETTLE_TIME {
            thread::sleep(SETTLE_TIME);
        }
        changes
    }

    /// Watches first, so that what changes while it is read is an event.
    fn scan(&mut self, changes: &WatchEvents) {
        let begun = clock::now();
        self.update_watches();
        let update = self.places.scan(&self.touched(changes));
        self.sender.report(self.findings(&update));
        self.send(update);
        let pause = if self.places.is_unsettled() { RESCAN_DELAY } else { SCAN_INTERVAL };
        self.pause = pause.max(clock::since(begun) * SCAN_SHARE);
    }

    fn touched(&self, changes: &WatchEvents) -> BTreeSet<FileId> {
        if changes.lost { self.places.files() } else { changes.touched.clone() }
    }

    /// Links may be swapped while their ways are worked out, and before they are watched.
    fn update_watches(&mut self) {
        for _ in 0..MAX_ATTEMPTS {
            if !self.watches.set(Wanted::by(&self.places)) {
                return;
            }
        }
    }

    fn findings(&self, update: &Update) -> Vec<egressd_core::finding::Finding> {
        self.watches.finding().into_iter().chain(update.findings.iter().cloned()).collect()
    }

    fn send(&self, update: Update) {
        if !update.keys.is_empty() {
            self.sender.send(update);
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
