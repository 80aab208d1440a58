#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::Duration;

use egressd_core::model::{EgressNode, ReadState};
use egressd_core::record::{Overview, ThisNode};
use egressd_core::testkit::a;
use serde_json::Value;

use super::*;
use crate::egress_node::mark;

const SECOND: Duration = Duration::from_secs(1);

/// A node with a directory of its own, and the time.
struct Fixture {
    dir: tempfile::TempDir,
    directory: Directory,
    now: Instant,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { directory: Directory::new(dir.path().to_owned(), "a".to_owned()), dir, now: clock::now() }
    }

    fn restarted(self) -> Self {
        Self { directory: Directory::new(self.dir.path().to_owned(), "a".to_owned()), ..self }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("a.json")
    }

    fn read(&self) -> Option<Value> {
        serde_json::from_slice(&files::read_own(&self.file(), 1 << 20).ok()?).ok()
    }

    /// Where the file is: another one after each write.
    fn inode(&self) -> u64 {
        fs::symlink_metadata(self.file()).unwrap().ino()
    }

    /// A while passes in which the node has these addresses, and reads what is there.
    fn pass(&mut self, addresses: &[&str]) {
        for _ in 0..100 {
            let published =
                self.read().map(|value| Arc::new(EgressNode { mark: mark(&value), ..EgressNode::default() }));
            let addresses = addresses.iter().map(|text| a(text)).collect();
            let here = ThisNode { uid: None, addresses, published, followed: ReadState::Yes };
            let mut round = AppliedRound::default();
            round.overview = Arc::new(Overview { here, ..Overview::default() });
            self.directory.look(&Arc::new(round), self.now);
            self.now += SECOND;
        }
    }
}

#[test]
fn a_node_writes_its_file_once_and_again_when_something_changes() {
    let mut fixture = Fixture::new();
    fixture.pass(&["192.0.2.1"]);
    assert_eq!(fixture.read().unwrap()["spec"]["addresses"], serde_json::json!(["192.0.2.1"]));
    assert_eq!(fs::metadata(fixture.file()).unwrap().mode() & 0o7777, 0o644);
    let first = fixture.inode();
    fixture.pass(&["192.0.2.1"]);
    let mut fixture = fixture.restarted();
    fixture.pass(&["192.0.2.1"]);
    assert_eq!(fixture.inode(), first, "nothing is written at rest, nor at a restart");
    fixture.pass(&["192.0.2.2"]);
    assert_eq!(fixture.read().unwrap()["spec"]["addresses"], serde_json::json!(["192.0.2.2"]));
}

#[test]
fn what_is_in_the_files_place_is_replaced_and_what_a_link_leads_to_is_not_touched() {
    let mut fixture = Fixture::new();
    let precious = fixture.dir.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, fixture.file()).unwrap();
    fixture.pass(&["192.0.2.1"]);
    let good = fixture.read().unwrap();
    fs::write(fixture.file(), "{}").unwrap();
    fixture.pass(&["192.0.2.1"]);
    assert_eq!((fixture.read(), fs::read(&precious).unwrap()), (Some(good), b"precious".to_vec()));
}

#[test]
fn a_file_that_cannot_be_written_is_tried_again_until_it_can() {
    let mut fixture = Fixture::new();
    fs::create_dir(fixture.file()).unwrap();
    fixture.pass(&["192.0.2.1"]);
    assert_eq!(fixture.directory.health, Health::Failing);
    fs::remove_dir(fixture.file()).unwrap();
    fixture.pass(&["192.0.2.1"]);
    assert!(fixture.read().is_some() && fixture.directory.health == Health::Good);
}
