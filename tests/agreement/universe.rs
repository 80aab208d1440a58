//! The plans and packets that the lab can represent.

use std::net::IpAddr;

use egressd_core::testkit::{AddressPlan, Universe};
use ipnet::IpNet;
use lab::addresses::{
    CLUSTER_IP_V4, CLUSTER_IP_V6, NEIGHBOUR_V4, NEIGHBOUR_V6, OTHER_OUTSIDE_V4, OTHER_OUTSIDE_V6, OUTSIDE_V4,
    OUTSIDE_V6, PORTS, load_balancer_v4, load_balancer_v6, pod_v4, pod_v6,
};

/// How many pods the lab has. The last is called, too: a destination inside the cluster.
pub(crate) const PODS: u8 = 4;

/// Pods answer on the lab's other ports, and so cannot call from them.
const SOURCE_PORTS: [u16; 3] = [1053, 1080, 5061];

/// Networks around the lab's outside addresses: one around two of them, two around one, and everything.
const NETWORKS_V4: [&str; 4] = ["172.18.0.0/15", "172.19.0.0/24", "192.168.0.0/24", "0.0.0.0/0"];
const NETWORKS_V6: [&str; 4] = ["fd00:172::/32", "fd00:172:19::/64", "fd00:192::/64", "::/0"];

pub(crate) fn universe() -> Universe {
    let ipv4 = AddressPlan {
        pods: (1..=PODS).map(pod_v4).collect(),
        networks: networks(NETWORKS_V4),
        destinations: vec![OUTSIDE_V4, OTHER_OUTSIDE_V4, NEIGHBOUR_V4, pod_v4(PODS)],
        addresses: (2..6).map(load_balancer_v4).collect(),
        cluster_address: CLUSTER_IP_V4,
    };
    let ipv6 = AddressPlan {
        pods: (1..=PODS).map(pod_v6).collect(),
        networks: networks(NETWORKS_V6),
        destinations: vec![OUTSIDE_V6, OTHER_OUTSIDE_V6, NEIGHBOUR_V6, pod_v6(PODS)],
        addresses: (2..6).map(load_balancer_v6).collect(),
        cluster_address: CLUSTER_IP_V6,
    };
    Universe { worlds: [ipv4, ipv6], source_ports: SOURCE_PORTS.to_vec(), destination_ports: PORTS.to_vec() }
}

/// Where the lab's ClusterIPs lead to, both on the same port.
pub(crate) fn forwarded(universe: &Universe) -> impl Iterator<Item = (IpAddr, IpAddr, u16)> {
    universe.worlds.iter().map(|world| (world.cluster_address, world.destinations[0], universe.destination_ports[0]))
}

fn networks(texts: [&str; 4]) -> Vec<IpNet> {
    texts.map(|text| text.parse().expect("a network")).to_vec()
}
