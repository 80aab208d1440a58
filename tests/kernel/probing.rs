//! Probes between two nodes, through the tunnel in the kernel.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use egressd::kernel::tunnel::KernelTunnel;
use egressd::probing::{ProbeConfig, ProbeSize, ProbeTargets, Reached, start};
use egressd_core::net::{Family, TunnelMarks};
use egressd_core::node::{TunnelState, TunnelWays};
use egressd_core::probing::{MOST_UNANSWERED, PROBE_INTERVAL, Reachability};
use lab::addresses::{node_v4, node_v6};
use lab::{DEADLINE, Lab, Node, wait_until};
use tokio::sync::watch;

use crate::tunnel::{bring, open, settings};

pub(crate) const ALL: &[lab::Test] = &[
    ("a_node_answers_through_the_tunnel_and_no_other_way", a_node_answers_through_the_tunnel_and_no_other_way),
    ("a_packet_that_does_not_fit_is_no_proof", a_packet_that_does_not_fit_is_no_proof),
];

/// In place of egressd's tables: the mark is gone before the device routes the outer packet.
const MARKS: &str = "table inet marks {
    chain prerouting { type filter hook prerouting priority -90; policy accept;
        iifname \"egressd0\" meta mark set 0x107f
    }
    chain postrouting { type filter hook postrouting priority 290; policy accept;
        meta mark & 0x1000 == 0x1000 meta mark set 0
    }
}";

/// A node that takes part, for as long as its targets are there.
struct Taking {
    tunnel: KernelTunnel,
    targets: watch::Sender<ProbeTargets>,
    reached: watch::Receiver<Reached>,
}

impl Taking {
    fn on(node: &Node, number: u8, other: u8) -> Result<Self> {
        node.namespace.nft(MARKS)?;
        let mut tunnel = node.namespace.run(open)?;
        node.namespace.run(|| bring(&mut tunnel, &TunnelState::default(), &leading_to(other)))?;
        let config = ProbeConfig { own: vec![node_v4(number), node_v6(number)], marks: TunnelMarks::DEFAULT };
        let (targets, receiver) = watch::channel(ProbeTargets::new());
        let reached = node.namespace.run(|| start(config, receiver))??;
        Ok(Self { tunnel, targets, reached })
    }

    /// With packets that fill those of the link: a tunnel in IPv6 has longer headers.
    fn ask_all(&self, ends: &[IpAddr]) {
        let mtu = |end: IpAddr| match Family::of(end) {
            Family::Ipv4 => 1464,
            Family::Ipv6 => 1444,
        };
        let target = |end: &IpAddr| (*end, ProbeSize::of(mtu(*end), Family::of(*end)));
        self.targets.send_replace(ends.iter().map(target).collect());
    }

    fn ask(&self, ends: &[IpAddr], mtu: u16) {
        let target = |end: &IpAddr| (*end, ProbeSize::of(mtu, Family::of(*end)));
        self.targets.send_replace(ends.iter().map(target).collect());
    }

    fn wait(&self, what: &str, ends: &[IpAddr], expected: Reachability) -> Result<()> {
        let is_so = || {
            let reached = self.reached.borrow();
            ends.iter().all(|end| reached.get(end) == Some(&expected))
        };
        wait_until(&format!("the far node is {expected:?} {what}"), DEADLINE, || Ok(is_so()))
            .with_context(|| format!("{:?}", *self.reached.borrow()))
    }
}

/// The ends of a node are at home on it.
fn leading_to(number: u8) -> TunnelState {
    let ways = |end: IpAddr| TunnelWays { homes: [(end, end)].into(), ..TunnelWays::default() };
    TunnelState::of(&settings(), &[(Family::Ipv4, ways(node_v4(number))), (Family::Ipv6, ways(node_v6(number)))].into())
}

fn two_nodes() -> Result<Lab> {
    let lab = Lab::builder().two_nodes().pods(1).build()?;
    for node in lab.nodes() {
        lab::output_of(node.namespace.command("sysctl").args(["-qw", "net.ipv4.conf.all.rp_filter=1"]))?;
    }
    Ok(lab)
}

fn a_node_answers_through_the_tunnel_and_no_other_way() -> Result<()> {
    let lab = two_nodes()?;
    let [near, far] = lab.nodes() else { unreachable!("two nodes") };
    let ends = [node_v4(2), node_v6(2)];
    let asking = Taking::on(near, 1, 2)?;
    asking.ask_all(&ends);
    asking.wait("while it takes no part", &ends, Reachability::Unproven)?;
    let answering = Taking::on(far, 2, 1)?;
    asking.wait("when it takes part", &ends, Reachability::Reachable)?;
    // In one direction, as a firewall between the nodes has it; everything else passes.
    for (node, direction) in [(far, "there"), (near, "back")] {
        node.namespace
            .nft("table inet wall { chain c { type filter hook input priority 0; udp dport 4790 drop; }; }")?;
        asking.wait(&format!("while the way {direction} is shut"), &ends, Reachability::Unreachable)?;
        node.namespace.nft("delete table inet wall")?;
        asking.wait(&format!("when the way {direction} is open again"), &ends, Reachability::Reachable)?;
    }
    let Taking { tunnel: mut kept, targets, .. } = answering;
    drop(targets);
    std::thread::sleep(PROBE_INTERVAL * (MOST_UNANSWERED + 3));
    asking.wait("while egressd is not there and its kernel is", &ends, Reachability::Reachable)?;
    far.namespace.run(|| bring(&mut kept, &leading_to(1), &TunnelState::default()))?;
    asking.wait("when its tunnel is gone", &ends, Reachability::Unreachable)
}

/// Whether the tunnel's device takes them or not: with the longer headers of IPv6 they are too large for the link.
fn a_packet_that_does_not_fit_is_no_proof() -> Result<()> {
    let lab = two_nodes()?;
    let [near, far] = lab.nodes() else { unreachable!("two nodes") };
    let (asking, _answering) = (Taking::on(near, 1, 2)?, Taking::on(far, 2, 1)?);
    for (end, too_large, fits) in [(node_v4(2), 1465, 1464), (node_v6(2), 1464, 1444)] {
        asking.ask(&[end], too_large);
        std::thread::sleep(PROBE_INTERVAL * 3);
        asking.wait("with packets that do not fit", &[end], Reachability::Unproven)?;
        asking.ask(&[end], fits);
        asking.wait("with packets that fit", &[end], Reachability::Reachable)?;
    }
    Ok(())
}
