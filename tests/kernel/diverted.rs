//! Packets through the tunnel as the compiled tables of two nodes lead them.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use egressd_core::compile::compile;
use egressd_core::model::SubjectKey;
use egressd_core::net::{Family, PortRange, Protocol as Transport, TunnelMarks};
use egressd_core::node::{TunnelState, TunnelWays};
use egressd_core::plan::{Gateway, Plan, SubjectPlan, TunnelPlan};
use egressd_core::testkit::{facts, rule, service};
use lab::addresses::{
    MOVING_V4, MOVING_V6, NODE_V4, NODE_V6, OUTSIDE_V4, OUTSIDE_V6, load_balancer_v4, load_balancer_v6, node_v4,
    node_v6,
};
use lab::{Lab, Namespace, Node, Pod, Protocol, Seen};

use crate::sample::names;
use crate::tunnel::{bring, gateway, open, settings};

pub(crate) const ALL: &[lab::Test] = &[
    (
        "a_diverted_pod_leaves_by_the_other_node_and_stays_there",
        a_diverted_pod_leaves_by_the_other_node_and_stays_there,
    ),
    ("errors_reach_both_ends_of_a_diverted_connection", errors_reach_both_ends_of_a_diverted_connection),
];

/// Two nodes with the tunnel between them and a CNI that masquerades. The second one holds the address that the first pod
/// of the first node leaves with.
pub(crate) struct Cluster {
    pub(crate) lab: Lab,
}

impl Cluster {
    pub(crate) fn build() -> Result<Self> {
        let cluster = Self { lab: Lab::builder().two_nodes().pods(2).build()? };
        for address in [MOVING_V4, MOVING_V6] {
            cluster.far().hold(address, "lo")?;
            cluster.lab.lead_to(cluster.far(), address)?;
        }
        for node in cluster.lab.nodes() {
            node.masquerade_like_a_cni()?;
        }
        cluster.near().namespace.run(|| bring(&mut open(), &TunnelState::default(), &diverting()))?;
        let returning = returning(cluster.pod());
        cluster.far().namespace.run(|| bring(&mut open(), &TunnelState::default(), &returning))?;
        Ok(cluster)
    }

    pub(crate) fn near(&self) -> &Node {
        &self.lab.nodes()[0]
    }

    pub(crate) fn far(&self) -> &Node {
        &self.lab.nodes()[1]
    }

    pub(crate) fn pod(&self) -> &Pod {
        self.near().pod(1)
    }

    /// Gives both nodes their tables.
    pub(crate) fn load(&self) -> Result<()> {
        load(self.near(), &near(self.pod()))?;
        load(self.far(), &far(self.pod()))
    }
}

/// The whole of the tables in one transaction.
fn load(node: &Node, plan: &Plan) -> Result<()> {
    let ruleset = compile(plan, &names());
    let tables = ruleset.tables.iter().map(|(family, table)| format!("{family} {}", table.name));
    let fresh: String = tables.map(|table| format!("table {table} {{ }}\ndelete table {table}\n")).collect();
    node.namespace.nft(&format!("{fresh}{ruleset}"))
}

fn diverting() -> TunnelState {
    let ways = |end: IpAddr| TunnelWays { gateways: [(gateway(1), Some(end))].into(), ..TunnelWays::default() };
    TunnelState::of(&settings(), &[(Family::Ipv4, ways(node_v4(2))), (Family::Ipv6, ways(node_v6(2)))].into())
}

fn returning(pod: &Pod) -> TunnelState {
    let ways = |pod, end| TunnelWays { homes: [(pod, end)].into(), ..TunnelWays::default() };
    let [v4, v6] = [ways(pod.v4(), NODE_V4), ways(pod.v6(), NODE_V6)];
    TunnelState::of(&settings(), &[(Family::Ipv4, v4), (Family::Ipv6, v6)].into())
}

/// A Service that a pod leaves with: the older one takes precedence.
fn planned(name: &str, created: i64, pod: &Pod, addresses: [IpAddr; 2]) -> (SubjectKey, SubjectPlan) {
    let service = service(name, &[]);
    let rules = addresses.map(|address| rule([pod.like(address)], address));
    let plan = SubjectPlan {
        uid: service.uid,
        created,
        rules: rules.to_vec().into(),
        foreign: Default::default(),
        on_change: Default::default(),
        guarded: Default::default(),
    };
    (service.key, plan)
}

fn plan(pod: &Pod, tunnel: TunnelPlan) -> Plan {
    let subjects = [planned("web", 1, pod, [MOVING_V4, MOVING_V6])].into();
    Plan { excluded: facts().excluded, subjects, tunnel: Some(tunnel), ..Plan::default() }
}

fn tunnel() -> TunnelPlan {
    TunnelPlan {
        port: PortRange::new(Transport::Udp, 4790, 4790).unwrap(),
        marks: TunnelMarks::DEFAULT,
        nodes: [NODE_V4, NODE_V6, node_v4(2), node_v6(2)].into(),
        held: Default::default(),
        homes: Default::default(),
        gateways: Default::default(),
    }
}

fn near(pod: &Pod) -> Plan {
    let there = |end| Gateway { index: Some(gateway(1)), end: Some(end) };
    let gateways = [(MOVING_V4, there(node_v4(2))), (MOVING_V6, there(node_v6(2)))].into();
    let held = [load_balancer_v4(2), load_balancer_v6(2)].into();
    plan(pod, TunnelPlan { gateways, held, ..tunnel() })
}

fn far(pod: &Pod) -> Plan {
    let homes = [(pod.v4(), NODE_V4), (pod.v6(), NODE_V6)].into();
    plan(pod, TunnelPlan { held: [MOVING_V4, MOVING_V6].into(), homes, ..tunnel() })
}

/// The destinations, and what a pod is seen as there that leaves by the other node.
const THERE: [(IpAddr, IpAddr); 2] = [(OUTSIDE_V4, MOVING_V4), (OUTSIDE_V6, MOVING_V6)];

fn a_diverted_pod_leaves_by_the_other_node_and_stays_there() -> Result<()> {
    let cluster = Cluster::build()?;
    let (lab, pod) = (&cluster.lab, cluster.pod());
    let mut translated_before = lab.connect(pod, OUTSIDE_V4)?;
    ensure!(translated_before.seen()? == NODE_V4.into());
    cluster.load()?;
    for (outside, seen) in THERE {
        for protocol in Protocol::ALL {
            lab.expect_seen(pod, outside, protocol, seen)?;
        }
    }
    lab.expect_seen(cluster.near().pod(2), OUTSIDE_V4, Protocol::Tcp, NODE_V4)?;
    ensure!(translated_before.seen()? == NODE_V4.into(), "what was open before is not diverted");
    let mut open = [lab.connect(pod, OUTSIDE_V4)?, lab.connect(pod, OUTSIDE_V6)?];
    let mut flow = lab.talk(pod, OUTSIDE_V4)?;
    ensure!(flow.seen()? == MOVING_V4.into());
    let here = [load_balancer_v4(2), load_balancer_v6(2)];
    let mut more = near(pod);
    more.subjects.extend([planned("older", 0, pod, here)]);
    load(cluster.near(), &more)?;
    for (outside, seen) in [(OUTSIDE_V4, here[0]), (OUTSIDE_V6, here[1])] {
        lab.expect_seen(pod, outside, Protocol::Tcp, seen)?;
    }
    for (connection, (_, seen)) in open.iter_mut().zip(THERE) {
        ensure!(connection.seen()? == seen.into(), "what is open goes on by the other node");
    }
    ensure!(flow.seen()? == MOVING_V4.into());
    // Without a rule that diverts it, an open connection ends and leaves with no other address.
    more.subjects.retain(|key, _| *key == SubjectKey::service("default", "older"));
    load(cluster.near(), &more)?;
    ensure!(flow.seen()? == Seen::Nothing);
    Ok(())
}

/// A port of the outside host on which nothing listens.
const CLOSED: u16 = 9;

fn errors_reach_both_ends_of_a_diverted_connection() -> Result<()> {
    let cluster = Cluster::build()?;
    for node in cluster.lab.nodes() {
        lab::output_of(node.namespace.command("sysctl").args(["-qw", "net.ipv4.conf.all.rp_filter=1"]))?;
    }
    cluster.load()?;
    let pod = cluster.pod();
    for (outside, seen) in THERE {
        let caller = socket(&pod.host.namespace, pod.like(outside))?;
        caller.connect((outside, CLOSED))?;
        caller.send(b"closed?")?;
        expect_refused(&caller).with_context(|| format!("the pod asks for a closed port of {outside}"))?;
        let caller = socket(&pod.host.namespace, pod.like(outside))?;
        let peer = socket(&cluster.lab.outside().namespace, outside)?;
        caller.send_to(b"wait", peer.local_addr()?)?;
        let (_, from) = peer.recv_from(&mut [0; 16])?;
        ensure!(from.ip() == seen, "seen as {from}");
        drop(caller);
        peer.connect(from)?;
        peer.send(b"too late")?;
        expect_refused(&peer).with_context(|| format!("{outside} answers a pod that listens no more"))?;
    }
    Ok(())
}

/// A UDP socket in a network namespace, on a free port.
pub(crate) fn socket(namespace: &Namespace, address: IpAddr) -> Result<UdpSocket> {
    let socket = namespace.run(|| UdpSocket::bind((address, 0)))??;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(socket)
}

/// The error that an ICMP message about what was sent is to the socket.
fn expect_refused(socket: &UdpSocket) -> Result<()> {
    match socket.recv(&mut [0; 16]) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        other => bail!("no error comes: {other:?}"),
    }
}
