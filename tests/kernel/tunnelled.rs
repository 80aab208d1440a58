//! Packets through the tunnel, from a pod of one node out by the other one.

use std::net::IpAddr;

use anyhow::Result;
use egressd::kernel::tunnel::KernelTunnel;
use egressd_core::net::Family;
use egressd_core::node::{TunnelState, TunnelWays};
use lab::addresses::{NODE_V4, OUTSIDE_V4, OUTSIDE_V6, node_v4, node_v6};
use lab::{Lab, Node, Pod, Protocol, Seen};

use crate::tunnel::{bring, gateway, open, read, settings};

pub(crate) const ALL: &[lab::Test] = &[(
    "packets_of_both_families_leave_by_the_other_node_and_never_by_this_one",
    packets_of_both_families_leave_by_the_other_node_and_never_by_this_one,
)];

/// What marks packets, in place of egressd's tables. The mark is gone before the device routes the outer packet.
const MARKS: &str = "
    chain prerouting { type filter hook prerouting priority -90; policy accept;
        iifname \"egressd0\" meta mark set 0x107f accept
        RULES
    }
    chain postrouting { type filter hook postrouting priority 290; policy accept;
        meta mark & 0x1000 == 0x1000 meta mark set 0
    }";

fn packets_of_both_families_leave_by_the_other_node_and_never_by_this_one() -> Result<()> {
    let lab = Lab::builder().two_nodes().pods(1).build()?;
    let [near, far] = lab.nodes() else { unreachable!("two nodes") };
    let pod = near.pod(1);
    for node in [near, far] {
        lab::output_of(node.namespace.command("sysctl").args(["-qw", "net.ipv4.conf.all.rp_filter=1"]))?;
    }
    mark(near, &diverted(pod))?;
    mark(far, &returned(pod))?;
    translate(far)?;
    let mut tunnels = near.namespace.run(open)?;
    let desired = diverting();
    near.namespace.run(|| bring(&mut tunnels, &TunnelState::default(), &desired))?;
    far.namespace.run(|| bring(&mut open(), &TunnelState::default(), &returning(pod)))?;
    expect_all_by_the_far_node(&lab, pod)?;
    for fault in ["ip link del egressd0", "ip route flush table 1162280961; ip -6 route flush table 1162280961"] {
        lab::output_of(near.namespace.command("sh").args(["-ec", fault]))?;
        expect_none_leaves(&lab, pod)?;
        repair(near, &mut tunnels, &desired)?;
        expect_all_by_the_far_node(&lab, pod)?;
    }
    near.namespace.run(|| bring(&mut tunnels, &desired, &TunnelState::default()))?;
    lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, pod.v4())
}

fn repair(node: &Node, tunnel: &mut KernelTunnel, desired: &TunnelState) -> Result<()> {
    Ok(node.namespace.run(|| {
        let left = read(tunnel);
        bring(tunnel, &left, desired);
    })?)
}

/// The pod's node: one gateway, IPv4 in IPv4 and IPv6 in IPv6.
fn diverting() -> TunnelState {
    let ways = |end: IpAddr| TunnelWays { gateways: [(gateway(1), Some(end))].into(), ..TunnelWays::default() };
    TunnelState::of(&settings(), &[(Family::Ipv4, ways(node_v4(2))), (Family::Ipv6, ways(node_v6(2)))].into())
}

/// The gateway: the pod is at home on the first node. Its IPv6 answers go in IPv4.
fn returning(pod: &Pod) -> TunnelState {
    let ways = |pod| TunnelWays { homes: [(pod, NODE_V4)].into(), ..TunnelWays::default() };
    TunnelState::of(&settings(), &[(Family::Ipv4, ways(pod.v4())), (Family::Ipv6, ways(pod.v6()))].into())
}

fn diverted(pod: &Pod) -> String {
    let (v4, v6) = (pod.v4(), pod.v6());
    format!(
        "ip saddr {v4} ip daddr {OUTSIDE_V4} meta mark set 0x1001
        ip6 saddr {v6} ip6 daddr {OUTSIDE_V6} meta mark set 0x1001"
    )
}

fn returned(pod: &Pod) -> String {
    let (v4, v6) = (pod.v4(), pod.v6());
    format!(
        "ct direction reply ip daddr {v4} meta mark set 0x107e
        ct direction reply ip6 daddr {v6} meta mark set 0x107e"
    )
}

fn mark(node: &Node, rules: &str) -> Result<()> {
    node.namespace.nft(&format!("table inet marks {{{}\n}}", MARKS.replace("RULES", rules)))
}

fn translate(node: &Node) -> Result<()> {
    let (v4, v6) = (node_v4(2), node_v6(2));
    node.namespace.nft(&format!(
        "table inet marks {{
            chain nat {{
                type nat hook postrouting priority 90; policy accept;
                iifname egressd0 oifname up0 snat ip to {v4}
                iifname egressd0 oifname up0 snat ip6 to {v6}
            }}
        }}"
    ))
}

fn expect_all_by_the_far_node(lab: &Lab, pod: &Pod) -> Result<()> {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        lab.expect_seen(pod, OUTSIDE_V4, protocol, node_v4(2))?;
        lab.expect_seen(pod, OUTSIDE_V6, protocol, node_v6(2))?;
    }
    Ok(())
}

fn expect_none_leaves(lab: &Lab, pod: &Pod) -> Result<()> {
    for outside in [OUTSIDE_V4, OUTSIDE_V6] {
        lab.expect_seen(pod, outside, Protocol::Tcp, Seen::Nothing)?;
    }
    Ok(())
}
