//! The cost of the guard (P12): a new connection with the guard and without it, in pairs.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use egressd::kernel::nft::Netlink;
use egressd_core::decision::OnUnavailable;
use egressd_core::diff::diff;
use egressd_core::model::{ObjectReference, Phase, Pod, PodNetwork, Uid};
use egressd_core::owner::Owner;
use egressd_core::pipeline::Settings;
use egressd_core::plan::UnknownPods;
use egressd_core::ruleset::{GUARD, GUARDED, Ruleset, guarded};
use egressd_core::testkit::{service, settings_of_many};
use lab::Lab;

use crate::asks::EgressRequest;
use crate::connections::processor_time;
use crate::kernel::commit;
use crate::measure::{head, row};
use crate::world::{World, settings_within};

/// New connections in one measurement.
const CONNECTIONS: u16 = 2_000;
/// New connections after each change of the tables that are not measured: the first ones find cold caches.
const WARM_UP: u16 = 200;
/// Pairs of measurements: all connections of one case are below the default limit of conntrack.
const PAIRS: u16 = 50;
/// What the kernel frees after a commit, it frees in the background.
const SETTLING: Duration = Duration::from_millis(30);
/// Below the number of a Service's pods that are guarded whatever the limits are.
const PODS_OF_A_SERVICE: usize = 100;

/// Whose connections are measured.
#[derive(Clone, Copy, Debug)]
enum Sender {
    /// A translated pod, one of those that the guard is for.
    Guarded,
    /// A pod that no Service selects.
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    sender: Sender,
    /// How many pods are translated, and guarded where the guard is.
    guarded: u32,
    unknown: UnknownPods,
}

const fn case(sender: Sender, guarded: u32, unknown: UnknownPods) -> Case {
    Case { sender, guarded, unknown }
}

/// The first one compares equal tables, so it shows how exact the others are.
const CASES: [Case; 9] = [
    case(Sender::Other, 0, UnknownPods::Pass),
    case(Sender::Guarded, 1, UnknownPods::Pass),
    case(Sender::Guarded, 100, UnknownPods::Pass),
    case(Sender::Guarded, 10_000, UnknownPods::Pass),
    case(Sender::Other, 1, UnknownPods::Pass),
    case(Sender::Other, 10_000, UnknownPods::Pass),
    case(Sender::Guarded, 10_000, UnknownPods::Drop),
    case(Sender::Other, 0, UnknownPods::Drop),
    case(Sender::Other, 10_000, UnknownPods::Drop),
];

pub(crate) fn guard() {
    println!(
        "Time of the processor for a new connection of a translated pod, which the guard is for, and of one that no\n\
         Service selects, without marks. In turn without the guard and with it, {PAIRS} times, the tables beside it\n\
         being the same.\n"
    );
    head(&["guarded pods", "unknown pods", "sender", "without", "with", "more, median", "25 to 75 %"]);
    for case in CASES {
        print(case, &measure(case));
    }
}

fn print(case: Case, pairs: &[Pair]) {
    let sorted = |time: fn(&Pair) -> f64| sorted(pairs.iter().map(time).collect());
    let [without, with, more] = [Pair::without, Pair::with, Pair::more].map(sorted);
    row(&[
        &case.guarded.to_string(),
        &format!("{:?}", case.unknown),
        &format!("{:?}", case.sender),
        &format!("{:.2} us", percentile(&without, 50)),
        &format!("{:.2} us", percentile(&with, 50)),
        &format!("{:.2} us", percentile(&more, 50)),
        &format!("{:.2} to {:.2} us", percentile(&more, 25), percentile(&more, 75)),
    ]);
}

/// Two measurements in turn, in microseconds, since their difference may be negative.
struct Pair {
    without: f64,
    with: f64,
}

impl Pair {
    fn without(&self) -> f64 {
        self.without
    }

    fn with(&self) -> f64 {
        self.with
    }

    fn more(&self) -> f64 {
        self.with - self.without
    }
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_unstable_by(f64::total_cmp);
    times
}

fn percentile(sorted: &[f64], per_cent: usize) -> f64 {
    sorted[(sorted.len() - 1) * per_cent / 100]
}

/// All in one lab, so that both sides of a pair differ in the guard alone.
fn measure(case: Case) -> Vec<Pair> {
    let lab = Lab::new().unwrap();
    let without = tables(&lab, case, unguarded());
    let asked = Settings { on_unavailable: OnUnavailable::Drop, unknown_pods: case.unknown, ..unguarded() };
    let with = tables(&lab, case, asked);
    assert_eq!(with.tables.values().flat_map(guarded).count(), case.guarded as usize, "not all are guarded");
    let mut node = Node { lab: &lab, kernel: Ruleset::default(), sender: case.sender, measured: 0 };
    let pairs = (0..PAIRS).map(|number| node.pair([&without, &with], number)).collect();
    node.assert_nothing_dropped(&with);
    pairs
}

fn unguarded() -> Settings {
    settings_within(settings_of_many(Owner::Any).limits)
}

/// The tables of a node with so many translated pods, all of which are known to be pods.
fn tables(lab: &Lab, case: Case, settings: Settings) -> Ruleset {
    let mut world = World::of(settings, EgressRequest::Plain.policy());
    let others = (1..case.guarded).map(|number| IpAddr::from(Ipv4Addr::from(0x0a80_0000 + number)));
    let translated: Vec<IpAddr> = others.chain((case.guarded > 0).then(|| Sender::Guarded.of(lab).v4())).collect();
    for (number, pods) in translated.chunks(PODS_OF_A_SERVICE).enumerate() {
        world.put_service(service(&format!("service-{number}"), &["11.0.0.2"]), pods);
    }
    let known = translated.iter().copied().chain([Sender::Other.of(lab).v4()]).map(pod);
    world.snapshot.pods.complete(|pods| known.for_each(|pod| drop(pods.insert(Arc::new(pod)))));
    world.answer_all();
    world.step().after().clone()
}

fn pod(address: IpAddr) -> Pod {
    Pod {
        name: ObjectReference::new("default", address.to_string()),
        uid: Uid::new(format!("uid-{address}").replace('.', "-")).unwrap(),
        phase: Phase::Alive,
        network: PodNetwork::Own,
        addresses: vec![address],
        labels: Default::default(),
        started: None,
    }
}

impl Sender {
    fn of(self, lab: &Lab) -> &lab::Pod {
        match self {
            Self::Guarded => lab.pod(1),
            Self::Other => lab.pod(3),
        }
    }
}

struct Node<'a> {
    lab: &'a Lab,
    /// What is in the kernel.
    kernel: Ruleset,
    sender: Sender,
    /// The number of measurements so far, each of which has a source port of its own.
    measured: u16,
}

impl Node<'_> {
    /// Every second pair begins with the guard: what grows with each connection counts for both.
    fn pair(&mut self, [without, with]: [&Ruleset; 2], number: u16) -> Pair {
        if number.is_multiple_of(2) {
            let without = self.measure(without);
            return Pair { without, with: self.measure(with) };
        }
        let with = self.measure(with);
        Pair { without: self.measure(without), with }
    }

    fn measure(&mut self, tables: &Ruleset) -> f64 {
        self.bring(tables);
        self.measured += 1;
        let pod = self.sender.of(self.lab);
        processor_time(pod, 4_000 + self.measured, WARM_UP);
        processor_time(pod, 2_000 + self.measured, CONNECTIONS).as_secs_f64() * 1e6
    }

    fn bring(&mut self, tables: &Ruleset) {
        let changes = diff(&self.kernel, tables);
        self.lab.node().namespace.run(|| commit(&mut Netlink::open().unwrap(), &changes).unwrap()).unwrap();
        self.kernel = tables.clone();
        thread::sleep(SETTLING);
    }

    /// A packet that is dropped costs less than one that leaves.
    fn assert_nothing_dropped(&mut self, with: &Ruleset) {
        self.measure(with);
        for table in with.tables.values().filter(|table| table.chains.contains_key(&GUARD)) {
            let list = |what: &str| self.lab.node().namespace.nft_list(what).unwrap();
            let counted =
                list(&format!("set ip {} {GUARDED}", table.name)) + &list(&format!("chain ip {} {GUARD}", table.name));
            let [all, none] = ["packets ", "packets 0 "].map(|text| counted.matches(text).count());
            assert_eq!(all, none, "the guard dropped packets of a measurement");
        }
    }
}
