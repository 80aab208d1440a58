//! The cost of a new connection, with our layout and with one base chain for each Service (kube-vip's, which ends
//! at 1,024: the kernel's `MAX_HOOK_COUNT`).

use std::fmt::Write;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use egressd::kernel::nft::Netlink;
use egressd_core::diff::diff;
use egressd_core::node::Adapter as _;
use egressd_core::ruleset::Ruleset;
use lab::addresses::NEIGHBOUR_V4;
use lab::{Lab, Pod};

use crate::asks::EgressRequest;
use crate::clock::{self, used};
use crate::measure::{Times, head, ratio, row, timed};
use crate::world::World;

/// New connections in one measurement: below the default limit of conntrack.
const CONNECTIONS: u16 = 40_000;
/// Measurements of each; the best counts, since everything else on the machine only adds.
const ROUNDS: usize = 5;

pub(crate) fn new_connections() {
    println!("Of a pod that no Service selects.\n");
    head(&["Services", "no rules", "ours", "/ no rules", "a base chain each", "/ no rules"]);
    for count in [1, 1_000, 10_000] {
        let bare = measure(|_| {});
        let ours = measure(|lab| lab.node().namespace.run(|| load_ours(count)).unwrap());
        let base_chains = (count <= 1_000).then(|| measure(|lab| load_base_chains(lab, count)));
        let cell = |time: Duration| format!("{:.2} us", time.as_secs_f64() * 1e6);
        let (chains, chains_ratio) =
            base_chains.map_or(("refused".to_owned(), "-".to_owned()), |time| (cell(time), ratio(time, bare)));
        row(&[&count.to_string(), &cell(bare), &cell(ours), &ratio(ours, bare), &chains, &chains_ratio]);
    }
}

/// Keeps the tables when the socket is gone.
fn load_ours(count: u32) {
    let comparison = World::with(count, EgressRequest::Plain).step();
    let mut netlink = Netlink::open().unwrap();
    for batch in diff(&Ruleset::default(), comparison.after()).batches() {
        netlink.commit(batch).unwrap();
    }
}

/// As kube-vip does it: for every Service a base chain with one rule.
fn load_base_chains(lab: &Lab, count: u32) {
    let mut script = String::from("add table ip bench\n");
    for number in 0..count {
        let pod = std::net::Ipv4Addr::from(0x0a01_0001 + number);
        writeln!(
            script,
            "add chain ip bench c{number} {{ type nat hook postrouting priority 100; policy accept; }}\n\
             add rule ip bench c{number} ip saddr {{ {pod} }} ip daddr != 10.0.0.0-10.255.255.255 \
             ip daddr != 172.30.0.0-172.30.255.255 snat to 11.0.0.2"
        )
        .unwrap();
    }
    lab.node().nft(&script).unwrap();
}

/// The time of one new connection of a pod that no Service selects, in the best of several rounds.
fn measure(load: impl FnOnce(&Lab)) -> Duration {
    let lab = Lab::new().unwrap();
    // With a NAT chain in place conntrack runs in all three cases.
    lab.node().nft("add table ip base\nadd chain ip base c { type nat hook postrouting priority 200; }").unwrap();
    load(&lab);
    let pod = lab.pod(3);
    let rounds = (0..ROUNDS).map(|round| {
        let source = 2_000 + u16::try_from(round).unwrap();
        pod.host.namespace.run(|| timed(|| connect(pod.v4(), source, CONNECTIONS)).1).unwrap() / u32::from(CONNECTIONS)
    });
    Times::of(rounds.collect()).percentile(0)
}

/// One datagram to each of many ports: every one a new connection, all the way to the outside host.
fn connect(from: IpAddr, source: u16, count: u16) {
    let socket = UdpSocket::bind((from, source)).unwrap();
    (10_000..10_000 + count).for_each(|port| drop(socket.send_to(&[0], (NEIGHBOUR_V4, port))));
}

/// The processor's time for a new connection of a pod, in the mean of so many.
pub(crate) fn processor_time(pod: &Pod, source: u16, count: u16) -> Duration {
    let work = || used(clock::thread, || connect(pod.v4(), source, count)).1;
    pod.host.namespace.run(work).unwrap() / u32::from(count)
}
