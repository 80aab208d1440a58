#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::compile::InstanceName;
use egressd_core::net::Family;

use super::*;
use crate::clock::{self, Instant};
use crate::instances::lock::MissingFile;
use crate::kernel::nft::Owner;
use crate::kernel::nft::testkit::FakeTables;

/// A kernel with these tables, seen by the egressd without a name, at a moment.
struct Fixture {
    dir: tempfile::TempDir,
    watcher: OrphanTracker<FakeTables>,
    now: Instant,
}

fn named(name: &str) -> Instance {
    Instance::Named(InstanceName::new(name).unwrap())
}

impl Fixture {
    fn new(tables: FakeTables) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let locks = LockDir::new(dir.path());
        Self { dir, watcher: OrphanTracker::new(Instance::Default, locks, tables), now: clock::now() }
    }

    /// With the lock of an instance that has ended.
    fn ended(self, instance: &Instance) -> Self {
        drop(self.watcher.locks.hold(instance).unwrap());
        self
    }

    /// The names of the tables that are orphaned after a long time.
    fn orphans(&mut self) -> Vec<String> {
        for _ in 0..2 {
            self.watcher.look(self.now).unwrap();
            self.now += GRACE_PERIOD;
        }
        let found = self.watcher.look(self.now).unwrap();
        found.iter().map(|orphan| orphan.table.name.to_string()).collect()
    }
}

#[test]
fn a_table_without_its_egressd_is_orphaned_in_each_family() {
    let tables = FakeTables::default().owned(&named("a"), Owner::None).owned(&named("b"), Owner::Other(7));
    assert_eq!(Fixture::new(tables).orphans(), ["kube_vip_a_v4", "kube_vip_a_v6"]);
}

#[test]
fn a_table_counts_only_after_a_while_and_from_the_moment_on_at_which_it_may() {
    let mut fixture = Fixture::new(FakeTables::default().owned(&named("a"), Owner::None));
    assert_eq!(fixture.watcher.look(fixture.now).unwrap(), []);
    assert_eq!(fixture.watcher.pause(fixture.now), GRACE_PERIOD);
    assert_eq!(fixture.watcher.look(fixture.now + GRACE_PERIOD).unwrap().len(), 2);
    assert_eq!(fixture.watcher.pause(fixture.now + GRACE_PERIOD), CHECK_INTERVAL);
}

#[test]
fn an_egressd_that_is_replaced_in_between_leaves_no_orphan() {
    let mut fixture = Fixture::new(FakeTables::default().owned(&named("a"), Owner::None));
    let restart = |owner| FakeTables::default().owned(&named("a"), owner);
    for owner in [Owner::None, Owner::Other(7), Owner::None] {
        fixture.watcher.tables = restart(owner);
        assert_eq!(fixture.watcher.look(fixture.now).unwrap(), []);
        fixture.now += GRACE_PERIOD;
    }
    assert_eq!(fixture.watcher.look(fixture.now).unwrap().len(), 2);
}

#[test]
fn without_owners_the_lock_decides_and_unknown_is_not_free() {
    let tables = || FakeTables::default().unowned(&named("a"));
    assert_eq!(Fixture::new(tables()).orphans(), [""; 0], "there is no lock");

    let mut fixture = Fixture::new(tables()).ended(&named("a"));
    let lock = fixture.watcher.locks.hold(&named("a")).unwrap();
    assert_eq!(fixture.orphans(), [""; 0], "the lock is held");
    drop(lock);
    assert_eq!(fixture.orphans(), ["kube_vip_a_v4", "kube_vip_a_v6"]);

    let file = fixture.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    fixture.watcher.locks = LockDir::new(file);
    assert_eq!(fixture.orphans(), [""; 0], "the lock cannot be read");
}

#[test]
fn an_egressd_that_is_beginning_has_its_lock_before_it_owns_its_tables() {
    let mut fixture = Fixture::new(FakeTables::default().owned(&named("a"), Owner::None));
    let _lock = fixture.watcher.locks.hold(&named("a")).unwrap();
    assert_eq!(fixture.orphans(), [""; 0]);
}

#[test]
fn what_another_program_made_and_what_is_our_own_is_none() {
    let tables = FakeTables::default().foreign(&named("a")).owned(&Instance::Default, Owner::None);
    let mut fixture = Fixture::new(tables.marked(Family::Ipv4, "strange")).ended(&named("a"));
    assert_eq!(fixture.orphans(), [""; 0]);
}

#[test]
fn a_table_of_a_newer_layout_is_none_and_is_not_read() {
    let instance = named("a");
    assert_eq!(Fixture::new(FakeTables::default().newer(&instance)).ended(&instance).orphans(), [""; 0]);
}

#[test]
fn two_that_live_side_by_side_are_no_orphans_to_each_other() {
    let tables = || FakeTables::default().unowned(&named("a")).unowned(&Instance::Default);
    let mut fixture = Fixture::new(tables());
    let locks = fixture.watcher.locks.clone();
    let _held = [named("a"), Instance::Default].map(|instance| locks.hold(&instance).unwrap());
    let mut other = Fixture::new(tables());
    (other.watcher.own, other.watcher.locks) = (named("a"), locks);
    assert_eq!((fixture.orphans(), other.orphans()), (vec![], vec![]));
}

#[test]
fn what_is_found_is_news_once_and_so_is_its_end() {
    let mut fixture = Fixture::new(FakeTables::default().owned(&named("a"), Owner::None));
    assert_eq!(fixture.watcher.changed_orphans(fixture.now), None);
    let later = fixture.now + GRACE_PERIOD;
    assert_eq!(fixture.watcher.changed_orphans(later).unwrap().len(), 2);
    assert_eq!(fixture.watcher.changed_orphans(later), None);
    fixture.watcher.tables = FakeTables::default();
    assert_eq!(fixture.watcher.changed_orphans(later), Some(vec![]));
}

#[test]
fn whoever_looks_disturbs_no_lock() {
    let mut fixture = Fixture::new(FakeTables::default().unowned(&named("a"))).ended(&named("a"));
    assert_eq!(fixture.orphans().len(), 2);
    assert!(fixture.watcher.locks.claim(&named("a"), MissingFile::Leave).is_ok());
}
