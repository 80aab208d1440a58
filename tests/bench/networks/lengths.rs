//! A new connection of a pod with networks: the kernel asks about each length of prefix that is in use on the node.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use egressd::kernel::nft::Netlink;
use egressd_core::diff::diff;
use egressd_core::net::{PortRange, Protocol};
use egressd_core::node::Adapter as _;
use egressd_core::owner::Owner;
use egressd_core::ruleset::Ruleset;
use egressd_core::testkit::{RuleParts, service, settings_of_many};
use ipnet::IpNet;
use lab::addresses::NEIGHBOUR_V4;
use lab::{Lab, Pod};

use crate::asks::Policy;
use crate::connections::processor_time;
use crate::measure::{Times, head, row};
use crate::world::World;

/// How many lengths are in use: from 32 bits down.
const LENGTHS: [u8; 6] = [1, 2, 4, 8, 16, 32];
/// New connections of each pod per measurement.
const CONNECTIONS: u16 = 2_000;
/// Measurements of each pod in turn, below the default limit of conntrack together; the best counts.
const ROUNDS: u16 = 60;

/// What the elements of other pods name, and so how many look-ups there are for each length.
#[derive(Clone, Copy, Debug)]
enum OtherElements {
    /// One look-up: allowed networks.
    Wanted,
    /// Two look-ups: denied networks as well.
    Unwanted,
    /// Four look-ups: both with a port as well.
    Ports,
}

/// The best times of both pods.
struct BestTimes {
    plain: Duration,
    networks: Duration,
}

pub(crate) fn lengths() {
    println!(
        "A new connection of a pod with networks, for which the last length decides, beside one of a pod without."
    );
    println!("Time of the processor. How many look-ups a length has depends on what all pods name of it.\n");
    head(&["look-ups of a length", "lengths", "without networks", "with", "more", "/ lengths"]);
    for named in [OtherElements::Wanted, OtherElements::Unwanted, OtherElements::Ports] {
        for count in LENGTHS {
            print(named, count, &measure(count, named));
        }
    }
}

fn print(named: OtherElements, count: u8, best: &BestTimes) {
    let [plain, networks] = [best.plain, best.networks].map(|time| time.as_secs_f64() * 1e6);
    let (more, look_ups) = (networks - plain, named.others().len());
    row(&[
        &look_ups.to_string(),
        &count.to_string(),
        &format!("{plain:.2} us"),
        &format!("{networks:.2} us"),
        &format!("{more:.2} us"),
        &format!("{:.3} us", more / f64::from(count)),
    ]);
}

impl OtherElements {
    /// The Services of other pods.
    fn others(self) -> &'static [&'static str] {
        let all = &["wanted", "unwanted", "wanted-port", "unwanted-port"];
        match self {
            Self::Wanted => &all[..1],
            Self::Unwanted => &all[..2],
            Self::Ports => all,
        }
    }
}

/// Both pods in one lab, in turn, so that what else the machine does counts for both.
fn measure(count: u8, named: OtherElements) -> BestTimes {
    let lab = Lab::new().unwrap();
    lab.node().namespace.run(|| load([lab.pod(2), lab.pod(3)], count, named)).unwrap();
    let (mut plain, mut networks) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Both are translated to one address, so they have to differ in the port.
        plain.push(processor_time(lab.pod(2), 2_000 + round, CONNECTIONS));
        networks.push(processor_time(lab.pod(3), 3_000 + round, CONNECTIONS));
    }
    BestTimes { plain: Times::of(plain).percentile(0), networks: Times::of(networks).percentile(0) }
}

/// Keeps the tables when the socket is gone.
fn load([plain, networks]: [&Pod; 2], count: u8, named: OtherElements) {
    let mut world = World::empty(settings_of_many(Owner::Any).limits, policy(count));
    world.put_service(service("plain", &["11.0.0.2"]), [plain.v4()]);
    world.put_service(service("last", &["11.0.0.2"]), [networks.v4()]);
    for (number, name) in (1..).zip(named.others()) {
        world.put_service(service(name, &["11.0.0.2"]), [IpAddr::from([10, 0, 9, number])]);
    }
    world.answer_all();
    let comparison = world.step();
    let mut netlink = Netlink::open().unwrap();
    for batch in diff(&Ruleset::default(), comparison.after()).batches() {
        netlink.commit(batch).unwrap();
    }
}

/// One pod has the destination by its last length alone; others have a network beside it of each length, wanted and
/// not.
fn policy(count: u8) -> Policy {
    let beside: Vec<IpNet> = (33 - count..=32).map(beside).collect();
    let last = network(NEIGHBOUR_V4, 33 - count);
    let port = vec![PortRange::new(Protocol::Tcp, 443, 443).unwrap()];
    Box::new(move |rule, view| {
        let (beside, destination_ports) = (beside.clone(), port.clone());
        vec![match &*view.subject.key().name {
            "last" => RuleParts { include: vec![last], ..rule.into() }.rule(),
            "wanted" => RuleParts { include: beside, ..rule.into() }.rule(),
            "unwanted" => RuleParts { exclude: beside, ..rule.into() }.rule(),
            "wanted-port" => RuleParts { include: beside, destination_ports, ..rule.into() }.rule(),
            "unwanted-port" => RuleParts { exclude: beside, destination_ports, ..rule.into() }.rule(),
            _ => rule,
        }]
    })
}

/// The network that differs from the destination's in its last bit.
fn beside(bits: u8) -> IpNet {
    let destination = match NEIGHBOUR_V4 {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(_) => panic!("the lengths are those of IPv4"),
    };
    network(Ipv4Addr::from(destination ^ (1 << (32 - bits))).into(), bits)
}

fn network(of: IpAddr, bits: u8) -> IpNet {
    IpNet::new_assert(of, bits).trunc()
}
