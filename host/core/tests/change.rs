//! What a change costs, on any machine: as much among thirty thousand Services as among a thousand. Counted are
//! allocations, the Services that are looked at, questions to policies and what the kernel is asked for.
#![expect(clippy::expect_used, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::diff::{Applied, Summary};
use egressd_core::in_force::{AppliedRound, UnixTime};
use egressd_core::model::{ChangeKey, ClusterSettings, Node, Snapshot};
use egressd_core::owner::Owner;
use egressd_core::pipeline::{Pipeline, Settings};
use egressd_core::testkit::{SnapshotBuilder, answered_plainly, service, settings_of_many};

/// What a Node may allocate: some 310 are counted, of which 250 copy the part of both tables that every node has (its
/// rules and the names in them), and the rest is of the Node's own addresses. It is a bound for what grows with no
/// other item.
const OF_A_NODE: usize = 400;

/// Counts what its thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is; the counter is a plain value without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise about place and layout is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What one change cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    allocations: usize,
    questions: usize,
    looked_at: usize,
    changes: Summary,
}

/// A node with Services of one endpoint each, and what its loop does.
struct Fixture {
    pipeline: Pipeline,
    snapshot: Snapshot,
    applied: Applied,
    in_force: AppliedRound,
}

impl Fixture {
    fn with(count: u32) -> Self {
        Self::of(settings_of_many(Owner::Any), count)
    }

    /// With so many Services.
    fn of(settings: Settings, count: u32) -> Self {
        let pipeline = Pipeline::new(settings, BTreeMap::new());
        let (snapshot, applied, in_force) = Default::default();
        let mut fixture = Self { pipeline, snapshot, applied, in_force };
        let keys = (0..count).map(|number| fixture.put(number, 0)).collect();
        fixture.take(&keys);
        // What came into force is remembered, and settled once more.
        fixture.take(&BTreeSet::new());
        fixture
    }

    /// Adds a Service, or gives it another address.
    fn put(&mut self, number: u32, turn: u32) -> ChangeKey {
        let address = Ipv4Addr::from(0x0b00_0000 + (number * 7 + turn) % 251);
        let service = service(&format!("service-{number}"), &[&address.to_string()]);
        let key = service.key.clone();
        let endpoint = Ipv4Addr::from(0x0a00_0001 + number).to_string();
        SnapshotBuilder::default().service(service, &[&endpoint]).add_to(&mut self.snapshot);
        ChangeKey::Subject(key)
    }

    /// Adds a Node with an address and a network beside which nothing is, so that no two of them are one range.
    fn put_node(&mut self, number: u32) {
        let address = Ipv4Addr::from(0xc0a8_0001 + 2 * number).into();
        let network = format!("{}/24", Ipv4Addr::from(0x0a00_0000 + 512 * number)).parse().expect("a network");
        let node = Node { addresses: vec![address], pod_networks: vec![network], ..Node::default() };
        self.snapshot.nodes.insert(format!("node-{number:05}"), Arc::new(node));
    }

    fn take(&mut self, keys: &BTreeSet<ChangeKey>) -> Cost {
        let before = ALLOCATIONS.get();
        let questions = self.pipeline.update(&self.snapshot, keys);
        let asked = questions.len();
        let further = self.pipeline.answer(answered_plainly(questions));
        assert_eq!(further, []);
        self.pipeline.next_try(Duration::ZERO);
        let step = self.pipeline.step();
        drop(self.pipeline.take_news());
        self.applied.add_outstanding(step.scope);
        let comparison = self.applied.compare(self.pipeline.target(self.applied.scope()), |_, _| {});
        let changes = comparison.changes(&self.applied).summary();
        comparison.apply_to(&mut self.applied);
        self.applied.clear_outstanding();
        self.in_force.take_over(&step.newest, UnixTime(1));
        let allocations = ALLOCATIONS.get() - before;
        Cost { allocations, questions: asked, looked_at: step.looked_at, changes }
    }
}

/// The dearest of some changes.
fn dearest(count: u32) -> Cost {
    let mut fixture = Fixture::with(count);
    let costs = (0..50).map(|turn| {
        let key = fixture.put(turn * 17 % count, turn + 1);
        fixture.take(&[key].into())
    });
    costs.max_by_key(|cost| cost.allocations).expect("there are some")
}

#[test]
fn a_change_costs_as_much_among_thirty_thousand_services_as_among_a_thousand() {
    for count in [1_000, 30_000] {
        let Cost { allocations, questions, looked_at, changes } = dearest(count);
        assert!(allocations <= 300, "{allocations} allocations among {count} Services");
        // The one that was changed before settles once more, since its answer is remembered now.
        assert!(questions == 1 && looked_at <= 2, "{questions} questions, {looked_at} looked at among {count}");
        assert_eq!((changes.elements_added, changes.elements_removed), (1, 1), "among {count}");
    }
}

/// The dearest of some Nodes that come, and of the same when they go.
fn dearest_node(count: u32) -> [usize; 2] {
    let cluster = ClusterSettings::default();
    let mut fixture = Fixture::of(Settings { cluster, ..settings_of_many(Owner::Any) }, 100);
    (0..count).for_each(|number| fixture.put_node(2 * number));
    fixture.take(&[ChangeKey::Cluster].into());
    let some = (1..count).step_by(count as usize / 20).map(|number| 2 * number + 1);
    let come = some.clone().map(|number| {
        fixture.put_node(number);
        fixture.take(&[ChangeKey::Cluster].into())
    });
    let come = come.inspect(|cost| assert_eq!((cost.questions, cost.looked_at), (0, 0), "{cost:?}"));
    let come = come.map(|cost| cost.allocations).max().expect("there are some");
    let go = some.map(|number| {
        fixture.snapshot.nodes.remove(&format!("node-{number:05}"));
        fixture.take(&[ChangeKey::Cluster].into()).allocations
    });
    [come, go.max().expect("there are some")]
}

#[test]
fn a_node_costs_as_much_among_four_thousand_as_among_four_hundred() {
    let (few, many) = (dearest_node(400), dearest_node(4_000));
    for (few, many) in few.into_iter().zip(many) {
        assert!(many <= few + few / 4 && many <= OF_A_NODE, "{many} allocations among 4,000, {few} among 400");
    }
}

#[test]
fn a_node_that_comes_costs_nothing_of_the_services_that_have_nothing_to_do_with_it() {
    for count in [1_000, 10_000] {
        let mut fixture = Fixture::with(count);
        for number in 0..5u8 {
            let node = Node { addresses: vec![[192, 168, 7, number].into()], ..Node::default() };
            fixture.snapshot.nodes.insert(format!("node-z{number}"), Arc::new(node));
            let cost = fixture.take(&[ChangeKey::Cluster].into());
            // The first node that is ready reports for all.
            let is_first = number == 0;
            assert!(is_first || (cost.questions, cost.looked_at) == (0, 0), "{cost:?}");
            assert!(is_first || cost.allocations <= OF_A_NODE, "{cost:?} among {count}");
        }
        // One of them has the address of an endpoint: it is host network.
        let node = Node { addresses: vec![[10, 0, 0, 1].into()], ..Node::default() };
        fixture.snapshot.nodes.insert("node-zz".to_owned(), Arc::new(node));
        let cost = fixture.take(&[ChangeKey::Cluster].into());
        assert_eq!((cost.questions, cost.looked_at, cost.changes.elements_removed), (1, 1, 1));
    }
}
