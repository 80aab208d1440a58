//! Which files of the state directory this egressd knows. Each begins with a line of JSON that names the version of its
//! format; the first egressds wrote none, which is version 1.
//!
//! What a newer egressd wrote is kept to the byte: a file of a newer version is neither written nor removed. What this one
//! has to remember goes beside it, under a name that ends in this one's version, and an egressd that knows both reads it as
//! what was written last. So an update can be undone, and that be undone again.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use egressd_core::finding::Finding;
use serde_json::Value;

use crate::errors::with_causes;
use crate::files;

/// What this egressd writes, and the newest that it knows.
pub(super) const VERSION: u64 = 1;

#[derive(Debug)]
pub(super) enum FoundFile {
    /// Of a version that this egressd knows.
    Known(Vec<u8>),
    Missing,
    /// It is there, and what it says is unknown: it stays as it is.
    Unknown(UnreadableReason),
}

/// Why it is unknown what a file says.
#[derive(Debug)]
pub(super) enum UnreadableReason {
    /// It is of this version, which this egressd does not know.
    Newer(Value),
    /// It is no file of ours, or the system does not give it.
    Unreadable(files::Error),
}

/// Reads a file, if it is one that this egressd knows, and has so many bytes at most.
pub(super) fn find(path: &Path, most: u64) -> FoundFile {
    let bytes = match files::read_own(path, most) {
        Ok(bytes) => bytes,
        Err(files::Error::System(error)) if error.kind() == io::ErrorKind::NotFound => return FoundFile::Missing,
        Err(error) => return FoundFile::Unknown(UnreadableReason::Unreadable(error)),
    };
    match newer(&bytes) {
        Some(version) => FoundFile::Unknown(UnreadableReason::Newer(version)),
        None => FoundFile::Known(bytes),
    }
}

/// The name under which this egressd remembers what it may not write into that file.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".v{VERSION}"));
    name.into()
}

/// The first line of a file of lines.
pub(super) fn line() -> String {
    format!("{{\"version\":{VERSION}}}\n")
}

/// Whether a line is that of a version that this egressd knows.
pub(super) fn is_line(line: &[u8]) -> bool {
    version(line).is_some_and(|version| version.as_u64().is_some_and(is_known))
}

/// What is reported about a file that stays as it is.
pub(super) fn finding(path: &Path, why: &UnreadableReason) -> Finding {
    let then = "the rules of Services that depend on it stay in force until the Services have valid input";
    finding_that(path, why, then)
}

/// The same, and what follows from it.
pub(super) fn finding_that(path: &Path, why: &UnreadableReason, then: &str) -> Finding {
    let (code, why) = match why {
        UnreadableReason::Newer(version) => (
            "newer-state",
            format!(
                "it was written by a newer egressd in version {version}, and this one knows versions up to {VERSION}"
            ),
        ),
        UnreadableReason::Unreadable(error) => {
            ("state-unreadable", format!("it cannot be read: {}", with_causes(error)))
        }
    };
    let message = format!("state file {}: {why}; the file is kept, and {then} (docs/upgrade.md)", path.display());
    Finding::warning(code, message)
}

/// The version of a file that this egressd does not know.
fn newer(bytes: &[u8]) -> Option<Value> {
    let first = bytes.split(|byte| *byte == b'\n').next()?;
    version(first).filter(|version| !version.as_u64().is_some_and(is_known))
}

fn version(line: &[u8]) -> Option<Value> {
    let line: Value = serde_json::from_slice(line).ok()?;
    line.get("version").cloned()
}

fn is_known(version: u64) -> bool {
    (1..=VERSION).contains(&version)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;

    fn found(content: &[u8]) -> FoundFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        find(file.path(), 1 << 10)
    }

    #[test]
    fn a_file_without_a_version_and_one_of_this_version_are_known() {
        for content in
            ["", "[\"a\",{}]\n", "{\"name\":\"guard\"}\n\u{0}", &line(), "{\"version\":1,\"name\":\"guard\"}\n"]
        {
            assert!(matches!(found(content.as_bytes()), FoundFile::Known(_)), "{content}");
        }
        assert!(is_line(line().as_bytes()));
    }

    #[test]
    fn whatever_else_a_version_may_be_is_unknown_and_not_missing() {
        for version in ["2", "0", "-1", "1.5", "\"1\"", "null", "99999999999999999999", "[1]"] {
            let content = format!("{{\"of\":\"a later day\",\"version\":{version}}}\n\u{0}");
            assert!(matches!(found(content.as_bytes()), FoundFile::Unknown(_)), "{version}");
            assert!(!is_line(content.as_bytes()));
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(find(dir.path(), 1), FoundFile::Unknown(_)));
        assert!(matches!(find(&dir.path().join("none"), 1), FoundFile::Missing));
    }
}
