//! How many bytes a change is, on any machine: as many among thirty thousand Services as among a thousand.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use egressd_core::diff::{Applied, Changes};
use egressd_core::model::{ChangeKey, Snapshot};
use egressd_core::owner::Owner;
use egressd_core::pipeline::Pipeline;
use egressd_core::testkit::{SnapshotBuilder, answered_plainly, service, settings_of_many};

use super::encode::{Ownership, encode};

/// The most bytes of a change of one Service with one endpoint: the two ends of a batch, an element that goes and one that
/// comes, with names and comments.
const MAX_BATCH: usize = 512;

/// A node with Services of one endpoint each, and what its kernel holds.
struct Fixture {
    pipeline: Pipeline,
    snapshot: Snapshot,
    applied: Applied,
}

impl Fixture {
    fn with(count: u32) -> Self {
        let pipeline = Pipeline::new(settings_of_many(Owner::Any), BTreeMap::new());
        let mut fixture = Self { pipeline, snapshot: Snapshot::default(), applied: Applied::default() };
        let keys = (0..count).map(|number| fixture.put(number, 0)).collect();
        fixture.take(&keys);
        fixture
    }

    /// Adds a Service, or gives it another address. Names and addresses are equally long.
    fn put(&mut self, number: u32, turn: u8) -> ChangeKey {
        let service = service(&format!("service-{number:05}"), &[&format!("11.0.0.{}", 100 + turn)]);
        let key = service.key.clone();
        let endpoint = Ipv4Addr::from(0x0a00_0001 + number).to_string();
        SnapshotBuilder::default().service(service, &[&endpoint]).add_to(&mut self.snapshot);
        ChangeKey::Subject(key)
    }

    /// What the kernel is handed for these.
    fn take(&mut self, keys: &BTreeSet<ChangeKey>) -> Changes {
        let questions = self.pipeline.update(&self.snapshot, keys);
        assert_eq!(self.pipeline.answer(answered_plainly(questions)), []);
        self.applied.add_outstanding(self.pipeline.step().scope);
        let comparison = self.applied.compare(self.pipeline.target(self.applied.scope()), |_, _| {});
        let changes = comparison.changes(&self.applied);
        comparison.apply_to(&mut self.applied);
        self.applied.clear_outstanding();
        changes
    }
}

fn bytes(changes: &Changes) -> usize {
    changes.batches().map(|batch| encode(batch, Ownership::Exclusive).unwrap().bytes.len()).sum()
}

/// The bytes of each of some changes.
fn changes(count: u32) -> Vec<usize> {
    let mut fixture = Fixture::with(count);
    let change = |turn: u8| {
        let key = fixture.put(u32::from(turn) * 17 % count, turn);
        bytes(&fixture.take(&[key].into()))
    };
    (1..=20).map(change).collect()
}

#[test]
fn a_change_of_one_service_is_as_many_bytes_among_thirty_thousand_as_among_a_thousand() {
    let few = changes(1_000);
    assert!(few.iter().all(|bytes| (1..=MAX_BATCH).contains(bytes)), "{few:?}");
    assert_eq!(few, changes(30_000));
}
