//! What is at a place of manifests, and how its files are read.

use std::io;
use std::path::Path;

use super::{Error, published};
use crate::files;

/// What is at a place. It is looked at once: a directory that becomes a file is a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum PlaceKind {
    /// A directory, or nothing yet.
    Directory,
    /// Anything else.
    File,
    /// Text that can be read once.
    StandardInput,
    /// A directory in which nodes publish themselves.
    Published,
}

impl PlaceKind {
    /// Whether it has files of names that egressd does not know.
    pub(super) fn is_directory(self) -> bool {
        match self {
            Self::Directory | Self::Published => true,
            Self::File | Self::StandardInput => false,
        }
    }

    /// The text of a file of this name at such a place.
    pub(super) fn text(self, place: &Path, name: &str) -> Result<String, files::Error> {
        match self {
            Self::File => files::text(place),
            Self::Directory => files::text(&place.join(name)),
            Self::StandardInput => files::standard_input(),
            Self::Published => files::own_text(&place.join(name), published::MAX_FILE),
        }
    }

    /// That such a place cannot be read.
    pub(super) fn cannot_read(self, place: &Path, source: io::Error) -> Error {
        let path = place.to_owned();
        match self {
            Self::Published => Error::ReadPublished { path, source },
            Self::Directory | Self::File | Self::StandardInput => Error::Read { path, source },
        }
    }

    /// Why a file of such a place is not taken.
    pub(super) fn fault(self, error: files::Error) -> String {
        match error {
            files::Error::System(error) => format!("it cannot be read: {error}"),
            files::Error::Long { most } if self == Self::Published => {
                format!("it has more than {most} bytes, and no EgressNode has: remove the file")
            }
            error @ (files::Error::Special(_)
            | files::Error::Long { .. }
            | files::Error::Binary
            | files::Error::Encoding { .. }
            | files::Error::Utf16) => error.to_string(),
        }
    }
}
