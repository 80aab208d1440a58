//! `make bench`: the cost of egressd, as ratios in one run on one machine. Not a test: nothing here passes or
//! fails. Everything happens in network namespaces of its own.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

mod asks;
mod backstop;
mod change;
mod clock;
mod cluster;
mod connections;
mod evaluation;
mod flows;
mod guard;
mod kernel;
mod measure;
mod memory;
mod networks;
mod node;
mod peers;
mod policies;
mod process;
mod published;
mod reload;
mod world;

use std::fs;

use lab::Readiness;

/// All benchmarks by name.
const PARTS: [(&str, fn()); 21] = [
    ("one change", change::one_change),
    ("a Node", node::a_node),
    ("EgressNodes", published::egress_nodes),
    ("cold start", kernel::cold_start),
    ("networks", networks::changes),
    ("networks, new connections", networks::lengths),
    ("networks, the most", networks::worst),
    ("peers", peers::peers),
    ("policy call", evaluation::policy_call),
    ("evaluation", evaluation::evaluation),
    ("chains", policies::chains),
    ("reload", reload::reload),
    ("loading policies", policies::loading),
    ("memory of policies", policies::memory_of_policies),
    ("misbehaviour", policies::misbehaviour),
    ("new connections", connections::new_connections),
    ("guard", guard::guard),
    ("backstop", backstop::backstop),
    ("flows", flows::flows),
    ("memory", memory::memory),
    ("cluster", cluster::cluster),
];

fn main() {
    match lab::prepare() {
        Ok(Readiness::Ready) => {}
        Ok(Readiness::Skip(why)) => {
            println!("skipped: {why}");
            return;
        }
        Err(error) => panic!("{error:#}"),
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("{cores} cores, Linux {}.\n", kernel.trim().split('-').next().unwrap_or_default());
    // `cargo bench -- NAME` runs only what contains it.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, part) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            println!("### {name}\n\nLoad average: {}.\n", process::load_average());
            part();
            println!();
        }
    }
}
