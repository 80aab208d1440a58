//! Who is connected with whom: the picture in [`crate::addresses`], built.

use std::net::IpAddr;

use anyhow::{Context, Result};

use crate::addresses::{
    LOAD_BALANCER_NETWORK_V4, LOAD_BALANCER_NETWORK_V6, LOAD_BALANCERS, NEIGHBOUR_V4, NEIGHBOUR_V6, NODE_V4, NODE_V6,
    OUTSIDE, POD_NETWORK_V4, POD_NETWORK_V6, load_balancer_v4, load_balancer_v6, pod_v4, pod_v6,
};
use crate::namespace::Namespace;
use crate::probe::{Record, Service};

/// Addresses usable at once, no router advertisements, no surprises from the machine's own settings.
/// The last one lets root ping without a raw socket.
const QUIET: [(&str, &str); 6] = [
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/ping_group_range", "0 0"),
];

/// What a router needs.
const FORWARDING: [(&str, &str); 2] = [("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")];

/// On a node with kube-proxy conntrack has always been running. Without it, a connection that is open when the first
/// NAT chain comes would be taken for a new one in its middle, and translated.
const CONNTRACK: &str = "table inet lab_kube_proxy {
    chain forward { type filter hook forward priority filter; ct state invalid counter; }
}";

/// A namespace that calls and answers.
#[derive(Debug)]
pub struct Host {
    /// Where it lives.
    pub namespace: Namespace,
    /// Where it answers.
    pub addresses: Vec<IpAddr>,
    service: Option<Service>,
}

/// A pod of the first node.
#[derive(Debug)]
pub struct Pod {
    /// Its namespace, with `eth0`.
    pub host: Host,
    /// From 1.
    pub number: u8,
}

impl Pod {
    /// Its IPv4 address.
    pub fn v4(&self) -> IpAddr {
        pod_v4(self.number)
    }

    /// Its IPv6 address.
    pub fn v6(&self) -> IpAddr {
        pod_v6(self.number)
    }

    /// Its address in the family of another.
    pub fn like(&self, other: IpAddr) -> IpAddr {
        if other.is_ipv4() { self.v4() } else { self.v6() }
    }
}

/// A node: bridge `cni0` for the pods, `up0` to the outside, load-balancer addresses on `lo`.
#[derive(Debug)]
pub struct Node {
    /// Where it lives.
    pub namespace: Namespace,
}

/// A node, its pods, and the world outside.
#[derive(Debug)]
pub struct Lab {
    node: Node,
    pods: Vec<Pod>,
    outside: Host,
    pub(crate) record: Record,
}

/// What a lab is to have.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    pods: u8,
}

impl Builder {
    /// So many pods, numbered from 1.
    pub fn pods(self, pods: u8) -> Self {
        Self { pods }
    }

    /// Builds it; every host answers when this returns.
    ///
    /// # Errors
    /// When the kernel or `ip` refuses something.
    pub fn build(self) -> Result<Lab> {
        let record = Record::default();
        let node = node()?;
        let outside = outside(&node).context("cannot build the outside host")?.answering(&record)?;
        let pods = (1..=self.pods)
            .map(|number| {
                let host = pod(&node, number).with_context(|| format!("cannot build pod {number}"))?;
                Ok(Pod { host: host.answering(&record)?, number })
            })
            .collect::<Result<_>>()?;
        // Not before it has pods: a bridge without ports does not come up.
        node.namespace.settle().context("the node")?;
        Ok(Lab { node, pods, outside, record })
    }
}

impl Lab {
    /// Three pods unless told otherwise: two behind a Service, one beside it.
    pub fn builder() -> Builder {
        Builder { pods: 3 }
    }

    /// The lab that most tests need.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Pod `number`, from 1.
    ///
    /// # Panics
    /// When the lab was not built with so many.
    pub fn pod(&self, number: u8) -> &Pod {
        &self.pods[usize::from(number) - 1]
    }

    /// The host outside.
    pub fn outside(&self) -> &Host {
        &self.outside
    }
}

impl Host {
    fn silent(namespace: Namespace, addresses: Vec<IpAddr>) -> Self {
        Self { namespace, addresses, service: None }
    }

    fn answering(mut self, record: &Record) -> Result<Self> {
        self.namespace.settle()?;
        self.service = Some(Service::start(&self.namespace, &self.addresses, record)?);
        Ok(self)
    }
}

fn node() -> Result<Node> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&QUIET)?;
    namespace.sysctl(&FORWARDING)?;
    let mut lines = String::from(
        "link add cni0 type bridge mcast_snooping 0
         link set cni0 up
         addr add 10.0.0.254/24 dev cni0
         addr add fd00:10:244::ffff/64 dev cni0 nodad\n",
    );
    for number in 2..2 + LOAD_BALANCERS {
        lines += &format!("addr add {}/32 dev lo\n", load_balancer_v4(number));
        lines += &format!("addr add {}/128 dev lo nodad\n", load_balancer_v6(number));
    }
    namespace.ip(&lines).context("cannot build the node")?;
    namespace.nft(CONNTRACK).context("cannot build the node")?;
    Ok(Node { namespace })
}

/// The outside host. Its own address is on a bridge, so that one more node is one more cable.
fn outside(node: &Node) -> Result<Host> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&QUIET)?;
    node.namespace.veth("up0", &namespace, "node1")?;
    node.namespace.ip(&format!(
        "addr add {NODE_V4}/24 dev up0
         addr add {NODE_V6}/64 dev up0 nodad
         link set up0 up
         route add default via {NEIGHBOUR_V4}
         route add default via {NEIGHBOUR_V6}\n"
    ))?;
    let mut lines = format!(
        "link add lan0 type bridge mcast_snooping 0
         link set node1 master lan0 up
         link set lan0 up
         addr add {NEIGHBOUR_V4}/24 dev lan0
         addr add {NEIGHBOUR_V6}/64 dev lan0 nodad
         route add {LOAD_BALANCER_NETWORK_V4} via {NODE_V4}
         route add {LOAD_BALANCER_NETWORK_V6} via {NODE_V6}
         route add {POD_NETWORK_V4} via {NODE_V4}
         route add {POD_NETWORK_V6} via {NODE_V6}\n"
    );
    for address in OUTSIDE.iter().filter(|address| ![NEIGHBOUR_V4, NEIGHBOUR_V6].contains(address)) {
        lines += &format!("addr add {address} dev lo\n");
    }
    namespace.ip(&lines)?;
    Ok(Host::silent(namespace, OUTSIDE.to_vec()))
}

fn pod(node: &Node, number: u8) -> Result<Host> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&QUIET)?;
    let (name, v4, v6) = (format!("pod{number}"), pod_v4(number), pod_v6(number));
    node.namespace.veth(&name, &namespace, "eth0")?;
    node.namespace.ip(&format!("link set {name} master cni0 up"))?;
    namespace.ip(&format!(
        "addr add {v4}/24 dev eth0
         addr add {v6}/64 dev eth0 nodad
         link set eth0 up
         route add default via 10.0.0.254
         route add default via fd00:10:244::ffff\n"
    ))?;
    Ok(Host::silent(namespace, vec![v4, v6]))
}
