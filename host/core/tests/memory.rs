//! What is kept of a Service costs few bytes: a node keeps 30,000 of them, and a counting allocator says what they cost
//! on any machine.
#![expect(clippy::expect_used, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use egressd_core::diff::Applied;
use egressd_core::in_force::{AppliedRound, UnixTime};
use egressd_core::model::{
    AddressTrust, AnnotationPrefix, ChangeKey, ClusterFacts, ClusterSettings, Endpoint, ManagedBy, ObjectReference,
    Published, Slice, Snapshot, SubjectKey, SubjectView, Texts, Uid, published, view,
};
use egressd_core::owner::Owner;
use egressd_core::pipeline::{Pipeline, Settings};
use egressd_core::placement::AddressOwnership;
use egressd_core::plan::{EvaluationEnd, SubjectPlan, SubjectResult};
use egressd_core::reporting::{CrossNode, ReporterInput, Reporting, reporting};
use egressd_core::testkit::{answered_plainly, facts, n, rule, service, settings_of_many};

/// The system's allocator, counting for each thread what it has.
struct Counting;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static PIECES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is; the counters are plain values without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set(BYTES.get().wrapping_add(layout.size()));
        PIECES.set(PIECES.get().wrapping_add(1));
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get().wrapping_sub(layout.size()));
        PIECES.set(PIECES.get().wrapping_sub(1));
        // SAFETY: the caller's promise about place and layout is passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Enough that what is there once does not count.
const SERVICES: u16 = 2_000;

/// Bytes and allocations that stay of a value, for each of [`SERVICES`].
fn cost<T>(make: impl FnOnce() -> T) -> (T, [usize; 2]) {
    let before = [BYTES.get(), PIECES.get()];
    let made = make();
    let after = [BYTES.get(), PIECES.get()];
    let each = [0, 1].map(|of| after[of].wrapping_sub(before[of]) / usize::from(SERVICES));
    (made, each)
}

const NODES: [&str; 2] = ["node-a", "node-b"];

fn snapshot() -> Snapshot {
    let (mut snapshot, mut texts) = (Snapshot::default(), Texts::default());
    for number in 0..SERVICES {
        let mut service = service(&format!("service-{number}"), &["11.0.0.1"]);
        service.uid = Uid::new(format!("00000000-0000-4000-8000-{number:012}")).expect("a uid");
        service.annotations.insert("kube-vip.io/egress", "true");
        service.cluster_addresses = vec![Ipv4Addr::from(0x0a60_0000 + u32::from(number)).into()];
        service.compact(&mut texts);
        let mut slice = slice(&service.key, number);
        slice.compact(&mut texts);
        let slices = snapshot.slices.entry(service.key.clone()).or_default();
        slices.insert(format!("{}-x7k2p", service.key.name), Arc::new(slice));
        snapshot.services.insert(service.key.clone(), Arc::new(service));
    }
    snapshot
}

/// Two endpoints, one of them on this node.
fn slice(key: &SubjectKey, number: u16) -> Slice {
    let endpoint = |(place, node): (u32, &str)| Endpoint {
        address: address(number, place),
        node: Some(node.into()),
        pod: Some(ObjectReference::new("default", format!("{}-6d4cf56db6-{place:05}", key.name))),
        ready: Some(true),
        serving: Some(true),
        terminating: Some(false),
    };
    let endpoints = (0..).zip(NODES).map(endpoint).collect();
    Slice { service: key.clone(), made_by: ManagedBy::Controller, endpoints }
}

fn address(number: u16, place: u32) -> IpAddr {
    Ipv4Addr::from(0x0a01_0000 + 2 * u32::from(number) + place).into()
}

fn views(snapshot: &Snapshot, facts: &ClusterFacts) -> Vec<SubjectView> {
    let prefix = AnnotationPrefix::default();
    let view = |key| view(snapshot, facts, key, AddressTrust::Status, &prefix);
    snapshot.services.keys().filter_map(view).collect()
}

/// Each Service is translated for its endpoint here.
fn all_reporting(views: &[SubjectView]) -> Vec<Reporting> {
    let prefix = AnnotationPrefix::default();
    let (ready, ownership) =
        (BTreeSet::from(NODES.map(str::to_owned)), AddressOwnership::new(Owner::Any, NODES[0], &prefix));
    let stage = ReporterInput { node: NODES[0], ready: &ready, ownership: &ownership, cross_node: CrossNode::Off };
    let one = |view: &SubjectView| {
        let service = SubjectPlan {
            uid: view.subject.uid().clone(),
            created: 0,
            rules: vec![rule([view.subject.endpoints[0].address], view.subject.addresses[0])].into(),
            foreign: Default::default(),
            on_change: Default::default(),
            guarded: Default::default(),
        };
        let found: Published = published(view.subject.service().expect("a Service"), &prefix);
        reporting(
            stage,
            view,
            &found,
            &SubjectResult { service: Some(service.into()), end: EvaluationEnd::Ruled, findings: vec![] },
        )
    };
    views.iter().filter_map(one).collect()
}

#[test]
fn a_service_costs_few_bytes_and_allocations() {
    let facts = facts();
    let (snapshot, of_snapshot) = cost(snapshot);
    let (views, of_views) = cost(|| views(&snapshot, &facts));
    let (reporting, of_voices) = cost(|| all_reporting(&views));
    assert_eq!([views.len(), reporting.len()], [usize::from(SERVICES); 2]);
    let listed = snapshot.slices.values().flat_map(|slices| slices.values());
    assert!(listed.zip(&views).all(|(slice, view)| Arc::ptr_eq(&slice.endpoints, &view.subject.endpoints)));
    for (what, cost, most) in
        [("snapshot", of_snapshot, [1_400, 17]), ("view", of_views, [200, 3]), ("reporting", of_voices, [175, 2])]
    {
        assert!(cost[0] <= most[0] && cost[1] <= most[1], "{what}: {cost:?} bytes and allocations, at most {most:?}");
    }
}

/// What the loop keeps once all is in force.
fn in_force(snapshot: &Snapshot) -> (Pipeline, Applied, AppliedRound) {
    // All pods and ClusterIPs are in known networks, as in most clusters.
    let cluster = ClusterSettings { pod_networks: vec![n("10.0.0.0/8")], ..ClusterSettings::default() };
    let mut pipeline = Pipeline::new(Settings { cluster, ..settings_of_many(Owner::Any) }, BTreeMap::new());
    let (mut applied, mut in_force) = <(Applied, AppliedRound)>::default();
    let keys: BTreeSet<ChangeKey> = snapshot.services.keys().cloned().map(ChangeKey::Subject).collect();
    // What comes into force is remembered, which the second step takes in.
    for keys in [keys, BTreeSet::new()] {
        let questions = pipeline.update(snapshot, &keys);
        pipeline.answer(answered_plainly(questions));
        let step = pipeline.step();
        drop(pipeline.take_news());
        applied.add_outstanding(step.scope);
        let comparison = applied.compare(pipeline.target(applied.scope()), |_, _| {});
        comparison.apply_to(&mut applied);
        applied.clear_outstanding();
        in_force.take_over(&step.newest, UnixTime(1));
    }
    (pipeline, applied, in_force)
}

#[test]
fn what_the_loop_keeps_of_a_service_beside_its_objects_is_bounded() {
    let snapshot = snapshot();
    let ((_, _, in_force), [bytes, pieces]) = cost(|| in_force(&snapshot));
    assert_eq!(in_force.subjects.len(), usize::from(SERVICES));
    // LocalAddresses at the same time: what is known, planned, applied and reported of it, and the indexes by address and by
    // label.
    assert!(bytes <= 3_000 && pieces <= 27, "{bytes} bytes in {pieces} allocations beside its objects");
}
