//! The cost of the guard's backstop: policies of the kernel's IPsec, which it looks up for every packet that it forwards.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use egressd::kernel::xfrm::Policies;
use egressd_core::compile::{Backstop, XfrmStamp, table_names};
use egressd_core::net::{AddressRange, MarkBit};
use egressd_core::node::{Adapter as _, Part as _, Xfrm, XfrmMaker, XfrmPolicy};
use lab::{Lab, Pod};

use crate::connections::processor_time;
use crate::measure::{Times, head, ms, ratio, row, timed};

/// New connections in one measurement; all of them are below the default limit of conntrack.
const CONNECTIONS: u16 = 4_000;
/// Measurements of each; the best counts, since everything else on the machine only adds.
const ROUNDS: u16 = 40;
/// The pods of the lab that are measured.
const GUARDED: u8 = 1;
const OTHER: u8 = 3;

pub(crate) fn backstop() {
    println!(
        "Time of the processor for a new connection of a guarded pod, whose packets are marked, and of another one.\n"
    );
    head(&["blocked pods", "guarded", "/ none", "other", "/ none", "time to add", "time to delete"]);
    let mut none = None;
    for count in [0, 1, 1_000, 10_000] {
        let [guarded, other] = [GUARDED, OTHER].map(|pod| measure(count, pod));
        let [no_guarded, no_other] = *none.get_or_insert([guarded.connection, other.connection]);
        let cell = |time: Duration| format!("{:.2} us", time.as_secs_f64() * 1e6);
        row(&[
            &count.to_string(),
            &cell(guarded.connection),
            &ratio(guarded.connection, no_guarded),
            &cell(other.connection),
            &ratio(other.connection, no_other),
            &ms(guarded.adding.min(other.adding)),
            &ms(guarded.deleting.min(other.deleting)),
        ]);
    }
}

struct Figures {
    connection: Duration,
    adding: Duration,
    deleting: Duration,
}

/// Each in a node of its own, where conntrack has room for all connections.
fn measure(count: u32, pod: u8) -> Figures {
    let lab = Lab::new().unwrap();
    let guarded = lab.pod(GUARDED).v4();
    // With a NAT chain in place conntrack runs in all cases; only with policies there are marks.
    lab.node().nft("add table ip base\nadd chain ip base c { type nat hook postrouting priority 200; }").unwrap();
    let all = policies(count, guarded);
    if count > 0 {
        lab.node().nft(&marking(guarded)).unwrap();
    }
    let bring = |old: &BTreeSet<XfrmPolicy>, new: &BTreeSet<XfrmPolicy>| {
        lab.node().namespace.run(|| timed(|| carry_out(old, new)).1).unwrap()
    };
    let adding = bring(&BTreeSet::new(), &all);
    let connection = connections(lab.pod(pod), 2_000);
    Figures { connection, adding, deleting: bring(&all, &BTreeSet::new()) }
}

fn connections(pod: &Pod, source: u16) -> Duration {
    let rounds = (0..ROUNDS).map(|round| processor_time(pod, source + round, CONNECTIONS));
    Times::of(rounds.collect()).percentile(0)
}

fn marking(pod: IpAddr) -> String {
    format!(
        "add chain ip base pre {{ type filter hook prerouting priority -150; }}\n\
         add set ip base pods {{ type ipv4_addr; elements = {{ {pod} }}; }}\n\
         add rule ip base pre ip saddr @pods meta mark set meta mark or 0x1000\n\
         add chain ip base post {{ type filter hook postrouting priority 290; }}\n\
         add rule ip base post meta mark and 0x1000 == 0x1000 meta mark set meta mark and 0xffffefff"
    )
}

/// The guarded pod, and others that are nowhere.
fn policies(count: u32, pod: IpAddr) -> BTreeSet<XfrmPolicy> {
    let stamp = XfrmStamp { maker: XfrmMaker::of(&table_names(None)), bit: MarkBit::DEFAULT };
    let others = (1..count).map(|number| IpAddr::from(Ipv4Addr::from(0x0a80_0000 + number)));
    let pods = if count == 0 { BTreeSet::new() } else { others.chain([pod]).collect() };
    let network = |first: [u8; 4], last: [u8; 4]| AddressRange::new(first.into(), last.into()).unwrap();
    let inside = vec![network([10, 0, 0, 0], [10, 255, 255, 255]), network([172, 30, 0, 0], [172, 30, 255, 255])];
    Backstop { pods, inside }.policies(stamp)
}

fn carry_out(old: &BTreeSet<XfrmPolicy>, new: &BTreeSet<XfrmPolicy>) {
    let mut kernel = Policies::open().unwrap();
    for effect in Xfrm::diff(old, new) {
        kernel.commit(&effect.change).unwrap();
    }
}
