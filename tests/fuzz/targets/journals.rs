//! Files of the state directory → the state of an earlier process. `%%` at the end of a line divides the input into the
//! journal of accepted annotations, that of drafts, and a policy's file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use egressd::state::StateDir;
use egressd_core::decision::Draft;
use egressd_core::model::{Labels, Uid};
use egressd_core::testkit::news;
use tempfile::TempDir;

use super::{InputResult, lossy};

type Accepted = BTreeMap<Uid, Arc<Labels>>;
type Drafts = BTreeMap<Uid, Arc<Draft>>;

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let directory = temporary();
    write(directory.path(), bytes);
    let state = StateDir::open(directory.path());
    let (mut accepted, drafts) = (state.accepted(), state.drafts());
    let nothing = accepted.is_empty() && drafts.is_empty();
    remembers(directory.path(), &accepted, &drafts);
    // Whatever the content of a file, the next accepted annotations are remembered with the rest.
    let value = Labels::from([("egress".to_owned(), lossy(bytes))]);
    accepted.extend(Uid::new("next").map(|uid| (uid, value.into())));
    remembers(directory.path(), &accepted, &drafts);
    if nothing { InputResult::Refused } else { InputResult::Taken }
}

/// In memory where that is possible, since a journal waits for the disk.
fn temporary() -> TempDir {
    let made = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new());
    made.unwrap_or_else(|error| panic!("cannot make a directory: {error}"))
}

fn write(directory: &Path, bytes: &[u8]) {
    let divider = b"%%\n";
    let mut rest = bytes;
    for file in ["accepted", "drafts", "policies/guard.policy"] {
        let end = rest.windows(divider.len()).position(|window| window == divider);
        let part = &rest[..end.unwrap_or(rest.len())];
        rest = end.and_then(|end| rest.get(end + divider.len()..)).unwrap_or_default();
        let path = directory.join(file);
        let written = fs::create_dir_all(directory.join("policies")).and_then(|()| fs::write(&path, part));
        written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }
}

/// The next process finds what this one remembered last.
fn remembers(directory: &Path, accepted: &Accepted, drafts: &Drafts) {
    let mut state = StateDir::open(directory);
    state.remember(news(&state.accepted(), accepted), news(&state.drafts(), drafts));
    let next = StateDir::open(directory);
    assert_eq!(&next.accepted(), accepted);
    assert_eq!(&next.drafts(), drafts);
}
