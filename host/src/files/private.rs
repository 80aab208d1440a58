//! What egressd makes for itself: directories of mode 0700, files of mode 0600; and for others to read, files of mode 0644.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use egressd_core::finding::Finding;

use super::{AT_ONCE, regular};
use crate::errors::with_causes;

const DIRECTORY: u32 = 0o700;
const FILE: u32 = 0o600;
/// What all may read.
const PUBLIC: u32 = 0o644;
/// What others may do.
const OTHERS: u32 = 0o077;
/// Others may make and rename files.
const OTHERS_WRITE: u32 = 0o022;

/// Why a directory is open to others.
#[derive(Debug, thiserror::Error)]
pub enum Open {
    /// Its owner may do with it what they like.
    #[error("it belongs to user {0}")]
    Foreign(u32),
    /// It serves others, too, so its mode is theirs.
    #[error("other users can write to it, and it contains {0:?}, which egressd did not create")]
    Shared(String),
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Open {
    /// For people: about a directory that is set with this option.
    pub fn finding(&self, directory: &Path, option: &str) -> Finding {
        let (directory, why) = (directory.display(), with_causes(self));
        let message = format!(
            "directory {directory} is not private: {why}; make the user that egressd runs as its owner, or set \
             {option} to a directory for egressd alone"
        );
        Finding::warning("directory-not-private", message)
    }
}

/// Makes a directory for its owner alone, where there is none. Those above it are made as usual.
///
/// # Errors
/// When the system refuses.
pub fn make_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    match DirBuilder::new().mode(DIRECTORY).create(path) {
        // By another process, in this moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Takes from others what an older release let them do with a directory of egressd's, which is one in which all names
/// are `ours`. One that is missing will be made as it should be.
///
/// # Errors
/// When others can still write to it, or should not be able to read it and are.
pub fn narrow(path: &Path, ours: impl Fn(&str) -> bool) -> Result<(), Open> {
    let directory = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        directory => directory?,
    };
    let found = directory.metadata()?;
    if found.uid() != 0 && found.uid() != rustix::process::geteuid().as_raw() {
        return Err(Open::Foreign(found.uid()));
    }
    if found.mode() & OTHERS == 0 {
        return Ok(());
    }
    match stranger(path, ours)? {
        None => Ok(directory.set_permissions(Permissions::from_mode(DIRECTORY))?),
        Some(name) if found.mode() & OTHERS_WRITE != 0 => Err(Open::Shared(name)),
        Some(_) => Ok(()),
    }
}

fn stranger(path: &Path, ours: impl Fn(&str) -> bool) -> io::Result<Option<String>> {
    let mut names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.find(|name| !name.as_ref().is_ok_and(|name| ours(name))).transpose()
}

/// The same with the files that are in it and are ours.
///
/// # Errors
/// When one cannot be narrowed; the others were.
pub fn narrow_files(path: &Path, ours: impl Fn(&str) -> bool) -> Result<(), Open> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut result = Ok(());
    for entry in entries {
        let entry = entry?;
        let wide = entry.metadata().is_ok_and(|found| found.is_file() && found.mode() & OTHERS != 0);
        if wide && ours(&entry.file_name().to_string_lossy()) {
            result = result.and(narrow_file(&entry.path()));
        }
    }
    Ok(result?)
}

fn narrow_file(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).custom_flags(AT_ONCE | libc::O_NOFOLLOW).open(path)?;
    regular(file.metadata()?.file_type())?;
    file.set_permissions(Permissions::from_mode(FILE))
}

/// A file to write on at its end, made where there is none.
///
/// # Errors
/// When something else than a regular file is there, or the system refuses.
pub fn append(path: &Path) -> io::Result<File> {
    let flags = AT_ONCE | libc::O_NOFOLLOW;
    let file = OpenOptions::new().append(true).create(true).mode(FILE).custom_flags(flags).open(path)?;
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// A new file in the place of what is there.
///
/// # Errors
/// When the system refuses.
pub fn create(path: &Path) -> io::Result<File> {
    made(path, FILE)
}

/// A file of mode 0644 in the place of what is there, whole at any moment: it is written under a hidden name beside it first.
///
/// # Errors
/// When the system refuses, or a directory is there.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut hidden = OsString::from(".");
    hidden.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    let beside = path.with_file_name(hidden);
    let mut file = made(&beside, PUBLIC)?;
    // Whatever the mask of the process takes away.
    file.set_permissions(Permissions::from_mode(PUBLIC))?;
    file.write_all(content)?;
    fs::rename(&beside, path)
}

fn made(path: &Path, mode: u32) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Whoever is quicker wins nothing: neither a file nor a link of theirs is opened.
    OpenOptions::new().write(true).create_new(true).mode(mode).custom_flags(libc::O_NOFOLLOW).open(path)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn with_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn ours(name: &str) -> bool {
        name.starts_with("ours")
    }

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("above/made");
        make_directory(&made).unwrap();
        make_directory(&made).unwrap();
        drop((append(&made.join("a")).unwrap(), create(&made.join("b")).unwrap()));
        assert_eq!([&made, &made.join("a"), &made.join("b")].map(|path| mode(path)), [0o700, 0o600, 0o600]);
    }

    #[test]
    fn what_an_older_release_made_is_narrowed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ours");
        fs::write(&file, "").unwrap();
        with_mode(dir.path(), 0o755);
        with_mode(&file, 0o644);
        narrow(dir.path(), ours).unwrap();
        narrow_files(dir.path(), ours).unwrap();
        assert_eq!((mode(dir.path()), mode(&file)), (0o700, 0o600));
        narrow(&dir.path().join("missing"), ours).unwrap();
    }

    /// A directory like /tmp or /run: narrowing it would take it from all others.
    #[test]
    fn a_directory_that_serves_others_keeps_its_mode_and_is_reported_if_they_may_write_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let [own, theirs] = ["ours", "theirs"].map(|name| dir.path().join(name));
        [&own, &theirs].iter().for_each(|file| fs::write(file, "").unwrap());
        with_mode(&theirs, 0o644);
        for (before, reported) in [(0o755, false), (0o1777, true), (0o775, true)] {
            with_mode(dir.path(), before);
            assert_eq!(matches!(narrow(dir.path(), ours), Err(Open::Shared(name)) if name == "theirs"), reported);
            assert_eq!(mode(dir.path()), before);
        }
        narrow_files(dir.path(), ours).unwrap();
        assert_eq!(mode(&theirs), 0o644);
    }

    #[test]
    fn a_link_in_a_files_place_is_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (precious, link) = (dir.path().join("precious"), dir.path().join("ours"));
        fs::write(&precious, "precious").unwrap();
        with_mode(&precious, 0o644);
        symlink(&precious, &link).unwrap();
        narrow_files(dir.path(), ours).unwrap();
        assert!(append(&link).is_err());
        create(&link).unwrap().write_all(b"new").unwrap();
        assert_eq!((fs::read(&precious).unwrap().as_slice(), mode(&precious)), (&b"precious"[..], 0o644));
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }
    #[test]
    fn what_others_read_is_replaced_as_a_whole_and_not_written_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (precious, link) = (dir.path().join("precious"), dir.path().join("public"));
        fs::write(&precious, "precious").unwrap();
        symlink(&precious, &link).unwrap();
        symlink(&precious, dir.path().join(".public")).unwrap();
        replace(&link, b"new").unwrap();
        replace(&link, b"newer").unwrap();
        assert_eq!((fs::read(&link).unwrap().as_slice(), mode(&link)), (&b"newer"[..], 0o644));
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left beside it");
        fs::create_dir(dir.path().join("directory")).unwrap();
        assert!(replace(&dir.path().join("directory"), b"new").is_err());
    }
}
