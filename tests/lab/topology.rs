//! The network of the lab: builds the picture in [`crate::addresses`].

use std::mem;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::addresses::{
    LOAD_BALANCER_NETWORK_V4, LOAD_BALANCER_NETWORK_V6, LOAD_BALANCERS, NEIGHBOUR_V4, NEIGHBOUR_V6, NODE_NAME, NODE_V4,
    NODE_V6, OUTSIDE, SECOND_NODE_NAME, gateway_v4, gateway_v6, load_balancer_v4, load_balancer_v6, node_v4, node_v6,
    pod_v4_on, pod_v6_on,
};
use crate::namespace::Namespace;
use crate::probe::{Record, Service};

/// Addresses usable at once, no router advertisements, no surprises from the machine's own settings.
/// The last one lets root ping without a raw socket.
pub(crate) const SYSCTLS: [(&str, &str); 6] = [
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/ping_group_range", "0 0"),
];

/// What a router needs.
pub(crate) const FORWARDING: [(&str, &str); 2] = [("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")];

/// On a node with kube-proxy conntrack has always been running. Without it, a connection that is open when the first
/// NAT chain comes would be taken for a new one in its middle, and translated.
const CONNTRACK: &str = "table inet lab_kube_proxy {
    chain forward { type filter hook forward priority filter; ct state invalid counter; }
}";

/// A network namespace that calls and answers calls.
#[derive(Debug)]
pub struct Host {
    pub namespace: Namespace,
    /// The addresses on which it answers. Of a pod: IPv4, then IPv6.
    pub addresses: Vec<IpAddr>,
    service: Option<Service>,
}

#[derive(Debug)]
pub struct Pod {
    /// Its network namespace, with `eth0`.
    pub host: Host,
    /// From 1.
    pub number: u8,
    /// The number of its node, from 1.
    pub node: u8,
}

impl Pod {
    pub fn v4(&self) -> IpAddr {
        self.host.addresses[0]
    }

    pub fn v6(&self) -> IpAddr {
        self.host.addresses[1]
    }

    /// Its address in the family of another.
    pub fn like(&self, other: IpAddr) -> IpAddr {
        if other.is_ipv4() { self.v4() } else { self.v6() }
    }
}

/// A node: bridge `cni0` for the pods, `up0` to the outside, load-balancer addresses on `lo`.
#[derive(Debug)]
pub struct Node {
    pub namespace: Namespace,
    /// From 1.
    pub number: u8,
    pods: Vec<Pod>,
    /// What programs on the node share with each other and with no other node, as they do in its `/run`.
    run: TempDir,
}

impl Node {
    /// Its name in manifests.
    pub fn name(&self) -> &'static str {
        if self.number == 1 { NODE_NAME } else { SECOND_NODE_NAME }
    }

    /// Its pod `number`, from 1.
    ///
    /// # Panics
    /// When the lab was not built with so many.
    pub fn pod(&self, number: u8) -> &Pod {
        &self.pods[usize::from(number) - 1]
    }

    /// Where egressds on the node have their locks.
    pub fn locks(&self) -> &Path {
        self.run.path()
    }

    /// Puts an address on an interface, as a load balancer does when it makes this node the one that answers.
    ///
    /// # Errors
    /// When it is there already.
    pub fn hold(&self, address: IpAddr, interface: &str) -> Result<()> {
        let nodad = if address.is_ipv6() { "nodad" } else { "" };
        self.namespace.ip(&format!("addr add {} dev {interface} {nodad}", host_network(address)))
    }

    /// Takes an address from an interface.
    ///
    /// # Errors
    /// When it is not there.
    pub fn release(&self, address: IpAddr, interface: &str) -> Result<()> {
        self.namespace.ip(&format!("addr del {} dev {interface}", host_network(address)))
    }

    /// From now on, duplicate address detection runs for IPv6 addresses on `up0`, as on nodes by
    /// default.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn detect_duplicates(&self) -> Result<()> {
        self.namespace.sysctl(&[("ipv6/conf/up0/accept_dad", "1")])
    }
}

/// The network with only this address.
pub(crate) fn host_network(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}

/// Nodes, their pods, and a host outside the cluster.
#[derive(Debug)]
pub struct Lab {
    nodes: Vec<Node>,
    outside: Host,
    pub(crate) record: Record,
}

/// Options of a lab.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    nodes: u8,
    pods: u8,
}

impl Builder {
    /// The number of pods per node, numbered from 1.
    pub fn pods(self, pods: u8) -> Self {
        Self { pods, ..self }
    }

    pub fn two_nodes(self) -> Self {
        Self { nodes: 2, ..self }
    }

    /// Builds it; every host answers when this returns.
    ///
    /// # Errors
    /// When the kernel or `ip` refuses something.
    pub fn build(self) -> Result<Lab> {
        let record = Record::default();
        let mut nodes = (1..=self.nodes).map(node).collect::<Result<Vec<_>>>()?;
        let outside = outside(&nodes).context("cannot build the outside host")?.answering(&record)?;
        for node in &mut nodes {
            for number in 1..=self.pods {
                let host = pod(node, number).with_context(|| format!("cannot build pod {number}"))?;
                node.pods.push(Pod { host: host.answering(&record)?, number, node: node.number });
            }
            // Not before it has pods: a bridge without ports does not come up.
            node.namespace.wait_until_settled().with_context(|| node.name())?;
        }
        Ok(Lab { nodes, outside, record })
    }
}

impl Lab {
    /// Three pods by default: two behind a Service, one beside it.
    pub fn builder() -> Builder {
        Builder { nodes: 1, pods: 3 }
    }

    /// The lab that most tests need.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// The node; the first, where there are two.
    pub fn node(&self) -> &Node {
        &self.nodes[0]
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Pod `number`, from 1, of the first node.
    ///
    /// # Panics
    /// When the lab was not built with so many.
    pub fn pod(&self, number: u8) -> &Pod {
        self.node().pod(number)
    }

    /// Makes the outside host send packets for an address to a node, as the node's gratuitous ARP does.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn lead_to(&self, node: &Node, address: IpAddr) -> Result<()> {
        let via = if address.is_ipv4() { node_v4(node.number) } else { node_v6(node.number) };
        self.outside.namespace.ip(&format!("route replace {} via {via}", host_network(address)))
    }

    /// Makes the outside look for an address on its own link, by ARP or neighbour discovery: whoever answers gets what
    /// is for it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn look_on_the_link_for(&self, address: IpAddr) -> Result<()> {
        self.outside.namespace.ip(&format!("route replace {} dev lan0", host_network(address)))
    }

    /// Gives every pod another way out and other addresses: IPv4, then IPv6. They answer there when this returns.
    pub(crate) fn rewire_pods(&mut self, wire: impl Fn(&Node, &Pod) -> Result<[IpAddr; 2]>) -> Result<()> {
        for node in &mut self.nodes {
            let mut pods = mem::take(&mut node.pods);
            for pod in &mut pods {
                pod.host.service = None;
                pod.host.addresses = wire(node, pod)?.to_vec();
                pod.host.answer(&self.record)?;
            }
            node.pods = pods;
        }
        Ok(())
    }

    pub fn outside(&self) -> &Host {
        &self.outside
    }
}

impl Host {
    fn silent(namespace: Namespace, addresses: Vec<IpAddr>) -> Self {
        Self { namespace, addresses, service: None }
    }

    fn answering(mut self, record: &Record) -> Result<Self> {
        self.answer(record)?;
        Ok(self)
    }

    fn answer(&mut self, record: &Record) -> Result<()> {
        self.namespace.wait_until_settled()?;
        self.service = Some(Service::start(&self.namespace, &self.addresses, record)?);
        Ok(())
    }
}

fn node(number: u8) -> Result<Node> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&SYSCTLS)?;
    namespace.sysctl(&FORWARDING)?;
    let (v4, v6) = (gateway_v4(number), gateway_v6(number));
    let mut lines = format!(
        "link add cni0 type bridge mcast_snooping 0
         link set cni0 up
         addr add {v4}/24 dev cni0
         addr add {v6}/64 dev cni0 nodad\n"
    );
    let held = if number == 1 { 2..2 + LOAD_BALANCERS } else { 0..0 };
    for number in held {
        lines += &format!("addr add {}/32 dev lo\n", load_balancer_v4(number));
        lines += &format!("addr add {}/128 dev lo nodad\n", load_balancer_v6(number));
    }
    namespace.ip(&lines).context("cannot build the node")?;
    namespace.nft(CONNTRACK).context("cannot build the node")?;
    Ok(Node { namespace, number, pods: Vec::new(), run: TempDir::with_prefix("egressd-run-")? })
}

/// The outside host, with a cable and routes to each node.
fn outside(nodes: &[Node]) -> Result<Host> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&SYSCTLS)?;
    // In one step with the ports: a bridge that is up without a port for a moment carries nothing for up to a second
    // after.
    let mut lines = outside_addresses();
    for node in nodes {
        cable(node, &namespace)?;
        let (number, v4, v6) = (node.number, node_v4(node.number), node_v6(node.number));
        lines += &format!(
            "link set node{number} master lan0 up
             route add {}/24 via {v4}
             route add {}/64 via {v6}\n",
            pod_v4_on(number, 0),
            pod_v6_on(number, 0)
        );
    }
    namespace.ip(&lines)?;
    Ok(Host::silent(namespace, OUTSIDE.to_vec()))
}

/// What gives the outside host a bridge for nodes, and the addresses of the world: lines for `ip`. Its own address is
/// on the bridge, so that one more node is one more cable.
pub(crate) fn outside_addresses() -> String {
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
    lines
}

/// Connects a node with the outside host's namespace.
fn cable(node: &Node, outside: &Namespace) -> Result<()> {
    let (v4, v6) = (node_v4(node.number), node_v6(node.number));
    node.namespace.veth("up0", outside, &format!("node{}", node.number))?;
    node.namespace.ip(&format!(
        "addr add {v4}/24 dev up0
         addr add {v6}/64 dev up0 nodad
         link set up0 up
         route add default via {NEIGHBOUR_V4}
         route add default via {NEIGHBOUR_V6}\n"
    ))
}

fn pod(node: &Node, number: u8) -> Result<Host> {
    let namespace = Namespace::new()?;
    namespace.sysctl(&SYSCTLS)?;
    let (name, v4, v6) = (format!("pod{number}"), pod_v4_on(node.number, number), pod_v6_on(node.number, number));
    let (gateway_v4, gateway_v6) = (gateway_v4(node.number), gateway_v6(node.number));
    node.namespace.veth(&name, &namespace, "eth0")?;
    node.namespace.ip(&format!("link set {name} master cni0 up"))?;
    namespace.ip(&format!(
        "addr add {v4}/24 dev eth0
         addr add {v6}/64 dev eth0 nodad
         link set eth0 up
         route add default via {gateway_v4}
         route add default via {gateway_v6}\n"
    ))?;
    Ok(Host::silent(namespace, vec![v4, v6]))
}
