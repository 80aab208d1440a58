//! One file a policy: a line of JSON, which says how long the component behind it is and what it is wrapped in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use egressd_core::finding::Finding;
use egressd_core::model::{Labels, PolicyMark, PolicyObject};
use serde::{Deserialize, Serialize};

use super::{unread, write_whole};
use crate::files;

const SUFFIX: &str = ".policy";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// For earlier releases. The name is that of the file, so that no content leads to another file.
    #[serde(default)]
    name: String,
    annotations: Labels,
    settings: Option<String>,
    /// Bytes that follow.
    wasm: Option<usize>,
    /// Bytes that follow after those.
    gzip: Option<usize>,
}

type Objects = BTreeMap<String, Arc<PolicyObject>>;

/// What an earlier process wrote, and what cannot be read.
pub(super) fn read_all(directory: &Path) -> (Objects, Vec<Finding>) {
    let entries = match fs::read_dir(directory) {
        // There is none before the first process had policies in force.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Objects::new(), vec![]),
        Err(error) => return (Objects::new(), vec![unread(directory, &error.into())]),
        Ok(entries) => entries,
    };
    let (mut policies, mut trouble) = (Objects::new(), Vec::new());
    for file in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Some(name) = name_of(&file) else { continue };
        match files::read_own(&file, files::MOST).and_then(|bytes| Ok(parse(name.clone(), &bytes)?)) {
            Ok(object) => drop(policies.insert(name, Arc::new(object))),
            Err(error) => trouble.push(unread(&file, &error)),
        }
    }
    (policies, trouble)
}

/// Of the policy that a file is about.
fn name_of(file: &Path) -> Option<String> {
    Some(file.file_name()?.to_str()?.strip_suffix(SUFFIX)?.to_owned())
}

/// The file of a policy.
fn file_of(directory: &Path, name: &str) -> io::Result<PathBuf> {
    let file = directory.join(format!("{name}{SUFFIX}"));
    let inside = file.parent() == Some(directory) && name_of(&file).as_deref() == Some(name);
    let refused = || io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no name for a file"));
    if inside { Ok(file) } else { Err(refused()) }
}

/// Names in the directory: what is whole, and what is being written.
pub(super) fn is_ours(name: &str) -> bool {
    name.ends_with(SUFFIX) || name.ends_with(".new")
}

/// Writes what is new and removes what is gone; `written` is what is there.
pub(super) fn write_all(directory: &Path, written: &mut Objects, good: &Objects) -> io::Result<()> {
    files::make_directory(directory)?;
    for (name, object) in good.iter().filter(|(name, object)| written.get(*name) != Some(*object)) {
        write_whole(&file_of(directory, name)?, &bytes(object)?)?;
    }
    let gone: BTreeSet<&String> = written.keys().filter(|name| !good.contains_key(*name)).collect();
    for name in gone {
        match fs::remove_file(file_of(directory, name)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    written.clone_from(good);
    Ok(())
}

fn bytes(object: &PolicyObject) -> io::Result<Vec<u8>> {
    let PolicyObject { name, annotations, settings, wasm, gzip, mark: _ } = object;
    let length = |bytes: &Option<Arc<[u8]>>| bytes.as_ref().map(|bytes| bytes.len());
    let header = Header {
        name: name.clone(),
        annotations: annotations.clone(),
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
    let Header { name: _, annotations, settings, wasm, gzip } = serde_json::from_slice(&bytes[..end])?;
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
    Ok(PolicyObject { name, annotations, settings, wasm, gzip, mark: PolicyMark::default() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn object(name: &str, gzip: Option<&[u8]>) -> (String, Arc<PolicyObject>) {
        let annotations = [("egressd.io/order".to_owned(), "7".to_owned())].into();
        let settings = Some("{}".to_owned());
        let (name, gzip) = (name.to_owned(), gzip.map(Arc::from));
        let (wasm, mark) = (Some([1, b'\n', 2].into()), PolicyMark::default());
        (name.clone(), Arc::new(PolicyObject { name, annotations, settings, wasm, gzip, mark }))
    }

    #[test]
    fn the_next_process_finds_the_policies_of_this_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut written = Objects::new();
        write_all(dir.path(), &mut written, &[object("a", None), object("b", Some(b"zip"))].into()).unwrap();
        let good = Objects::from([object("b", Some(b"zap")), object("c", None)]);
        write_all(dir.path(), &mut written, &good).unwrap();
        assert_eq!(read_all(dir.path()), (good, vec![]));
    }

    #[test]
    fn a_policy_is_called_like_its_file_whatever_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("policies"), dir.path().join("other.policy"));
        files::make_directory(&inside).unwrap();
        fs::write(&outside, "").unwrap();
        let (_, object) = object("../other", None);
        fs::write(inside.join("a.policy"), bytes(&object).unwrap()).unwrap();
        let (mut written, _) = read_all(&inside);
        assert_eq!(written.iter().map(|(key, policy)| [key, &policy.name]).collect::<Vec<_>>(), [["a", "a"]]);
        write_all(&inside, &mut written, &Objects::new()).unwrap();
        assert!(outside.exists() && !inside.join("a.policy").exists());
        for name in ["../other", "a/b", "/etc/b"] {
            assert!(file_of(&inside, name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_and_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let good = Objects::from([object("good", None)]);
        write_all(dir.path(), &mut Objects::new(), &good).unwrap();
        std::os::unix::fs::symlink("good.policy", dir.path().join("link.policy")).unwrap();
        let (read, trouble) = read_all(dir.path());
        assert_eq!(read, good);
        assert!(matches!(&trouble[..], [one] if one.message.contains("link.policy")), "{trouble:?}");
    }

    #[test]
    fn a_file_that_is_cut_off_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let (_, whole) = object("a", Some(b"zip"));
        let whole = bytes(&whole).unwrap();
        for length in 0..whole.len() {
            fs::write(dir.path().join("a.policy"), &whole[..length]).unwrap();
            let (read, trouble) = read_all(dir.path());
            assert!(read.is_empty() && trouble.len() == 1, "{length} bytes");
        }
    }
}
