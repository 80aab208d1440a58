//! Every address of the lab, in one place.
//!
//! ```text
//!  pod 1..n                        node                          outside
//!  10.0.0.<i>        cni0 10.0.0.254 │ up0 192.168.0.200 ── lan0 192.168.0.250
//!  fd00:10:244::<i>  ..:244::ffff    │     fd00:192::200         fd00:192::250
//!                          lo: 11.0.0.<k>, fc00:11::<k>          172.18.0.1, fd00:172:18::1
//!                                                                172.19.0.1, fd00:172:19::1
//! ```
//!
//! The outside host knows the way back to the load-balancer addresses and to the pod networks, so a packet that
//! without SNAT is answered too, and is seen with the pod's own address.
//!
//! A second node, where a test needs one, is equal: `up0` 192.168.0.201, pods 10.0.1.`<i>`. It holds no
//! load-balancer address until it is added.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All pods of the cluster, IPv4.
pub const POD_NETWORK_V4: &str = "10.0.0.0/16";
/// All pods of the cluster, IPv6.
pub const POD_NETWORK_V6: &str = "fd00:10:244::/48";
/// The pods of the first node, IPv4. The second node has the next /24.
pub const NODE_PODS_V4: &str = "10.0.0.0/24";
/// The pods of the first node, IPv6. The second node has the next /64.
pub const NODE_PODS_V6: &str = "fd00:10:244::/64";
/// ClusterIPs, IPv4.
pub const SERVICE_NETWORK_V4: &str = "10.96.0.0/12";
/// ClusterIPs, IPv6.
pub const SERVICE_NETWORK_V6: &str = "fd00:10:96::/112";
/// Load-balancer addresses, IPv4.
pub const LOAD_BALANCER_NETWORK_V4: &str = "11.0.0.0/24";
/// Load-balancer addresses, IPv6.
pub const LOAD_BALANCER_NETWORK_V6: &str = "fc00:11::/64";

pub const NODE_NAME: &str = "node-1";
/// The second node's name in manifests, where a lab has one.
pub const SECOND_NODE_NAME: &str = "node-2";
/// The node on the network that it shares with the outside host.
pub const NODE_V4: IpAddr = v4(192, 168, 0, 200);
/// The same, IPv6.
pub const NODE_V6: IpAddr = v6([0xfd00, 0x192, 0, 0, 0, 0, 0, 0x200]);

/// The outside host on the node's network.
pub const NEIGHBOUR_V4: IpAddr = v4(192, 168, 0, 250);
/// The same, IPv6.
pub const NEIGHBOUR_V6: IpAddr = v6([0xfd00, 0x192, 0, 0, 0, 0, 0, 0x250]);
/// The outside host in a network behind a router: the usual destination of calls.
pub const OUTSIDE_V4: IpAddr = v4(172, 18, 0, 1);
/// The same, IPv6.
pub const OUTSIDE_V6: IpAddr = v6([0xfd00, 0x172, 0x18, 0, 0, 0, 0, 1]);
/// The outside host in a second network, for what holds in one network only.
pub const OTHER_OUTSIDE_V4: IpAddr = v4(172, 19, 0, 1);
/// The same, IPv6.
pub const OTHER_OUTSIDE_V6: IpAddr = v6([0xfd00, 0x172, 0x19, 0, 0, 0, 0, 1]);

/// All addresses of the outside host.
pub const OUTSIDE: [IpAddr; 6] =
    [NEIGHBOUR_V4, NEIGHBOUR_V6, OUTSIDE_V4, OUTSIDE_V6, OTHER_OUTSIDE_V4, OTHER_OUTSIDE_V6];

/// A ClusterIP for tests that simulate kube-proxy.
pub const CLUSTER_IP_V4: IpAddr = v4(10, 96, 0, 10);
/// The same, IPv6.
pub const CLUSTER_IP_V6: IpAddr = v6([0xfd00, 0x10, 0x96, 0, 0, 0, 0, 0x10]);

/// How many load-balancer addresses of each family the node holds: numbers 2 to 2 + this.
pub const LOAD_BALANCERS: u8 = 6;

/// The ports on which every host of the lab answers, TCP and UDP.
pub const PORTS: [u16; 5] = [53, 80, 443, 5060, 8080];
/// The default port of a call.
pub const PORT: u16 = 8080;

/// A load-balancer address that no node holds until a test assigns it.
pub const MOVING_V4: IpAddr = load_balancer_v4(20);
/// The same, IPv6.
pub const MOVING_V6: IpAddr = load_balancer_v6(20);

/// Node number `number`, from 1, IPv4: [`NODE_V4`] is the first.
pub const fn node_v4(number: u8) -> IpAddr {
    v4(192, 168, 0, 199 + number)
}

/// Node number `number`, from 1, IPv6: [`NODE_V6`] is the first.
pub const fn node_v6(number: u8) -> IpAddr {
    v6([0xfd00, 0x192, 0, 0, 0, 0, 0, 0x1ff + number as u16])
}

/// Load-balancer address number `number`, IPv4.
pub const fn load_balancer_v4(number: u8) -> IpAddr {
    v4(11, 0, 0, number)
}

/// Load-balancer address number `number`, IPv6.
pub const fn load_balancer_v6(number: u8) -> IpAddr {
    v6([0xfc00, 0x11, 0, 0, 0, 0, 0, number as u16])
}

/// Pod number `number` of the first node, from 1, IPv4.
pub const fn pod_v4(number: u8) -> IpAddr {
    pod_v4_on(1, number)
}

/// Pod number `number` of node number `node`, both from 1, IPv4.
pub const fn pod_v4_on(node: u8, number: u8) -> IpAddr {
    v4(10, 0, node - 1, number)
}

/// Pod number `number` of the first node, from 1, IPv6.
pub const fn pod_v6(number: u8) -> IpAddr {
    pod_v6_on(1, number)
}

/// Pod number `number` of node number `node`, both from 1, IPv6.
pub const fn pod_v6_on(node: u8, number: u8) -> IpAddr {
    v6([0xfd00, 0x10, 0x244, node as u16 - 1, 0, 0, 0, number as u16])
}

/// Node number `node`, from 1, on the network of its pods, IPv4.
pub const fn gateway_v4(node: u8) -> IpAddr {
    pod_v4_on(node, 254)
}

/// The same, IPv6.
pub const fn gateway_v6(node: u8) -> IpAddr {
    v6([0xfd00, 0x10, 0x244, node as u16 - 1, 0, 0, 0, 0xffff])
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(s: [u16; 8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]))
}
