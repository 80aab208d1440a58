//! What could not be written to the state directory, and what that means for a restart: reported as long as it is so.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use egressd_core::finding::Finding;
use rustix::fs::{StatVfsMountFlags, statvfs};
use tracing::warn;

/// A part of what the directory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Of the directory itself: a file with one byte.
    Trial,
    Networks,
    Accepted,
    Policies,
    Drafts,
}

/// The parts that could not be written, each with the reason.
#[derive(Debug, Default)]
pub(super) struct Unsaved(BTreeMap<Part, String>);

/// What is reported about the disk, apart from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// What could not be written.
    Unsaved,
    /// That the disk does not answer.
    Silence,
}

impl Topic {
    /// What the log calls it when it is resolved.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsaved => "writing the state directory",
            Self::Silence => "the disk of the state directory",
        }
    }
}

/// Where it is reported what is wrong with the disk now, if anything is.
#[derive(Clone)]
pub struct DiskReport(Arc<dyn Fn(Topic, Option<Finding>) + Send + Sync>);

impl Part {
    /// None where nothing has to be saved yet.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Trial => None,
            Self::Networks => Some("what is known of networks"),
            Self::Accepted => Some("accepted annotations"),
            Self::Policies => Some("the policies in force"),
            Self::Drafts => Some("the last good drafts"),
        }
    }

    /// What an egressd that starts with what was saved before does.
    fn consequence(self) -> &'static str {
        match self {
            Self::Trial => "what is accepted from now on is lost",
            Self::Networks => {
                "whether private destinations are translated to is decided anew, and pod networks that the Node of this \
                 node does not list then are unknown"
            }
            Self::Accepted => {
                "a Service whose annotations are invalid then gets those that were saved last, or none (P4)"
            }
            Self::Policies => "a policy that cannot be loaded then is the one that was saved last, or missing (P7)",
            Self::Drafts => "a Service whose policy fails then gets the draft that was saved last, or none (P6)",
        }
    }
}

impl Unsaved {
    /// Takes in how a write ended.
    pub(super) fn note(&mut self, part: Part, result: &io::Result<()>) {
        match result {
            Ok(()) => drop(self.0.remove(&part)),
            Err(error) => drop(self.0.insert(part, error.to_string())),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong now, if anything is.
    pub(super) fn finding(&self, directory: &Path) -> Option<Finding> {
        let (first, reason) = self.0.first_key_value()?;
        let parts = self.0.keys().filter_map(|part| part.name()).collect::<Vec<_>>().join(" and ");
        let unsaved = if parts.is_empty() { String::new() } else { format!("{parts} are not saved; ") };
        let lost = self.0.keys().filter(|part| part.name().is_some()).map(|part| part.consequence());
        let lost = if parts.is_empty() { first.consequence().to_owned() } else { lost.collect::<Vec<_>>().join("; ") };
        let message = format!(
            "state directory {} cannot be written: {reason}; {unsaved}nothing changes while egressd runs, but after a \
             restart {lost}; free space on the disk, or make the directory writable: egressd tries again every {} \
             seconds (docs/operate.md)",
            directory.display(),
            RETRY_INTERVAL.as_secs()
        );
        Some(Finding::warning("state-unwritable", message))
    }
}

/// Between two tries to write what could not be written.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(30);
/// Between two looks whether the disk is full or read-only, while nothing has to be written.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_mins(1);

/// Whether the file system of a directory says that nothing more can be written there, without a try.
pub(super) fn takes_nothing(directory: &Path) -> bool {
    statvfs(directory).is_ok_and(|found| {
        let is_full = found.f_blocks > 0 && found.f_bavail == 0;
        let has_no_files = found.f_files > 0 && found.f_favail == 0;
        is_full || has_no_files || found.f_flag.contains(StatVfsMountFlags::RDONLY)
    })
}

/// What is reported while the disk does not answer.
pub(super) fn silent(directory: &Path, waited: Duration) -> Finding {
    let message = format!(
        "state directory {} cannot be written: the disk does not respond within {} s; changes come into force before \
         they are saved, and would be lost in a restart; check the disk (docs/operate.md)",
        directory.display(),
        waited.as_secs()
    );
    Finding::warning("state-unwritable", message)
}

impl DiskReport {
    /// Reported by this function, which is called when it changes.
    pub fn new(report: impl Fn(Topic, Option<Finding>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    pub(super) fn report(&self, topic: Topic, finding: Option<Finding>) {
        (self.0)(topic, finding);
    }
}

/// In the log.
impl Default for DiskReport {
    fn default() -> Self {
        Self::new(|_, finding| {
            if let Some(finding) = finding {
                warn!(code = %finding.code, "{}", finding.message);
            }
        })
    }
}

impl fmt::Debug for DiskReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskReport")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_room_is_known_without_writing() {
        // Both are in every namespace: one has no blocks at all, the other is the machine's.
        assert!(!takes_nothing(Path::new("/proc")));
        assert!(!takes_nothing(Path::new("/not there")));
        assert!(!takes_nothing(&std::env::temp_dir()));
    }

    #[test]
    fn a_finding_names_the_directory_what_is_not_saved_and_what_a_restart_would_do() {
        let mut unsaved = Unsaved::default();
        let place = Path::new("/var/lib/egressd");
        assert_eq!(unsaved.finding(place), None);
        for part in [Part::Policies, Part::Accepted] {
            unsaved.note(part, &Err(io::ErrorKind::StorageFull.into()));
        }
        let message = unsaved.finding(place).map(|finding| finding.message.to_string()).unwrap_or_default();
        for text in [
            "state directory /var/lib/egressd cannot be written: no storage space; accepted annotations and the policies in \
             force are not saved; ",
            "after a restart a Service whose annotations are invalid then gets those that were saved last, or none (P4); \
             a policy",
        ] {
            assert!(message.contains(text), "{message}");
        }
        unsaved.note(Part::Accepted, &Ok(()));
        unsaved.note(Part::Policies, &Ok(()));
        assert_eq!(unsaved.finding(place), None);
    }
}
