//! The alternatives to egressd, compared in one run: the same pods, each to an address of its own, in a network
//! namespace for each, since a commit walks all chains of its namespace.

mod base_chains;
mod iptables;
mod knftables;
mod nft;
mod ours;
mod program;

use std::net::Ipv4Addr;
use std::time::Duration;

use lab::Namespace;

use crate::kernel::COUNTS;
use crate::measure::{Times, head, ms, ratio, row, us};

/// The distance between two pods whose address changes.
const STRIDE: u32 = 7_919;

/// The cost of one method of writing rules.
pub(super) struct RuleCost {
    /// A cold start.
    cold: Duration,
    /// One pod gets another address.
    change: Times,
}

/// Why there is no figure.
pub(super) enum NoResult {
    /// A program is not installed.
    Skipped(String),
    /// The kernel refuses the rules.
    Refused(String),
}

impl NoResult {
    /// The reason, on one line for a table cell.
    fn skipped(why: &str) -> Self {
        Self::Skipped(why.trim().replace(['\n', '|'], " "))
    }
}

/// A method of writing rules for so many Services with one pod each.
struct Method {
    name: &'static str,
    measure: fn(&Namespace, u32) -> Result<RuleCost, NoResult>,
}

const METHODS: [Method; 4] = [
    Method { name: "an `nft -f -` for each change, one map", measure: nft::measure },
    Method { name: "kube-proxy's way: knftables, one map", measure: knftables::measure },
    Method { name: "iptables-nft, a rule each", measure: iptables::measure },
    Method { name: "kube-vip's layout, a base chain each, by our encoder", measure: base_chains::measure },
];

pub(crate) fn peers() {
    println!(
        "Time of the processor, other programs' and the kernel's with it. Each Service has one pod; it changes its"
    );
    println!("address.\n");
    head(&["who", "Services", "cold start", "/ ours", "one change p50", "p99", "/ ours"]);
    for count in COUNTS {
        let [ours, kernel] = ours::measure(&Namespace::new().unwrap(), count);
        print("egressd", count, &ours, &ours);
        print("of it the kernel", count, &kernel, &ours);
        for method in &METHODS {
            match (method.measure)(&Namespace::new().unwrap(), count) {
                Ok(cost) => print(method.name, count, &cost, &ours),
                Err(NoResult::Skipped(why)) => without(method.name, count, &format!("skipped: {why}")),
                Err(NoResult::Refused(why)) => without(method.name, count, &format!("refused: {why}")),
            }
        }
    }
}

fn print(name: &str, count: u32, cost: &RuleCost, ours: &RuleCost) {
    let (change, change_of_ours) = (cost.change.percentile(50), ours.change.percentile(50));
    row(&[
        name,
        &count.to_string(),
        &ms(cost.cold),
        &ratio(cost.cold, ours.cold),
        &us(change),
        &us(cost.change.percentile(99)),
        &ratio(change, change_of_ours),
    ]);
}

fn without(name: &str, count: u32, why: &str) {
    row(&[name, &count.to_string(), why, "-", "-", "-", "-"]);
}

fn pod(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a01_0001 + number)
}

/// The address of a Service in a turn.
fn address(number: u32, turn: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0b00_0000 + (number + turn) % 499)
}

/// The Service that changes in a turn.
fn changing(turn: u32, count: u32) -> u32 {
    turn * STRIDE % count
}
