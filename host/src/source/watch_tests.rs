#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tokio::time::timeout;

use super::*;
use crate::clock;
use crate::source::handover::{FindingsReceiver, SnapshotReceiver, handover};

/// Less than the time between two scans, so that what comes by then came by an event.
const BY_EVENT: Duration = Duration::from_secs(3);

struct Followed {
    root: PathBuf,
    receiver: SnapshotReceiver,
    findings: FindingsReceiver,
    _dir: tempfile::TempDir,
}

impl Followed {
    /// Follows the directory `d`, or a path with more links, after this was done below an empty directory.
    fn after(path: &str, prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        prepare(&root);
        let (sender, receiver) = handover();
        let findings = sender.findings();
        spawn(Places::one(root.join(path), "node-a"), sender).unwrap();
        Self { root, receiver, findings, _dir: dir }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Waits until these Services are all that there are.
    fn expect(&self, services: &[&str]) {
        let mut last = None;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let taken = async {
            loop {
                let update = self.receiver.next().await;
                let names: Vec<String> = update.snapshot.services.keys().map(|key| key.name.to_string()).collect();
                let same = names == services;
                last = Some(names);
                if same {
                    return;
                }
            }
        };
        let found = runtime.block_on(async { timeout(BY_EVENT, taken).await });
        assert!(found.is_ok(), "{last:?} instead of {services:?}");
    }

    /// Waits until a finding says this.
    fn expect_finding(&self, part: &str) {
        let begun = clock::now();
        while !self.findings.borrow().iter().any(|finding| finding.message.contains(part)) {
            assert!(clock::since(begun) < BY_EVENT, "{:?} has no {part:?}", self.findings.borrow());
            thread::sleep(SETTLE_TIME);
        }
    }

    fn expect_nothing_new(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let update = runtime.block_on(async { timeout(MAX_SETTLE_TIME * 3, self.receiver.next()).await });
        assert!(update.is_err(), "{:?}", update.unwrap().snapshot.services);
    }
}

fn service(name: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n")
}

fn revision(root: &Path, name: &str) {
    fs::create_dir_all(root.join(name)).unwrap();
    let last = name.rsplit('/').next().unwrap();
    fs::write(root.join(name).join("app.yaml"), service(last)).unwrap();
}

fn swap(root: &Path, link: &str, target: &str) {
    symlink(target, root.join("next")).unwrap();
    fs::rename(root.join("next"), root.join(link)).unwrap();
}

fn replace(path: &Path, text: &str) {
    fs::write(path.with_extension("new"), text).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

#[test]
fn a_directory_that_is_a_link_is_followed_to_where_it_leads_now() {
    let followed = Followed::after("d", |root| {
        revision(root, "rev1");
        revision(root, "rev2");
        symlink("rev1", root.join("d")).unwrap();
    });
    followed.expect(&["rev1"]);
    swap(&followed.root, "d", "rev2");
    followed.expect(&["rev2"]);
    replace(&followed.at("rev2/app.yaml"), &service("edited"));
    followed.expect(&["edited"]);
    replace(&followed.at("rev1/app.yaml"), &service("behind"));
    followed.expect_nothing_new();
    swap(&followed.root, "d", "rev1");
    followed.expect(&["behind"]);
}

#[test]
fn a_link_in_the_middle_of_the_path_is_followed_too() {
    let followed = Followed::after("repo/current/apps", |root| {
        for name in ["a", "b"] {
            revision(root, &format!("repo/{name}/apps"));
            replace(&root.join(format!("repo/{name}/apps/app.yaml")), &service(name));
        }
        symlink("a", root.join("repo/first")).unwrap();
        symlink("first", root.join("repo/current")).unwrap();
    });
    followed.expect(&["a"]);
    // The second link of the chain, then the first, then the folder that holds all of them.
    swap(&followed.root, "repo/first", "b");
    followed.expect(&["b"]);
    swap(&followed.root, "repo/current", "a");
    followed.expect(&["a"]);
    fs::rename(followed.at("repo"), followed.at("old")).unwrap();
    followed.expect_finding("cannot read the manifests directory");
    revision(&followed.root, "repo/current/apps");
    replace(&followed.at("repo/current/apps/app.yaml"), &service("c"));
    followed.expect(&["c"]);
}

#[test]
fn a_file_elsewhere_is_followed_through_a_chain_of_links_whichever_way_it_is_written() {
    let followed = Followed::after("d", |root| {
        fs::create_dir_all(root.join("d")).unwrap();
        revision(root, "x");
        revision(root, "z");
        symlink("../x/app.yaml", root.join("d/second")).unwrap();
        symlink("second", root.join("d/app.yaml")).unwrap();
    });
    followed.expect(&["x"]);
    replace(&followed.at("x/app.yaml"), &service("renamed"));
    followed.expect(&["renamed"]);
    fs::write(followed.at("x/app.yaml"), service("in-place")).unwrap();
    followed.expect(&["in-place"]);
    swap(&followed.root, "d/second", "../z/app.yaml");
    followed.expect(&["z"]);
    fs::write(followed.at("x/app.yaml"), service("of-no-concern")).unwrap();
    followed.expect_nothing_new();
    fs::rename(followed.at("z"), followed.at("away")).unwrap();
    followed.expect_finding("app.yaml: it cannot be read: No such file");
    followed.expect_nothing_new();
    revision(&followed.root, "z");
    fs::write(followed.at("z/app.yaml"), service("again")).unwrap();
    followed.expect(&["again"]);
}

#[test]
fn a_mounted_config_map_is_followed_when_its_data_is_swapped() {
    let followed = Followed::after("d", |root| {
        revision(root, "d/..1");
        symlink("..1", root.join("d/..data")).unwrap();
        symlink("..data/app.yaml", root.join("d/app.yaml")).unwrap();
    });
    followed.expect(&["..1"]);
    revision(&followed.root, "d/..2");
    swap(&followed.root, "d/..data", "..2");
    fs::remove_dir_all(followed.at("d/..1")).unwrap();
    followed.expect(&["..2"]);
}

#[test]
fn a_directory_that_was_away_is_read_as_it_comes_back() {
    let followed = Followed::after("d", |root| revision(root, "d"));
    followed.expect(&["d"]);
    fs::rename(followed.at("d"), followed.at("away")).unwrap();
    followed.expect_finding("its objects stay in force until it can be read again");
    replace(&followed.at("away/app.yaml"), &service("edited"));
    fs::rename(followed.at("away"), followed.at("d")).unwrap();
    followed.expect(&["edited"]);
    fs::rename(followed.at("d"), followed.at("old")).unwrap();
    // Made again it has nothing in it at first, as where a disk is not mounted.
    fs::create_dir(followed.at("d")).unwrap();
    followed.expect_finding("was replaced by an empty one");
    replace(&followed.at("d/app.yaml"), &service("new"));
    followed.expect(&["new"]);
    fs::remove_file(followed.at("d/app.yaml")).unwrap();
    followed.expect(&[]);
}

#[test]
fn links_that_lead_nowhere_or_round_or_into_what_is_no_file_hurt_nothing_else() {
    let followed = Followed::after("d", |root| {
        revision(root, "d");
        for (name, target) in [("a", "b.yaml"), ("b", "a.yaml"), ("c", "/proc"), ("e", "/dev/zero"), ("f", "gone/x")] {
            symlink(target, root.join(format!("d/{name}.yaml"))).unwrap();
        }
    });
    followed.expect(&["d"]);
    for part in
        ["a.yaml: it cannot be read", "c.yaml: it is a directory", "e.yaml: it is a device", "f.yaml: it cannot"]
    {
        followed.expect_finding(part);
    }
    replace(&followed.at("d/app.yaml"), &service("edited"));
    followed.expect(&["edited"]);
    revision(&followed.root, "d/gone");
    replace(&followed.at("d/gone/x"), &service("there"));
    followed.expect(&["edited", "there"]);
}

#[test]
fn a_single_file_is_followed_as_a_directory_is() {
    let followed = Followed::after("link", |root| {
        revision(root, "x");
        symlink("x/app.yaml", root.join("link")).unwrap();
    });
    followed.expect(&["x"]);
    fs::write(followed.at("x/app.yaml"), service("in-place")).unwrap();
    followed.expect(&["in-place"]);
    replace(&followed.at("x/app.yaml"), &service("renamed"));
    followed.expect(&["renamed"]);
    fs::remove_file(followed.at("link")).unwrap();
    followed.expect_finding("link: it cannot be read: No such file");
    followed.expect_nothing_new();
    fs::write(followed.at("link"), service("direct")).unwrap();
    followed.expect(&["direct"]);
}

#[test]
fn what_is_written_without_an_event_is_seen_all_the_same() {
    let (dir, (sender, receiver)) = (tempfile::tempdir().unwrap(), handover());
    revision(dir.path(), "d");
    let places = Places::one(dir.path().join("d"), "node-a");
    let mut watcher = Watcher { places, sender, watches: Watches::new().unwrap(), pause: SCAN_INTERVAL };
    watcher.scan(&WatchEvents::default());
    fs::write(dir.path().join("d/app.yaml"), service("written")).unwrap();
    watcher.scan(&WatchEvents::default());
    assert_eq!(watcher.pause, RESCAN_DELAY, "it may be written still");
    watcher.scan(&WatchEvents::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let services = runtime.block_on(receiver.next()).snapshot.services;
    assert_eq!(services.keys().map(|key| key.name.to_string()).collect::<Vec<_>>(), ["written"]);
}

#[test]
fn so_many_directories_are_watched_and_no_more_and_a_finding_says_so() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    for number in 0..wanted::MAX_DIRECTORIES + 50 {
        revision(dir.path(), &format!("x{number}"));
        symlink(format!("../x{number}/app.yaml"), dir.path().join(format!("d/{number}.yaml"))).unwrap();
    }
    let (places, mut watches) = (Places::one(dir.path().join("d"), "node-a"), Watches::new().unwrap());
    let wanted = Wanted::by(&places);
    assert_eq!(wanted.directories.len(), wanted::MAX_DIRECTORIES);
    watches.set(wanted);
    let finding = watches.finding().unwrap();
    let begin = "links of manifests lead through more than 256 directories, the most that are watched";
    assert!(finding.code == "manifests-not-watched" && finding.message.starts_with(begin), "{}", finding.message);
}

#[test]
fn thousands_of_links_into_one_directory_need_one_watch() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    revision(&root, "x");
    fs::create_dir(root.join("d")).unwrap();
    for number in 0..3_000 {
        symlink("../x/app.yaml", root.join(format!("d/{number}.yaml"))).unwrap();
    }
    let wanted = Wanted::by(&Places::one(root.join("d"), "node-a"));
    let way_to_root = root.components().count();
    assert_eq!((wanted.directories.len(), wanted.beyond), (way_to_root + 2, 0));
    let touched: BTreeSet<FileId> = wanted.directories[&root.join("x")].ends[std::ffi::OsStr::new("app.yaml")].clone();
    assert_eq!(touched.len(), 3_000);
}
