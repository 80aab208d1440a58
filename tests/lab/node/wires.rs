//! The network that nodes share with the outside host. The addresses are those of [`crate::addresses`]; what a node has
//! for its pods, its CNI plugins make.

use anyhow::{Context, Result};

use crate::addresses::{
    LOAD_BALANCER_NETWORK_V4, LOAD_BALANCER_NETWORK_V6, NEIGHBOUR_V4, NEIGHBOUR_V6, NODE_V4, NODE_V6, OUTSIDE, node_v4,
    node_v6, pod_v4_on, pod_v6_on,
};
use crate::namespace::Namespace;
use crate::topology::{FORWARDING, QUIET};

/// The outside host: a bridge for the nodes, and the addresses of the world.
pub(super) fn outside() -> Result<Namespace> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&QUIET)?;
    let mut lines = format!(
        "link add lan0 type bridge mcast_snooping 0
         link set lan0 up
         addr add {NEIGHBOUR_V4}/24 dev lan0
         addr add {NEIGHBOUR_V6}/64 dev lan0 nodad
         route add {LOAD_BALANCER_NETWORK_V4} via {NODE_V4}
         route add {LOAD_BALANCER_NETWORK_V6} via {NODE_V6}\n"
    );
    for address in OUTSIDE.iter().filter(|address| ![NEIGHBOUR_V4, NEIGHBOUR_V6].contains(address)) {
        lines += &format!("addr add {address} dev lo\n");
    }
    namespace.ip(&lines).context("cannot build the outside host")?;
    Ok(namespace)
}

/// Node number `number`, from 1, on the outside host's bridge, with a route to the pods of node number `other`.
pub(super) fn node(number: u8, other: u8, outside: &Namespace) -> Result<Namespace> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&QUIET)?;
    namespace.sysctl(&FORWARDING)?;
    namespace.veth("up0", outside, &format!("node{number}"))?;
    outside.ip(&format!("link set node{number} master lan0 up\n"))?;
    let (v4, v6) = (node_v4(number), node_v6(number));
    namespace.ip(&format!(
        "addr add {v4}/24 dev up0
         addr add {v6}/64 dev up0 nodad
         link set up0 up
         route add default via {NEIGHBOUR_V4}
         route add default via {NEIGHBOUR_V6}
         route add {}/24 via {}
         route add {}/64 via {}\n",
        pod_v4_on(other, 0),
        node_v4(other),
        pod_v6_on(other, 0),
        node_v6(other)
    ))?;
    Ok(namespace)
}
