//! One file a policy: a line of JSON, which says how long the component behind it is and what it is wrapped in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use egressd_core::finding::Finding;
use egressd_core::model::PolicyObject;
use serde::{Deserialize, Serialize};

use super::version::{self, FoundFile, UnreadableReason};
use super::write_whole;
use crate::files;

const SUFFIX: &str = ".policy";
/// What follows it in the name of the file beside.
const BACKUP_SUFFIX: &str = ".v1";

/// The first line. A file without a version is of version 1.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    #[serde(default = "first")]
    version: u64,
    /// For earlier releases. The name is that of the file, so that no content leads to another file.
    #[serde(default)]
    name: String,
    annotations: BTreeMap<String, String>,
    settings: Option<String>,
    /// Bytes that follow.
    wasm: Option<usize>,
    /// Bytes that follow after those.
    gzip: Option<usize>,
}

fn first() -> u64 {
    1
}

type Objects = BTreeMap<String, Arc<PolicyObject>>;

/// The folder, and what it holds as far as we know.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    written: Objects,
    /// The names of policies that were in force, and of which it is unknown what they were.
    lost: BTreeSet<String>,
    /// Those of them whose files stay as they are.
    kept: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl Folder {
    /// What an earlier process wrote; what cannot be read is passed over, and reported.
    pub(super) fn open(path: PathBuf) -> Self {
        let mut folder =
            Self { path, written: Objects::new(), lost: BTreeSet::new(), kept: BTreeSet::new(), findings: Vec::new() };
        let entries = match fs::read_dir(&folder.path) {
            Ok(entries) => Some(entries),
            // There is none before the first process had policies in force.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                folder.findings.push(version::finding(&folder.path, &UnreadableReason::Unreadable(error.into())));
                None
            }
        };
        let files = entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let name =
            |file: String| Some(file.strip_suffix(BACKUP_SUFFIX).unwrap_or(&file).strip_suffix(SUFFIX)?.to_owned());
        for name in files.filter_map(name).collect::<BTreeSet<_>>() {
            folder.look(name);
        }
        folder
    }

    pub(super) fn written(&self) -> &Objects {
        &self.written
    }

    pub(super) fn lost(&self) -> &BTreeSet<String> {
        &self.lost
    }

    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was written beside a file was written last.
    fn look(&mut self, name: String) {
        let Ok(file) = self.file(&name) else { return };
        let found = [&file, &version::beside(&file)].map(|file| version::find(file, files::MAX_FILE));
        if let FoundFile::Unknown(why) = &found[0] {
            self.findings.push(version::finding(&file, why));
            self.kept.insert(name.clone());
        }
        let read = found.into_iter().rev().find_map(|found| match found {
            FoundFile::Known(bytes) => self.parsed(&name, &bytes),
            FoundFile::Missing | FoundFile::Unknown(_) => None,
        });
        match read {
            Some(object) => drop(self.written.insert(name, Arc::new(object))),
            None => drop(self.lost.insert(name)),
        }
    }

    fn parsed(&mut self, name: &str, bytes: &[u8]) -> Option<PolicyObject> {
        let damaged = |error: io::Error| {
            let file = self.path.join(format!("{name}{SUFFIX}"));
            let message = format!(
                "state file {} is damaged: {error}; the last good version of policy {name} is unknown",
                file.display()
            );
            Finding::warning("state-unreadable", message)
        };
        let parsed = parse(name.to_owned(), bytes).map_err(damaged);
        parsed.map_err(|finding| self.findings.push(finding)).ok()
    }

    /// Writes what is new and removes what is gone, but nothing that a newer egressd wrote.
    pub(super) fn write(&mut self, good: &Objects) -> io::Result<()> {
        if self.written == *good {
            return Ok(());
        }
        files::make_directory(&self.path)?;
        for (name, object) in good.iter().filter(|(name, object)| self.written.get(*name) != Some(*object)) {
            let file = self.file(name)?;
            if self.kept.contains(name) {
                write_whole(&version::beside(&file), &bytes(object)?)?;
            } else {
                write_whole(&file, &bytes(object)?)?;
                remove(&version::beside(&file))?;
            }
        }
        let gone: BTreeSet<&String> = self.written.keys().filter(|name| !good.contains_key(*name)).collect();
        for name in gone {
            let file = self.file(name)?;
            remove(&version::beside(&file))?;
            if !self.kept.contains(name) {
                remove(&file)?;
            }
        }
        self.written.clone_from(good);
        Ok(())
    }

    /// The file of a policy.
    fn file(&self, name: &str) -> io::Result<PathBuf> {
        let file = self.path.join(format!("{name}{SUFFIX}"));
        let inside = file.parent() == Some(&self.path) && name_of(&file).as_deref() == Some(name);
        let refused = || io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no name for a file"));
        if inside { Ok(file) } else { Err(refused()) }
    }
}

/// Of the policy that a file is about.
fn name_of(file: &Path) -> Option<String> {
    Some(file.file_name()?.to_str()?.strip_suffix(SUFFIX)?.to_owned())
}

/// Names in the directory: what is whole, what is beside it, and what is being written.
pub(super) fn is_ours(name: &str) -> bool {
    name.ends_with(SUFFIX) || name.ends_with(BACKUP_SUFFIX) || name.ends_with(".new")
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn bytes(object: &PolicyObject) -> io::Result<Vec<u8>> {
    let PolicyObject { name, annotations, labels: _, settings, wasm, gzip, mark: _ } = object;
    let length = |bytes: &Option<Arc<[u8]>>| bytes.as_ref().map(|bytes| bytes.len());
    let header = Header {
        version: version::VERSION,
        name: name.clone(),
        annotations: annotations.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        settings: settings.clone(),
        wasm: length(wasm),
        gzip: length(gzip),
    };
    let mut all = serde_json::to_vec(&header)?;
    all.push(b'\n');
    all.extend(wasm.iter().chain(gzip).flat_map(|bytes| bytes.iter()));
    Ok(all)
}

fn parse(name: String, bytes: &[u8]) -> io::Result<PolicyObject> {
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off");
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(cut)?;
    let Header { version: _, name: _, annotations, settings, wasm, gzip } = serde_json::from_slice(&bytes[..end])?;
    let annotations = annotations.into_iter().collect();
    let mut rest = &bytes[end + 1..];
    let mut take = |length: Option<usize>| match length {
        Some(length) => {
            let (part, after) = rest.split_at_checked(length).ok_or_else(cut)?;
            rest = after;
            Ok(Some(Arc::from(part)))
        }
        None => io::Result::Ok(None),
    };
    let (wasm, gzip) = (take(wasm)?, take(gzip)?);
    Ok(PolicyObject { name, annotations, settings, wasm, gzip, ..PolicyObject::default() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn object(name: &str, gzip: Option<&[u8]>) -> (String, Arc<PolicyObject>) {
        let annotations = [("egressd.io/order".to_owned(), "7".to_owned())].into();
        let settings = Some("{}".to_owned());
        let (name, gzip) = (name.to_owned(), gzip.map(Arc::from));
        let wasm = Some([1, b'\n', 2].into());
        (name.clone(), Arc::new(PolicyObject { name, annotations, settings, wasm, gzip, ..PolicyObject::default() }))
    }

    #[test]
    fn the_next_process_finds_the_policies_of_this_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path().to_owned());
        folder.write(&[object("a", None), object("b", Some(b"zip"))].into()).unwrap();
        let good = Objects::from([object("b", Some(b"zap")), object("c", None)]);
        folder.write(&good).unwrap();
        let next = Folder::open(dir.path().to_owned());
        assert_eq!((next.written(), next.lost(), next.findings()), (&good, &BTreeSet::new(), &[][..]));
    }

    #[test]
    fn a_policy_is_called_like_its_file_whatever_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("policies"), dir.path().join("other.policy"));
        files::make_directory(&inside).unwrap();
        fs::write(&outside, "").unwrap();
        let (_, object) = object("../other", None);
        fs::write(inside.join("a.policy"), bytes(&object).unwrap()).unwrap();
        let mut folder = Folder::open(inside.clone());
        assert_eq!(folder.written().iter().map(|(key, policy)| [key, &policy.name]).collect::<Vec<_>>(), [["a", "a"]]);
        folder.write(&Objects::new()).unwrap();
        assert!(outside.exists() && !inside.join("a.policy").exists());
        for name in ["../other", "a/b", "/etc/b"] {
            assert!(folder.file(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_and_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let good = Objects::from([object("good", None)]);
        Folder::open(dir.path().to_owned()).write(&good).unwrap();
        std::os::unix::fs::symlink("good.policy", dir.path().join("link.policy")).unwrap();
        let folder = Folder::open(dir.path().to_owned());
        assert_eq!((folder.written(), folder.lost()), (&good, &["link".to_owned()].into()));
        assert!(matches!(folder.findings(), [one] if one.message.contains("link.policy")));
    }

    #[test]
    fn a_file_that_is_cut_off_is_passed_over_and_its_policy_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let (_, whole) = object("a", Some(b"zip"));
        let whole = bytes(&whole).unwrap();
        for length in 0..whole.len() {
            fs::write(dir.path().join("a.policy"), &whole[..length]).unwrap();
            let folder = Folder::open(dir.path().to_owned());
            assert_eq!(
                (folder.written(), folder.lost()),
                (&Objects::new(), &["a".to_owned()].into()),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn the_name_of_a_file_beside_ends_in_this_egressds_version() {
        let file = Path::new("a.policy");
        assert_eq!(version::beside(file), Path::new(&format!("a.policy{BACKUP_SUFFIX}")));
    }

    #[test]
    fn what_an_egressd_without_versions_wrote_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (name, object) = object("a", None);
        let text = String::from_utf8_lossy(&bytes(&object).unwrap()).replacen("\"version\":1,", "", 1);
        assert!(text.starts_with("{\"name\":\"a\""), "{text}");
        fs::write(dir.path().join("a.policy"), text).unwrap();
        assert_eq!(Folder::open(dir.path().to_owned()).written(), &[(name, object)].into());
    }

    /// An update that is undone, and that undone again; a policy of the same name comes, changes and goes meanwhile.
    #[test]
    fn a_file_of_a_newer_version_stays_to_the_byte_whatever_becomes_of_its_policy() {
        let dir = tempfile::tempdir().unwrap();
        let (path, newer) = (dir.path().join("a.policy"), b"{\"version\":2,\"of\":\"a later day\"}\n\x00");
        fs::write(&path, newer).unwrap();
        let mut folder = Folder::open(dir.path().to_owned());
        assert_eq!((folder.written(), folder.lost()), (&Objects::new(), &["a".to_owned()].into()));
        assert_eq!(folder.findings().len(), 1);
        for good in [Objects::from([object("a", None)]), [object("a", Some(b"zip"))].into(), Objects::new()] {
            folder.write(&good).unwrap();
            assert_eq!(fs::read(&path).unwrap(), newer);
            folder = Folder::open(dir.path().to_owned());
            assert_eq!(folder.written(), &good, "over a restart");
        }

        // The newer one's own, as that one reads it.
        folder.write(&[object("a", Some(b"zip"))].into()).unwrap();
        fs::write(&path, bytes(&object("a", None).1).unwrap()).unwrap();
        let mut folder = Folder::open(dir.path().to_owned());
        assert_eq!(folder.written(), &[object("a", Some(b"zip"))].into(), "what was written last");
        folder.write(&[object("a", Some(b"zap"))].into()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(Folder::open(dir.path().to_owned()).written(), &[object("a", Some(b"zap"))].into());
    }
}
