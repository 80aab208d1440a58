//! egressd in a cluster with many Services and a real API server, compared with the time of the API server and a client
//! that does nothing else.

mod bare;
mod changes;
mod kernel_monitor;
mod population;

use std::thread;
use std::time::{Duration, Instant};

use lab::addresses::POD_NETWORK_V4;
use lab::cluster::{Cluster, Session, ready};
use lab::{Egressd, Program, Readiness};

use crate::measure::{head, ms, ratio, row};
use crate::process;
use bare::{ListMode, Watcher};
pub(crate) use kernel_monitor::KernelMonitor;
use population::{ENDPOINTS, SERVICES};

/// How long anything may take: a loaded machine is slow.
const STEP_TIMEOUT: Duration = Duration::from_secs(300);
/// For how long processor time is measured.
const CPU_SAMPLE_TIME: Duration = Duration::from_secs(30);
/// Time without a write after which egressd counts as idle.
const WRITES_IDLE_AFTER: Duration = Duration::from_secs(5);

pub(crate) fn cluster() {
    match ready() {
        Ok(Readiness::Ready) => {}
        Ok(Readiness::Skip(why)) => return println!("skipped: {why}"),
        Err(error) => panic!("{error:#}"),
    }
    let cluster = Cluster::builder().build().unwrap();
    let session = cluster.session().unwrap();
    session.create(&population::all()).unwrap();
    println!(
        "`egressd run` beside a real API server, etcd and controller manager: {SERVICES} Services with {ENDPOINTS}"
    );
    println!(
        "endpoints, all of them on this node. The bare client and the bare watcher are the same client library and do"
    );
    println!("nothing with what they read: they are the API server's own share.\n");
    let kernel = KernelMonitor::of(&cluster.lab.node().namespace);
    let watcher = Watcher::start(cluster.session().unwrap());
    let mut figures = ProcessFigures::default();
    let egressd = first_run(&cluster, &session, &kernel, &watcher, &mut figures);
    egressd.stop().unwrap();
    // An earlier process has published everything: this one has nothing to write, and is idle at once.
    let mut egressd = run(&cluster);
    come_to_rest(&mut egressd, &watcher);
    figures.processor("at rest", &egressd);
    figures.memory("started again, at rest", &egressd);
    let samples = changes::samples(&session, &kernel, &watcher);
    figures.memory("after these changes", &egressd);
    changes::print(&samples);
    figures.print();
}

fn run(cluster: &Cluster) -> Egressd<'_> {
    // The endpoints are more than the node's own pod network holds, and a warning for each would be logged each time.
    let program = Program::new(env!("CARGO_BIN_EXE_egressd")).environment("egress_podcidr", POD_NETWORK_V4);
    cluster.run(&program, cluster.lab.node()).unwrap()
}

/// From nothing to everything in the kernel, and in the annotations of all Services.
fn first_run<'c>(
    cluster: &'c Cluster,
    session: &Session,
    kernel: &KernelMonitor,
    watcher: &Watcher,
    figures: &mut ProcessFigures,
) -> Egressd<'c> {
    // The first list of all warms the server up.
    bare::list(session, ListMode::Streamed);
    let lists = [ListMode::Streamed, ListMode::Pages].map(|lists| bare::list(session, lists));
    let egressd = run(cluster);
    let begun = Instant::now();
    let programmed = kernel.wait_for_elements(ENDPOINTS, STEP_TIMEOUT).duration_since(begun);
    expect_all(cluster);
    print_start(lists, programmed);
    figures.memory("everything in the kernel", &egressd);
    let published = watcher.wait_for_published(SERVICES, STEP_TIMEOUT).duration_since(begun);
    println!("The active endpoint stands on all Services {:.1} s after the start.\n", published.as_secs_f64());
    figures.memory("everything published", &egressd);
    figures.processor("while Events are written", &egressd);
    egressd
}

/// The kernel holds what was counted.
fn expect_all(cluster: &Cluster) {
    let (pods, others) = cluster.lab.node().translations().unwrap();
    assert_eq!((pods.len(), others.len()), (ENDPOINTS, 0), "what is in the kernel");
}

fn print_start(lists: [Duration; 2], programmed: Duration) {
    head(&["from nothing", "time", "/ streamed list"]);
    let time = |name: &str, time: Duration| row(&[name, &ms(time), &ratio(time, lists[0])]);
    time("a bare client lists the same, streamed", lists[0]);
    time("a bare client lists the same, in pages", lists[1]);
    time("egressd, start of the process to the last element", programmed);
    println!();
}

/// Waits until the initial sync is complete and egressd writes no more.
fn come_to_rest(egressd: &mut Egressd<'_>, watcher: &Watcher) {
    egressd.wait_until_log_has("the initial sync with the API server is complete").unwrap();
    watcher.wait_for_quiet(WRITES_IDLE_AFTER);
}

/// Figures of the process, until they are printed in one table.
#[derive(Default)]
struct ProcessFigures {
    memory: Vec<[String; 3]>,
    processor: Vec<[String; 2]>,
}

impl ProcessFigures {
    fn memory(&mut self, when: &str, egressd: &Egressd<'_>) {
        let [resident, most] = process::memory(egressd.id());
        self.memory.push([when.to_owned(), resident, most]);
    }

    /// Takes [`CPU_SAMPLE_TIME`].
    fn processor(&mut self, when: &str, egressd: &Egressd<'_>) {
        let before = process::processor_time(egressd.id());
        thread::sleep(CPU_SAMPLE_TIME);
        let used = process::processor_time(egressd.id()) - before;
        let share = used.as_secs_f64() / CPU_SAMPLE_TIME.as_secs_f64() * 100.0;
        self.processor.push([when.to_owned(), format!("{share:.2} %")]);
    }

    fn print(&self) {
        head(&["memory", "resident", "most so far"]);
        self.memory.iter().for_each(|cells| row(&cells.each_ref().map(String::as_str)));
        println!();
        head(&["processor", "of one core"]);
        self.processor.iter().for_each(|cells| row(&cells.each_ref().map(String::as_str)));
    }
}
