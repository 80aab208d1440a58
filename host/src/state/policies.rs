//! One file a policy: a line of JSON, which says how long the component behind it is and what it is wrapped in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use egressd_core::model::{Labels, PolicyMark, PolicyObject};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::write_whole;

const SUFFIX: &str = ".policy";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    name: String,
    annotations: Labels,
    settings: Option<String>,
    /// Bytes that follow.
    wasm: Option<usize>,
    /// Bytes that follow after those.
    gzip: Option<usize>,
}

type Objects = BTreeMap<String, Arc<PolicyObject>>;

/// What an earlier process wrote; what cannot be read is passed over, and said.
pub(super) fn read_all(directory: &Path) -> Objects {
    // There is none before the first process had policies in force.
    let Ok(entries) = fs::read_dir(directory) else { return Objects::new() };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let policies = files.filter(|file| file.extension().is_some_and(|extension| extension == "policy"));
    let read = policies.filter_map(|file| {
        let said = |error: &io::Error| warn!(file = %file.display(), %error, "passed over");
        fs::read(&file).and_then(|bytes| parse(&bytes)).inspect_err(said).ok()
    });
    read.map(|object| (object.name.clone(), Arc::new(object))).collect()
}

/// Writes what is new and removes what is gone; `written` is what is there.
pub(super) fn write_all(directory: &Path, written: &mut Objects, good: &Objects) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for (name, object) in good.iter().filter(|(name, object)| written.get(*name) != Some(*object)) {
        write_whole(&directory.join(format!("{name}{SUFFIX}")), &bytes(object)?)?;
    }
    let gone: BTreeSet<&String> = written.keys().filter(|name| !good.contains_key(*name)).collect();
    for name in gone {
        match fs::remove_file(directory.join(format!("{name}{SUFFIX}"))) {
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

fn parse(bytes: &[u8]) -> io::Result<PolicyObject> {
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off");
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(cut)?;
    let Header { name, annotations, settings, wasm, gzip } = serde_json::from_slice(&bytes[..end])?;
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
        assert_eq!(read_all(dir.path()), good);
    }

    #[test]
    fn a_file_that_is_cut_off_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let (_, whole) = object("a", Some(b"zip"));
        let whole = bytes(&whole).unwrap();
        for length in 0..whole.len() {
            fs::write(dir.path().join("a.policy"), &whole[..length]).unwrap();
            assert_eq!(read_all(dir.path()), Objects::new(), "{length} bytes");
        }
    }
}
