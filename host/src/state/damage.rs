//! What of a journal was lost: it was cut off, or a line of it cannot be read. That is not as if nothing had been
//! remembered, and it does not heal by writing all anew: of which Services something was lost, is unknown. So a line says it
//! from then on, which other egressds keep, as they do with every line that they do not know.

use std::path::Path;

use egressd_core::finding::Finding;

/// The line, without its end.
pub(super) const LINE: &[u8] = br#"{"lost":"a part of this file could not be read"}"#;

/// Whether something of a journal was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Nothing that is known of.
    None,
    /// It is unknown of which Services.
    Lost,
}

impl Damage {
    /// Of a file as a whole: one that was written says something, and ends with the end of a line.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let says_something = bytes.iter().any(|byte| *byte != b'\n');
        if says_something && bytes.last() == Some(&b'\n') { Self::None } else { Self::Lost }
    }

    /// The line that says it.
    pub(super) fn line(&self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Lost => Some(LINE),
        }
    }

    /// What is reported about it.
    pub(super) fn finding(self, path: &Path) -> Option<Finding> {
        let path = path.display();
        let message = || {
            format!(
                "state file {path}: a part of it is lost: it is empty, truncated or damaged, probably by a power \
                 failure or a full disk; the rules of Services that depend on it stay in force until the Services \
                 have valid input; then stop egressd and remove the file (docs/upgrade.md)"
            )
        };
        match self {
            Self::None => None,
            Self::Lost => Some(Finding::warning("state-unreadable", message())),
        }
    }
}
