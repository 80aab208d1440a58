//! What other programs put before egressd's chain, or around it: found at the start and after every change of the node's
//! ruleset, and reported as long as it is there. On a thread of its own with a socket of its own: it delays no commit.

use std::time::Duration;
use std::{io, thread};

use egressd_core::beside::Neighbours;
use egressd_core::finding::Finding;
use egressd_core::ruleset::Priority;
use tracing::warn;

use crate::clock;
use crate::errors::with_causes;
use crate::kernel::nft::{self, FoundNeighbours, Neighbourhood};
use crate::state_channel::notices::Notices;

/// Between two questions whether the ruleset changed.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// A reading may take a fiftieth of the time, however often others commit.
const REST: u32 = 50;

/// So many are known at most of those that no whole reading shows: a program may name its chains anew all the time.
const MAX_KNOWN: usize = 1_000;

/// What they are about, in the log.
const ABOUT: &str = "other programs' chains and flowtables";

/// Looks for the life of the process, in the network namespace of the calling thread.
///
/// # Errors
/// When the system gives no thread.
pub fn follow<K: Neighbourhood>(
    ours: Priority,
    notices: Notices,
    open: impl FnOnce() -> Result<K, nft::Error> + Send + 'static,
) -> io::Result<()> {
    let follow = move || match open() {
        Ok(kernel) => watch(Watcher::new(ours, kernel), &notices),
        Err(error) => warn!("cannot look for other programs' chains: {}", with_causes(&error)),
    };
    thread::Builder::new().name("neighbours".to_owned()).spawn(follow).map(drop)
}

fn watch(mut watcher: Watcher<impl Neighbourhood>, notices: &Notices) {
    loop {
        let begun = clock::now();
        if let Some(findings) = watcher.changed_findings() {
            notices.note_all(ABOUT, findings);
        }
        thread::sleep(CHECK_INTERVAL.max(clock::since(begun) * REST));
    }
}

/// What is known between two readings.
struct Watcher<K> {
    ours: Priority,
    kernel: K,
    known: Neighbours,
    /// The generation of the ruleset in which all of it was read; none where it is to be read again.
    generation: Option<u32>,
    /// Why the last reading failed.
    trouble: Option<String>,
}

impl<K: Neighbourhood> Watcher<K> {
    fn new(ours: Priority, kernel: K) -> Self {
        Self { ours, kernel, known: Neighbours::default(), generation: None, trouble: None }
    }

    /// What is to be reported, where the ruleset changed. What cannot be read stays as it was known last.
    fn changed_findings(&mut self) -> Option<Vec<Finding>> {
        match self.look() {
            Ok(changed) => {
                self.trouble = None;
                changed.then(|| self.known.findings(self.ours))
            }
            Err(error) => {
                let trouble = with_causes(&error);
                if self.trouble.as_ref() != Some(&trouble) {
                    warn!("cannot look for other programs' chains: {trouble}");
                }
                self.trouble = Some(trouble);
                None
            }
        }
    }

    /// Whether something else is known than before.
    fn look(&mut self) -> Result<bool, nft::Error> {
        let generation = self.kernel.generation()?;
        if self.generation == Some(generation) {
            return Ok(false);
        }
        let before = self.known.clone();
        match self.kernel.neighbours()? {
            // What comes after this generation is read next time.
            FoundNeighbours::Whole(found) => {
                self.known = found;
                self.generation = Some(generation);
            }
            FoundNeighbours::Part(found) if self.known.count() < MAX_KNOWN => self.known.extend(found),
            FoundNeighbours::Part(found) => self.known = found,
        }
        Ok(self.known != before)
    }
}

#[cfg(test)]
#[path = "neighbours_tests.rs"]
mod tests;
