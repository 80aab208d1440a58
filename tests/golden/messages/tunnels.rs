//! Messages about tunnel ends that are not accepted.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Result;
use egressd_core::finding::Finding;
use egressd_core::model::{
    EgressNode, GatewayClaim, KeptNodes, Node, PublishedNodes, PublishedTunnels, TunnelEnd, TunnelIndex, TunnelKind,
    gateway,
};
use egressd_core::plan::gateway_refused;
use egressd_core::testkit::{a, n};

/// All of them.
pub(super) fn findings() -> Result<Vec<Finding>> {
    let node = |addresses: &[&str], pods: &str| {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| a(text)).collect();
        Arc::new(Node { addresses, pod_networks: vec![n(pods)], ..Node::default() })
    };
    let nodes = [
        ("node-a", node(&["192.0.2.1", "127.0.0.1"], "10.244.0.0/24")),
        ("node-b", node(&["192.0.2.2", "10.244.0.7"], "10.244.1.0/24")),
        ("node-c", node(&["192.0.2.1", "192.0.2.3"], "10.244.2.0/24")),
    ];
    let nodes = nodes.into_iter().map(|(name, node)| (name.to_owned(), node)).collect();
    let ends = [
        ("node-a", vec!["192.0.2.1"]),
        ("node-b", vec!["192.0.2.9", "10.244.0.7"]),
        ("node-c", vec!["127.0.0.1"]),
        ("node-d", vec!["192.0.2.4"]),
    ];
    let published = ends.into_iter().map(|(name, addresses)| Ok((name.to_owned(), egress_node(&addresses)?)));
    let published: PublishedNodes = published.collect::<Result<_>>()?;
    let index = TunnelIndex::of(&KeptNodes::of(&nodes), &published);
    Ok(index.findings().into_iter().chain(refused_gateways(&index)).collect())
}

/// Of nodes that are named as gateways.
fn refused_gateways(index: &TunnelIndex) -> impl Iterator<Item = Finding> {
    let refused = ["node-b", "node-x"].map(|name| gateway(name, a("192.0.2.10"), TunnelKind::VxlanGpe, index));
    refused.into_iter().filter_map(|claim| match claim? {
        GatewayClaim::Accepted(_) => None,
        GatewayClaim::Refused(refusal) => Some(gateway_refused(&refusal)),
    })
}

/// With an end of another kind at each address.
fn egress_node(addresses: &[&str]) -> Result<Arc<EgressNode>> {
    let ends = TunnelKind::ALL.into_iter().zip(addresses);
    let ends = ends.map(|(kind, address)| Ok(TunnelEnd::new(kind, [a(address)], kind.port(), Some(1464))?));
    let tunnels = PublishedTunnels::new(ends.collect::<Result<Vec<_>>>()?, 0);
    Ok(Arc::new(EgressNode { tunnels, ..EgressNode::default() }))
}
