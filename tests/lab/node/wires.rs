//! The network that nodes share with the outside host. The addresses are those of [`crate::addresses`]; its CNI plugins
//! create the network of a node's pods.

use anyhow::{Context, Result};

use crate::addresses::{NEIGHBOUR_V4, NEIGHBOUR_V6, node_v4, node_v6, pod_v4_on, pod_v6_on};
use crate::namespace::Namespace;
use crate::topology::{FORWARDING, SYSCTLS, outside_addresses};

/// The outside host: a bridge for the nodes, and the addresses of the world.
pub(super) fn outside() -> Result<Namespace> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&SYSCTLS)?;
    namespace.ip(&outside_addresses()).context("cannot build the outside host")?;
    Ok(namespace)
}

/// Node number `number`, from 1, on the outside host's bridge, with a route to the pods of node number `other`.
pub(super) fn node(number: u8, other: u8, outside: &Namespace) -> Result<Namespace> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&SYSCTLS)?;
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
