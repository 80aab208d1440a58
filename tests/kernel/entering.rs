//! What enters the tunnel: what one node sends to the end of it on another.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

use anyhow::{Context, Result, ensure};
use lab::addresses::{CLUSTER_IP_V4, NODE_V4, NODE_V6, OUTSIDE_V4, gateway_v4, gateway_v6, node_v4, node_v6};
use lab::{DEADLINE, Namespace, Node, Pod, wait_until};

use crate::diverted::{Cluster, socket};

pub(crate) const ALL: &[lab::Test] =
    &[("nothing_that_a_pod_sends_enters_the_tunnel", nothing_that_a_pod_sends_enters_the_tunnel)];

/// Where the tunnel listens.
const PORT: u16 = 4790;

/// A packet of the pod's in the form in which it comes out of the tunnel.
struct Forged<'a> {
    sender: &'a Namespace,
    from: IpAddr,
    to: SocketAddr,
}

fn nothing_that_a_pod_sends_enters_the_tunnel() -> Result<()> {
    let cluster = Cluster::build()?;
    let [liar, caller] = [cluster.near().pod(1), cluster.near().pod(2)];
    let addresses = format!("addr add {}/32 dev eth0\naddr add {}/128 dev eth0 nodad", node_v4(2), node_v6(2));
    liar.host.namespace.ip(&addresses)?;
    expect_none_enters(&cluster, cluster.near(), &to_the_own_node(liar)?)?;
    lead_a_service_to(cluster.far(), cluster.near())?;
    expect_none_enters(&cluster, cluster.far(), &to_another_node(caller))
}

/// Each does while the nodes have no tables, so that the trial is one.
fn expect_none_enters(cluster: &Cluster, receiver: &Node, all: &[Forged<'_>]) -> Result<()> {
    for forged in all {
        let before = received(receiver)?;
        forged.send()?;
        wait_until("it enters", DEADLINE, || Ok(received(receiver)? > before))
            .with_context(|| format!("from {} to {}", forged.from, forged.to))?;
    }
    cluster.load()?;
    let before = received(receiver)?;
    all.iter().try_for_each(Forged::send)?;
    // What a node sends comes behind all that.
    let sender = if receiver.number == 1 { cluster.far() } else { cluster.near() };
    let (from, to) = (node_v4(sender.number), SocketAddr::new(node_v4(receiver.number), PORT));
    Forged { sender: &sender.namespace, from, to }.send()?;
    wait_until("what a node sends enters", DEADLINE, || Ok(received(receiver)? > before))?;
    let entered = received(receiver)? - before;
    ensure!(entered == 1, "{entered} packets entered the tunnel of node {}", receiver.number);
    let unload = |node: &Node| node.namespace.nft("delete table ip kube_vip_v4\ndelete table ip6 kube_vip_v6");
    cluster.lab.nodes().iter().try_for_each(unload)
}

/// Its node's addresses of all kinds, the broadcast address and the group of all nodes; with its own address and with that of
/// the other node.
fn to_the_own_node(pod: &Pod) -> Result<Vec<Forged<'_>>> {
    let sender = &pod.host.namespace;
    let broadcast: IpAddr = Ipv4Addr::new(10, 0, 0, 255).into();
    let all_nodes: IpAddr = Ipv4Addr::new(224, 0, 0, 1).into();
    let v4 = [NODE_V4, gateway_v4(1), broadcast, all_nodes].map(|to| SocketAddr::new(to, PORT));
    let device = lab::output_of(sender.command("ip").args(["-o", "link", "show", "eth0"]))?;
    let index = device.split(':').next().unwrap_or_default().parse()?;
    let all_nodes = SocketAddrV6::new("ff02::1".parse()?, PORT, 0, index);
    let v6 = [SocketAddr::new(NODE_V6, PORT), SocketAddr::new(gateway_v6(1), PORT), all_nodes.into()];
    let from = |own: IpAddr, other: IpAddr, to: &[SocketAddr]| -> Vec<Forged<'_>> {
        to.iter().flat_map(|to| [own, other].map(|from| Forged { sender, from, to: *to })).collect()
    };
    let mut all = from(pod.v4(), node_v4(2), &v4);
    all.extend(from(pod.v6(), node_v6(2), &v6));
    Ok(all)
}

/// Itself, and by way of a Service.
fn to_another_node(pod: &Pod) -> Vec<Forged<'_>> {
    let sender = &pod.host.namespace;
    let of = |from: IpAddr, to, port| Forged { sender, from, to: SocketAddr::new(to, port) };
    let v4 = [(node_v4(2), PORT), (CLUSTER_IP_V4, 53)].map(|(to, port)| of(pod.v4(), to, port));
    v4.into_iter().chain([of(pod.v6(), node_v6(2), PORT)]).collect()
}

/// A ClusterIP whose endpoint is the port of the tunnel on another node.
fn lead_a_service_to(endpoint: &Node, node: &Node) -> Result<()> {
    let to = node_v4(endpoint.number);
    node.namespace.nft(&format!(
        "table ip lab_service {{ chain prerouting {{ type nat hook prerouting priority -100;
           ip daddr {CLUSTER_IP_V4} udp dport 53 dnat to {to}:{PORT};\n}}\n}}"
    ))
}

impl Forged<'_> {
    fn send(&self) -> Result<()> {
        let socket = socket(self.sender, self.from)?;
        socket.set_broadcast(true)?;
        socket.send_to(&encapsulated(), self.to)?;
        Ok(())
    }
}

/// VXLAN-GPE with the network 69, and in it a header of IPv4 to the outside.
fn encapsulated() -> Vec<u8> {
    let IpAddr::V4(outside) = OUTSIDE_V4 else { unreachable!("an IPv4 address") };
    let tunnel = [0x0c, 0, 0, 1, 0, 0, 69, 0];
    let header = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1];
    [&tunnel[..], &header, &outside.octets()].concat()
}

/// How many packets came out of the tunnel on a node.
fn received(node: &Node) -> Result<u64> {
    let shown = lab::output_of(node.namespace.command("ip").args(["-s", "link", "show", "egressd0"]))?;
    let mut lines = shown.lines().skip_while(|line| !line.trim_start().starts_with("RX:"));
    let packets = lines.nth(1).and_then(|line| line.split_whitespace().nth(1)).context("no count")?;
    Ok(packets.parse()?)
}
