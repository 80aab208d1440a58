//! The sources keep few bytes per Service in memory, while a file is read and after it: a counting allocator gives the
//! same figures on any machine. The core's memory has its own test, `host/core/tests/memory.rs`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod calls;
mod counting;
mod egress_nodes;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use egressd::source::handover::Update;
use egressd::source::manifests::{FileId, Places};
use egressd::state::Sources;
use tempfile::TempDir;

use self::counting::{MemoryCost, cost};

/// Enough to make fixed costs negligible.
const SERVICES: usize = 2_000;

/// A Service and its slice with two endpoints.
fn manifest(number: usize) -> String {
    let (high, low) = (number / 250, number % 250);
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: service-{number}, annotations: {{kube-vip.io/egress: 'true'}}}}
spec: {{type: LoadBalancer}}
status: {{loadBalancer: {{ingress: [{{ip: 11.0.0.{low}}}]}}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: service-{number}, labels: {{kubernetes.io/service-name: service-{number}}}}}
addressType: IPv4
endpoints: [{{addresses: [10.1.{high}.{low}]}}, {{addresses: [10.2.{high}.{low}]}}]
---
"
    )
}

/// A directory of manifests with one file, and a state directory beside it.
struct StateDirectories(TempDir);

impl StateDirectories {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("manifests")).unwrap();
        let machine = Self(directory);
        machine.write(&(0..SERVICES).map(manifest).collect::<String>());
        machine
    }

    fn manifests(&self) -> impl AsRef<Path> {
        self.0.path().join("manifests")
    }

    fn write(&self, text: &str) {
        fs::write(self.manifests().as_ref().join("all.yaml"), text).unwrap();
    }

    fn places(&self) -> Places {
        Places::one(self.manifests().as_ref(), "node-a").remembering(&Sources::of(&self.0.path().join("state")))
    }
}

/// Reads everything, and writes the state for the next process.
fn read(places: &mut Places) -> Update {
    let update = places.read().unwrap();
    while places.remember() {}
    update
}

fn read_again(places: &mut Places) -> Update {
    let touched = BTreeSet::from([FileId { place: 0, name: "all.yaml".to_owned() }]);
    let update = places.scan(&touched);
    while places.remember() {}
    update
}

fn assert_at_most(what: &str, cost: MemoryCost, most: MemoryCost) {
    let is_within = cost.bytes <= most.bytes && cost.pieces <= most.pieces && cost.peak <= most.peak;
    assert!(is_within, "{what}: {cost:?} for each, at most {most:?}");
}

#[test]
fn reading_a_file_keeps_its_services_only_and_never_a_whole_copy_of_its_text() {
    let machine = StateDirectories::new();
    let mut places = machine.places();
    let (update, first) = cost(SERVICES, || read(&mut places));
    assert_eq!(update.snapshot.services.len(), SERVICES);
    assert_at_most("a file", first, MemoryCost { bytes: 1_250, pieces: 14, peak: 2_700 });
}

#[test]
fn a_file_that_is_read_again_shares_its_unchanged_objects() {
    let machine = StateDirectories::new();
    let mut places = machine.places();
    let before = read(&mut places);
    // One is deleted, one is new, one has changed.
    let text = (1..=SERVICES).map(manifest).collect::<String>().replacen("ip: 11.0.0.7", "ip: 11.0.1.7", 1);
    machine.write(&text);
    let (after, again) = cost(SERVICES, || read_again(&mut places));
    assert!(after.snapshot != before.snapshot && after.snapshot == machine.places().read().unwrap().snapshot);
    assert_at_most("a file again", again, MemoryCost { bytes: 90, pieces: 2, peak: 2_700 });
}

#[test]
fn checking_unchanged_files_allocates_nothing() {
    let machine = StateDirectories::new();
    let mut places = machine.places();
    let _held = read(&mut places);
    let (update, look) = cost(SERVICES, || places.scan(&BTreeSet::new()));
    assert!(update.keys.is_empty() && update.snapshot.services.len() == SERVICES);
    assert_at_most("a look", look, MemoryCost { bytes: 0, pieces: 0, peak: 1 });
}
