//! Files where others may write. What is read is a regular file of bounded size, and opening it waits for nothing; what
//! is made belongs to its owner alone, but for what a node publishes about itself.

mod private;

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

pub use private::{Open, append, create, make_directory, narrow, narrow_files, replace};

/// The longest file that people write for egressd.
pub const MAX_FILE: u64 = 64 << 20;

/// A pipe is not waited for, a lease of another process neither, and a terminal does not become ours.
const AT_ONCE: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    System(#[from] io::Error),
    /// It has no content of its own, and reading it could wait or go on for ever.
    #[error("it is {0}, and only regular files are read: remove it, or put a regular file in its place")]
    Special(&'static str),
    /// It would take the memory that everything else needs.
    #[error("it has more than {most} bytes: split it")]
    Long {
        /// What it may have.
        most: u64,
    },
    #[error("it is binary, and manifests and settings are text: put a text file in its place")]
    Binary,
    #[error("it is not UTF-8 text: line {line} is in another encoding; save it as UTF-8")]
    Encoding {
        /// The first line that is not, from 1.
        line: usize,
        /// The rest of the text, with a mark for what cannot be read.
        legible: String,
    },
    /// Text all the same, as some shells write it.
    #[error("it is UTF-16 text, as PowerShell writes it; save it as UTF-8")]
    Utf16,
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::System(error) => error,
            error
            @ (Error::Special(_) | Error::Long { .. } | Error::Binary | Error::Encoding { .. } | Error::Utf16) => {
                Self::new(io::ErrorKind::InvalidInput, error)
            }
        }
    }
}

/// A file that people wrote. A link to a regular file is as good as the file: mounted ConfigMaps consist of links.
///
/// # Errors
/// When it is no regular file, too long, or the system refuses.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    // Before it is opened: merely opening a device can do something.
    regular(fs::metadata(path)?.file_type())?;
    let file = OpenOptions::new().read(true).custom_flags(AT_ONCE).open(path)?;
    content(file, MAX_FILE)
}

/// The same, of text.
///
/// # Errors
/// As [`read`], and when it is no text.
pub fn text(path: &Path) -> Result<String, Error> {
    decoded(read(path)?)
}

/// What another program writes to standard input, until it ends.
///
/// # Errors
/// When it is too long, no text, or the system refuses.
pub fn standard_input() -> Result<String, Error> {
    decoded(limited(io::stdin().lock(), 0, MAX_FILE)?)
}

fn decoded(bytes: Vec<u8>) -> Result<String, Error> {
    // The mark of UTF-32 begins like that of UTF-16.
    if bytes.starts_with(&[0xff, 0xfe, 0, 0]) {
        return Err(Error::Encoding { line: 1, legible: String::new() });
    }
    // The mark at the beginning, in either order of bytes.
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || is_of_pairs(&bytes) {
        return Err(Error::Utf16);
    }
    if bytes.contains(&0) {
        return Err(Error::Binary);
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::Encoding { line, legible: String::from_utf8_lossy(error.as_bytes()).into_owned() }
    })
}

/// Whether every second byte is zero, as in UTF-16 of Latin letters without a mark.
fn is_of_pairs(bytes: &[u8]) -> bool {
    let pairs = bytes.as_chunks::<2>().0;
    let all = |at: usize| pairs.iter().all(|pair| pair[at] == 0 && pair[1 - at] != 0);
    !pairs.is_empty() && bytes.len().is_multiple_of(2) && (all(0) || all(1))
}

/// A file that egressd made, with so many bytes at most. A link in its place is none of ours.
///
/// # Errors
/// As [`read`], and when a link is there.
pub fn read_own(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let file = OpenOptions::new().read(true).custom_flags(AT_ONCE | libc::O_NOFOLLOW).open(path).map_err(unopened)?;
    content(file, most)
}

/// The same, of text.
///
/// # Errors
/// As [`read_own`], and when it is no text.
pub fn own_text(path: &Path, most: u64) -> Result<String, Error> {
    decoded(read_own(path, most)?)
}

fn unopened(error: io::Error) -> Error {
    if error.raw_os_error() == Some(libc::ELOOP) { Error::Special("a symbolic link") } else { error.into() }
}

/// A file may grow while it is read, and what was looked at may be another one by now.
fn content(file: File, most: u64) -> Result<Vec<u8>, Error> {
    let found = file.metadata()?;
    regular(found.file_type())?;
    if found.len() > most {
        return Err(Error::Long { most });
    }
    limited(file, found.len(), most)
}

/// What is read at most so far; most likely it is as long as it says.
fn limited(source: impl Read, likely: u64, most: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(usize::try_from(likely).unwrap_or_default());
    source.take(most + 1).read_to_end(&mut bytes)?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= most);
    if fits { Ok(bytes) } else { Err(Error::Long { most }) }
}

fn regular(kind: FileType) -> Result<(), Error> {
    if kind.is_file() { Ok(()) } else { Err(Error::Special(called(kind))) }
}

fn called(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_dir() {
        "a directory"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    fn refusal(path: &Path) -> String {
        text(path).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_regular_file_is_named_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        mkfifoat(CWD, at("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        let _listens = UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        symlink("/dev/zero", at("device")).unwrap();
        symlink("pipe", at("link")).unwrap();
        let kinds = [("pipe", "named pipe"), ("link", "named pipe"), ("socket", "socket"), ("directory", "directory")];
        for (name, kind) in kinds.into_iter().chain([("device", "device")]) {
            let expected = format!("it is a {kind}, and only regular files are read: ");
            assert!(refusal(&at(name)).starts_with(&expected), "{name}: {}", refusal(&at(name)));
        }
        // Also when it takes the file's place after it was looked at.
        let pipe = OpenOptions::new().read(true).custom_flags(AT_ONCE).open(at("pipe")).unwrap();
        assert!(matches!(content(pipe, MAX_FILE), Err(Error::Special("a named pipe"))));
    }

    #[test]
    fn text_in_another_encoding_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let utf16: Vec<u8> = "\u{feff}kind: Service".encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(&file, utf16).unwrap();
        assert_eq!(refusal(&file), "it is UTF-16 text, as PowerShell writes it; save it as UTF-8");
        let without_mark: Vec<u8> = "kind: Service".encode_utf16().flat_map(u16::to_be_bytes).collect();
        fs::write(&file, without_mark).unwrap();
        assert_eq!(refusal(&file), "it is UTF-16 text, as PowerShell writes it; save it as UTF-8");
        fs::write(&file, b"a: b\n# caf\xe9\n").unwrap();
        assert_eq!(refusal(&file), "it is not UTF-8 text: line 2 is in another encoding; save it as UTF-8");
        fs::write(&file, b"\x1f\x8b\x08\0\0").unwrap();
        assert!(refusal(&file).starts_with("it is binary, and "));
    }

    #[test]
    fn a_link_to_a_file_is_followed_where_people_write_and_not_where_egressd_does() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "content").unwrap();
        symlink("file", &link).unwrap();
        assert_eq!(text(&link).unwrap(), "content");
        assert_eq!(read_own(&file, MAX_FILE).unwrap(), b"content");
        assert!(matches!(own_text(&link, MAX_FILE), Err(Error::Special("a symbolic link"))));
    }

    #[test]
    fn a_file_has_so_many_bytes_at_most_whatever_it_says_of_itself() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "1234").unwrap();
        assert_eq!(read_own(&file, 4).unwrap(), b"1234");
        assert!(matches!(read_own(&file, 3), Err(Error::Long { most: 3 })));
        // Nothing of it is on the disk, and nothing of it is read.
        File::create(&file).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(refusal(&file), "it has more than 67108864 bytes: split it");
        // As a file that grows: its length is 0, and there is more.
        let endless = File::open("/proc/self/maps").unwrap();
        assert!(
            endless.metadata().unwrap().len() == 0 && matches!(content(endless, 10), Err(Error::Long { most: 10 }))
        );
    }
}
