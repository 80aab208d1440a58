//! A node's directories: what is in them, and the steps that change them.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::plan::{Expected, Found, Places, Program, Step, UNFINISHED, is_config};
use crate::cni::config::MAX_CONFIG;
use crate::errors::with_causes;
use crate::files;

/// Plugins are started by root, and read by whoever looks for what is installed.
const PROGRAM_MODE: u32 = 0o755;

/// How much of two files is compared at once, in bytes.
const PART: usize = 64 << 10;

/// Why a node's files are not as they should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        /// What the system answers.
        source: io::Error,
    },
    #[error("cannot {step}")]
    Step {
        step: String,
        /// What the system answers.
        source: io::Error,
    },
    #[error("cannot change {path}: another program has just written it")]
    Changed { path: PathBuf },
}

/// What is there.
///
/// # Errors
/// When a directory or the plugin cannot be read. A configuration that cannot be is a part of the answer.
pub(super) fn look(places: &Places) -> Result<Found, Error> {
    let program = compare(&places.program(), &places.source);
    let mut found = Found {
        program: program.map_err(|source| Error::Read { path: places.program(), source })?,
        configs: [].into(),
        unfinished: Vec::new(),
    };
    for path in entries(&places.plugins)?.into_iter().chain(entries(&places.configs)?) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') && name.ends_with(UNFINISHED) {
            found.unfinished.push(path);
        } else if is_config(&name) && path.parent() == Some(&places.configs) && !path.is_dir() {
            found.configs.insert(name, read(&path));
        }
    }
    Ok(found)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    list().map_err(|source| Error::Read { path: directory.to_owned(), source })
}

fn read(path: &Path) -> Result<String, String> {
    let most = u64::try_from(MAX_CONFIG).unwrap_or(u64::MAX);
    files::own_text(path, most).map_err(|error| with_causes(&error))
}

fn compare(program: &Path, source: &Path) -> io::Result<Program> {
    let file = match File::open(program) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Program::Missing),
        file => file?,
    };
    let own = File::open(source)?;
    let (found, expected) = (file.metadata()?, own.metadata()?);
    let is_alike = found.mode() & 0o7777 == PROGRAM_MODE && found.len() == expected.len();
    let is_same = is_alike && are_equal(file, own)?;
    Ok(if is_same { Program::Current } else { Program::Other })
}

/// Of files of the same length.
fn are_equal(left: File, right: File) -> io::Result<bool> {
    let mut left = BufReader::with_capacity(PART, left);
    let mut right = BufReader::with_capacity(PART, right);
    loop {
        let parts = (left.fill_buf()?, right.fill_buf()?);
        let length = parts.0.len().min(parts.1.len());
        if length == 0 || parts.0[..length] != parts.1[..length] {
            return Ok(parts.0.is_empty() && parts.1.is_empty());
        }
        left.consume(length);
        right.consume(length);
    }
}

/// Carries out one step. What it has made is on the disk when it returns.
///
/// # Errors
/// When the system refuses; and before a file is replaced that is not as expected.
pub(super) fn carry_out(step: &Step) -> Result<(), Error> {
    let refused = |source| Error::Step { step: step.to_string(), source };
    match step {
        Step::CopyProgram { from, to } => copy_program(from, to).map_err(refused),
        Step::WriteConfig { to, text, like } => write_config(to, text, like).map_err(refused),
        Step::Rename { from, to, expected } => {
            expect(to, expected)?;
            fs::rename(from, to).and_then(|()| sync_directory(to)).map_err(refused)
        }
        Step::Delete { path } => delete(path).map_err(refused),
    }
}

fn copy_program(from: &Path, to: &Path) -> io::Result<()> {
    let mut file = made(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.set_permissions(Permissions::from_mode(PROGRAM_MODE))?;
    file.sync_all()
}

fn write_config(to: &Path, text: &str, like: &Path) -> io::Result<()> {
    let like = fs::symlink_metadata(like)?;
    let mut file = made(to)?;
    file.write_all(text.as_bytes())?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(like.mode() & 0o7777))?;
    file.sync_all()
}

/// A new file in the place of what an earlier process left.
fn made(path: &Path) -> io::Result<File> {
    delete(path)?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn expect(path: &Path, expected: &Expected) -> Result<(), Error> {
    match expected {
        Expected::Text(text) if read(path).as_ref() != Ok(text) => Err(Error::Changed { path: path.to_owned() }),
        Expected::Text(_) | Expected::Anything => Ok(()),
    }
}

fn delete(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => sync_directory(path),
    }
}

fn sync_directory(of: &Path) -> io::Result<()> {
    of.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// By which a change of a directory's files is noticed without reading them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature(Vec<(PathBuf, [i64; 5])>);

/// The plugin's file and all configurations.
pub(super) fn signature(places: &Places) -> Result<Signature, Error> {
    let mut paths = entries(&places.configs)?;
    paths.push(places.program());
    paths.sort();
    Ok(Signature(paths.into_iter().map(|path| (path.clone(), marks(&path))).collect()))
}

/// Of a file that is missing all are zero.
fn marks(path: &Path) -> [i64; 5] {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    fs::symlink_metadata(path).map_or([0; 5], |found| {
        [number(found.ino()), number(found.len()), found.mtime(), found.mtime_nsec(), i64::from(found.mode())]
    })
}
