//! Watches a directory of manifests and hands over its newest state. A thread of its own: inotify and files block.

use std::collections::BTreeSet;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use inotify::{EventMask, Inotify, WatchMask};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{info, warn};

use super::handover::{Giver, Update};
use super::manifests::{Directory, Error};

/// Quiet time before a scan: `kubectl`, editors and rsync touch several files at once.
const QUIET: Duration = Duration::from_millis(20);
/// Longest wait for quiet, so that a directory which is never quiet is read all the same.
const LONGEST: Duration = Duration::from_millis(200);
/// How often to look for a directory that is gone.
const RETRY: Duration = Duration::from_millis(250);

/// Scans the directory, hands over the result, and goes on watching on a thread of its own.
///
/// # Errors
/// When the directory cannot be read now, or cannot be watched.
pub fn spawn(directory: Directory, giver: Giver) -> Result<(), WatchError> {
    let mut watcher = Watcher::new(directory, giver)?;
    let update = watcher.directory.scan(&BTreeSet::new())?;
    watcher.giver.tell(update.findings.clone());
    watcher.giver.give(update);
    let thread = thread::Builder::new().name("manifests".to_owned());
    thread.spawn(move || watcher.run()).map_err(WatchError::Thread)?;
    Ok(())
}

/// Why a directory cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] Error),
    /// The kernel does not watch it.
    #[error("cannot watch the manifests directory")]
    Watch(#[source] io::Error),
    /// There is no thread to watch it.
    #[error("cannot start the thread that watches the manifests directory")]
    Thread(#[source] io::Error),
}

struct Watcher {
    directory: Directory,
    giver: Giver,
    inotify: Inotify,
}

/// What the events told.
#[derive(Default)]
struct Told {
    touched: BTreeSet<String>,
    moved_away: bool,
}

impl Watcher {
    fn new(directory: Directory, giver: Giver) -> Result<Self, WatchError> {
        let inotify = watch(&directory).map_err(WatchError::Watch)?;
        Ok(Self { directory, giver, inotify })
    }

    fn run(mut self) {
        loop {
            self.remember();
            let told = self.wait();
            if told.moved_away {
                self.find_again();
            }
            self.scan(&told.touched);
        }
    }

    /// Leaves to the next process what changed. Edits go first: the disk takes its time.
    fn remember(&mut self) {
        while self.directory.remember() && !self.ready(Some(Duration::ZERO)) {}
    }

    /// Waits for an event, and then for quiet.
    fn wait(&mut self) -> Told {
        let mut told = Told::default();
        self.ready(None);
        let begun = Instant::now();
        self.drain(&mut told);
        while begun.elapsed() < LONGEST && self.ready(Some(QUIET)) {
            self.drain(&mut told);
        }
        told
    }

    /// Whether there is an event within this time.
    fn ready(&self, timeout: Option<Duration>) -> bool {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = [PollFd::new(&self.inotify, PollFlags::IN)];
        poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0)
    }

    fn drain(&mut self, told: &mut Told) {
        let mut buffer = [0; 16 << 10];
        while let Ok(events) = self.inotify.read_events(&mut buffer) {
            for event in events {
                told.touched.extend(event.name.map(|name| name.to_string_lossy().into_owned()));
                let gone = EventMask::DELETE_SELF | EventMask::MOVE_SELF | EventMask::IGNORED | EventMask::UNMOUNT;
                told.moved_away |= event.mask.intersects(gone);
            }
        }
    }

    /// Looks for the directory until there is one at its place.
    fn find_again(&mut self) {
        let path = self.directory.path().display().to_string();
        let mut waiting = false;
        loop {
            if let Ok(inotify) = watch(&self.directory) {
                self.inotify = inotify;
                if waiting {
                    info!(directory = path, "the manifests directory is back");
                }
                return;
            }
            if !waiting {
                warn!(directory = path, "the manifests directory is gone; everything stays as it is until it is back");
                waiting = true;
            }
            thread::sleep(RETRY);
        }
    }

    fn scan(&mut self, touched: &BTreeSet<String>) {
        match self.directory.scan(touched) {
            Ok(update) => {
                self.giver.tell(update.findings.clone());
                self.give(update);
            }
            // Gone between the event and now: the next event says so.
            Err(error) => warn!(error = &error as &dyn std::error::Error, "everything stays as it is"),
        }
    }

    fn give(&self, update: Update) {
        if !update.keys.is_empty() {
            self.giver.give(update);
        }
    }
}

/// A watch on finished writes only: a file that is being written is not read halfway.
fn watch(directory: &Directory) -> io::Result<Inotify> {
    let inotify = Inotify::init()?;
    let finished = WatchMask::CLOSE_WRITE | WatchMask::MOVED_TO | WatchMask::MOVED_FROM | WatchMask::DELETE;
    // Links, and what egressd has to refuse, are there at once; a file that could not be read may be readable now.
    let others = WatchMask::CREATE | WatchMask::ATTRIB;
    let itself = WatchMask::DELETE_SELF | WatchMask::MOVE_SELF | WatchMask::ONLYDIR;
    inotify.watches().add(directory.path(), finished | others | itself)?;
    Ok(inotify)
}
