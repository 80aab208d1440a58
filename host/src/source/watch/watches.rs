//! inotify: one watch per directory, and what an event in it means for manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::mem;
use std::time::Duration;

use egressd_core::finding::Finding;
use inotify::{Event, EventMask, Inotify, WatchDescriptor, WatchMask};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::SCAN_INTERVAL;
use super::wanted::{DirectoryInterest, MAX_DIRECTORIES, Wanted, is_manifest_name};
use crate::source::manifests::FileId;

pub(super) struct Watches {
    inotify: Inotify,
    watched: BTreeMap<i32, (WatchDescriptor, DirectoryInterest)>,
    wanted: Wanted,
    /// Why some are missing.
    refused: Option<io::Error>,
}

/// What events say.
#[derive(Debug, Default)]
pub(super) struct WatchEvents {
    /// Files whose content may be new.
    pub(super) touched: BTreeSet<FileId>,
    /// Whether there is anything to look at.
    pub(super) matters: bool,
    /// Whether the kernel lost events.
    pub(super) lost: bool,
}

impl Watches {
    /// None yet.
    ///
    /// # Errors
    /// When the kernel has no room for another reader of events.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { inotify: Inotify::init()?, watched: BTreeMap::new(), wanted: Wanted::default(), refused: None })
    }

    /// Watches what is wanted, and nothing else. A directory that was replaced has another watch, since the path is taken
    /// anew each time. Returns whether something else was wanted before.
    pub(super) fn set(&mut self, wanted: Wanted) -> bool {
        self.refused = None;
        let before = mem::take(&mut self.watched);
        for (path, interest) in &wanted.directories {
            match self.inotify.watches().add(path, mask(interest)) {
                Ok(descriptor) => self.merge(descriptor, interest),
                // Gone since it was found: the directory above says so.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(error) => self.refused = Some(error),
            }
        }
        for (id, (descriptor, _)) in before {
            if !self.watched.contains_key(&id) {
                // One whose directory is gone is gone with it.
                drop(self.inotify.watches().remove(descriptor));
            }
        }
        mem::replace(&mut self.wanted, wanted) != self.wanted
    }

    /// Two paths of one directory, as bind mounts have, share a watch.
    fn merge(&mut self, descriptor: WatchDescriptor, interest: &DirectoryInterest) {
        let id = descriptor.get_watch_descriptor_id();
        let (_, known) = self.watched.entry(id).or_insert_with(|| (descriptor, DirectoryInterest::default()));
        known.places.extend(&interest.places);
        known.passes.extend(interest.passes.iter().cloned());
        for (name, files) in &interest.ends {
            known.ends.entry(name.clone()).or_default().extend(files.iter().cloned());
        }
    }

    /// Whether there is an event within this time.
    pub(super) fn ready(&self, timeout: Duration) -> bool {
        let timeout = Timespec::try_from(timeout).ok();
        let mut fds = [PollFd::new(&self.inotify, PollFlags::IN)];
        poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0)
    }

    /// All events that wait; returns whether one of them matters.
    pub(super) fn drain(&mut self, changes: &mut WatchEvents) -> bool {
        let mut buffer = [0; 16 << 10];
        let mut matters = false;
        while let Ok(events) = self.inotify.read_events(&mut buffer) {
            for event in events {
                matters |= interpret(&self.watched, &event, changes);
            }
        }
        changes.matters |= matters;
        matters
    }

    /// What is not watched, and when changes of it are seen instead.
    pub(super) fn finding(&self) -> Option<Finding> {
        let refused = self.refused.as_ref().map(Unwatched::Refused);
        let beyond = || (self.wanted.beyond > 0).then_some(Unwatched::Beyond(self.wanted.beyond));
        refused.or_else(beyond).map(|unwatched| unwatched.finding())
    }
}

/// Why changes of some manifests are seen late.
#[derive(Clone, Copy, Debug)]
pub enum Unwatched<'a> {
    /// The kernel refuses a watch.
    Refused(&'a io::Error),
    /// So many files have links through directories beyond those that are watched.
    Beyond(usize),
}

impl Unwatched<'_> {
    /// What is reported about it.
    pub fn finding(self) -> Finding {
        let every = SCAN_INTERVAL.as_secs();
        let message = match self {
            Self::Refused(error) => format!(
                "the kernel refuses to watch further directories ({error}), so changes of manifests are seen every {every} \
                 seconds only; raise fs.inotify.max_user_watches"
            ),
            Self::Beyond(beyond) => format!(
                "links of manifests lead through more than {MAX_DIRECTORIES} directories, the most that are watched, so changes of \
                 {beyond} files are seen every {every} seconds only; put the files into fewer directories"
            ),
        };
        Finding::warning("manifests-not-watched", message)
    }
}

fn interpret(
    watched: &BTreeMap<i32, (WatchDescriptor, DirectoryInterest)>,
    event: &Event<&std::ffi::OsStr>,
    changes: &mut WatchEvents,
) -> bool {
    if event.mask.contains(EventMask::Q_OVERFLOW) {
        changes.lost = true;
        return true;
    }
    let Some((_, interest)) = watched.get(&event.wd.get_watch_descriptor_id()) else { return false };
    // About the directory itself.
    let Some(name) = event.name else { return true };
    let (passes, ends) = (interest.passes.contains(name), interest.ends.get(name));
    let here = interest.places.iter().filter(|_| is_manifest_name(name));
    let here: Vec<FileId> =
        here.map(|place| FileId { place: *place, name: name.to_string_lossy().into_owned() }).collect();
    let matters = passes || ends.is_some() || !here.is_empty();
    changes.touched.extend(here.into_iter().chain(ends.into_iter().flatten().cloned()));
    matters
}

/// Finished writes only where content counts: a file that is being written is not read halfway. Names come and go
/// everywhere.
fn mask(interest: &DirectoryInterest) -> WatchMask {
    let names = WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVED_FROM | WatchMask::MOVED_TO;
    let itself = WatchMask::DELETE_SELF | WatchMask::MOVE_SELF | WatchMask::ONLYDIR | WatchMask::DONT_FOLLOW;
    // A file that could not be read may be readable now.
    let content = WatchMask::CLOSE_WRITE | WatchMask::ATTRIB;
    let all = names | itself | WatchMask::MASK_ADD;
    if interest.is_of_content() { all | content } else { all }
}
